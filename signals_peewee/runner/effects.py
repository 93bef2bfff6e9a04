"""What must be there before an operation, and what has to be there after it? The same on every database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import singledispatch
from typing import NamedTuple

from peewee import ForeignKeyField, Node

from ..engine.altering import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Backfill,
    Change,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropIndex,
    DropNotNull,
    DropTable,
    RenameColumn,
    RenameTable,
    RunSql,
)
from ..engine.introspection import Column, ForeignKey, Index, Inspector, Table
from ..errors import OperationRefused

_NAMES = {AddForeignKey: "add_foreign_key_constraint", DropForeignKey: "drop_foreign_key_constraint", RunSql: "sql"}


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


def operation_of(change: Change) -> str:
    """Return the name of the migrator's method that makes such a change."""
    kind = type(change)
    return _NAMES.get(kind) or re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@singledispatch
def is_there(change: Change, look: Look) -> bool:
    """Tell whether the whole effect of a change is there; False where that cannot be seen."""
    return False


def is_visible(change: Change) -> bool:
    """Tell whether the effect of such a change can be seen in the catalog."""
    return is_there.dispatch(type(change)) is not is_there.dispatch(Change)


@singledispatch
def check_before(change: Change, look: Look, lenient: bool) -> None:
    """Refuse a change that does not fit what is there.

    Args:
        change: what is to be done.
        look: at what is there.
        lenient: a part of its effect may be there already.

    Raises:
        OperationRefused: it does not fit.
    """
    _table(change, look)


def may_be_half_done(change: Change) -> bool:
    """Tell whether a change that was interrupted may look done in the catalog: rows of a new column are not filled."""
    if not isinstance(change, AddColumn):
        return False
    return callable(change.field.default) and not isinstance(change.field.default, Node)


def is_moot(change: Change, look: Look) -> bool:
    """Tell whether what a change takes away has gone with its whole table, by a later operation of the same step."""
    kinds = (DropColumn, DropConstraint, DropForeignKey, DropIndex)
    return isinstance(change, kinds) and look.table(change.table) is None


def shape_of(change: Change, look: Look) -> object:
    """Return what to compare before and after a change that changes something in any case; None where none does."""
    if isinstance(change, AddColumnDefault) or (isinstance(change, AlterColumnType) and change.cast is None):
        table = look.table(change.table)
        return table and table.column(change.column)
    return None


# Tables


@is_there.register
def _(change: RenameTable, look: Look) -> bool:
    return look.table(change.table) is None and look.table(change.new_name) is not None


@check_before.register
def _(change: RenameTable, look: Look, lenient: bool) -> None:
    _table(change, look)
    if look.table(change.new_name) is not None:
        raise _refused(change, f"there is a table {change.new_name!r} already")


@is_there.register
def _(change: DropTable, look: Look) -> bool:
    return look.table(change.table, change.schema) is None


@check_before.register
def _(change: DropTable, look: Look, lenient: bool) -> None:
    if look.table(change.table, change.schema) is None:
        raise _missing(change, "table", change.table, look.inspector.tables(change.schema or look.schema))


# Columns


@is_there.register
def _(change: AddColumn, look: Look) -> bool:
    table = look.table(change.table)
    column = table.column(change.column) if table else None
    if table is None or column is None:
        return False
    # A column that is filled in batches may be NULL until it is full, and get its key last.
    filled = change.field.null or change.allow_not_null or not column.null
    return filled and (not isinstance(change.field, ForeignKeyField) or bool(_keys_of(table, change.column)))


@check_before.register
def _(change: AddColumn, look: Look, lenient: bool) -> None:
    if _table(change, look).column(change.column) is not None and not lenient:
        raise _refused(change, "the column is there already; say safe=True where that may be so")


@is_there.register
def _(change: DropColumn, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and table.column(change.column) is None


@is_there.register
def _(change: RenameColumn, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and table.column(change.column) is None and table.column(change.new_name) is not None


@check_before.register
def _(change: RenameColumn, look: Look, lenient: bool) -> None:
    _column(change, look)
    if _table(change, look).column(change.new_name) is not None:
        raise _refused(change, f"there is a column {change.new_name!r} already")


@is_there.register(AddNotNull)
@is_there.register(DropNotNull)
def _(change: AddNotNull | DropNotNull, look: Look) -> bool:
    column = _column_or_none(change, look)
    return column is not None and column.null == isinstance(change, DropNotNull)


@check_before.register(AddNotNull)
@check_before.register(DropNotNull)
def _(change: AddNotNull | DropNotNull, look: Look, lenient: bool) -> None:
    if _column(change, look).null == isinstance(change, DropNotNull):
        state = "may be NULL" if isinstance(change, DropNotNull) else "is NOT NULL"
        raise _refused(change, f"the column {state} already; say safe=True where that may be so")


@is_there.register
def _(change: DropColumnDefault, look: Look) -> bool:
    column = _column_or_none(change, look)
    return column is not None and column.default is None


@check_before.register
def _(change: DropColumnDefault, look: Look, lenient: bool) -> None:
    if _column(change, look).default is None:
        raise _refused(change, "the column has no default; say safe=True where that may be so")


@check_before.register(DropColumn)
@check_before.register(AddColumnDefault)
@check_before.register(AlterColumnType)
@check_before.register(Backfill)
def _(change: DropColumn | AddColumnDefault | AlterColumnType | Backfill, look: Look, lenient: bool) -> None:
    _column(change, look)


# Constraints


@is_there.register(AddConstraint)
@is_there.register(AddUnique)
def _(change: AddConstraint | AddUnique, look: Look) -> bool:
    table = look.table(change.table)
    named = [each for each in table.constraints if each.name == change.name] if table else []
    return any(getattr(each, "validated", True) or _not_valid(change) for each in named)


@check_before.register(AddConstraint)
@check_before.register(AddUnique)
def _(change: AddConstraint | AddUnique, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    if not lenient and any(each.name == change.name for each in table.constraints):
        raise _refused(change, "there is a constraint of that name already; say safe=True where that may be so")
    if isinstance(change, AddUnique):
        for name in change.columns:
            _column(change, look, name)


@is_there.register
def _(change: AddForeignKey, look: Look) -> bool:
    table = look.table(change.table)
    return any(_refers(key, change) and key.validated for key in (table.foreign_keys if table else ()))


@check_before.register
def _(change: AddForeignKey, look: Look, lenient: bool) -> None:
    _column(change, look)
    if not lenient and any(_refers(key, change) for key in _table(change, look).foreign_keys):
        raise _refused(change, "there is such a foreign key already; say safe=True where that may be so")
    referred = look.table(change.referred_table, change.referred_schema)
    if referred is None:
        tables = look.inspector.tables(change.referred_schema or look.schema)
        raise _missing(change, "table", change.referred_table, tables)
    if referred.column(change.referred_column) is None:
        names = [column.name for column in referred.columns]
        raise _missing(change, f"column of {referred.name!r} called", change.referred_column, names)


@is_there.register
def _(change: DropForeignKey, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and not _keys_of(table, change.column)


@check_before.register
def _(change: DropForeignKey, look: Look, lenient: bool) -> None:
    _column(change, look)
    if not _keys_of(table := _table(change, look), change.column):
        raise _missing(change, "foreign key on", change.column, [", ".join(key.columns) for key in table.foreign_keys])


@is_there.register
def _(change: DropConstraint, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and all(each.name != change.name for each in table.constraints)


@check_before.register
def _(change: DropConstraint, look: Look, lenient: bool) -> None:
    names = [each.name for each in _table(change, look).constraints if each.name]
    if change.name not in names:
        raise _missing(change, "constraint", change.name, names)


# Indexes


@is_there.register
def _(change: AddIndex, look: Look) -> bool:
    table = look.table(change.table)
    index = table.index(change.name) if table else None
    return index is not None and index.valid and _has_parts(index, change)


@check_before.register
def _(change: AddIndex, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    index = table.index(change.name)
    if index is not None and index.valid:  # what a failed concurrent build left is built anew
        there = ", ".join(part.text for part in index.parts)
        raise _refused(
            change, f"there is an index of that name already, on {there}; say safe=True where that may be so"
        )
    for name in change.columns:
        if isinstance(name, str):
            _column(change, look, name)


@is_there.register
def _(change: DropIndex, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and table.index(change.name) is None


@check_before.register
def _(change: DropIndex, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    if table.index(change.name) is None:
        raise _missing(change, "index", change.name, [index.name for index in table.indexes])


@check_before.register
def _(change: RunSql, look: Look, lenient: bool) -> None:
    """Nothing is known of it."""


def _table(change: Change, look: Look) -> Table:
    found = look.table(change.table)
    if found is None:
        raise _missing(change, "table", change.table, look.inspector.tables(look.schema))
    return found


def _column(change: Change, look: Look, name: str | None = None) -> Column:
    table = _table(change, look)
    wanted: str = name or change.column  # type: ignore[attr-defined]
    found = table.column(wanted)
    if found is None:
        raise _missing(change, "column", wanted, [column.name for column in table.columns])
    return found


def _column_or_none(change: Change, look: Look) -> Column | None:
    table = look.table(change.table)
    return table.column(change.column) if table else None  # type: ignore[attr-defined]


def _keys_of(table: Table, column: str) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.columns == (column,)]


def _refers(key: ForeignKey, change: AddForeignKey) -> bool:
    there = (key.columns, key.table, key.referred)
    return there == ((change.column,), change.referred_table, (change.referred_column,))


def _has_parts(index: Index, change: AddIndex) -> bool:
    named = all(isinstance(column, str) for column in change.columns)
    texts = tuple(part.text for part in index.parts)
    return not named or (texts == tuple(change.columns) and index.unique == change.unique)


def _not_valid(change: AddConstraint | AddUnique) -> bool:
    return "NOT VALID" in str(getattr(getattr(change, "constraint", None), "sql", "")).upper()


def _refused(change: Change, problem: str) -> OperationRefused:
    return OperationRefused(operation_of(change), change.subject, problem)


def _missing(change: Change, kind: str, name: str, names: Iterable[str]) -> OperationRefused:
    there = list(names)
    folded = [other for other in there if other.casefold() == name.casefold()]
    close = folded or get_close_matches(name, there, n=3) or there[:10]
    instead = ", ".join(map(repr, close)) + (", …" if len(there) > len(close) == 10 else "")
    return _refused(change, f"there is no {kind} {name!r}; there is {instead or 'none at all'}")
