"""What can be said against an operation on Postgres before it is carried out?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from peewee import Node

from . import changes as c
from . import losses
from .findings import Finding
from .losses import Said
from .postgres_adding import is_volatile, new_column
from .postgres_columns import new_type
from .postgres_constraints import Constraints
from .postgres_dependents import dependents_of_column, dependents_of_table
from .postgres_table import find_table, rows
from .postgres_text import text_of

_ONLINE = "with atomic = False in the step"
_UNIQUE = re.compile(r"(?:UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b", re.IGNORECASE)
_CHECKED = re.compile(r"(?:CHECK|FOREIGN\s+KEY)\b(?!.*\bNOT\s+VALID\s*\Z)", re.IGNORECASE | re.DOTALL)
_STORED = re.compile(r"\bSTORED\b", re.IGNORECASE)
_VARCHAR = re.compile(r"character varying(?:\((\d+)\))?\Z|text\Z")


def findings_of(altering: Constraints, change: c.Change) -> list[Finding]:
    """Return what a change is about to do that somebody may not have meant; nothing is executed but look-ups."""
    found = _WHICH.get(type(change))
    return [Finding(code, change.subject, message) for code, message in found(altering, change)] if found else []


def _count(altering: Constraints, change: c.Change) -> str | None:
    """Return how many rows a table has, in words, or None for few, and for a table that nobody else knows yet."""
    table = altering.table(change.table)
    if table.new:
        return None
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
    elif any(_STORED.search(sql) or is_volatile(altering.database, sql) for sql in said):
        yield from _rewritten(altering, change, "add it without the default, then set the default, then backfill()")


def _add_not_null(altering: Constraints, change: c.AddNotNull) -> Said:
    yield from _read(altering, change, f"{_ONLINE} they are checked while others write")


def _add_constraint(altering: Constraints, change: c.AddConstraint) -> Said:
    sql = text_of(altering.database, change.constraint).strip()
    if _UNIQUE.match(sql):
        yield from _blocking(altering, change, f"add_unique() {_ONLINE} builds its index while others write")
    elif _CHECKED.match(sql):
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
    old = altering.table(change.table).column(change.column).type
    ((new,),) = rows(altering.database, "SELECT format_type(%s::regtype, %s)", *_type_numbers(altering, change))
    if change.cast is not None or not _is_wider(old, str(new)):
        yield from _rewritten(
            altering, change, "add a column of the new type, write both, backfill(), and drop the old one"
        )


def _type_numbers(altering: Constraints, change: c.AlterColumnType) -> tuple[Any, ...]:
    """Return a type without its length, and its length as the catalog counts it."""
    sql = new_type(altering, change)
    length = re.search(r"\((\d+)\)\s*\Z", sql)
    counted = int(length[1]) + 4 if length and re.match(r"\s*(?:VARCHAR|CHAR)", sql, re.IGNORECASE) else -1
    return re.sub(r"\([^)]*\)", "", sql).strip(), counted


def _is_wider(old: str, new: str) -> bool:
    """Tell whether every value of one type is one of the other as it is kept, so that Postgres rewrites nothing."""
    if old == new:
        return True
    before, after = _VARCHAR.match(old), _VARCHAR.match(new)
    if not before or not after:
        return False
    return after[1] is None or (before[1] is not None and int(before[1]) <= int(after[1]))


def _drop_column(altering: Constraints, change: c.DropColumn) -> Said:
    yield from losses.of_dropped_column(change)
    table = altering.table(change.table)
    if change.cascade and (found := dependents_of_column(altering.database, table, change.column)):
        yield "cascade", f"with {change.subject} go {', '.join(found)}; drop them by name"


def _drop_table(altering: Constraints, change: c.DropTable) -> Said:
    table = find_table(altering.database, change.table, change.schema or altering.conduct.schema)
    if table is None or table.new:
        return
    yield from losses.of_dropped_table(change)
    if change.cascade and (found := dependents_of_table(altering.database, table)):
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
