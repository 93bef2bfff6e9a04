"""Where does SQLite make the tables of models? In a database in memory, and leaves the file and its locks alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import DatabaseError, SqliteDatabase

from ..introspection import Column
from .base import Ground, Scratch

_KNOWS = ("_aggregates", "_collations", "_extensions", "_functions", "_window_functions")


class ScratchSqlite(Scratch):
    """A database in memory that knows the functions, collations and extensions of the real one."""

    @contextmanager
    def looking(self) -> Iterator[None]:
        yield

    @contextmanager
    def ground(self) -> Iterator[Ground]:
        database = SqliteDatabase(":memory:")
        for name in _KNOWS:  # expressions of an index or a check may call them
            setattr(database, name, getattr(self.database, name).copy())
        database.connect()
        try:
            yield Ground(database, None)
        finally:
            database.close()

    def is_value(self, ground: Ground, column: Column, default: str, value: Any) -> bool:
        # Through columns of its type, which turn '1' into 1, or 1 into 1.0, as they will for every row.
        kind = column.type
        run: Any = ground.database.execute_sql
        run(f"CREATE TEMPORARY TABLE tried (a {kind} DEFAULT {default}, b {kind})")
        try:
            run("INSERT INTO temp.tried (b) VALUES (?)", (value,))
            return bool(run("SELECT a IS b FROM temp.tried").fetchone()[0])
        finally:
            run("DROP TABLE temp.tried")

    def refused(self, error: DatabaseError) -> Exception | None:
        return None
