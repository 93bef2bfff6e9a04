"""What is a table of SQLite now, as far as a change of it has to know? Asked of SQLite itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peewee import Database

from ...sql_sqlite.definition import Definition
from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import folded, quoted, same, tokens

_COLUMNS = "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid"
_KEYS = """
SELECT id, "table", "from", "to", on_update, on_delete, "match" FROM pragma_foreign_key_list(?, 'main') ORDER BY id, seq
"""
_HIDING = "SELECT type FROM sqlite_temp_master WHERE type IN ('table', 'view') AND lower(name) = ?"
_UNIQUES = "SELECT name, origin FROM pragma_index_list(?, 'main') WHERE origin <> 'c'"
_UNIQUE_PARTS = "SELECT name, \"desc\", coll FROM pragma_index_xinfo(?, 'main') WHERE key ORDER BY seqno"


_AFFINITIES = (
    ("INTEGER", ("INT",)),
    ("TEXT", ("CHAR", "CLOB", "TEXT")),
    ("BLOB", ("BLOB",)),
    ("REAL", ("REAL", "FLOA", "DOUB")),
)


@dataclass(frozen=True)
class ColumnNow:
    """A column, as PRAGMA table_xinfo tells it; `generated` ones cannot be written."""

    name: str
    type: str
    not_null: bool
    default: str | None
    key: int
    generated: bool


@dataclass(frozen=True)
class KeyNow:
    """A foreign key; `referred` has None for the primary key of the other table."""

    table: str
    columns: tuple[str, ...]
    referred: tuple[str | None, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True)
class TableNow:
    """A table.

    Attributes:
        name: its name.
        read: its CREATE TABLE statement.
        columns: its columns.
        keys: its foreign keys, by the number that PRAGMA foreign_key_check gives them.
        uniques: what its automatic indexes are on.
        alias: the column that is the rowid (INTEGER PRIMARY KEY), or None.
    """

    name: str
    read: Definition
    columns: tuple[ColumnNow, ...]
    keys: dict[int, KeyNow]
    uniques: Counter[tuple[Any, ...]]
    alias: str | None

    @property
    def primary_key(self) -> list[str]:
        found = sorted((column for column in self.columns if column.key), key=lambda column: column.key)
        return [column.name for column in found]

    @property
    def without_rowid(self) -> bool:
        return any(token.says("WITHOUT") for token in tokens(self.read.sql[self.read.closing.end :]))

    @property
    def strict(self) -> bool:
        return any(token.says("STRICT") for token in tokens(self.read.sql[self.read.closing.end :]))

    @property
    def autoincrement(self) -> bool:
        return any(
            token.says("AUTOINCREMENT")
            for constraint in self.read.constraints
            if constraint.kind == "primary key"
            for token in constraint.tokens
        )

    def find(self, column: str) -> ColumnNow | None:
        """Return the column that SQLite finds under this name, whatever its case."""
        return next((found for found in self.columns if same(found.name, column)), None)

    def column(self, name: str) -> ColumnNow:
        """Return the column of exactly this name.

        Raises:
            ValueError: there is none.
        """
        found = self.find(name)
        if found is None:
            raise ValueError(f"table {self.name!r} has no column {name!r}; it has {', '.join(self._names())}")
        if found.name != name:
            raise ValueError(f"table {self.name!r} has no column {name!r}, but {found.name!r}: write it so")
        return found

    def _names(self) -> list[str]:
        return [column.name for column in self.columns]


def rows(database: Database, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return all the rows of a query: a cursor that is not read to its end locks the tables it reads."""
    found: list[tuple[Any, ...]] = database.execute_sql(sql, parameters).fetchall()
    return found


def table_now(database: Database, name: str) -> TableNow:
    """Return the table of exactly this name.

    Raises:
        ValueError: there is none, or it is one that cannot be changed: a view, a virtual table, one of SQLite's own.
    """
    read = _definition(name, _sql(database, name))
    columns = tuple(
        ColumnNow(column, type_, bool(not_null), default, key, hidden in (2, 3))
        for column, type_, not_null, default, key, hidden in rows(database, _COLUMNS, name)
    )
    if [column.name for column in columns] != [column.name for column in read.columns]:
        raise ValueError(f"table {name!r}: its CREATE TABLE statement was not understood: {read.sql}")
    alias = _alias(database, name, columns, read)
    return TableNow(name, read, columns, _keys(database, name), _uniques(database, name), alias)


def affinity(type_: str) -> str:
    """Return what SQLite makes of values in a column of a type (https://sqlite.org/datatype3.html, 3.1), or ANY."""
    type_ = type_.upper()
    if type_ in ("", "ANY"):
        return "ANY"
    return next((kind for kind, words in _AFFINITIES if any(word in type_ for word in words)), "NUMERIC")


def rowid_of(*tables: TableNow) -> str | None:
    """Return the name by which the rowids of all these can be asked for; None where there are none, or no such name."""
    taken = {folded(column.name) for table in tables for column in table.columns}
    if any(table.without_rowid for table in tables):
        return None
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)


def key_of(table: TableNow) -> list[str]:
    """Return the SQL of what tells the rows of a table apart: its rowid, or the columns of its primary key."""
    if table.without_rowid:
        return [quoted(column) for column in table.primary_key]
    if name := quoted(table.alias) if table.alias is not None else rowid_of(table):
        return [name]
    raise ValueError(f"nothing tells the rows of {table.name!r} apart: rowid, _rowid_ and oid are columns of it")


def _uniques(database: Database, table: str) -> Counter[tuple[Any, ...]]:
    return Counter((origin, *rows(database, _UNIQUE_PARTS, name)) for name, origin in rows(database, _UNIQUES, table))


@contextmanager
def names_followed(database: Database, follow: bool = True) -> Iterator[None]:
    """Let ALTER TABLE change a name wherever it stands, or leave views, triggers and the keys of other tables alone."""
    ((before,),) = rows(database, "PRAGMA legacy_alter_table")
    rows(database, f"PRAGMA legacy_alter_table = {int(not follow)}")
    try:
        yield
    finally:
        rows(database, f"PRAGMA legacy_alter_table = {before}")


def _sql(database: Database, name: str) -> str:
    found = rows(
        database,
        "SELECT type, name, sql FROM main.sqlite_master WHERE type IN ('table', 'view') AND lower(name) = ?",
        folded(name),
    )
    if hiding := rows(database, _HIDING, folded(name)):
        raise ValueError(f"a temporary {hiding[0][0]} is called {name!r} too, and hides the table: drop it first")
    if not found:
        raise ValueError(f"there is no table {name!r}{_left_behind(database, name)}")
    kind, there, sql = found[0]
    if there != name:
        raise ValueError(f"there is no table {name!r}, but {there!r}: write it so")
    if kind == "view":
        raise ValueError(f"{name!r} is a view, and only tables can be changed")
    if folded(name).startswith("sqlite_") or sql is None:
        raise ValueError(f"table {name!r} belongs to SQLite itself")
    return str(sql)


def _left_behind(database: Database, name: str) -> str:
    """Peewee's rebuild works on a table of another name, which is all that is left if it ends half way."""
    left = f"{name}__tmp__"
    if not rows(database, "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND lower(name) = ?", folded(left)):
        return ""
    return (
        f"; {left!r}, which a rebuild of playhouse's left, may hold its rows: look into it, and if so "
        f"ALTER TABLE {left} RENAME TO {name}"
    )


def _definition(name: str, sql: str) -> Definition:
    if sql[:20].upper().startswith("CREATE VIRTUAL"):
        raise ValueError(f"table {name!r} is a virtual table, which SQLite cannot change: create another one")
    try:
        return definition(sql)
    except ValueError as error:
        raise ValueError(f"table {name!r}: {error}: {sql}") from error


def _keys(database: Database, name: str) -> dict[int, KeyNow]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for number, *row in rows(database, _KEYS, name):
        found.setdefault(number, []).append(tuple(row))
    return {
        number: KeyNow(parts[0][0], tuple(p[1] for p in parts), tuple(p[2] for p in parts), parts[0][3:])
        for number, parts in found.items()
    }


def _alias(database: Database, name: str, columns: tuple[ColumnNow, ...], read: Definition) -> str | None:
    if any(token.says("WITHOUT") for token in tokens(read.sql[read.closing.end :])):
        return None
    key = [column.name for column in columns if column.key]
    indexed = any(origin == "pk" for _, origin in rows(database, _UNIQUES, name))
    return key[0] if len(key) == 1 and not indexed else None
