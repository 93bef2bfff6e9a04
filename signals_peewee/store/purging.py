"""How does a whole workspace leave the store?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import SQL, Select, fn

from ..engine import Engine
from ..errors import NotFound
from ..schema import Models


@dataclass(frozen=True)
class Purged:
    """What one `purge` removed.

    Attributes:
        signals: how many signals.
        events: how many events.
        links: how many links to projects and personas and how many tags.
        inbox_items: how many inbox items; 0 where a host has its own.
        projects: how many projects; 0 where a host has its own.
        workspaces: 1, or 0 where a host has its own.
    """

    signals: int
    events: int
    links: int
    inbox_items: int
    projects: int
    workspaces: int


def purged(engine: Engine, models: Models, workspace: Any) -> Purged:
    """Remove a workspace with everything in it from the library's own tables, in the caller's transaction.

    Args:
        engine: the engine of the store.
        models: its classes.
        workspace: the key of the workspace.

    Raises:
        NotFound: there is no such workspace.
    """
    classes: Any = models
    host, signal, event = classes.Workspace, classes.Signal, classes.SignalEvent
    parts = [part for part in (classes.Project, classes.InboxItem) if part in models.owned]
    row, key = host._meta.primary_key == workspace, host._meta.primary_key
    # What others are adding to them is there to be counted, once they are locked; in the order of every other call.
    for part in parts:
        _lock(engine, part.select(part.id).where(part.workspace == workspace).order_by(part.id))
    if not _lock(engine, host.select(key).where(row)):
        raise NotFound("workspace", workspace, f"a row or a key of {host.__name__}")
    _lock(engine, signal.select(signal.id).where(signal.workspace == workspace).order_by(signal.id))
    mine = signal.select(signal.id).where(signal.workspace == workspace)
    kinds = (classes.SignalProject, classes.SignalPersona, classes.SignalTag)
    links = sum(_deleted(kind, kind.signal.in_(mine)) for kind in kinds)
    events = _deleted(event, event.signal.in_(mine))
    signals = _deleted(signal, signal.workspace == workspace)
    deleted = {part: _deleted(part, part.workspace == workspace) for part in reversed(parts)}
    return Purged(
        signals=signals,
        events=events,
        links=links,
        inbox_items=deleted.get(classes.InboxItem, 0),
        projects=deleted.get(classes.Project, 0),
        workspaces=_deleted(host, row) if host in models.owned else 0,
    )


def _lock(engine: Engine, query: Any) -> int:
    """Lock rows that are to be deleted, without reading them, and return how many they are."""
    return int(Select([engine.doomed(query)], [fn.COUNT(SQL("1"))]).scalar(engine.database))


def _deleted(model: Any, which: Any) -> int:
    return int(model.delete().where(which).execute())
