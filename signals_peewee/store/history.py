"""What has happened to a signal, when, and on whose word?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from peewee import JOIN

from ..errors import NotFound
from ..schema import EventDocument, EventKind, Signal
from .calls import operation
from .changing import as_told, wanted_ids
from .rooms import Room

COLUMNS = (
    "verbatim",
    "interpretation",
    "severity",
    "frequency",
    "user_segment",
    "source",
    "source_ref",
    "source_metadata",
    "ai_classification",
    "status",
    "inbox_item_id",
    "merged_into_id",
    "occurred_at",
    "processed_at",
)
"""The columns that events tell of."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a signal.

    Attributes:
        kind: "created" in the first entry of a history; after that what happened.
        at: when; never earlier than the one before; the events of one call share it.
        by: the row of the user who did it, or None where nobody was named (or the user is deleted).
        before: what it changed, as it was; {} where it came from nothing.
        after: what it changed, as it then was; {} where nothing was left. In the first entry all the columns.
        id: the key of the event; None in the first entry, which no row is kept for.
    """

    kind: EventKind | Literal["created"]
    at: datetime
    by: Any
    before: EventDocument
    after: EventDocument
    id: str | None


class History(Room):
    """Events are written by every call that changes a signal, in its transaction; nothing but erasing removes them."""

    @operation
    def history(self, id: str | Signal) -> list[Event]:
        """Return what has happened to a signal, the first thing first.

        It begins with its creation, which is made of the row as it stands, with every event undone: so what was
        written past the library (`signal.save()`, plain SQL) is told of by no event, and seems to have been so from
        the beginning. What erasing a subject took out of an event is missing there, so that a column may seem to jump.
        Embeddings, and a worker's lease, are not part of a history. Two queries.

        Args:
            id: the signal, as its key or its row.

        Raises:
            NotFound: it is none of this workspace.
        """
        (key,) = wanted_ids([id])
        signal: Any = self.models.Signal
        columns = [signal._meta.columns[name] for name in (*COLUMNS, "created_at")]
        query = signal.select(*columns).where(signal.id == key, signal.workspace == self.id)
        row = next(iter(query.tuples()), None)
        if row is None:
            raise NotFound("signal", key)
        # After the row: to undo an event that has come in between changes nothing, and one that is missed would stay.
        events = self._events(key)
        present = {name: as_told(value) for name, value in zip(COLUMNS, row, strict=False)}
        return [Event("created", row[-1], None, {}, _undone(present, events), None), *events]

    def _events(self, key: str) -> list[Event]:
        event, user = self.models.SignalEvent, self.models.User
        by: Any = event.created_by
        query = event.select(event, user).join(user, JOIN.LEFT_OUTER, on=by == user._meta.primary_key, attr="by")
        query = query.where(event.signal == key).order_by(event.created_at, event.id)
        return [
            Event(row.kind, row.created_at, getattr(row, "by", None), row.before or {}, row.after or {}, row.id)
            for row in query
        ]


def _undone(present: Mapping[str, Any], events: Iterable[Event]) -> EventDocument:
    """Return the columns as they were before the first of these events."""
    columns = dict(present)
    for event in reversed(list(events)):
        columns.update((name, value) for name, value in event.before.items() if name in columns)
    return cast("EventDocument", columns)
