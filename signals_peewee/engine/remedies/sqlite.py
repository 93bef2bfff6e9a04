"""What does SQLite have no ALTER TABLE for, so that a table is made anew?"""

from __future__ import annotations

from typing import Any

from ..introspection import Check, Column, ForeignKey, Table, Unique
from ..introspection.writing import index_sql, quoted, table_sql
from .base import Remedies

_NO_OPERATION = frozenset({"primary key", "collation", "generated", "option"})
_SUFFIX = "__anew"


class RemediesSqlite(Remedies):
    """A constraint without a name cannot be dropped, and a key of a table cannot be changed."""

    def wants_anew(self, kind: str, expected: Any, found: Any) -> bool:
        if isinstance(found, (Check, Unique)):
            return found.name is None
        if isinstance(found, ForeignKey):
            return found.name is None and len(found.columns) > 1
        return kind in _NO_OPERATION

    def statements(self, kind: str, table: Table, expected: Any, found: Any) -> list[str]:
        raise NotImplementedError(f"SQLite makes a table anew for {kind}")

    def cast(self, column: Column, found: Column) -> str | None:
        return None  # a value keeps its class, and a CAST would cut '2024-01-31' down to 2024

    def retyped(self, table: Table, column: Column) -> list[str]:
        return []

    def anew(self, expected: Table, found: Table, columns: list[tuple[str, str]]) -> list[str]:
        new, old = quoted(expected.name + _SUFFIX), quoted(found.name)
        to = ", ".join(quoted(name) for name, _ in columns)
        of = ", ".join(quoted(name) for _, name in columns)
        return [
            table_sql(expected, expected.name + _SUFFIX),
            *([f"INSERT INTO {new} ({to}) SELECT {of} FROM {old}"] if columns else []),
            "PRAGMA legacy_alter_table = 1",
            f"DROP TABLE {old}",
            f"ALTER TABLE {new} RENAME TO {quoted(expected.name)}",
            "PRAGMA legacy_alter_table = 0",
            *(index_sql(index, expected.name) for index in expected.indexes),
        ]
