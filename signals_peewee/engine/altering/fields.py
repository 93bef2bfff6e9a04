"""What has to be known of a Peewee field, or of a default, before it becomes a column of any database?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import Database, DateField, DateTimeField, ForeignKeyField, Node, TimeField

from .changes import AddColumn, Backfill

_TAKEN_FOR_SQL = (")", "'")


def named_field(database: Database, name: str, field: Any) -> Any:
    """Return a clone of a field that carries a name, and makes values for a database.

    Raises:
        ValueError: it is a foreign key that does not say to what, or the default of a time is none.
    """
    field = field.clone()
    if field.column_name != name:
        field.name = field.column_name = name
    if hasattr(field, "_db_hook"):  # JSON is written by the database's own means, which a bound field gets from it
        field._db_hook(database)
    if isinstance(field, ForeignKeyField):
        _check_referred(name, field)
    if isinstance(field, (DateTimeField, DateField, TimeField)):
        _check_time(name, field)
    return field


def is_called(default: Any) -> bool:
    """Tell whether a default is a function; Peewee's nodes can be called too."""
    return callable(default) and not isinstance(default, Node)


def first_fill(change: AddColumn, field: Any) -> Backfill:
    """Return what fills a column that was just added, whose field has a function as default."""
    remedy = "see to that first" if field.null else "say null=True in its field"
    return Backfill(change.table, change.column, value_maker(field), nullable=field.null, remedy=remedy)


def value_maker(field: Any) -> Any:
    """Return what makes a column's value of a default that is a function; it is given a row, which it does not need.

    The value may be a Peewee node: SQL that the function returned, or json(…), which a field makes of a plain value.
    """

    def made(row: Any) -> Any:
        value = field.default()
        return value if isinstance(value, Node) else field.db_value(value)

    return made


def new_default(subject: str, default: Any, literal: Callable[[Any], str]) -> Any:
    """Return the default that a column is to have: a plain value or a Peewee node.

    Args:
        subject: the table and the column.
        default: a value, a node, or a function that makes one of them.
        literal: writes a plain value as SQL.

    Raises:
        ValueError: it is NULL, or a text that playhouse would take for SQL.
    """
    if is_called(default):
        default = default()
    if default is None:
        raise ValueError("`default` must be not None/NULL.")
    if isinstance(default, str) and default.endswith(_TAKEN_FOR_SQL):
        raise ValueError(
            f"the default {default!r} of {subject} would be SQL to playhouse and is a text here: "
            f"write SQL({default!r}) if it is SQL, and SQL({literal(default)!r}) if it is a text"
        )
    return default


def _check_time(name: str, field: Any) -> None:
    """Refuse a text that is no time: SQLite would store it, Postgres what it means now, as in 'yesterday'."""
    default = field.default
    if isinstance(default, str) and isinstance(field.python_value(default), str):
        raise ValueError(
            f"the default {default!r} of {name!r} is no {type(field).__name__.removesuffix('Field').lower()}; "
            f"write SQL({default!r}) if it is SQL"
        )


def _check_referred(name: str, field: Any) -> None:
    """See to it that the key knows the field that it refers to; binding it to a model would."""
    if not field.rel_field or isinstance(field.rel_model, str):
        raise ValueError(f"the foreign key {name!r} must name a model and its field=")
    if isinstance(field.rel_field, str):
        field.rel_field = field.rel_model._meta.fields[field.rel_field]
