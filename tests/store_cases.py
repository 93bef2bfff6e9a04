"""How is each operation of a workspace called, as it is meant and with a key in one of its places?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from signals_peewee import SignalFilter, SignalStore, Workspace

ROW: dict[str, Any] = {"verbatim": "It is slow", "source": "slack"}
SAID = {"source_metadata": {"customerEmail": "ann@example.org", "rawPayload": {"from": "Ann@example.org"}}}
SOON = timedelta(minutes=5)


@dataclass
class World:
    """One of two workspaces that hold the same."""

    ws: Workspace
    user: str
    project: str
    item: str
    signals: list[str]
    """Two that are new, one that is linked, one that is archived, one that the first stands for."""


Call = Callable[[World, Any], Any]
ALL = SignalFilter(archived=True, merged=True)


@dataclass(frozen=True)
class Case:
    """An operation of a workspace: a call as it is meant, and calls that are given a key in one of their places."""

    meant: Callable[..., Any]
    given: dict[str, Call]
    quiet: bool = False
    """It changes nothing that can be seen."""


def _record(world: World, item: Any) -> Any:
    return world.ws.record(**ROW, source_ref="fresh", inbox_item_id=item)


def _record_many(world: World, item: Any) -> Any:
    return world.ws.record_many([{**ROW, "source_ref": "fresh", "inbox_item_id": item}], on_error="raise")


def _page(world: World, project: Any) -> Any:
    return [row.id for row in world.ws.page(SignalFilter(project=project)).items]


CASES = {
    "record": Case(lambda w: _record(w, w.item), {"item": _record}),
    "record_many": Case(lambda w: _record_many(w, w.item), {"item": _record_many}),
    "from_inbox": Case(lambda w, **by: w.ws.from_inbox(w.item, **by), {"item": lambda w, key: w.ws.from_inbox(key)}),
    "get": Case(lambda w: w.ws.get(w.signals[0]), {"signal": lambda w, key: w.ws.get(key)}, quiet=True),
    "find": Case(lambda w: w.ws.find("slack", "0"), {}, quiet=True),
    "page": Case(lambda w: _page(w, w.project), {"filter": _page}, quiet=True),
    "walk": Case(
        lambda w: [row.id for row in w.ws.walk(SignalFilter(project=w.project), page_size=1)],
        {"filter": lambda w, key: list(w.ws.walk(SignalFilter(project=key)))},
        quiet=True,
    ),
    "count": Case(
        lambda w: w.ws.count(ALL), {"filter": lambda w, key: w.ws.count(SignalFilter(project=key))}, quiet=True
    ),
    "counts": Case(
        lambda w: w.ws.counts("status", ALL),
        {"filter": lambda w, key: w.ws.counts("status", SignalFilter(project=key))},
        quiet=True,
    ),
    "orphans": Case(lambda w: w.ws.orphans(0.0).total, {}, quiet=True),
    "history": Case(lambda w: w.ws.history(w.signals[2]), {"signal": lambda w, key: w.ws.history(key)}, quiet=True),
    "evidence": Case(
        lambda w: w.ws.evidence(w.project), {"project": lambda w, key: w.ws.evidence(key).items}, quiet=True
    ),
    "evidence_counts": Case(
        lambda w: w.ws.evidence_counts([w.project]),
        {
            "project": lambda w, key: w.ws.evidence_counts([key]),
            "a project among mine": lambda w, key: w.ws.evidence_counts([w.project, key]),
        },
        quiet=True,
    ),
    "update": Case(
        lambda w, **by: w.ws.update(w.signals[0], verbatim="It is quick", **by),
        {
            "signal": lambda w, key: w.ws.update(key, verbatim="It is quick"),
            "item": lambda w, key: w.ws.update(w.signals[0], inbox_item_id=key),
        },
    ),
    "set_status": Case(
        lambda w, **by: w.ws.set_status(w.signals, "reviewed", **by),
        {
            "signal": lambda w, key: w.ws.set_status(key, "reviewed"),
            "a signal among mine": lambda w, key: w.ws.set_status([*w.signals, key], "reviewed"),
        },
    ),
    "archive": Case(
        lambda w, **by: w.ws.archive(ALL, **by),
        {
            "signal": lambda w, key: w.ws.archive(key),
            "a signal among mine": lambda w, key: w.ws.archive([*w.signals, key]),
            "filter": lambda w, key: w.ws.archive(SignalFilter(project=key)),
        },
    ),
    "restore": Case(
        lambda w, **by: w.ws.restore(w.signals, **by),
        {
            "signal": lambda w, key: w.ws.restore(key),
            "a signal among mine": lambda w, key: w.ws.restore([*w.signals, key]),
        },
    ),
    "link_project": Case(
        lambda w, **by: w.ws.link_project(w.signals, w.project, **by),
        {
            "signal": lambda w, key: w.ws.link_project(key, w.project),
            "a signal among mine": lambda w, key: w.ws.link_project([*w.signals, key], w.project),
            "project": lambda w, key: w.ws.link_project(w.signals, key),
        },
    ),
    "unlink_project": Case(
        lambda w, **by: w.ws.unlink_project(w.signals, w.project, **by),
        {
            "signal": lambda w, key: w.ws.unlink_project(key, w.project),
            "a signal among mine": lambda w, key: w.ws.unlink_project([*w.signals, key], w.project),
            "project": lambda w, key: w.ws.unlink_project(w.signals, key),
        },
    ),
    "link_persona": Case(
        lambda w, **by: w.ws.link_persona(w.signals, "cook", **by),
        {
            "signal": lambda w, key: w.ws.link_persona(key, "cook"),
            "a signal among mine": lambda w, key: w.ws.link_persona([*w.signals, key], "cook"),
        },
    ),
    "unlink_persona": Case(
        lambda w, **by: w.ws.unlink_persona(w.signals, "admin", **by),
        {
            "signal": lambda w, key: w.ws.unlink_persona(key, "admin"),
            "a signal among mine": lambda w, key: w.ws.unlink_persona([*w.signals, key], "admin"),
        },
    ),
    "tag": Case(
        lambda w, **by: w.ws.tag(w.signals, "cold", **by),
        {
            "signal": lambda w, key: w.ws.tag(key, "cold"),
            "a signal among mine": lambda w, key: w.ws.tag([*w.signals, key], "cold"),
        },
    ),
    "untag": Case(
        lambda w, **by: w.ws.untag(w.signals, "hot", **by),
        {
            "signal": lambda w, key: w.ws.untag(key, "hot"),
            "a signal among mine": lambda w, key: w.ws.untag([*w.signals, key], "hot"),
        },
    ),
    "merge": Case(
        lambda w, **by: w.ws.merge(w.signals[1], w.signals[2], **by),
        {
            "into": lambda w, key: w.ws.merge(key, w.signals[1]),
            "signal": lambda w, key: w.ws.merge(w.signals[1], key),
            "a signal among mine": lambda w, key: w.ws.merge(w.signals[1], [w.signals[2], key]),
        },
    ),
    "unmerge": Case(lambda w, **by: w.ws.unmerge(w.signals[4], **by), {"signal": lambda w, key: w.ws.unmerge(key)}),
    "claim_unprocessed": Case(lambda w: w.ws.claim_unprocessed(100, SOON), {}),
    "mark_processed": Case(
        lambda w, **by: w.ws.mark_processed(w.signals, **by),
        {
            "signal": lambda w, key: w.ws.mark_processed(key),
            "a signal among mine": lambda w, key: w.ws.mark_processed([*w.signals, key]),
        },
    ),
    "erase": Case(
        lambda w: w.ws.erase(subject="ann@example.org"),
        {
            "signal": lambda w, key: w.ws.erase(ids=key),
            "a signal among mine": lambda w, key: w.ws.erase(ids=[*w.signals, key]),
        },
    ),
}


def a_world(store: SignalStore, user: str) -> World:
    models = store.models
    workspace = models.Workspace.create(name="acme")
    ws = store.workspace(workspace)
    project = models.Project.create(workspace=workspace, name="speed")
    item = models.InboxItem.create(
        workspace=workspace, type="feedback", source="email", title="a mail", raw_content="Ann wrote"
    )
    signals = [ws.record(**ROW, **SAID, source_ref=str(number)).signal.id for number in range(5)]
    ws.link_project(signals[2], project, by=user)
    ws.link_persona(signals, "admin", by=user)
    ws.tag(signals, "hot", by=user)
    ws.archive(signals[3], by=user)
    ws.merge(signals[0], signals[4], by=user)
    return World(ws, user, project.id, item.id, signals)
