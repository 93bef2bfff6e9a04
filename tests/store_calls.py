"""Which calls can be made of a workspace? Numbers stand for keys, which only a workspace knows."""

from __future__ import annotations

from datetime import timedelta
from operator import and_
from typing import Any

from hypothesis import strategies as st
from store_kit import START, Eye, Pace, Seen

from signals_peewee import SignalFilter, SignalStore, Workspace

one = st.integers(0, 7)
some = st.lists(one, min_size=1, max_size=4) | st.lists(one, max_size=8)
strangers = st.sampled_from([None] * 30 + ["missing", "foreign"])
user = st.sampled_from([None, 0, 1] * 10 + [9])
project = st.sampled_from([0, 1] * 15 + [8, 9])
name = st.sampled_from(["admin", "Admin", "é"])
words = st.sampled_from(["It is slow", "it is SLOW, ünd", "Quick %_\\"])
severity = st.sampled_from(["low", "high"])
moments = st.integers(0, 3).map(lambda days: START + timedelta(days=days, hours=1))
ANN = "ann@example.org"
documents = st.sampled_from(
    [{}, {"customerEmail": ANN.upper()}, {"rawPayload": {"from": [ANN, 1]}}, {"interviewee": "Bo"}, {"ticketId": ANN}]
)
subjects = st.sampled_from([ANN.title(), "bo", "It is slow"])
rows = st.fixed_dictionaries(
    {"verbatim": words, "source": st.sampled_from(["slack", "email"])},
    optional={
        "source_ref": st.sampled_from(["1", "2", "3"]),
        "occurred_at": moments,
        "interpretation": words,
        "severity": severity,
        "frequency": st.sampled_from(["common", "rare"]),
        "user_segment": st.sampled_from(["SMB", "smb"]),
        "source_metadata": documents,
        "inbox_item_id": st.sampled_from([0, 1] * 4 + [8, 9]),
    },
)


def told_twice(row: dict[str, Any], more: dict[str, Any]) -> list[dict[str, Any]]:
    """A row, and the same with more in it."""
    return [{**row, "source_ref": "new"}, {**more, **row, "source_ref": "new"}]


def itemless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "inbox_item_id"} for row in rows]


batches = st.lists(rows, max_size=5) | st.builds(told_twice, rows, rows)


parts = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sets(st.sampled_from(["new", "reviewed", "linked", "archived"]), min_size=1),
        "source": st.sampled_from(["slack", "email"]),
        "severity": severity | st.just(("low", "high")),
        "frequency": st.just("rare"),
        "segment": st.just("smb"),
        "persona": name,
        "tag": name,
        "unlinked": st.booleans(),
        "text": st.sampled_from(["SLOW", "%", "ü", "Ü"]),
        "created_from": moments,
        "created_before": moments,
        "occurred_from": moments,
        "occurred_before": moments,
        "archived": st.booleans(),
        "merged": st.booleans(),
    },
).map(lambda given: SignalFilter(**given))
filters = parts | st.builds(and_, parts, parts)
existing = st.sampled_from(["keep", "update"])
changes = st.fixed_dictionaries(
    {},
    optional={
        "verbatim": words,
        "interpretation": st.none() | words,
        "severity": st.none() | severity,
        "source": st.sampled_from(["slack", "email"]),
        "source_ref": st.none() | st.sampled_from(["1", "2", "3"]),
        "source_metadata": st.none() | documents,
        "ai_classification": st.none() | st.just({"isNewInitiative": True}),
        "occurred_at": moments,
    },
)
facts = st.fixed_dictionaries({}, optional={"reason": words, "confidence": st.sampled_from([0.0, 0.9, 1.0])})
sorts = st.sampled_from(["newest", "oldest", "occurred", "updated"])
includes = st.sets(
    st.sampled_from(["workspace", "inbox_item", "projects", "personas", "tags", "embedding", "raw_payload"])
)
LINKERS: dict[str, tuple[Any, Any]] = {
    "projects": (Workspace.link_project, Workspace.unlink_project),
    "personas": (Workspace.link_persona, Workspace.unlink_persona),
    "tags": (Workspace.tag, Workspace.untag),
}
NO_FACTS = {"projects": {"link_reason": None, "confidence": None}, "personas": {}, "tags": {}}


class Worlds:
    """Both databases, in each of them a workspace that nothing may ever change, and the clock of both."""

    def __init__(self, pace: Pace, stores: list[SignalStore]) -> None:
        self.pace, self.stores = pace, stores
        self.eyes = [Eye(store) for store in stores]
        for store in stores:
            pace.at("neighbour")
            self.users = [store.models.User.create(email=f"{at}@example.org").id for at in range(2)]
            self.neighbour = self.furnished(store, "neighbour")
            self.neighbour["signals"] = self.lived_in(**self.neighbour)
        self.past = self.neighbours()

    def furnished(self, store: SignalStore, place: str) -> dict[str, Any]:
        """A new workspace with two projects and two inbox items."""
        self.pace.at(place)
        models = store.models
        key = models.Workspace.create(name=place).id
        projects = [models.Project.create(workspace=key, name=str(at)).id for at in range(2)]
        item = {"workspace": key, "type": "feedback", "source": "email", "title": "a mail", "raw_content": "It is slow"}
        said = {"customerEmail": ANN.title()}
        items = [models.InboxItem.create(**item, source_ref="1", metadata=more).id for more in (None, said)]
        workspace = store.workspace(key)
        return {"workspace": workspace, "projects": projects, "items": items}

    def lived_in(self, workspace: Workspace, projects: list[str], items: list[str]) -> list[str]:
        """Signals that could be taken for those of the sequences."""
        rows = [{"verbatim": "It is slow", "source": "slack", "source_ref": ref} for ref in "123"]
        said = {"customerEmail": "ann@example.org"}
        keys = [workspace.record(**row, source_metadata=said).signal.id for row in rows]  # type: ignore[arg-type]
        workspace.link_project(keys[:2], projects[0], by=self.users[0])
        workspace.link_persona(keys, "admin")
        workspace.tag(keys, "admin")
        workspace.merge(keys[0], keys[2])
        return keys

    def neighbours(self) -> list[Seen]:
        key = self.neighbour["workspace"].id
        return [eye.see(key) for eye in self.eyes]
