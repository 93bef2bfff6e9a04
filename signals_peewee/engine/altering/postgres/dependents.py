"""What would go, or stand in the way, where something of a Postgres table goes?"""

from __future__ import annotations

from typing import Any

from peewee import Database

from .table import TableNow, rows

_NAMED = """
CASE WHEN v.oid IS NULL THEN pg_describe_object(d.classid, d.objid, d.objsubid)
     ELSE CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || v.oid::regclass::text END
"""
_DEPENDING = f"""
SELECT DISTINCT coalesce(v.oid, h.inhrelid)::bigint, {_NAMED} AS name
FROM pg_depend d
LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
LEFT JOIN pg_class s ON d.classid = 'pg_class'::regclass AND s.oid = d.objid AND s.relkind = 'S'
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> d.refobjid
LEFT JOIN pg_inherits h ON d.classid = 'pg_class'::regclass AND h.inhrelid = d.objid AND h.inhparent = d.refobjid
    AND d.deptype = 'n'
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %s
"""
# An index, a constraint, a default or a sequence of this column alone is a part of it.
_OF_COLUMN = f"""{_DEPENDING}
AND d.refobjsubid = %s AND s.oid IS NULL
AND (i.indexrelid IS NULL OR i.indnatts > 1 OR i.indkey[0] <> d.refobjsubid)
AND (k.oid IS NULL OR k.conrelid <> d.refobjid OR cardinality(k.conkey) > 1)
AND (a.oid IS NULL OR a.adrelid <> d.refobjid OR a.adnum <> d.refobjsubid)
ORDER BY name
"""
_OF_TABLE = f"""{_DEPENDING}
AND (v.oid IS NOT NULL OR h.inhrelid IS NOT NULL OR (k.contype = 'f' AND k.conrelid <> d.refobjid))
ORDER BY name
"""
# What is of the type that the rows of a table are: columns of other tables, functions.
_OF_ROWS = """
SELECT DISTINCT NULL::bigint, pg_describe_object(d.classid, d.objid, d.objsubid) AS name
FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype = 'n'
WHERE c.oid = %s ORDER BY name
"""

Found = list[tuple[Any, ...]]
"""For each dependent its number, where it is a view or a table, and its name."""


def dependents_of_column(database: Database, table: TableNow, column: str) -> list[str]:
    """Return, in words, what names a column besides what is on it alone: views, keys, indexes over several columns."""
    return [name for _, name in _of_column(database, table, column)]


def going_with_column(database: Database, table: TableNow, column: str) -> list[str]:
    """Return the same, and what depends on those views in turn: all that CASCADE takes along."""
    return _and_theirs(database, _of_column(database, table, column))


def going_with_table(database: Database, table: TableNow) -> list[str]:
    """Return, in words, what CASCADE takes along with a table: views, tables that inherit, foreign keys of others."""
    return _and_theirs(database, _of_table(database, table.oid))


def _of_table(database: Database, oid: int) -> Found:
    return rows(database, _OF_TABLE, oid) + rows(database, _OF_ROWS, oid)


def _of_column(database: Database, table: TableNow, column: str) -> Found:
    return rows(database, _OF_COLUMN, table.oid, table.column(column).number)


def _and_theirs(database: Database, found: Found) -> list[str]:
    every: set[str] = set()
    waiting = list(found)
    while waiting:
        view, name = waiting.pop()
        if name not in every:
            every.add(name)
            waiting += _of_table(database, view) if view else []
    return sorted(every)
