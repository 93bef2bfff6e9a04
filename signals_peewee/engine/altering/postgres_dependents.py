"""What would go, or stand in the way, where something of a Postgres table goes?"""

from __future__ import annotations

from peewee import Database

from .postgres_table import TableNow, rows

_NAMED = """
CASE WHEN v.oid IS NULL THEN pg_describe_object(d.classid, d.objid, d.objsubid)
     ELSE CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || v.oid::regclass::text END
"""
_DEPENDING = f"""
SELECT DISTINCT {_NAMED}
FROM pg_depend d
LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
LEFT JOIN pg_class s ON d.classid = 'pg_class'::regclass AND s.oid = d.objid AND s.relkind = 'S'
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> d.refobjid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %s
"""
# An index, a constraint, a default or a sequence of this column alone is a part of it.
_OF_COLUMN = f"""{_DEPENDING}
AND d.refobjsubid = %s AND s.oid IS NULL
AND (i.indexrelid IS NULL OR i.indnatts > 1 OR i.indkey[0] <> d.refobjsubid)
AND (k.oid IS NULL OR k.conrelid <> d.refobjid OR cardinality(k.conkey) > 1)
AND (a.oid IS NULL OR a.adrelid <> d.refobjid OR a.adnum <> d.refobjsubid)
ORDER BY 1
"""
_OF_TABLE = f"""{_DEPENDING}
AND (v.oid IS NOT NULL OR (k.contype = 'f' AND k.conrelid <> d.refobjid))
ORDER BY 1
"""


def dependents_of_column(database: Database, table: TableNow, column: str) -> list[str]:
    """Return, in words, what names a column besides what is on it alone: views, keys, indexes over several columns."""
    return [name for (name,) in rows(database, _OF_COLUMN, table.oid, table.column(column).number)]


def dependents_of_table(database: Database, table: TableNow) -> list[str]:
    """Return, in words, what names a table: views of it, and foreign keys of other tables."""
    return [name for (name,) in rows(database, _OF_TABLE, table.oid)]
