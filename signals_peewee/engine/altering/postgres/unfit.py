"""Which rows of a Postgres table do not fit a change of it? Looked for once Postgres has refused the change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Database

from ....errors import UnfitRows
from .table import TableNow, listed, quoted, rows

_SHOWN = 5


def null_rows(database: Database, table: TableNow, column: str) -> UnfitRows | None:
    """Return the error for rows that have NULL in a column, or None where there are none."""
    problem = "rows have NULL there; fill them first, with backfill() or an UPDATE"
    return _rows(database, table, (column,), f"{quoted(column)} IS NULL", problem)


def rows_against(database: Database, table: TableNow, check: str, name: str) -> UnfitRows | None:
    """Return the error for rows that a CHECK refuses; `check` is its SQL."""
    return _rows(database, table, (), f"NOT ({check})", f"rows do not satisfy {name}; change them first")


def doubles(database: Database, table: TableNow, parts: Sequence[str], where: str | None = None) -> UnfitRows | None:
    """Return the error for values that more than one row has, or None where there are none.

    Args:
        database: where the table is.
        table: the table.
        parts: the SQL of what is to be unique, a part each.
        where: SQL that says for which rows.
    """
    some = " AND ".join((*(f"({part}) IS NOT NULL" for part in parts), *((f"({where})",) if where else ())))
    grouped = f"FROM {table.sql} WHERE {some} GROUP BY {', '.join(parts)} HAVING count(*) > 1"
    ((count,),) = rows(database, f"SELECT count(*) FROM (SELECT {grouped}) doubles")
    if not count:
        return None
    sample = tuple(rows(database, f"SELECT {', '.join(parts)} {grouped} LIMIT {_SHOWN}"))
    problem = f"{count} values are there more than once ({_told(sample, count)}); change them first"
    columns = tuple(column.name for column in table.columns if quoted(column.name) in parts)
    return UnfitRows(table.name, columns, count, sample, problem)


def orphans(
    database: Database, table: TableNow, columns: Sequence[str], parent: TableNow, referred: Sequence[str]
) -> UnfitRows | None:
    """Return the error for rows that refer to no row of a parent."""
    same = " AND ".join(
        f"parent.{quoted(there)} = {table.sql}.{quoted(here)}" for here, there in zip(columns, referred, strict=True)
    )
    filled = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    lost = f"{filled} AND NOT EXISTS (SELECT FROM {parent.sql} AS parent WHERE {same})"
    problem = f"rows point at no row of {parent.name!r}; mend or delete them first"
    return _rows(database, table, tuple(columns), lost, problem, shown=(*key_of(table), *columns))


def key_of(table: TableNow) -> tuple[str, ...]:
    """Return the columns by which a row is found."""
    return table.primary_key or ("ctid",)


def _rows(
    database: Database,
    table: TableNow,
    columns: tuple[str, ...],
    condition: str,
    problem: str,
    *,
    shown: tuple[str, ...] = (),
) -> UnfitRows | None:
    source = f"FROM {table.sql} WHERE {condition}"
    ((count,),) = rows(database, f"SELECT count(*) {source}")
    if not count:
        return None
    names = shown or key_of(table)
    sample = tuple(rows(database, f"SELECT {listed(names)} {source} LIMIT {_SHOWN}"))
    return UnfitRows(
        table.name, columns, count, sample, f"{count} {problem} ({', '.join(names)}: {_told(sample, count)})"
    )


def _told(sample: tuple[tuple[Any, ...], ...], count: int) -> str:
    told = ", ".join(str(values[0] if len(values) == 1 else values) for values in sample)
    return f"{told}, …" if count > _SHOWN else told
