"""What is sent to a database, and how does it mean to answer?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Database, SqliteDatabase

Sent = list[tuple[str, Any]]
SORTS = ("Sort", "B-TREE")
SCANS = ("SCAN", "Seq Scan")


@contextmanager
def statements(database: Database) -> Iterator[Sent]:
    """The statements that are sent inside the block, each with its parameters."""
    sent: Sent = []
    original = database.execute_sql

    def remember(sql: str, params: Any = None) -> Any:
        sent.append((sql, params))
        return original(sql, params)

    database.execute_sql = remember  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        database.execute_sql = original  # type: ignore[method-assign]


def plan(database: Database, statement: tuple[str, Any]) -> str:
    """The database's plan for a statement."""
    sql, params = statement
    explain = "EXPLAIN QUERY PLAN " if isinstance(database, SqliteDatabase) else "EXPLAIN "
    return "\n".join(str(row[-1]) for row in database.execute_sql(explain + sql, params))
