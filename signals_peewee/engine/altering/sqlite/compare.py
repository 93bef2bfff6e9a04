"""Is everything that was not to change as it was before? Asked of SQLite: rows, columns, keys, every other object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from peewee import Database

from ....errors import TableDiffers
from ...sql_sqlite.tokens import quoted
from .table import ColumnNow, TableNow, affinity, rowid_of, rows


@dataclass(frozen=True)
class Objects:
    """What sqlite_schema holds: (type, name) to (table, SQL), in the order in which it was made."""

    rows: dict[tuple[str, str], tuple[str, str | None]]

    def changed(self, table: str, sql: str, without: Iterable[str]) -> Objects:
        """Return it with another statement for a table, and without some indexes."""
        gone = set(without)
        found = {key: value for key, value in self.rows.items() if not (key[0] == "index" and key[1] in gone)}
        return Objects({**found, ("table", table): (table, sql)})


def objects(database: Database) -> Objects:
    """Return what sqlite_schema holds, without the indexes that constraints make."""
    found = rows(database, "SELECT type, name, tbl_name, sql FROM main.sqlite_master ORDER BY rowid")
    return Objects({(kind, name): (table, sql) for kind, name, table, sql in found if sql or kind != "index"})


def same_objects(expected: Objects, found: Objects) -> None:
    """Compare what is there with what was to be there.

    Raises:
        TableDiffers: something differs.
    """
    if expected.rows != found.rows:
        differing = sorted(
            f"{kind} {name}"
            for kind, name in expected.rows.keys() | found.rows.keys()
            if expected.rows.get((kind, name)) != found.rows.get((kind, name))
        )
        raise TableDiffers(", ".join(differing), "what was not to change is not as it was before")


def compare_tables(old: TableNow, new: TableNow, columns: frozenset[str]) -> None:
    """Compare what PRAGMAs told of a table with what they tell of it now.

    Args:
        old, new: the table before and after.
        columns: those that may differ, with the keys and UNIQUE constraints that they are in.

    Raises:
        TableDiffers: something else differs.
    """
    before, after = _told(old, columns), _told(new, columns)
    for what, was in before.items():
        if was != after[what]:
            raise TableDiffers(old.name, f"{what} were {was} and are now {after[what]}")


def _told(table: TableNow, without: frozenset[str]) -> dict[str, Any]:
    return {
        "its columns": [column for column in table.columns if column.name not in without],
        "its foreign keys": [key for key in table.keys.values() if without.isdisjoint(key.columns)],
        "its UNIQUE constraints": Counter(
            {said: times for said, times in table.uniques.items() if without.isdisjoint(part[0] for part in said[1:])}
        ),
        "its rowids": (table.alias, table.without_rowid),
        "its options": (table.strict, table.autoincrement),
    }


def compare_rows(database: Database, old: TableNow, new: TableNow, changed: frozenset[str]) -> None:
    """Compare every row of two tables, in every column that was not to change.

    Raises:
        TableDiffers: a row is missing, or differs.
    """
    columns = [
        column
        for column in old.columns
        if column.name not in changed and new.find(column.name) and not column.generated
    ]
    alike = " AND ".join(part for column in columns for part in _alike(column)) or "1"
    source, target, key = _joined(old, new)
    found = rows(
        database,
        f"SELECT (SELECT count(*) FROM main.{quoted(old.name)}), (SELECT count(*) FROM main.{quoted(new.name)}), "
        f"count(*), coalesce(sum({alike}), 0) FROM {source} AS o CROSS JOIN {target} AS n ON {key}",
    )
    before, after, joined, equal = found[0]
    if not before == after == joined == equal:
        raise TableDiffers(
            old.name,
            f"of {before} rows {after} were copied, and {equal} are as before in {', '.join(c.name for c in columns)}",
        )


def _alike(column: ColumnNow) -> list[str]:
    """As bytes, not as the column's collation sees them; only without an affinity there can be both 1 and 1.0."""
    name = quoted(column.name)
    parts = [f"o.{name} COLLATE BINARY IS n.{name}"]
    if affinity(column.type) in ("ANY", "BLOB"):
        parts.append(f"typeof(o.{name}) = typeof(n.{name})")
    return parts


def _joined(old: TableNow, new: TableNow) -> tuple[str, str, str]:
    """Return what to join, and on what."""
    tables = (f"main.{quoted(old.name)}", f"main.{quoted(new.name)}")
    if old.without_rowid:
        return (*tables, " AND ".join(f"o.{quoted(c)} = n.{quoted(c)}" for c in old.primary_key))
    if name := quoted(old.alias) if old.alias is not None else rowid_of(old, new):
        return (*tables, f"o.{name} = n.{name}")
    # Nobody can ask for these rowids, but the order of the rows is theirs.
    numbered = [f"(SELECT row_number() OVER () AS signals_nth, * FROM {name} NOT INDEXED)" for name in tables]
    return numbered[0], numbered[1], "o.signals_nth = n.signals_nth"
