"""What do all the operations of Postgres share? Short transactions that give up and try again, rows refused by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from peewee import DatabaseError

from ....errors import LockTimeout, UnfitRows
from ...migrating_postgres import people
from ...postgres import sqlstate
from ...waiting import Tries
from ..base import Altering
from ..changes import Change
from .table import TableNow, rows, table_now

T = TypeVar("T")

_REFUSED_ROWS = ("23502", "23503", "23505", "23514", "22003", "22007", "22P02", "22001")
_DEPENDED_ON, _NO_LOCK = "2BP01", "55P03"
_SHORTEST = 0.001  # seconds; 0 is for no limit
_HOLDERS = """
SELECT a.pid, a.usename, a.application_name, a.client_addr, a.state FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND EXISTS (
    SELECT FROM pg_locks l
    WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation = ANY (%s::oid[])
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY a.xact_start LIMIT 5
"""


def _nothing_known() -> UnfitRows | None:
    return None


class Operating(Altering):
    """In an atomic step an operation is a savepoint; otherwise each statement is a transaction, and is tried again."""

    @contextmanager
    def bounded(self, change: Change) -> Iterator[None]:
        """The catalog itself waits: to write an expression of a table, it asks for the table.

        Raises:
            LockTimeout: another session held it for too long.
        """
        if self.conduct.atomic:  # its transaction has a lock timeout
            yield
            return
        with self.lock_timeout(max(self.conduct.lock_wait, _SHORTEST)):
            try:
                yield
            except DatabaseError as error:
                if sqlstate(error) != _NO_LOCK:
                    raise
                what = f"table {change.table!r}" if change.table else "a table"
                raise LockTimeout(what, self.conduct.lock_wait, self.migrating.blockers()) from error

    def table(self, name: str, schema: str | None = None) -> TableNow:
        """Return the table of exactly this name.

        Raises:
            ValueError: there is none.
        """
        return table_now(self.database, name, schema or self.conduct.schema)

    def execute(self, table: TableNow, *statements: str, others: tuple[TableNow, ...] = ()) -> None:
        """Execute statements together, all of them or none.

        Args:
            table: the table that they change.
            statements: SQL without parameters.
            others: tables that they lock as well.

        Raises:
            LockTimeout: another session held the table for too long.
        """

        def work() -> None:
            for sql in statements:
                self.database.execute_sql(sql)

        self.attempted(work, table, *others)

    def alter(self, table: TableNow, *actions: str) -> None:
        """Say ALTER TABLE, once for each action, all of them or none."""
        self.execute(table, *(f"ALTER TABLE {table.sql} {action}" for action in actions))

    def attempted(self, work: Callable[[], T], *tables: TableNow) -> T:
        """Do work in a transaction; in a step that is not atomic try again where others hold what it needs.

        Raises:
            LockTimeout: they held it for too long.
        """
        if self.conduct.atomic:
            with self.migrating.engine.write():
                return work()
        return self.persistent(lambda seconds: self._briefly(work, seconds), *tables)

    def persistent(self, work: Callable[[float], T], *tables: TableNow) -> T:
        """Do work that leaves nothing behind where it is refused a lock, again and again.

        Args:
            work: does it; is given the seconds for which a statement may wait for its locks.
            tables: what others may hold.

        Raises:
            LockTimeout: it was refused for too long.
        """
        tries = Tries(self.conduct.lock_wait)
        holder: str | None = None
        while True:
            begun, seconds = time.monotonic(), min(self.conduct.lock_timeout or tries.left, tries.left)
            try:
                return work(seconds)
            except DatabaseError as error:
                if not self.migrating.is_busy(error):
                    raise
                waited = min(time.monotonic() - begun, seconds)
                holder = self._holders(tables) or holder
                if not tries.again(waited):
                    names = ", ".join(f"table {table.name!r}" for table in tables) or "a table"
                    raise LockTimeout(names, self.conduct.lock_wait, holder) from error

    def _briefly(self, work: Callable[[], T], seconds: float) -> T:
        with self.migrating.engine.write():
            self._set_timeout(seconds, local=True)
            return work()

    def _set_timeout(self, seconds: float, *, local: bool) -> None:
        value = int(max(seconds, _SHORTEST) * 1000) if seconds else 0
        self.database.execute_sql("SELECT set_config('lock_timeout', %s, %s)", (f"{value}ms", local))

    @contextmanager
    def lock_timeout(self, seconds: float) -> Iterator[None]:
        """Set how long a statement outside a transaction waits for a lock; 0 for no limit."""
        ((before,),) = rows(self.database, "SELECT current_setting('lock_timeout')")
        self._set_timeout(seconds, local=False)
        try:
            yield
        finally:
            if self.migrating.transaction_state() == "none":  # else the connection is gone, and its settings with it
                self.database.execute_sql("SELECT set_config('lock_timeout', %s, false)", (before,))

    def concurrently(self, table: TableNow, sql: str) -> None:
        """Execute a statement that is none of a transaction and lets others write; it waits for as long as it takes."""
        with self.lock_timeout(0):
            self.persistent(lambda _: self.database.execute_sql(sql), table)

    def _holders(self, tables: tuple[TableNow, ...]) -> str | None:
        found = rows(self.database, _HOLDERS, "{" + ",".join(str(table.oid) for table in tables) + "}")
        return people(found) or self.migrating.blockers()

    @contextmanager
    def refusals_named(
        self, table: TableNow, unfit: Callable[[], UnfitRows | None] = _nothing_known, what: str = "its rows do not fit"
    ) -> Iterator[None]:
        """Say which rows, or which dependents, Postgres refused a change for; they are looked for then.

        Args:
            table: the table.
            unfit: looks for the rows.
            what: is said where it finds none.

        Raises:
            UnfitRows: rows were refused.
            ValueError: something depends on what was to go.
        """
        try:
            yield
        except DatabaseError as error:
            state, said = sqlstate(error), " ".join(str(error).split())
            if state == _DEPENDED_ON:
                raise ValueError(f"{said.split(' HINT:')[0]}; drop that first") from error
            if state in _REFUSED_ROWS:
                raise unfit() or UnfitRows(table.name, (), 0, (), f"{what}: {said}") from error
            raise

    def value(self, sql: str, *parameters: Any) -> Any:
        """Return what a query finds: one value, or None."""
        found = rows(self.database, sql, *parameters)
        return found[0][0] if found else None
