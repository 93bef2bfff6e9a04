"""What can be said against an operation on Postgres before it is carried out?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from peewee import Node

from .. import changes as c
from .. import losses
from ..findings import Finding
from ..losses import Said
from .adding import is_volatile, new_column
from .columns import new_type
from .constraints import Constraints, reads_rows
from .dependents import going_with_column, going_with_table
from .table import find_table, rows
from .text import text_of
from .types import is_kept

_ONLINE = "with atomic = False in the step"
_UNIQUE = re.compile(r"(?:UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b", re.IGNORECASE)
_NEW_CHECK = re.compile(r"(?:CONSTRAINT\s+\S+\s+)?CHECK\b", re.IGNORECASE)
_WRITTEN = re.compile(r"\bSTORED\b|\bGENERATED\b.*\bIDENTITY\b", re.IGNORECASE | re.DOTALL)


def findings_of(altering: Constraints, change: c.Change) -> list[Finding]:
    """Return what a change is about to do that somebody may not have meant; nothing is executed but look-ups."""
    found = _WHICH.get(type(change))
    table = find_table(altering.database, change.table, getattr(change, "schema", None) or altering.conduct.schema)
    if found is None or (table is not None and table.new):  # nobody else knows of it yet
        return []
    return [Finding(code, change.subject, message) for code, message in found(altering, change)]


def _count(altering: Constraints, change: c.Change) -> str | None:
    """Return how many rows a table has, in words, or None for few."""
    table = altering.table(change.table)
    ((count,),) = rows(altering.database, f"SELECT count(*) FROM (SELECT FROM {table.sql} LIMIT {losses.MANY}) counted")
    return losses.counted(count)


def _rewritten(altering: Constraints, change: c.Change, instead: str) -> Said:
    if count := _count(altering, change):
        yield "rewrite", f"{count} of {change.table!r} are written again while nobody can read or write them; {instead}"


def _read(altering: Constraints, change: c.Change, instead: str) -> Said:
    if altering.conduct.atomic and (count := _count(altering, change)):
        yield "scan", f"{count} of {change.table!r} are read while writers wait, and readers may; {instead}"


def _updated(altering: Constraints, change: c.Change) -> Said:
    if altering.conduct.atomic and (count := _count(altering, change)):
        yield (
            "update",
            (
                f"{count} of {change.table!r} may be changed in one transaction, and who writes them waits; "
                f"{_ONLINE} they are changed in batches"
            ),
        )


def _blocking(altering: Constraints, change: c.Change, instead: str) -> Said:
    if count := _count(altering, change):
        yield "blocking-index", f"{count} of {change.table!r} are sorted while writers wait; {instead}"


def _add_column(altering: Constraints, change: c.AddColumn) -> Said:
    new = new_column(altering.database, change.column, change.field, altering.conduct.schema, lenient=True)
    default = change.field.default
    said = [*new.constraints, *([text_of(altering.database, default)] if isinstance(default, Node) else [])]
    if new.computed:
        yield from _updated(altering, change)
        if new.not_null:
            yield from _read(altering, change, f"{_ONLINE} NOT NULL is checked while others write")
    elif new.counting or any(_WRITTEN.search(sql) or is_volatile(altering.database, sql) for sql in said):
        yield from _rewritten(altering, change, "add it without the default, then set the default, then backfill()")
    elif any(_NEW_CHECK.match(sql) for sql in new.constraints):
        yield from _read(altering, change, f"add_constraint() {_ONLINE} checks them while others write")


def _add_not_null(altering: Constraints, change: c.AddNotNull) -> Said:
    yield from _read(altering, change, f"{_ONLINE} they are checked while others write")


def _add_constraint(altering: Constraints, change: c.AddConstraint) -> Said:
    sql = text_of(altering.database, change.constraint).strip()
    if _UNIQUE.match(sql):
        yield from _blocking(altering, change, f"add_unique() {_ONLINE} builds its index while others write")
    elif reads_rows(sql):
        yield from _read(altering, change, f"{_ONLINE} it is added NOT VALID, and checked while others write")


def _add_unique(altering: Constraints, change: c.AddUnique) -> Said:
    if altering.conduct.atomic:
        yield from _blocking(altering, change, f"{_ONLINE} its index is built while others write")


def _add_foreign_key(altering: Constraints, change: c.AddForeignKey) -> Said:
    yield from _read(altering, change, f"{_ONLINE} it is added NOT VALID, and checked while others write")


def _add_index(altering: Constraints, change: c.AddIndex) -> Said:
    if not change.concurrently:
        yield from _blocking(altering, change, f"{_ONLINE}, concurrently=True lets them write")


def _alter_column_type(altering: Constraints, change: c.AlterColumnType) -> Said:
    column = altering.table(change.table).column(change.column)
    if change.cast is not None or not is_kept(altering.database, column, new_type(altering, change)):
        yield from _rewritten(
            altering, change, "add a column of the new type, write both, backfill(), and drop the old one"
        )


def _drop_column(altering: Constraints, change: c.DropColumn) -> Said:
    yield from losses.of_dropped_column(change)
    table = altering.table(change.table)
    if change.cascade and (found := going_with_column(altering.database, table, change.column)):
        yield "cascade", f"with {change.subject} go {', '.join(found)}; drop them by name"


def _drop_table(altering: Constraints, change: c.DropTable) -> Said:
    table = find_table(altering.database, change.table, change.schema or altering.conduct.schema)
    if table is None:
        return
    yield from losses.of_dropped_table(change)
    if change.cascade and (found := going_with_table(altering.database, table)):
        yield "cascade", f"with {change.table!r} go {', '.join(found)}; drop them by name"


def _drop_default(altering: Constraints, change: c.DropColumnDefault) -> Said:
    if altering.table(change.table).column(change.column).not_null:
        yield from losses.of_dropped_default(change)


_WHICH: Mapping[type[c.Change], Callable[[Any, Any], Said]] = MappingProxyType(
    {
        c.AddColumn: _add_column,
        c.DropColumn: _drop_column,
        c.RenameColumn: lambda _, change: losses.of_renamed_column(change),
        c.AddNotNull: _add_not_null,
        c.DropColumnDefault: _drop_default,
        c.AlterColumnType: _alter_column_type,
        c.Backfill: _updated,
        c.AddConstraint: _add_constraint,
        c.DropConstraint: lambda _, change: losses.of_dropped_constraint(change),
        c.AddUnique: _add_unique,
        c.AddForeignKey: _add_foreign_key,
        c.DropForeignKey: lambda _, change: losses.of_dropped_key(change),
        c.AddIndex: _add_index,
        c.DropIndex: lambda _, change: losses.of_dropped_index(change),
        c.RenameTable: lambda _, change: losses.of_renamed_table(change),
        c.DropTable: _drop_table,
    }
)
