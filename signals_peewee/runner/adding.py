"""Which column does a Peewee field ask for, and what fills it?"""

from __future__ import annotations

from typing import Any

from peewee import SQL, ForeignKeyField
from peewee import _truncate_constraint_name as truncated  # type: ignore[attr-defined]

from ..engine.altering import AddColumn

EVERY_ROW = SQL("1 = 1")


def column_for(name: str, field: Any) -> Any:
    """Return a clone of a field that carries the name of its column.

    Raises:
        ValueError: it is a foreign key that does not say to which field.
    """
    if isinstance(field, ForeignKeyField) and not field.rel_field:
        raise ValueError(f"a foreign key that is added must say to what: ForeignKeyField(…, field=…) for {name!r}")
    clone = field.clone()
    clone.name = clone.column_name = name
    clone.index = clone.unique = False  # which is a change of its own
    return clone


def added_column(table: str, name: str, field: Any, allow_not_null: bool) -> AddColumn:
    """Return the change that adds a field's column.

    Raises:
        ValueError: it is NOT NULL, and nothing says what the rows that are there get.
    """
    clone = column_for(name, field)
    if not field.null and field.default is None and not allow_not_null and not _has_default(field):
        raise ValueError(
            f"{name} is not null but has no default, and the rows of {table!r} need one: give the field a default, "
            "or say null=True, backfill it, and add_not_null"
        )
    return AddColumn(table, name, clone, allow_not_null)


def default_from(field: Any) -> Any:
    """Return what a backfill fills in for a field: its default as the column holds it, or a function that makes it."""
    default = field.default
    if callable(default):
        return lambda _: field.db_value(default())
    return field.db_value(default)


def key_name(name: str) -> str:
    """Return the name of a constraint, cut as Peewee cuts it."""
    return str(truncated(name))


def _has_default(field: Any) -> bool:
    return any("DEFAULT" in str(getattr(part, "sql", "")).upper() for part in field.constraints or ())
