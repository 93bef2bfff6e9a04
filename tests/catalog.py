"""What does a database say of itself? Read from its own catalog, not through Peewee or the library."""

from __future__ import annotations

import re
from typing import Any

from peewee import Database, SqliteDatabase

Catalog = dict[str, dict[str, list[str]]]
HISTORY = "migration_history"


def catalog(database: Database, schema: str | None = None) -> Catalog:
    """Return for each table its columns, keys, checks and indexes as lines of text.

    The history is left out, and so are tables with a space in the name, which the tests give to a host.
    """
    read = _Sqlite(database) if isinstance(database, SqliteDatabase) else _Postgres(database, schema or "public")
    return {table: read.table(table) for table in read.tables() if table != HISTORY and " " not in table}


def objects(database: Database, schema: str = "public") -> set[str]:
    """Return the name of everything that stands in the database: tables, indexes, views, triggers, sequences."""
    if isinstance(database, SqliteDatabase):
        rows = database.execute_sql("SELECT name FROM sqlite_master")
    else:
        rows = database.execute_sql(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s"
            " AND c.relkind <> 't'"
            " AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indexrelid = c.oid AND i.indisprimary)",
            (schema,),
        )
    return {name for (name,) in rows if not name.startswith(("sqlite_", HISTORY))}


class _Sqlite:
    def __init__(self, database: Database) -> None:
        self.run = lambda sql: list(database.execute_sql(sql))

    def tables(self) -> list[str]:
        return [name for (name,) in self.run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]

    def table(self, name: str) -> dict[str, list[str]]:
        ((sql,),) = self.run(f"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '{name}'")
        keys = re.findall(
            r'CONSTRAINT "(\w+)" FOREIGN KEY \("(\w+)"\) REFERENCES "([^"]+)" \("([^"]+)"\) ON DELETE (\w+(?: NULL)?)',
            sql,
        )
        rules = {row[3]: (row[2], row[4], row[6]) for row in self.run(f"PRAGMA foreign_key_list({name})")}
        assert {key[1]: key[2:] for key in keys} == rules
        return {
            "columns": [
                f"{column} {kind}{' not null' if notnull else ''}{f' default {default}' if default else ''}"
                for _, column, kind, notnull, default, _, _ in self.run(f"PRAGMA table_xinfo({name})")
            ],
            "keys": sorted(f"{key}: {column} -> {table}.{to} {rule.lower()}" for key, column, table, to, rule in keys),
            "checks": sorted(
                f"{check}: {text}" for check, text in re.findall(r'CONSTRAINT "(\w+)" CHECK \(([^)]*)\)', sql)
            ),
            "indexes": [
                re.sub(r'CREATE (UNIQUE )?INDEX "(\w+)" ON "\w+" ', lambda m: f"{m[2]}: {(m[1] or '').lower()}", text)
                for (text,) in self.run(
                    f"SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{name}' AND sql IS NOT NULL"
                    " ORDER BY name"
                )
            ],
        }


class _Postgres:
    def __init__(self, database: Database, schema: str) -> None:
        self.schema = schema
        self.run = lambda sql, *given: list(database.execute_sql(sql, (schema, *given)))

    def tables(self) -> list[str]:
        rows = self.run("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename")
        return [name for (name,) in rows]

    def table(self, name: str) -> dict[str, list[str]]:
        columns = self.run(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
            " WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            name,
        )
        return {
            "columns": [
                f"{column} {kind}{' not null' if notnull else ''}{f' default {default}' if default else ''}"
                for column, kind, notnull, default in columns
            ],
            "keys": sorted(self._key(*row) for row in self._constraints(name, "f")),
            "checks": sorted(f"{check}: {text}" for check, text in self._constraints(name, "c")),
            "indexes": [
                re.sub(
                    r"CREATE (UNIQUE )?INDEX (\w+) ON .+? USING btree ",
                    lambda m: f"{m[2]}: {(m[1] or '').lower()}",
                    text,
                )
                for (text,) in self.run(
                    "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
                    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class x ON x.oid = i.indexrelid"
                    " WHERE n.nspname = %s AND c.relname = %s AND NOT i.indisprimary AND i.indisvalid"
                    " ORDER BY x.relname",
                    name,
                )
            ],
        }

    def _constraints(self, table: str, kind: str) -> list[tuple[str, str]]:
        return self.run(
            "SELECT conname, pg_get_constraintdef(o.oid) FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s AND contype = %s",
            table,
            kind,
        )

    def _key(self, name: str, text: str) -> str:
        found: Any = re.fullmatch(r"FOREIGN KEY \((\S+)\) REFERENCES (.+)\((.+)\) ON DELETE (\w+(?: NULL)?)", text)
        column, table, to, rule = found.groups()
        return f"{name}: {column} -> {table.removeprefix(self.schema + '.')}.{to} {rule.lower()}"
