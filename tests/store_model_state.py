"""What is a workspace, in plain Python, and what can be read of it?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from store_kit import LINKS, START, TICK

from signals_peewee import SignalFilter

UNLINKED = ("new", "reviewed")
GIVEN = ("verbatim", "occurred_at", "interpretation", "severity", "frequency", "user_segment", "inbox_item_id")
"""What is compared when a signal is recorded again."""
EMPTY = {
    **dict.fromkeys(GIVEN),
    **dict.fromkeys(("source", "source_ref", "source_metadata", "ai_classification", "merged_into_id")),
    **dict.fromkeys(("embedding", "embedding_model", "embedding_hash", "claimed_until", "processed_at")),
    "status": "new",
}
EVENTS = {
    "projects": ("project", "project_linked", "project_unlinked"),
    "personas": ("persona", "persona_linked", "persona_unlinked"),
    "tags": ("tag", "tagged", "untagged"),
}
SORTS = {"newest": ("created_at", True), "oldest": ("created_at", False)}
SORTS |= {"occurred": ("occurred_at", True), "updated": ("updated_at", True)}
Answer = tuple[Any, ...]


class Refusal(Exception):
    """The call is refused: with which error, and for the sake of which field."""

    def __init__(self, error: str, field: str) -> None:
        super().__init__(error, field)


@dataclass
class Modelled:
    """A signal, its links by what they link to, and what happened to it: (kind, at, by, before, after)."""

    columns: dict[str, Any]
    recorded: dict[str, Any]
    id: str = ""
    forgotten: bool = False
    """Whether an erasure has taken events out of its history."""
    links: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in EVENTS})
    events: list[Answer] = field(default_factory=list)
    copies: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    """Links that merges have put here: from which signal, of which kind, to what, and the link itself."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.columns[name]
        except KeyError:
            raise AttributeError(name) from None

    def change(self, at: datetime, **columns: Any) -> None:
        self.columns.update(columns, updated_at=at)

    def tell(self, kind: str, at: datetime, by: Any, before: Any = None, after: Any = None) -> None:
        self.events.append((kind, at, by, before or None, after or None))


def text_of(value: Any) -> Any:
    """A value as an event tells it."""
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value


class State:
    """A workspace. What reads it has the names and arguments of the real one, and answers in tuples and keys."""

    def __init__(self, projects: list[str], users: list[str], items: dict[str, dict[str, Any]]) -> None:
        self.now = START
        self.projects, self.users, self.items = projects, users, items
        self.signals: dict[str, Modelled] = {}
        self.unnamed: list[Modelled] = []
        """Made in this call: only the databases know their keys."""
        self.amended: dict[int, tuple[Modelled, dict[str, Any]]] = {}
        """Signals that rows of one batch have changed, each with what stood in the columns before."""
        self.link_ids: dict[Answer, str] = {}
        """The key of a link, by its kind, its signal and what it links to: the databases' own too."""

    def hold(self, ids: Iterable[str]) -> tuple[list[Modelled], datetime]:
        wanted = sorted(set(ids))
        for key in wanted:
            if key not in self.signals:
                raise Refusal("NotFound", "signal")
        held = [self.signals[key] for key in wanted]
        return held, max([self.now, *(each.updated_at + TICK for each in held)])

    def check(self, role: str, key: Any) -> None:
        known: Collection[str] = {"user": self.users, "project": self.projects, "inbox item": self.items}[role]
        if key is not None and key not in known:
            raise Refusal("NotFound", role)

    def everything(self) -> Iterator[Modelled]:
        yield from self.signals.values()
        yield from self.unnamed

    # Reading

    def matching(self, wanted: SignalFilter) -> list[Modelled]:
        parts = wanted.parts
        archived = any(part.archived or part.status for part in parts)
        merged = any(part.merged for part in parts)
        return [
            each
            for each in self.signals.values()
            if (archived or each.status != "archived")
            and (merged or each.merged_into_id is None)
            and all(_fits(each, part) for part in parts)
        ]

    def page(self, wanted: SignalFilter, sort: str = "newest") -> list[str]:
        column, descending = SORTS[sort]
        found = sorted(self.matching(wanted), key=lambda each: (each.columns[column], each.id), reverse=descending)
        return [each.id for each in found]

    def counts(self, by: str, wanted: SignalFilter) -> dict[Any, int]:
        column = "user_segment" if by == "segment" else by
        return dict(Counter(each.columns[column] for each in self.matching(wanted)))

    def find(self, source: str, source_ref: str) -> str | None:
        wanted = {"source": source, "source_ref": source_ref}
        return next((each.id for each in self.signals.values() if same(each, wanted)), None)

    def history(self, id: str) -> list[Answer]:
        self.hold([id])
        events = self.signals[id].events
        return sorted([(*event[:3], event[3] or {}, event[4] or {}) for event in events], key=event_order)

    def get(self, id: str) -> str:
        self.hold([id])
        return id

    def orphans(self, older_than: float | timedelta) -> Answer:
        until = self.now - duration(older_than)
        found = [
            each
            for each in self.matching(SignalFilter(status="new", unlinked=True))
            if each.created_at <= until and not each.links["personas"]
        ]
        ordered = [each.id for each in sorted(found, key=lambda each: (each.created_at, each.id))]
        return ordered, len(ordered)

    def evidence(self, project: str) -> list[Answer]:
        self.check("project", project)
        found = [
            (link["linked_at"], self.link_ids["projects", each.id, project], each.id, link)
            for each in self.matching(SignalFilter(project=project))
            for link in [each.links["projects"][project]]
        ]
        return [
            (key, link["link_reason"], link["linked_by"], link["linked_at"], link["confidence"])
            for _, _, key, link in sorted(found, key=lambda each: each[:2], reverse=True)
        ]

    def evidence_counts(self, projects: list[str]) -> dict[str, int]:
        return {project: len(self.evidence(project)) for project in projects}

    def tables(self) -> dict[str, Any]:
        """Everything that is stored, as `seen_as` shows what the databases hold."""
        links = {
            f"signal_{kind}": {
                (each.id, target): link for each in self.signals.values() for target, link in each.links[kind].items()
            }
            for kind in EVENTS
        }
        events = {each.id: sorted(each.events, key=event_order) for each in self.signals.values() if each.events}
        signals = {each.id: each.columns for each in self.signals.values()}
        return {"signals": signals, **links, "signal_events": events, "inbox_items": self.items}


def seen_as(table: str, rows: dict[str, dict[str, Any]]) -> Any:
    """What a table holds, in the form of `Model.tables`."""
    if table == "signals":
        return {key: _without(row, "id", "workspace_id") for key, row in rows.items()}
    if table == "inbox_items":
        return rows
    if table != "signal_events":
        target = LINKS[table.removeprefix("signal_")]
        return {(row["signal_id"], row[target]): _without(row, "id", "signal_id", target) for row in rows.values()}
    events: dict[str, list[Answer]] = {}
    for row in rows.values():
        told = (
            row["kind"],
            row["created_at"],
            row["created_by"],
            *(without_copies(row[side]) for side in ("before", "after")),
        )
        events.setdefault(row["signal_id"], []).append(told)
    return {key: sorted(told, key=event_order) for key, told in events.items()}


def event_order(event: Answer) -> Answer:
    """By time; a merge tells several events of one signal at once, in no order."""
    return event[1], json.dumps(event[3:], sort_keys=True)


def without_copies(document: Any) -> Any:
    """A side of an event, without the keys of the copies that it tells of."""
    listed = {name: sorted(document[name]) for name in LINKS if name in (document or {})}
    return {**document, **listed} if document else document


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def duration(value: float | timedelta) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def same(signal: Modelled, given: dict[str, Any]) -> bool:
    wanted = given["source"], given["source_ref"]
    return given["source_ref"] is not None and (signal.source, signal.source_ref) == wanted


def _fits(signal: Modelled, part: SignalFilter) -> bool:
    columns, links = signal.columns, signal.links
    for name in ("status", "source", "severity", "frequency", "segment"):
        words = getattr(part, name)
        if words is not None and columns["user_segment" if name == "segment" else name] not in words:
            return False
    for name in ("created", "occurred"):
        start, end = getattr(part, f"{name}_from"), getattr(part, f"{name}_before")
        instant = columns[f"{name}_at"]
        if (start is not None and instant < start) or (end is not None and instant >= end):
            return False
    for kind, wanted in (("projects", part.project), ("personas", part.persona), ("tags", part.tag)):
        if wanted is not None and wanted not in links[kind]:
            return False
    texts = [_lowered(columns["verbatim"]), _lowered(columns["interpretation"] or "")]
    said = not part.text or any(_lowered(part.text) in text for text in texts)
    return said and not (part.unlinked and links["projects"])


def _lowered(text: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in text)
