"""What does a database need around the steps that change its tables?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from peewee import Database, PostgresqlDatabase

from .base import Engine, engine_for

Held = Callable[[], bool]
"""Tells, inside a step's transaction, whether the lock is still held by this very session."""

Guard = Callable[[], AbstractContextManager[None]]
"""What a step runs inside: checks of what it leaves and, for an atomic one, the transaction that they can roll back."""


TransactionState = Literal["none", "open", "aborted", "lost"]
"""What the driver says; "aborted": it can only be rolled back; "lost": there is no connection any more."""


class Migrating(ABC):
    """What an engine does around a run of steps and around each of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.database: Database = engine.database

    @abstractmethod
    def lives_in_connection(self) -> bool:
        """Tell whether the database goes when its connection is closed."""

    @abstractmethod
    def transaction_state(self) -> TransactionState:
        """Tell whether the open connection is inside a transaction, whoever began it."""

    @abstractmethod
    def is_missing_table(self, error: BaseException) -> bool:
        """Tell whether a statement failed because its table does not exist."""

    @abstractmethod
    def is_busy(self, error: BaseException) -> bool:
        """Tell whether a step failed, and was rolled back, only because of what another session held."""

    @abstractmethod
    def longest_wait(self, *, wait: float, lock_timeout: float) -> float:
        """Return for how long an atomic step that was begun with these limits waited at most, before it was busy."""

    @abstractmethod
    def exclusively(
        self, *, table: str, schema: str | None, wait: float, stepwise: bool
    ) -> AbstractContextManager[Held]:
        """Keep every other run of this history out, as far as the transaction of a step does not do so itself.

        Args:
            table: the history table.
            schema: where it is.
            wait: seconds until the lock must be had.
            stepwise: every step of this run is a transaction that reads the history again.

        Raises:
            LockTimeout: another run went on for longer.
        """

    @abstractmethod
    def make_schema(self, schema: str | None) -> None:
        """Create the schema where it does not exist."""

    @abstractmethod
    def around_step(
        self, *, atomic: bool, schema: str | None, wait: float, lock_timeout: float, foreign_keys: bool = False
    ) -> AbstractContextManager[Guard]:
        """Prepare the session for a step, restore it after, and yield what the step is to run inside.

        Args:
            atomic: it is to be a transaction, which may write from its first statement.
            schema: where unqualified names are to be looked for first.
            wait: seconds until SQLite's write lock must be had.
            lock_timeout: seconds until a statement of an atomic step must have its locks; a millisecond at least.
            foreign_keys: SQLite keeps them on, and so cannot rebuild a table.
        """

    def keeping_keys(self, rows: int = 0) -> AbstractContextManager[None]:
        """Say that what runs inside leaves every row's foreign keys as they were: no look at all rows is due for it.

        Args:
            rows: how many rows it may write, none of which has a key or is referred to.
        """
        return nullcontext()

    @abstractmethod
    def schema_of(self, table: str) -> str | None:
        """Return the schema in which an unqualified name is found now, or None where there are none."""

    @abstractmethod
    def execute_script(self, sql: str) -> None:
        """Execute several statements without ending the transaction.

        Raises:
            ValueError: a statement would end the transaction; nothing was executed.
        """

    @abstractmethod
    def identity(self) -> tuple[Any, ...]:
        """Return what tells the open database from every other one, whatever it is called by."""

    @abstractmethod
    def copied(self) -> AbstractContextManager[Database]:
        """Make a copy of the open database for the length of the block.

        Raises:
            InvalidOption: this engine cannot, so that a copy has to be named.
        """

    @abstractmethod
    def blockers(self) -> str | None:
        """Return who else is in a transaction now, where that can be known."""


def migrating_for(database: Any) -> Migrating:
    """Return what stands around the steps on a Peewee database.

    Raises:
        InvalidOption: it is neither SQLite nor Postgres.
    """
    engine = engine_for(database)
    if isinstance(database, PostgresqlDatabase):
        from .migrating_postgres import MigratingPostgres

        return MigratingPostgres(engine)
    from .migrating_sqlite import MigratingSqlite

    return MigratingSqlite(engine)
