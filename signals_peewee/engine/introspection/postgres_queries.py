"""Which questions does Postgres's catalog answer? Each of them for any number of tables."""

from __future__ import annotations

FOUND = """
SELECT c.oid, c.relname::text, n.nspname::text, c.relpersistence::text, c.relispartition,
       c.relrowsecurity, coalesce(c.reloptions, '{}'), obj_description(c.oid, 'pg_class'),
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
"""
UNQUALIFIED = " AND c.oid = ANY (SELECT to_regclass(quote_ident(name)) FROM unnest(%s::text[]) AS wanted (name))"
QUALIFIED = " AND c.relname = ANY (%s::text[]) AND n.nspname = %s"

NAMES = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = coalesce(%s, current_schema()) ORDER BY 1
"""

# A serial column owns its sequence: an automatic dependency of the sequence on the column.
COLUMNS = """
SELECT a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text, a.attidentity::text,
       CASE WHEN a.attcollation <> t.typcollation THEN l.collname::text END,
       col_description(a.attrelid, a.attnum),
       (SELECT s.relname::text FROM pg_depend p JOIN pg_class s ON s.oid = p.objid AND s.relkind = 'S'
        WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
          AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'a'
          AND EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                      AND u.refclassid = 'pg_class'::regclass AND u.refobjid = s.oid) LIMIT 1),
       NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conrelid = a.attrelid AND o.contype = 'n'
                   AND o.conkey = ARRAY[a.attnum] AND NOT o.convalidated)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""

# A key to a partitioned table has a row for each partition beside its own, and those are nobody's concern.
CONSTRAINTS = """
SELECT o.conrelid, o.contype::text, o.conname::text,
       ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY AS k (num, place)
             JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.num ORDER BY k.place),
       o.convalidated,
       CASE WHEN o.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' WHEN o.condeferrable THEN 'DEFERRABLE' END,
       pg_get_expr(o.conbin, o.conrelid), pg_get_constraintdef(o.oid),
       coalesce((SELECT NOT i.indnullsnotdistinct FROM pg_index i WHERE i.indexrelid = o.conindid), true),
       r.relname::text, CASE WHEN r.relnamespace <> c.relnamespace THEN n.nspname::text END,
       ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY AS k (num, place)
             JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.num ORDER BY k.place),
       o.confdeltype::text, o.confupdtype::text
FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
LEFT JOIN pg_class r ON r.oid = o.confrelid LEFT JOIN pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_constraint above ON above.oid = o.conparentid
WHERE o.conrelid = ANY (%s::oid[]) AND o.contype IN ('p', 'u', 'c', 'f', 'x')
  AND (above.oid IS NULL OR above.conrelid <> o.conrelid)
ORDER BY o.conrelid, o.conname
"""

INDEXES = """
SELECT i.indrelid, i.indexrelid, x.relname::text, i.indisunique, i.indnullsnotdistinct, i.indisvalid, m.amname::text,
       pg_get_expr(i.indpred, i.indrelid)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
WHERE i.indrelid = ANY (%s::oid[])
  AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, x.relname
"""

# Of an expression only a collation that is not the database's own is told: the catalog does not keep its former one.
PARTS = """
SELECT i.indexrelid, k.place > i.indnkeyatts, k.num = 0,
       CASE WHEN k.num = 0 THEN pg_get_indexdef(i.indexrelid, k.place::int, false) ELSE a.attname::text END,
       CASE WHEN pg_indexam_has_property(x.relam, 'can_order') THEN i.indoption[k.place - 1] END,
       CASE WHEN k.num = 0 AND l.collname <> 'default' OR i.indcollation[k.place - 1] <> a.attcollation
            THEN l.collname::text END,
       CASE WHEN NOT o.opcdefault THEN o.opcname::text END
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (num, place)
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num AND k.num <> 0
LEFT JOIN pg_collation l ON k.place <= i.indnkeyatts AND l.oid = i.indcollation[k.place - 1]
LEFT JOIN pg_opclass o ON k.place <= i.indnkeyatts AND o.oid = i.indclass[k.place - 1]
WHERE i.indexrelid = ANY (%s::oid[]) ORDER BY i.indexrelid, k.place
"""

TRIGGERS = """
SELECT g.tgrelid, g.tgname::text, pg_get_triggerdef(g.oid) FROM pg_trigger g
WHERE g.tgrelid = ANY (%s::oid[]) AND NOT g.tgisinternal ORDER BY g.tgrelid, g.tgname
"""
