"""What do the tests of merging and of changes share? A workspace with somebody in it, and a look at what is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from signals_peewee import SignalStore, Workspace

KINDS = {
    "projects": ("SignalProject", "project"),
    "personas": ("SignalPersona", "persona_id"),
    "tags": ("SignalTag", "tag"),
}
SAID = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=timezone.utc)
FULL: dict[str, Any] = {
    "verbatim": "Export is slow",
    "source": "slack",
    "source_ref": "C1/1",
    "occurred_at": SAID,
    "interpretation": "export times out",
    "severity": "high",
    "frequency": "common",
    "user_segment": "enterprise",
    "source_metadata": {"ticketId": "1", "rawPayload": {"n": [1, 2.5, True, None]}},
}
"""A signal with a value for everything that it can be recorded with."""


class Desk:
    """A workspace with a user and two projects, and what a test wants to see of it."""

    def __init__(self, store: SignalStore, workspace: Workspace) -> None:
        self.ws, self.models = workspace, store.models
        self.user = self.models.User.create(email=f"{uuid4()}@example.org").id
        self.one, self.two = (self.project(name) for name in ("one", "two"))

    def project(self, name: str) -> str:
        key: str = self.models.Project.create(workspace=self.ws.id, name=name).id
        return key

    def signals(self, count: int) -> list[str]:
        return [self.ws.record(f"words {number}", source="slack").signal.id for number in range(count)]

    def rows(self, signal: str) -> dict[str, dict[Any, dict[str, Any]]]:
        """The links of a signal, whole, by kind and what they link to."""
        found = {}
        for kind, (model, target) in KINDS.items():
            link: Any = getattr(self.models, model)
            found[kind] = {row[target]: row for row in link.select().where(link.signal == signal).dicts()}
        return found

    def links(self, signal: str) -> set[Any]:
        """What a signal is linked to, of whatever kind."""
        return {name for rows in self.rows(signal).values() for name in rows}

    def status(self, signal: str) -> str:
        return self.ws.get(signal).status

    def into(self, signal: str) -> str | None:
        return self.ws.get(signal).merged_into_id

    def events(self, signal: str, *kinds: str) -> list[tuple[str, Any, Any]]:
        """(kind, before, after) of what happened to a signal, the first first."""
        event: Any = self.models.SignalEvent
        query = event.select().where(event.signal == signal).order_by(event.created_at, event.id)
        return [(each.kind, each.before, each.after) for each in query if not kinds or each.kind in kinds]

    def everything(self) -> list[list[dict[str, Any]]]:
        """Every row of every table that a merge could touch."""
        models: Any = self.models
        tables = (models.Signal, models.SignalProject, models.SignalPersona, models.SignalTag, models.SignalEvent)
        return [list(table.select().order_by(table.id).dicts()) for table in tables]


@contextmanager
def statements() -> Iterator[list[Any]]:
    """What is sent in the block."""
    sent: list[Any] = []

    class Sent(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            sent.append(record.msg)

    log, handler = logging.getLogger("peewee"), Sent()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield sent
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
