"""Which rows of a SQLite table do not fit a change of it?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from peewee import Database, OperationalError

from ....errors import UnfitRows
from ...sql_sqlite.tokens import quoted
from .table import ColumnNow, TableNow, affinity, key_of, rows
from .text import literal_of

_SHOWN = 5
_MISFITS = {
    "INTEGER": "typeof({value}) NOT IN ('null', 'integer') AND CAST({value} AS INTEGER) IS NOT {value}",
    "REAL": "typeof({value}) NOT IN ('null', 'real') AND CAST({value} AS REAL) IS NOT {value}",
    "NUMERIC": "typeof({value}) IN ('text', 'blob') AND CAST({value} AS NUMERIC) IS NOT {value}",
    "TEXT": "typeof({value}) = 'blob'",
    "BLOB": "typeof({value}) NOT IN ('null', 'blob')",
}
"""What SQLite cannot make a value of an affinity of."""
_NUMBERS = re.compile("NUM|DEC|BOOL", re.IGNORECASE)
"""Types of numbers, among all those for which SQLite makes numbers of what looks like one: a DATE is kept as text."""


def null_rows(database: Database, table: TableNow, column: str) -> UnfitRows | None:
    """Return the error for rows that have NULL in a column, or None where there are none."""
    problem = "rows have NULL there; fill them first, with backfill() or an UPDATE"
    return _rows(database, table, (column,), f"{quoted(column)} IS NULL", problem)


def rows_against(database: Database, table: TableNow, check: str, name: str) -> UnfitRows | None:
    """Return the error for rows that a CHECK refuses; `check` is what stands in its parentheses."""
    return _rows(database, table, (), f"NOT ({check})", f"rows do not satisfy {name}; change them first")


def rows_of_type(database: Database, table: TableNow, column: ColumnNow, value: str, type_: str) -> UnfitRows | None:
    """Return the error for rows whose value is none of another type, or None where there are none.

    SQLite itself would keep it as it is, outside STRICT tables.

    Args:
        database: where the table is.
        table: the table.
        column: the column; where its type is of the same kind, a value that stays is not looked at.
        value: what makes the new value; SQL.
        type_: the new type.
    """
    found = _misfit(value, type_)
    if found is None or (value == quoted(column.name) and affinity(column.type) == affinity(type_)):
        return None
    return _rows(database, table, (column.name,), found, f"rows have something else there than {type_}; give a cast")


def check_fits(database: Database, subject: str, value: Any, type_: str) -> None:
    """Refuse a value of Python that is none of a column's type.

    Raises:
        ValueError: it is none.
    """
    sql = literal_of(database, value)
    if (found := _misfit(sql, type_)) and rows(database, f"SELECT {found}") == [(1,)]:
        raise ValueError(f"{value!r} is no value for {subject}, which is {type_}; write SQL({sql!r}) if it is meant so")


def doubles(database: Database, table: TableNow, columns: Sequence[str], where: str = "1") -> UnfitRows | None:
    """Return the error for values that more than one row has, or None where there are none."""
    names = ", ".join(quoted(column) for column in columns)
    filled = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    grouped = f"FROM main.{quoted(table.name)} WHERE ({where}) AND {filled} GROUP BY {names} HAVING count(*) > 1"
    ((count,),) = rows(database, f"SELECT count(*) FROM (SELECT 1 {grouped})")
    if not count:
        return None
    sample = tuple(rows(database, f"SELECT {names} {grouped} LIMIT {_SHOWN}"))
    shown = ", ".join(str(values[0] if len(values) == 1 else values) for values in sample)
    problem = f"{count} values are there more than once ({shown}{', …' if count > _SHOWN else ''}); change them first"
    return UnfitRows(table.name, tuple(columns), count, sample, problem)


def orphans(
    database: Database, table: TableNow, columns: tuple[str, ...], keys: Iterable[int], parent: str
) -> UnfitRows | None:
    """Return the error for rows without a parent; foreign keys are given by their numbers in foreign_key_check."""
    wanted = set(keys)
    try:
        every = rows(database, "SELECT rowid, fkid FROM pragma_foreign_key_check(?, 'main')", table.name)
    except OperationalError as error:  # another key refers to what is not unique: no row could be written with it on
        raise ValueError(f"the foreign keys of {table.name!r} cannot be checked: {error}; mend that first") from error
    found = [rowid for rowid, number in every if number in wanted]
    if not found:
        return None
    shown = (
        f" (rowid {', '.join(map(str, found[:_SHOWN]))}{', …' if found[_SHOWN:] else ''})"
        if found[0] is not None
        else ""
    )
    problem = f"{len(found)} rows{shown} point at no row of {parent!r}; mend or delete them first"
    return UnfitRows(table.name, columns, len(found), tuple(found[:_SHOWN]), problem)


def _misfit(value: str, type_: str) -> str | None:
    """Return the condition under which SQLite cannot make a value of a type; None where the type is not known."""
    kind = affinity(type_)
    if kind not in _MISFITS or (kind == "NUMERIC" and not _NUMBERS.match(type_)):
        return None
    return _MISFITS[kind].format(value=f"({value})")


def _rows(
    database: Database, table: TableNow, columns: tuple[str, ...], condition: str, problem: str
) -> UnfitRows | None:
    source = f"FROM main.{quoted(table.name)} WHERE {condition}"
    ((count,),) = rows(database, f"SELECT count(*) {source}")
    if not count:
        return None
    key = key_of(table)
    sample = tuple(rows(database, f"SELECT {', '.join(key)} {source} LIMIT {_SHOWN}"))
    shown = ", ".join(str(values[0] if len(values) == 1 else values) for values in sample)
    more = ", …" if count > _SHOWN else ""
    names = ", ".join(table.primary_key) if table.without_rowid else table.alias or key[0]
    return UnfitRows(table.name, columns, count, sample, f"{count} {problem} ({names} {shown}{more})")
