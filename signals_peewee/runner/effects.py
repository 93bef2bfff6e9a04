"""Is what an operation brings about there?"""

from __future__ import annotations

from functools import singledispatch
from itertools import pairwise

from peewee import ForeignKeyField

from ..engine.altering import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
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
    is_called,
)
from ..engine.introspection import Column, Index
from .looking import Look, keys_of, refers


@singledispatch
def is_there(change: Change, look: Look) -> bool:
    """Tell whether the whole effect of a change is there; False where that cannot be seen."""
    return False


def is_visible(change: Change) -> bool:
    """Tell whether the effect of such a change can be seen in the catalog."""
    return is_there.dispatch(type(change)) is not is_there.dispatch(Change)


def is_resumable(change: Change) -> bool:
    """Tell whether a change can have stopped half way where nothing in the catalog shows it: rows not filled yet."""
    return isinstance(change, AddColumn) and change.field.null and is_called(change.field.default)


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


@is_there.register
def _(change: RenameTable, look: Look) -> bool:
    return look.table(change.table) is None and look.table(change.new_name) is not None


@is_there.register
def _(change: DropTable, look: Look) -> bool:
    return look.table(change.table, change.schema) is None


@is_there.register
def _(change: AddColumn, look: Look) -> bool:
    table = look.table(change.table)
    column = table.column(change.column) if table else None
    if table is None or column is None:
        return False
    # A column that is filled in batches may be NULL until it is full, and get its key last.
    filled = change.field.null or change.allow_not_null or not column.null
    complete = not isinstance(change.field, ForeignKeyField)
    return filled and (complete or any(key.validated for key in keys_of(table, change.column)))


@is_there.register
def _(change: DropColumn, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and table.column(change.column) is None


@is_there.register
def _(change: RenameColumn, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and table.column(change.column) is None and table.column(change.new_name) is not None


@is_there.register(AddNotNull)
@is_there.register(DropNotNull)
def _(change: AddNotNull | DropNotNull, look: Look) -> bool:
    column = _column_or_none(change, look)
    return column is not None and (column.null, column.null_validated) == (isinstance(change, DropNotNull), True)


@is_there.register
def _(change: DropColumnDefault, look: Look) -> bool:
    column = _column_or_none(change, look)
    return column is not None and column.default is None


@is_there.register(AddConstraint)
@is_there.register(AddUnique)
def _(change: AddConstraint | AddUnique, look: Look) -> bool:
    table = look.table(change.table)
    named = [each for each in table.constraints if each.name == change.name] if table else []
    return any(getattr(each, "validated", True) or _not_valid(change) for each in named)


@is_there.register
def _(change: AddForeignKey, look: Look) -> bool:
    table = look.table(change.table)
    return any(refers(key, change) and key.validated for key in (table.foreign_keys if table else ()))


@is_there.register
def _(change: DropForeignKey, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and not keys_of(table, change.column)


@is_there.register
def _(change: DropConstraint, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and all(each.name != change.name for each in table.constraints)


@is_there.register
def _(change: AddIndex, look: Look) -> bool:
    table = look.table(change.table)
    index = table.index(change.name) if table else None
    return index is not None and index.valid and _has_parts(index, change)


@is_there.register
def _(change: DropIndex, look: Look) -> bool:
    table = look.table(change.table)
    return table is not None and table.index(change.name) is None


def _column_or_none(change: Change, look: Look) -> Column | None:
    table = look.table(change.table)
    return table.column(change.column) if table else None  # type: ignore[attr-defined]


def _has_parts(index: Index, change: AddIndex) -> bool:
    named = all(isinstance(column, str) for column in change.columns)
    texts = tuple(part.text for part in index.parts)
    return not named or (texts == tuple(change.columns) and index.unique == change.unique)


def _not_valid(change: AddConstraint | AddUnique) -> bool:
    words = str(getattr(getattr(change, "constraint", None), "sql", "")).upper().split()
    return any(pair in (("NOT", "VALID"), ("NOT", "ENFORCED")) for pair in pairwise(words))
