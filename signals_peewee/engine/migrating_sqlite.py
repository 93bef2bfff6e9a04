"""What does SQLite need around the steps that change its tables?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from peewee import Database, IntegrityError, OperationalError, SqliteDatabase

from .filelock import file_lock
from .migrating import Guard, Held, Migrating, TransactionState
from .statements import ending, sqlite_statements

_BUSY = re.compile(r"database is locked")
_NO_TABLE = re.compile(r"no such table")


class Moved(NamedTuple):
    """What does not stay as it is where rows are written or the schema changes.

    Attributes:
        connection: the counts that follow are its own.
        rows: how many it has written; a rollback takes none back.
        schema: how often the schema was changed, and what it is: a rollback sets the number back, so that another
            change comes to the same one.
        others: moves with what other connections commit.
    """

    connection: Any
    rows: int
    schema: tuple[int, Any]
    others: int


class MigratingSqlite(Migrating):
    """BEGIN IMMEDIATE keeps atomic steps apart; a lock on a file beside the database the others."""

    _accounted: Moved | None = None

    def lives_in_connection(self) -> bool:
        name = str(self.database.database)
        return not name or ":memory:" in name or "mode=memory" in name

    def transaction_state(self) -> TransactionState:
        return "open" if self.database.connection().in_transaction else "none"

    def is_missing_table(self, error: BaseException) -> bool:
        return bool(_NO_TABLE.search(str(error)))

    def is_busy(self, error: BaseException) -> bool:
        # "database table is locked" is what a step does to itself, with a cursor that it did not read to the end.
        return isinstance(error, OperationalError) and _BUSY.search(str(error)) is not None

    def longest_wait(self, *, wait: float, lock_timeout: float) -> float:
        return wait

    @contextmanager
    def exclusively(self, *, table: str, schema: str | None, wait: float, stepwise: bool) -> Iterator[Held]:
        file = self._file()
        if stepwise or not file:
            yield _always
            return
        with file_lock(Path(f"{file}-migrating"), wait=wait):
            yield _always

    def make_schema(self, schema: str | None) -> None:
        """SQLite has none."""

    @contextmanager
    def around_step(
        self, *, atomic: bool, schema: str | None, wait: float, lock_timeout: float, foreign_keys: bool = False
    ) -> Iterator[Guard]:
        # Inside a transaction SQLite ignores foreign_keys, and a rebuilt table would delete its children by cascade.
        before = {name: self._pragma(name) for name in ("busy_timeout", "foreign_keys")}
        self._pragma("busy_timeout", int(wait * 1000))
        self._pragma("foreign_keys", int(foreign_keys))
        looks = bool(before["foreign_keys"]) and not foreign_keys
        try:
            yield lambda: self._guarded(atomic=atomic, looks=looks)
        finally:
            for name, value in before.items():
                self._pragma(name, value)

    @contextmanager
    def keeping_keys(self, rows: int = 0) -> Iterator[None]:
        before = self._moved()
        yield
        after = self._moved()
        # More rows than it writes itself are those of a trigger, or of a function that an index on an expression calls.
        if self._accounted == before and after.rows - before.rows <= rows:
            self._accounted = after

    @contextmanager
    def _guarded(self, *, atomic: bool, looks: bool) -> Iterator[None]:
        # Every row with a key is looked at, so this is before the transaction, where nobody waits for it. What somebody
        # else, without foreign keys, spoils in between is taken for the step's; run again, it is not.
        orphans = self._orphans() if looks else None
        with self.engine.write() if atomic else nullcontext(), self._no_new_orphans(orphans):
            yield

    def schema_of(self, table: str) -> str | None:
        return None

    def execute_script(self, sql: str) -> None:
        statements = list(sqlite_statements(sql))
        for statement in statements:
            if word := ending(statement):
                raise ValueError(f"execute_script: {word} would end the step's transaction; leave it out")
        for statement in statements:
            self.database.execute_sql(statement)

    def identity(self) -> tuple[Any, ...]:
        file = self._file()
        if not file:
            return ("sqlite", "memory", id(self.database.connection()))
        stat = Path(file).stat()
        return ("sqlite", stat.st_dev, stat.st_ino)

    @contextmanager
    def copied(self) -> Iterator[Database]:
        with TemporaryDirectory(prefix="signals_peewee-") as folder:
            pragmas = {"foreign_keys": self._pragma("foreign_keys")}
            copy = SqliteDatabase(str(Path(folder) / "copy.db"), pragmas=pragmas, timeout=5, lock_type="IMMEDIATE")
            copy.connect()
            try:
                self.database.connection().backup(copy.connection())
                yield copy
            finally:
                copy.close()

    def blockers(self) -> str | None:
        return None

    def _file(self) -> str:
        rows = self.database.execute_sql("PRAGMA database_list").fetchall()
        return next((str(file or "") for _, name, file in rows if name == "main"), "")

    def _pragma(self, name: str, value: int | None = None) -> int:
        row = self.database.execute_sql(f"PRAGMA {name}{'' if value is None else f' = {value}'}").fetchone()
        return int(row[0]) if row else 0

    def _moved(self) -> Moved:
        connection = self.database.connection()
        schema = self.database.execute_sql("SELECT name, rootpage, sql FROM main.sqlite_master").fetchall()
        return Moved(
            connection,
            int(connection.total_changes),
            (self._pragma("schema_version"), schema),
            self._pragma("data_version"),
        )

    @contextmanager
    def _no_new_orphans(self, before: Counter[tuple[Any, ...]] | None) -> Iterator[None]:
        self._accounted = self._moved()
        yield
        if before is None or self._accounted == self._moved():
            return
        if not (new := (self._orphans(strict=True) or Counter()) - before):
            return
        (child, parent), rows = next(iter(_by_tables(new).items()))
        shown = ", ".join(str(row) for row in rows[:5])
        raise IntegrityError(
            f"{len(rows)} rows of {child!r} point at no row of {parent!r} (rowid {shown}{', …' if rows[5:] else ''})"
        )

    def _orphans(self, *, strict: bool = False) -> Counter[tuple[Any, ...]] | None:
        try:
            rows = self.database.execute_sql("PRAGMA foreign_key_check").fetchall()
        except OperationalError as error:
            if strict or self.is_busy(error):
                raise
            # A key that matches no unique column was there before: nothing can be checked.
            return None
        return Counter((child, parent, rowid) for child, rowid, parent, _ in rows)


def _always() -> bool:
    return True


def _by_tables(orphans: Counter[tuple[Any, ...]]) -> dict[tuple[str, str], list[Any]]:
    grouped: dict[tuple[str, str], list[Any]] = {}
    for child, parent, rowid in orphans.elements():
        grouped.setdefault((child, parent), []).append(rowid)
    return grouped
