"""What can be said against an operation on SQLite before it is carried out?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ...sql_sqlite.tokens import quoted
from .. import changes as c
from .. import losses
from ..findings import Finding
from ..losses import Said
from .adding import new_column
from .constraints import constraint_sql
from .edits import named
from .operating import ALTERS_COLUMNS, Operating
from .table import rows

_NEWER = "SQLite 3.53 would only read them"
_QUIET = "do it when nobody has to write"


def findings_of(altering: Operating, change: c.Change) -> list[Finding]:
    """Return what a change is about to do that somebody may not have meant; nothing is executed but look-ups."""
    found = _WHICH.get(type(change))
    return [Finding(code, change.subject, message) for code, message in found(altering, change)] if found else []


def _count(altering: Operating, table: str) -> str | None:
    """Return how many rows a table has, in words, or None for few; counting ends early."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM main.{quoted(altering.table(table).name)} LIMIT {losses.MANY})"
    ((count,),) = rows(altering.database, sql)
    return losses.counted(count)


def _rewritten(altering: Operating, change: c.Change, instead: str = _QUIET) -> Said:
    if count := _count(altering, change.table):
        yield "rewrite", f"{count} of {change.table!r} are written again while other writers wait; {instead}"


def _read(altering: Operating, change: c.Change, instead: str = _QUIET) -> Said:
    if count := _count(altering, change.table):
        yield "scan", f"{count} of {change.table!r} are read while other writers wait; {instead}"


def _updated(altering: Operating, change: c.Change, instead: str) -> Said:
    if altering.conduct.atomic and (count := _count(altering, change.table)):
        yield "update", f"{count} of {change.table!r} may be changed in one transaction, and writers wait; {instead}"


def _add_column(altering: Operating, change: c.AddColumn) -> Said:
    new = new_column(altering.database, change.column, change.field)
    if new.computed:
        yield from _updated(altering, change, "with atomic = False in the step they are changed in batches")
        if new.not_null:
            yield from _checked(altering, change)
    elif not (new.native and altering.native):
        yield from _rewritten(altering, change, "a constant default and a unique index instead of UNIQUE avoid that")
    if new.field.index or new.field.unique:
        yield from _indexed(altering, change)


def _checked(altering: Operating, change: c.Change) -> Said:
    if altering.can(ALTERS_COLUMNS):
        yield from _read(altering, change)
    else:
        yield from _rewritten(altering, change, f"{_NEWER}; here, {_QUIET}")


def _indexed(altering: Operating, change: c.Change) -> Said:
    if count := _count(altering, change.table):
        yield "blocking-index", f"{count} of {change.table!r} are sorted while other writers wait; {_QUIET}"


def _drop_column(altering: Operating, change: c.DropColumn) -> Said:
    yield from losses.of_dropped_column(change)
    if change.cascade:
        yield (
            "cascade",
            f"indexes, constraints, views and triggers that name {change.subject} go along; drop them by name",
        )
    yield from _rewritten(altering, change)


def _drop_constraint(altering: Operating, change: c.DropConstraint) -> Said:
    yield from losses.of_dropped_constraint(change)
    said = named(altering.table(change.table).read, change.name)
    if said is None or said.kind != "check" or not altering.can(ALTERS_COLUMNS):
        yield from _rewritten(altering, change)


def _drop_foreign_key(altering: Operating, change: c.DropForeignKey) -> Said:
    yield from losses.of_dropped_key(change)
    yield from _rewritten(altering, change)


def _drop_not_null(altering: Operating, change: c.DropNotNull) -> Said:
    if not altering.can(ALTERS_COLUMNS):
        yield from _rewritten(altering, change, f"SQLite 3.53 would not even read them; here, {_QUIET}")


def _drop_default(altering: Operating, change: c.DropColumnDefault) -> Said:
    column = altering.table(change.table).column(change.column)
    if column.not_null:
        yield from losses.of_dropped_default(change)
    yield from _rewritten(altering, change)


def _add_constraint(altering: Operating, change: c.AddConstraint) -> Said:
    _, read = constraint_sql(altering.database, change)
    said = read.constraints[0]
    if said.kind == "check" and altering.adds_check(altering.table(change.table), said.expression(read.sql)):
        yield from _read(altering, change)
    else:
        yield from _rewritten(altering, change)


def _add_unique(altering: Operating, change: c.AddUnique) -> Said:
    yield from _rewritten(altering, change, "a unique index, add_index(…, unique=True), is built without that")


def _backfill(altering: Operating, change: c.Backfill) -> Said:
    yield from _updated(altering, change, "with atomic = False in the step each batch is a transaction")


_WHICH: Mapping[type[c.Change], Callable[[Operating, Any], Said]] = MappingProxyType(
    {
        c.AddColumn: _add_column,
        c.DropColumn: _drop_column,
        c.RenameColumn: lambda _, change: losses.of_renamed_column(change),
        c.AddNotNull: _checked,
        c.DropNotNull: _drop_not_null,
        c.AddColumnDefault: _rewritten,
        c.DropColumnDefault: _drop_default,
        c.AlterColumnType: _rewritten,
        c.Backfill: _backfill,
        c.AddConstraint: _add_constraint,
        c.DropConstraint: _drop_constraint,
        c.AddUnique: _add_unique,
        c.AddForeignKey: _rewritten,
        c.DropForeignKey: _drop_foreign_key,
        c.AddIndex: _indexed,
        c.DropIndex: lambda _, change: losses.of_dropped_index(change),
        c.RenameTable: lambda _, change: losses.of_renamed_table(change),
        c.DropTable: lambda _, change: losses.of_dropped_table(change),
    }
)
