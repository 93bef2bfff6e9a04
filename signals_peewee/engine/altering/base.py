"""What does a database have to know of an operation, and which one stands behind a Peewee database?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from peewee import PostgresqlDatabase

from ..introspection import Inspector, inspector_for
from ..migrating import Migrating
from .changes import Change
from .findings import Finding


@dataclass(frozen=True)
class Conduct:
    """How a step is carried out.

    Attributes:
        atomic: all of it is one transaction; otherwise each statement is its own, and may be tried again.
        schema: where unqualified names are looked for first.
        lock_wait: seconds to wait in all for what others hold.
        lock_timeout: seconds that one statement may make others queue behind it.
        foreign_keys: SQLite keeps foreign keys on during the step, and so refuses to rebuild tables.
        tell: is called with how far a long operation has come: rows done, and rows there are, or None where unknown.
    """

    atomic: bool = True
    schema: str | None = None
    lock_wait: float = 60.0
    lock_timeout: float = 2.0
    foreign_keys: bool = False
    tell: Callable[[int, int | None], None] = lambda done, total: None


class Altering(ABC):
    """Carries out the operations of one step.

    Args:
        migrating: the engine's other half of a run; `migrating.database` is open.
        playhouse: playhouse's own migrator for the database and schema, for SQL that it writes well.
        conduct: how the step is carried out.
    """

    def __init__(self, migrating: Migrating, playhouse: Any, conduct: Conduct) -> None:
        self.migrating = migrating
        self.database = migrating.database
        self.playhouse = playhouse
        self.conduct = conduct
        self.inspector: Inspector = inspector_for(migrating.database)

    def bounded(self, change: Change) -> AbstractContextManager[None]:
        """See to it that no look at what is there waits for longer than the step may, while a change is carried out."""
        return nullcontext()

    @abstractmethod
    def findings(self, change: Change) -> Sequence[Finding]:
        """Return what the change is about to do that somebody may not have meant; nothing is executed but look-ups."""

    @abstractmethod
    def apply(self, change: Change) -> None:
        """Carry the change out.

        Raises:
            ValueError: it cannot be done as asked; the message says what to write instead. Nothing was changed.
        """


def altering_for(migrating: Migrating, playhouse: Any, conduct: Conduct) -> Altering:
    """Return what carries out the operations of a step."""
    if isinstance(migrating.database, PostgresqlDatabase):
        from .postgres import AlteringPostgres

        return AlteringPostgres(migrating, playhouse, conduct)
    from .sqlite import AlteringSqlite

    return AlteringSqlite(migrating, playhouse, conduct)
