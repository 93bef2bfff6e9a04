"""How does a table of SQLite get another definition without a loss? It is built anew beside the old one, and compared.

These are the steps that https://sqlite.org/lang_altertable.html#otheralter gives. Whoever calls has switched foreign
keys off before the transaction began; inside one SQLite ignores that, and dropping the old table would delete its
children by cascade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import folded, quoted
from .compare import Objects, compare_rows, compare_tables, objects, same_objects
from .table import TableNow, key_of, names_followed, rowid_of, rows, table_now

SUFFIX = "__rebuilt__"
_STATISTICS = ("sqlite_stat1", "sqlite_stat4")


@dataclass(frozen=True)
class Rebuilding:
    """What a rebuild is to change.

    Attributes:
        sql: the CREATE TABLE statement that the table is to have.
        values: for columns whose rows do not keep what they have, SQL over the old table; a column that is new
            and not here gets its default.
        columns: those whose definition may differ afterwards, with the keys and UNIQUE constraints that they are in.
        without: indexes that are not to be there any more.
    """

    sql: str
    values: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


def rebuild(database: Database, table: TableNow, change: Rebuilding) -> None:
    """Build a table anew, inside the caller's transaction.

    Raises:
        ValueError: something is in the way; nothing was changed.
        TableDiffers: what was not to change did; the caller rolls back.
    """
    new = table.name + SUFFIX
    before = objects(database)
    _refuse_what_is_in_the_way(database, before, table.name, new)
    kept = _Kept.of(database, before, table)
    with names_followed(database, follow=False):
        database.execute_sql(definition(change.sql).renamed(new))
        _copy(database, table, table_now(database, new), change)
        compare_rows(database, table, table_now(database, new), frozenset(change.values))
        database.execute_sql(f"DROP TABLE main.{quoted(table.name)}")
        database.execute_sql(f"ALTER TABLE main.{quoted(new)} RENAME TO {quoted(table.name)}")
        kept.put_back(database, change.without)
    same_objects(
        before.changed(table.name, definition(change.sql).renamed(table.name), change.without), objects(database)
    )
    compare_tables(table, table_now(database, table.name), change.columns)


def _refuse_what_is_in_the_way(database: Database, before: Objects, name: str, new: str) -> None:
    if folded(new) in {folded(other) for _, other in before.rows}:
        raise ValueError(
            f"{name!r} is rebuilt as {new!r}, but there is something of that name: look into it and drop it"
        )
    ((enforced,),) = rows(database, "PRAGMA foreign_keys")
    if enforced:
        raise ValueError(
            f"{name!r} has to be rebuilt, and foreign keys are on: dropping the old table would delete the rows that "
            "refer to it; a step that sets foreign_keys = True cannot do that"
        )


def _copy(database: Database, old: TableNow, new: TableNow, change: Rebuilding) -> None:
    sources = {
        column.name: change.values.get(column.name) or (quoted(column.name) if old.find(column.name) else None)
        for column in new.columns
        if not column.generated
    }
    copied = {quoted(name): sql for name, sql in sources.items() if sql is not None}
    if old.alias is None and (rowid := rowid_of(old, new)):
        copied[rowid] = rowid
    # OR ABORT: a constraint may say ON CONFLICT IGNORE. In the order of the table, whatever index covers it:
    # NOT INDEXED says so where there are rowids, and nothing where there are none.
    ordered = f"ORDER BY {', '.join(key_of(old))}" if old.without_rowid else "NOT INDEXED"
    database.execute_sql(
        f"INSERT OR ABORT INTO main.{quoted(new.name)} ({', '.join(copied)}) "
        f"SELECT {', '.join(copied.values())} FROM main.{quoted(old.name)} {ordered}"
    )


@dataclass(frozen=True)
class _Kept:
    """What goes with a dropped table: its indexes, triggers, statistics, and the counter of AUTOINCREMENT."""

    table: TableNow
    indexes: list[tuple[str, str]]
    triggers: list[str]
    sequence: list[tuple[Any, ...]]
    statistics: dict[str, list[tuple[Any, ...]]]

    @classmethod
    def of(cls, database: Database, before: Objects, table: TableNow) -> _Kept:
        mine = [(kind, name, sql) for (kind, name), (owner, sql) in before.rows.items() if owner == table.name and sql]
        temporary = rows(
            database, "SELECT sql FROM sqlite_temp_master WHERE type = 'trigger' AND tbl_name = ?", table.name
        )
        there = {name for _, name in before.rows}
        sequences = "SELECT seq FROM main.sqlite_sequence WHERE name = ?"
        return cls(
            table,
            [(name, sql) for kind, name, sql in mine if kind == "index"],
            [sql for kind, _, sql in mine if kind == "trigger"]
            + [sql.replace("CREATE TRIGGER", "CREATE TEMP TRIGGER", 1) for (sql,) in temporary],
            rows(database, sequences, table.name) if table.autoincrement else [],
            {
                name: rows(database, f"SELECT * FROM main.{name} WHERE tbl = ?", table.name)
                for name in _STATISTICS
                if name in there
            },
        )

    def put_back(self, database: Database, without: frozenset[str]) -> None:
        for name, sql in self.indexes:
            if name not in without:
                database.execute_sql(sql)
        for sql in self.triggers:
            database.execute_sql(sql)
        if self.table.autoincrement:
            database.execute_sql("DELETE FROM main.sqlite_sequence WHERE name = ?", (self.table.name,))
            for (sequence,) in self.sequence:
                database.execute_sql("INSERT INTO main.sqlite_sequence VALUES (?, ?)", (self.table.name, sequence))
        for statistics, kept in self.statistics.items():
            for row in kept:
                if row[1] not in without:
                    places = ", ".join("?" * len(row))
                    database.execute_sql(f"INSERT INTO main.{statistics} VALUES ({places})", row)
