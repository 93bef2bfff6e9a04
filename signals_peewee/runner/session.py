"""How does a call come by its connection, its turn and the history?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from peewee import Database, DatabaseError, PeeweeException

from ..engine.migrating import Held, Migrating, migrating_for
from ..engine.waiting import pauses
from ..errors import DatabaseUnavailable, InvalidOption, MigrationError, MissingDriver, NotMigrated, OpenTransaction
from ..errors.advice import Advising, passing
from .failure import said
from .history import STATES, History, Row


class Session:
    """What every call of one runner does with its database. It holds nothing between two calls."""

    def __init__(self, migrating: Migrating, history: History, *, table: str, schema: str | None, wait: float) -> None:
        self._migrating = migrating
        self._history = history
        self._table = table
        self._schema = schema
        self._wait = wait

    @contextmanager
    def open(self, *, to_change: bool) -> Iterator[None]:
        """Use the thread's connection, or open one for the length of the block.

        Args:
            to_change: something may be written, so no transaction may be open; to look, one may.

        Raises:
            DatabaseUnavailable: it cannot be reached, opened or written.
            OpenTransaction: a transaction is open on it.
        """
        database = self._migrating.database
        with self._translated():
            with self._translated(undone="; nothing was run"):
                ours = database.connect(reuse_if_open=True)
            try:
                if to_change and self._in_transaction():
                    raise OpenTransaction(
                        "a transaction is open on this connection, and the steps would become a part of it; commit it "
                        "or roll it back first (db.atomic(), db.manual_commit() and a request's transaction are such)"
                    )
                yield
            finally:
                if ours and not self._migrating.lives_in_connection():
                    database.close()

    def _in_transaction(self) -> bool:
        state = self._migrating.transaction_state()
        return self._migrating.database.in_transaction() or state in ("open", "aborted")

    def read(self) -> list[Row] | None:
        """Return the history, with one SELECT; None where there is no table yet."""
        tries = pauses(self._wait)
        while True:
            try:
                return self._checked(self._history.read())
            except DatabaseError as error:  # noqa: PERF203
                if not self._migrating.is_busy(error) or next(tries, None) is None:
                    raise

    def looked(self) -> list[Row] | None:
        """Return the history, on a connection that is open or for the while."""
        with self.open(to_change=False):
            return self.read()

    def in_turn(self, *, stepwise: bool) -> AbstractContextManager[Held]:
        """Keep other runs out.

        Args:
            stepwise: each step of this run reads the history again in a transaction of its own.

        Raises:
            LockTimeout: another run went on for too long.
        """
        return self._migrating.exclusively(table=self._table, schema=self._schema, wait=self._wait, stepwise=stepwise)

    def prepared(self, *, exists: bool) -> list[Row]:
        """Make the history table where there is none, and read it, now that it is our turn."""
        if not exists:
            self._history.create()
        return self.read() or []

    def _checked(self, rows: list[Row] | None) -> list[Row] | None:
        for row in rows or ():
            if row.state not in STATES:
                raise self._strange(f"a row of it has the state {row.state!r}")
        return rows

    def _strange(self, why: str) -> MigrationError:
        problem = f"the table {self._table!r} is not a history of this runner: {why}; no step was run, and it was not "
        return MigrationError(
            Advising(problem, "touched: pass ", passing("history_table", "…"), ", a name that nothing else uses")
        )

    @contextmanager
    def _translated(self, undone: str = "") -> Iterator[None]:
        try:
            yield
        except PeeweeException as error:
            known = self._migrating.engine.explain(error)
            if isinstance(known, DatabaseUnavailable):
                raise DatabaseUnavailable(f"{known}{undone}") from error
            if isinstance(known, (InvalidOption, MissingDriver)):
                raise known from error
            if isinstance(known, NotMigrated) and not self._migrating.is_missing_table(error):
                raise self._strange(said(error)) from error
            raise MigrationError(f"the history {self._table!r} cannot be read or written: {said(error)}") from error


def applied_in(database: Database, table: str, schema: str | None, wait: float) -> dict[str, dict[str, str]]:
    """Return the checksums of the steps that a history has, by source and name; none where there is no history.

    Raises:
        DatabaseUnavailable: the database cannot be reached, opened or read.
        MissingDriver: there is no driver for it.
    """
    migrating = migrating_for(database)
    session = Session(migrating, History(migrating, table, schema), table=table, schema=schema, wait=wait)
    found: dict[str, dict[str, str]] = {}
    for row in session.looked() or ():
        found.setdefault(row.source, {})[row.name] = row.checksum
    return found
