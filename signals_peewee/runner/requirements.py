"""What must be there before an operation, and what is said where it is not?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import singledispatch

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
from ..engine.introspection import Column, Table
from ..errors import OperationRefused
from .effects import is_there
from .looking import Look, keys_of, operation_of, refers


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


@check_before.register
def _(change: RenameTable, look: Look, lenient: bool) -> None:
    _table(change, look)
    if look.table(change.new_name) is not None:
        raise _refused(change, f"there is a table {change.new_name!r} already")


@check_before.register
def _(change: DropTable, look: Look, lenient: bool) -> None:
    if look.table(change.table, change.schema) is None:
        raise _missing(change, "table", change.table, look.inspector.tables(change.schema or look.schema))


@check_before.register
def _(change: AddColumn, look: Look, lenient: bool) -> None:
    if _table(change, look).column(change.column) is not None and not lenient:
        raise _refused(change, "the column is there already; say safe=True where that may be so")


@check_before.register
def _(change: RenameColumn, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    _column(change, table)
    if table.column(change.new_name) is not None:
        raise _refused(change, f"there is a column {change.new_name!r} already")


@check_before.register(AddNotNull)
@check_before.register(DropNotNull)
def _(change: AddNotNull | DropNotNull, look: Look, lenient: bool) -> None:
    _column(change, _table(change, look))
    if is_there(change, look):
        state = "may be NULL" if isinstance(change, DropNotNull) else "is NOT NULL"
        raise _refused(change, f"the column {state} already; say safe=True where that may be so")


@check_before.register
def _(change: DropColumnDefault, look: Look, lenient: bool) -> None:
    if _column(change, _table(change, look)).default is None:
        raise _refused(change, "the column has no default; say safe=True where that may be so")


@check_before.register(DropColumn)
@check_before.register(AddColumnDefault)
@check_before.register(AlterColumnType)
@check_before.register(Backfill)
def _(change: DropColumn | AddColumnDefault | AlterColumnType | Backfill, look: Look, lenient: bool) -> None:
    _column(change, _table(change, look))


@check_before.register(AddConstraint)
@check_before.register(AddUnique)
def _(change: AddConstraint | AddUnique, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    if not lenient and any(each.name == change.name for each in table.constraints):
        raise _refused(change, "there is a constraint of that name already; say safe=True where that may be so")
    if isinstance(change, AddUnique):
        for name in change.columns:
            _column(change, table, name)


@check_before.register
def _(change: AddForeignKey, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    _column(change, table)
    if not lenient and any(refers(key, change) for key in table.foreign_keys):
        raise _refused(change, "there is such a foreign key already; say safe=True where that may be so")
    referred = look.table(change.referred_table, change.referred_schema)
    if referred is None:
        tables = look.inspector.tables(change.referred_schema or look.schema)
        raise _missing(change, "table", change.referred_table, tables)
    if referred.column(change.referred_column) is None:
        names = [column.name for column in referred.columns]
        raise _missing(change, f"column of {referred.name!r} called", change.referred_column, names)


@check_before.register
def _(change: DropForeignKey, look: Look, lenient: bool) -> None:
    table = _table(change, look)
    _column(change, table)
    if not keys_of(table, change.column):
        raise _missing(change, "foreign key on", change.column, [", ".join(key.columns) for key in table.foreign_keys])


@check_before.register
def _(change: DropConstraint, look: Look, lenient: bool) -> None:
    names = [each.name for each in _table(change, look).constraints if each.name]
    if change.name not in names:
        raise _missing(change, "constraint", change.name, names)


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
            _column(change, table, name)


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


def _column(change: Change, table: Table, name: str | None = None) -> Column:
    wanted: str = name or change.column  # type: ignore[attr-defined]
    found = table.column(wanted)
    if found is None:
        raise _missing(change, "column", wanted, [column.name for column in table.columns])
    return found


def _refused(change: Change, problem: str) -> OperationRefused:
    return OperationRefused(operation_of(change), change.subject, problem)


def _missing(change: Change, kind: str, name: str, names: Iterable[str]) -> OperationRefused:
    there = list(names)
    folded = [other for other in there if other.casefold() == name.casefold()]
    close = folded or get_close_matches(name, there, n=3) or there[:10]
    instead = ", ".join(map(repr, close)) + (", …" if len(there) > len(close) == 10 else "")
    return _refused(change, f"there is no {kind} {name!r}; there is {instead or 'none at all'}")
