"""What is in a SQLite database?"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..bulk import as_peewee_raises
from ..sql_sqlite.canonical import canonical
from ..sql_sqlite.tokens import folded, meant
from .base import Inspector
from .shapes import Column, ForeignKey, PrimaryKey, Table, Trigger, Unique
from .sqlite_create import Created, created
from .sqlite_index import ColumnOfIndex, index_of

# sqlite_schema is called sqlite_master everywhere; tbl_name is as the statement wrote it.
_OBJECTS = """
SELECT m.type, m.name, m.tbl_name, m.sql FROM {schema}.sqlite_master AS m
WHERE m.tbl_name COLLATE NOCASE IN (SELECT value FROM json_each(?)) ORDER BY m.name
"""
_COLUMNS = """
SELECT m.name, p.name, p.type, p."notnull", p.dflt_value, p.pk, p.hidden
FROM {schema}.sqlite_master AS m, pragma_table_xinfo(m.name, {place}) AS p
WHERE m.type = 'table' AND m.name COLLATE NOCASE IN (SELECT value FROM json_each(?)) ORDER BY m.name, p.cid
"""
_INDEXES = """
SELECT m.name, l.name, l."unique", l.origin, p.cid, p.name, p."desc", p.coll
FROM {schema}.sqlite_master AS m, pragma_index_list(m.name, {place}) AS l, pragma_index_xinfo(l.name, {place}) AS p
WHERE m.type = 'table' AND m.name IN (SELECT value FROM json_each(?)) AND p."key" ORDER BY m.name, l.name, p.seqno
"""
_NAMES = """
SELECT name FROM {schema}.sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name
"""
_HIDDEN, _KINDS = 1, {2: "VIRTUAL", 3: "STORED"}


class _Column(NamedTuple):
    """A row of COLUMNS."""

    name: str
    type: str
    required: int
    default: str | None
    place_in_key: int
    hidden: int


class InspectorSqlite(Inspector):
    """Reads the pragmas, and the text of CREATE for what they do not tell. A schema is an attached database."""

    def read(self, names: Iterable[str], schema: str | None = None) -> dict[str, Table]:
        wanted = set(names)
        objects = self._by(_OBJECTS, schema, wanted, key=lambda row: folded(row.pop(2)))
        texts = {
            name: str(sql)
            for of in objects.values()
            for kind, name, sql in of
            if kind == "table" and name in wanted and sql
        }
        columns = self._by(_COLUMNS, schema, texts)
        indexes = self._by(_INDEXES, schema, texts)
        made = {
            name: _table(name, sql, columns[name], indexes[name], objects[folded(name)])
            for name, sql in sorted(texts.items())
        }
        return self._with_referred(made, schema)

    def tables(self, schema: str | None = None) -> list[str]:
        return [row[0] for row in self._rows(_NAMES, schema)]

    def canonical(self, sql: str) -> str:
        return canonical(sql)

    def spelled(self, names: Iterable[str], schema: str | None = None) -> list[str]:
        wanted = {folded(name) for name in names}
        return [name for name in self.tables(schema) if folded(name) in wanted]

    def folded(self, name: str) -> str:
        return folded(name)

    def _with_referred(self, tables: dict[str, Table], schema: str | None) -> dict[str, Table]:
        """Write out the columns that are meant where a key names the other table alone."""
        bare = {key.table for table in tables.values() for key in table.foreign_keys if not key.referred}
        if not bare:
            return tables
        columns = self._by(_COLUMNS, schema, bare, key=lambda row: folded(row.pop(0)))
        keys = {name: _primary_key([_Column(*row) for row in of]) for name, of in columns.items()}
        return {
            name: replace(table, foreign_keys=tuple(_completed(key, keys) for key in table.foreign_keys))
            for name, table in tables.items()
        }

    def _by(
        self, query: str, schema: str | None, names: Iterable[str], *, key: Any = lambda row: row.pop(0)
    ) -> Mapping[str, list[list[Any]]]:
        """Return the rows of a query without their key, by that."""
        by: dict[str, list[list[Any]]] = defaultdict(list)
        for row in map(list, self._rows(query, schema, json.dumps(list(names)))):
            by[key(row)].append(row)
        return by

    def _rows(self, query: str, schema: str | None, *parameters: Any) -> list[tuple[Any, ...]]:
        name = schema or "main"
        quoted, text = name.replace('"', '""'), name.replace("'", "''")
        with as_peewee_raises:  # SQLite may fail as late as in fetchall
            rows: list[tuple[Any, ...]] = self.database.execute_sql(
                query.format(schema=f'"{quoted}"', place=f"'{text}'"), parameters
            ).fetchall()
        return rows


def _table(name: str, sql: str, columns: Sequence[Any], indexes: Sequence[Any], objects: Sequence[Any]) -> Table:
    virtual = meant(sql)[1].says("VIRTUAL")
    said = Created(options={"VIRTUAL"}) if virtual else created(sql)
    rows = [_Column(*row) for row in columns]
    names = {folded(row.name): row.name for row in rows}
    key = _primary_key(rows)
    parts: dict[tuple[str, bool, str], list[ColumnOfIndex]] = defaultdict(list)
    for index, unique, origin, *part in indexes:
        parts[index, bool(unique), origin].append(ColumnOfIndex(*part))
    texts = {item: str(text) for kind, item, text in objects if kind == "index"}
    return Table(
        name,
        None,
        tuple(_column(row, said, key) for row in rows if row.hidden != _HIDDEN),
        primary_key=PrimaryKey(key, said.primary_key) if key else None,
        foreign_keys=_sorted(replace(k, columns=_named(k.columns, names)) for k in said.foreign_keys),
        uniques=_sorted(
            Unique(columns, said.uniques.get(tuple(folded(column) for column in columns)))
            for (_, _, origin), of in parts.items()
            for columns in [tuple(part.name or "" for part in of)]
            if origin == "u"
        ),
        checks=_sorted(said.checks),
        indexes=tuple(
            index_of(index, texts[index], unique, of, said.collations)
            for (index, unique, origin), of in parts.items()
            if origin == "c"
        ),
        triggers=tuple(Trigger(item, str(text)) for kind, item, text in objects if kind == "trigger"),
        options=frozenset(said.options),
    )


def _column(row: _Column, said: Created, key: tuple[str, ...]) -> Column:
    plain, kind = folded(row.name), _KINDS.get(row.hidden)
    collation = said.collations.get(plain, "BINARY").upper()
    counts = key == (row.name,) and row.type.upper() == "INTEGER" and "WITHOUT ROWID" not in said.options
    return Column(
        row.name,
        row.type,
        null=not (row.required or counts),
        default=None if kind else _default(row.default),
        generated=f"({said.generated.get(plain, '')}) {kind}" if kind else None,
        collation=None if collation == "BINARY" else collation,
    )


def _default(text: str | None) -> str | None:
    """Return what may follow the word DEFAULT: the pragma leaves out the parentheses around an expression."""
    if text is None or len(of := meant(text)) == 1 or (len(of) == 2 and of[1].kind == "number"):
        return text
    return f"({text})"


def _primary_key(rows: Sequence[_Column]) -> tuple[str, ...]:
    return tuple(row.name for row in sorted(rows, key=lambda row: row.place_in_key) if row.place_in_key)


def _named(columns: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(folded(column), column) for column in columns)


def _completed(key: ForeignKey, keys: Mapping[str, tuple[str, ...]]) -> ForeignKey:
    return key if key.referred else replace(key, referred=keys.get(folded(key.table), ()))


def _sorted(items: Iterable[Any]) -> tuple[Any, ...]:
    """By name, and those without one by what they say."""
    return tuple(sorted(items, key=lambda item: (item.name is None, item.name or "", str(item))))
