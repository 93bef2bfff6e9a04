"""What the tests of SQLite's operations share: operations without a runner, and what is in a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import SqliteDatabase
from playhouse.migrate import SchemaMigrator

from signals_peewee.engine.altering import Change, Conduct
from signals_peewee.engine.altering.sqlite import AlteringSqlite
from signals_peewee.engine.migrating import Migrating, migrating_for


class Rebuilding(AlteringSqlite):
    """What an old SQLite would do, on any."""

    native = False


def altering(
    database: SqliteDatabase, *, native: bool = True, migrating: Migrating | None = None, **conduct: Any
) -> AlteringSqlite:
    """Return what carries out operations on a database."""
    made = AlteringSqlite if native else Rebuilding
    return made(migrating or migrating_for(database), SchemaMigrator.from_database(database), Conduct(**conduct))


def change(database: SqliteDatabase, *changes: Change, native: bool = True, **conduct: Any) -> None:
    """Carry out operations as a step does."""
    with step(database, native=native, **conduct) as altering_sqlite:
        for one in changes:
            altering_sqlite.apply(one)


@contextmanager
def step(database: SqliteDatabase, *, native: bool = True, **conduct: Any) -> Iterator[AlteringSqlite]:
    """Give what carries out operations, inside what a step runs in."""
    atomic = conduct.get("atomic", True)
    migrating = migrating_for(database)
    with migrating.around_step(atomic=atomic, schema=None, wait=5.0, lock_timeout=2.0) as guard, guard():
        yield altering(database, native=native, migrating=migrating, **conduct)


def rows(database: SqliteDatabase, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return all the rows of a query."""
    return database.execute_sql(sql, parameters).fetchall()  # type: ignore[no-any-return]


def statement(database: SqliteDatabase, name: str) -> str:
    """Return the SQL of a table, index, view or trigger."""
    ((sql,),) = rows(database, "SELECT sql FROM sqlite_master WHERE name = ?", name)
    return str(sql)
