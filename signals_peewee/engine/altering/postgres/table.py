"""What is a Postgres table, seen by those who are to change it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Database

# The row of a system column is written with the table and never again, whatever becomes of the table.
_TABLE = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
       pg_current_xact_id_if_assigned() IS NOT NULL AND age(a.xmin) <= 0
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tableoid'
WHERE c.relkind IN ('r', 'p', 'f') AND
"""
_UNQUALIFIED = "c.oid = to_regclass(quote_ident(%s))"
_QUALIFIED = "c.relname = %s AND n.nspname = %s"
_COLUMNS = """
SELECT a.attname::text, a.attnum, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, -1), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '',
       t.typtype IN ('b', 'e', 'r') AND t.typcategory <> 'A' AND t.typdelim = ','
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY = """
SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (num, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
WHERE i.indrelid = %s AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place
"""
_HEIRS = """
WITH RECURSIVE heirs (oid) AS (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = %s
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.oid)
SELECT c.relname::text, n.nspname::text FROM heirs h JOIN pg_class c ON c.oid = h.oid
JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY h.oid
"""


@dataclass(frozen=True)
class ColumnNow:
    """A column.

    Attributes:
        plain: its type without length or precision, to which a cast loses nothing.
        unnests: an array of such values comes apart into them again: not where they are arrays, or composites, whose
            parts would come out, or domains, which may be either.
    """

    name: str
    number: int
    type: str
    plain: str
    not_null: bool
    default: str | None
    generated: bool
    unnests: bool


@dataclass(frozen=True)
class TableNow:
    """A table.

    Attributes:
        oid: its number in the catalog.
        schema, name: where it was found, and as what.
        partitioned: its rows are in other tables.
        new: it was made in the transaction that is open now, so that nobody else knows of it.
        columns: in their order.
        primary_key: the columns of its key; none where it has no key.
    """

    oid: int
    schema: str
    name: str
    partitioned: bool
    new: bool
    columns: tuple[ColumnNow, ...]
    primary_key: tuple[str, ...]

    @property
    def sql(self) -> str:
        """Its name as SQL writes it, with its schema."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def find(self, name: str) -> ColumnNow | None:
        """Return the column of exactly this name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def column(self, name: str) -> ColumnNow:
        """Return the column of exactly this name.

        Raises:
            ValueError: there is none.
        """
        found = self.find(name)
        if found is None:
            there = ", ".join(column.name for column in self.columns)
            raise ValueError(f"table {self.name!r} has no column {name!r}; it has {there}")
        return found


def table_now(database: Database, name: str, schema: str | None) -> TableNow:
    """Return the table of exactly this name, in a schema or where the search path leads.

    Raises:
        ValueError: there is none that can be changed.
    """
    found = find_table(database, name, schema)
    if found is None:
        raise ValueError(f"there is no table {name!r}{f' in schema {schema!r}' if schema else ''}")
    return found


def find_table(database: Database, name: str, schema: str | None) -> TableNow | None:
    """Return the same, or None."""
    if schema is None:
        found = rows(database, _TABLE + _UNQUALIFIED, name)
    else:
        found = rows(database, _TABLE + _QUALIFIED, name, schema)
    if not found:
        return None
    ((oid, schema, name, kind, new),) = found
    columns = tuple(ColumnNow(*row) for row in rows(database, _COLUMNS, oid))
    key = tuple(column for (column,) in rows(database, _KEY, oid))
    return TableNow(oid, str(schema), name, kind == "p", new, columns, key)


def heirs_of(database: Database, table: TableNow) -> list[TableNow]:
    """Return the tables that inherit from a table, and those that inherit from them; partitions do so as well."""
    return [table_now(database, name, schema) for name, schema in rows(database, _HEIRS, table.oid)]


def rows(database: Database, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return all the rows of a query."""
    found: list[tuple[Any, ...]] = database.execute_sql(sql, parameters).fetchall()
    return found


def quoted(name: str) -> str:
    """Return a name as SQL writes it, and as a driver reads it, to which a percent sign is the start of a parameter."""
    return '"' + escaped(name).replace('"', '""') + '"'


def escaped(name: str) -> str:
    """Return a name as a driver reads it, where Peewee quotes it."""
    return name.replace("%", "%%")


def listed(names: Sequence[str]) -> str:
    """Return names as SQL lists them."""
    return ", ".join(map(quoted, names))
