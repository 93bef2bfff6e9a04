"""What is there now, for an operation that is about to change it?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from ..engine.altering import AddForeignKey, Change, DropForeignKey, RunSql
from ..engine.introspection import ForeignKey, Inspector, Table

_METHODS = {AddForeignKey: "add_foreign_key_constraint", DropForeignKey: "drop_foreign_key_constraint", RunSql: "sql"}
_NAMES = ("table", "column", "name", "new_name", "referred_table", "referred_column")


class Look(NamedTuple):
    """A look at what is there now.

    Attributes:
        inspector: what reads the catalog.
        schema: where a step's tables are, or None for where an unqualified name is found.
    """

    inspector: Inspector
    schema: str | None

    def table(self, name: str, schema: str | None = None) -> Table | None:
        """Return a table, or None."""
        return self.inspector.table(name, schema or self.schema)

    def kept(self, change: Change) -> Change:
        """Return a change with its names as the database keeps them, which may cut long ones."""
        kept = self.inspector.kept
        names: dict[str, Any] = {
            name: kept(value) for name in _NAMES if isinstance(value := getattr(change, name, None), str)
        }
        if columns := getattr(change, "columns", ()):
            names["columns"] = tuple(kept(each) if isinstance(each, str) else each for each in columns)
        return replace(change, **names)


def operation_of(change: Change) -> str:
    """Return the name of the migrator's method that makes such a change."""
    kind = type(change)
    return _METHODS.get(kind) or re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def keys_of(table: Table, column: str) -> list[ForeignKey]:
    """Return the foreign keys of one column."""
    return [key for key in table.foreign_keys if key.columns == (column,)]


def refers(key: ForeignKey, change: AddForeignKey) -> bool:
    """Tell whether a foreign key is the one that a change adds."""
    there = (key.columns, key.table, key.referred)
    return there == ((change.column,), change.referred_table, (change.referred_column,))
