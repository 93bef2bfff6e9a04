"""What is an index to SQLite, and which foreign keys need the uniqueness that one keeps?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peewee import Database, Entity, Index, Table

from ...sql_sqlite.tokens import folded
from ..changes import AddIndex
from .table import TableNow, rows

_REFERRING = """
SELECT m.name, f.id, f."to" FROM main.sqlite_master m JOIN pragma_foreign_key_list(m.name, 'main') f
WHERE m.type = 'table' AND lower(f."table") = ? ORDER BY m.name, f.id, f.seq
"""
_UNIQUE = """
SELECT l.name, i.name FROM pragma_index_list(?, 'main') l JOIN pragma_index_info(l.name, 'main') i
WHERE l."unique" AND NOT l.partial
"""
_PRIMARY = "SELECT name, pk FROM pragma_table_info(?, 'main')"


def index_sql(table: TableNow, change: AddIndex) -> Index:
    """Return the statement that makes an index.

    Raises:
        ValueError: a column is not there, or SQLite has no such index.
    """
    if change.using is not None and change.using.lower() != "btree":
        raise ValueError(f"index {change.name!r}: SQLite has no USING {change.using}")
    if change.nulls_distinct is False:
        raise ValueError(f"index {change.name!r}: to SQLite NULLs are always distinct")
    for column in change.columns:
        if isinstance(column, str):  # SQLite takes an unknown name in double quotes for a text
            table.column(column)
    parts = [Entity(column) if isinstance(column, str) else column for column in change.columns]
    return Index(change.name, Table(change.table), parts, unique=change.unique, where=change.where)


@contextmanager
def keys_matched(database: Database, table: str) -> Iterator[None]:
    """Refuse to leave foreign keys that refer to columns of a table which are not unique: no row could be written.

    Raises:
        ValueError: there are some that were not there before.
    """
    before = _unmatched(database, table)
    yield
    for child, columns in _unmatched(database, table) - before:
        raise ValueError(
            f"a foreign key of {child!r} refers to {table}.{', '.join(columns)}, which must be UNIQUE or primary key"
        )


def _unmatched(database: Database, table: str) -> set[tuple[str, tuple[str, ...]]]:
    keys: dict[tuple[str, int], list[str | None]] = {}
    for child, number, column in rows(database, _REFERRING, folded(table)):
        keys.setdefault((child, number), []).append(column)
    if not keys:
        return set()
    indexes: dict[str, set[str]] = {}
    for name, column in rows(database, _UNIQUE, table):
        indexes.setdefault(name, set()).add(folded(column or ""))
    primary = {folded(name) for name, key in rows(database, _PRIMARY, table) if key}
    unique = [primary, *indexes.values()]
    named = {(child, tuple(column for column in columns if column)) for (child, _), columns in keys.items()}
    return {(child, columns) for child, columns in named if columns and {*map(folded, columns)} not in unique}
