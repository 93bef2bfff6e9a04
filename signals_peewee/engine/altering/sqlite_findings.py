"""What can be said against an operation on SQLite before it is carried out?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ..sql_sqlite.tokens import quoted
from . import changes as c
from .findings import Code, Finding
from .sqlite_adding import new_column
from .sqlite_constraints import constraint_sql
from .sqlite_edits import named
from .sqlite_operating import ALTERS_COLUMNS, Operating
from .sqlite_table import rows

FEW = 1000
"""Up to so many rows nobody notices that a table is read or written as a whole."""

_MANY = 1_000_000
_NEWER = "SQLite 3.53 would only read them"
_QUIET = "do it when nobody has to write"

Said = Iterator[tuple[Code, str]]


def findings_of(altering: Operating, change: c.Change) -> list[Finding]:
    """Return what a change is about to do that somebody may not have meant; nothing is executed but look-ups."""
    found = _WHICH.get(type(change))
    return [Finding(code, change.subject, message) for code, message in found(altering, change)] if found else []


def _count(altering: Operating, table: str) -> str | None:
    """Return how many rows a table has, in words, or None for few; counting ends early."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM main.{quoted(altering.table(table).name)} LIMIT {_MANY})"
    ((count,),) = rows(altering.database, sql)
    if count <= FEW:
        return None
    return f"all of the {count} rows" if count < _MANY else f"all of the more than {_MANY} rows"


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
    yield (
        "drop",
        (
            f"column {change.column!r} goes with its values, which down() cannot bring back, and code that still reads "
            "or writes it fails; drop it once no running code names it"
        ),
    )
    if change.cascade:
        yield (
            "cascade",
            (f"indexes, constraints, views and triggers that name {change.subject} go along; drop them by name"),
        )
    yield from _rewritten(altering, change)


def _drop_table(altering: Operating, change: c.DropTable) -> Said:
    yield (
        "drop",
        (
            f"table {change.table!r} goes with its rows, which down() cannot bring back; rename it first, and drop it "
            "once nobody has missed it"
        ),
    )


def _drop_index(altering: Operating, change: c.DropIndex) -> Said:
    yield "drop", f"index {change.name!r} goes, and queries that use it read the whole table; make the next one first"


def _drop_constraint(altering: Operating, change: c.DropConstraint) -> Said:
    yield "drop", f"nothing keeps {change.name!r} any more; where another rule takes its place, add that one first"
    said = named(altering.table(change.table).read, change.name)
    if said is None or said.kind != "check" or not altering.can(ALTERS_COLUMNS):
        yield from _rewritten(altering, change)


def _drop_foreign_key(altering: Operating, change: c.DropForeignKey) -> Said:
    yield "drop", f"rows of {change.table!r} may then point at nothing, and ON DELETE does nothing; keep it if you can"
    yield from _rewritten(altering, change)


def _drop_not_null(altering: Operating, change: c.DropNotNull) -> Said:
    if not altering.can(ALTERS_COLUMNS):
        yield from _rewritten(altering, change, f"SQLite 3.53 would not even read them; here, {_QUIET}")


def _drop_default(altering: Operating, change: c.DropColumnDefault) -> Said:
    column = altering.table(change.table).column(change.column)
    if column.not_null:
        yield "default-lost", f"old code that leaves {change.subject} out will fail; drop it once no such code runs"
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


def _rename_column(altering: Operating, change: c.RenameColumn) -> Said:
    yield (
        "rename",
        _renamed(change.subject, f"add {change.new_name!r}, write both, backfill, and drop the old one later"),
    )


def _rename_table(altering: Operating, change: c.RenameTable) -> Said:
    yield "rename", _renamed(change.table, "leave a view of the old name until no code needs it")


def _renamed(old: str, instead: str) -> str:
    return f"code that runs now and says {old!r} fails from this moment on; {instead}"


def _backfill(altering: Operating, change: c.Backfill) -> Said:
    yield from _updated(altering, change, "with atomic = False in the step each batch is a transaction")


_WHICH: Mapping[type[c.Change], Callable[[Operating, Any], Said]] = MappingProxyType(
    {
        c.AddColumn: _add_column,
        c.DropColumn: _drop_column,
        c.RenameColumn: _rename_column,
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
        c.DropIndex: _drop_index,
        c.RenameTable: _rename_table,
        c.DropTable: _drop_table,
    }
)
