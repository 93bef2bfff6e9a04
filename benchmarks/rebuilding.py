"""How long do writers of a SQLite table wait for a change of it? `python -m benchmarks.rebuilding --help`."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from peewee import IntegerField, SqliteDatabase
from playhouse.migrate import SqliteMigrator

from signals_peewee.engine.altering import AddColumn, AddNotNull, Change, Conduct, altering_for
from signals_peewee.engine.migrating import migrating_for

COLUMNS = "id, title, pages, price, note, author_id"
TABLE = """CREATE TABLE {} (id INTEGER PRIMARY KEY, title TEXT NOT NULL, pages INT{}, price REAL, note TEXT,
author_id INT REFERENCES authors (id) ON DELETE CASCADE)"""
INDEXES = ("CREATE INDEX by_title ON books (title)", "CREATE INDEX by_author ON books (author_id, pages)")
ROWS = """
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
INSERT INTO books
SELECT n, 'title ' || (n * 7919 % {rows}), n % 1000, n * 1.5, 'a note that is longer: ' || n, n % 100 + 1 FROM n
"""


def filled(path: Path, rows: int) -> SqliteDatabase:
    """Return a file with so many rows, as a service has it: WAL, foreign keys on."""
    database = SqliteDatabase(path, pragmas={"foreign_keys": 1, "journal_mode": "wal"})
    database.connect()
    database.execute_sql("CREATE TABLE authors (id INTEGER PRIMARY KEY)")
    for _ in range(100):
        database.execute_sql("INSERT INTO authors DEFAULT VALUES")
    for sql in (TABLE.format("books", ""), ROWS.format(rows=rows), *INDEXES, "PRAGMA wal_checkpoint (TRUNCATE)"):
        database.execute_sql(sql).fetchall()
    return database


def bare_rebuild(database: SqliteDatabase) -> None:
    """What SQLite's documentation says to do, and nothing more."""
    database.execute_sql("PRAGMA foreign_keys = 0")
    with database.atomic(lock_type="IMMEDIATE"):
        for sql in (
            TABLE.format("books_new", " NOT NULL"),
            f"INSERT INTO books_new ({COLUMNS}) SELECT {COLUMNS} FROM books",
            "DROP TABLE books",
            "ALTER TABLE books_new RENAME TO books",
            *INDEXES,
        ):
            database.execute_sql(sql)
        database.execute_sql("PRAGMA foreign_key_check").fetchall()


def bare_column(database: SqliteDatabase) -> None:
    database.execute_sql("ALTER TABLE books ADD COLUMN stars INT NOT NULL DEFAULT 3")


def ours(change: Change, *, native: bool) -> Callable[[SqliteDatabase], None]:
    """A step of this library."""

    def run(database: SqliteDatabase) -> None:
        migrating = migrating_for(database)
        altering: Any = altering_for(migrating, SqliteMigrator(database), Conduct())
        altering.native = native
        around = migrating.around_step(atomic=True, schema=None, wait=5.0, lock_timeout=0.0)
        with around as guard, guard():
            altering.apply(change)

    return run


def playhouse(operation: Callable[[SqliteMigrator], Any]) -> Callable[[SqliteDatabase], None]:
    """A step of playhouse's, as its documentation says to run it."""

    def run(database: SqliteDatabase) -> None:
        migrator = SqliteMigrator(database)
        with migrator.migration_context():
            migrator.migrate(operation(migrator))

    return run


CONTENDERS: dict[str, dict[str, Callable[[SqliteDatabase], None]]] = {
    "NOT NULL by a rebuild": {
        "bare statements": bare_rebuild,
        "signals_peewee": ours(AddNotNull("books", "pages"), native=False),
        "playhouse": playhouse(lambda migrator: migrator.add_not_null("books", "pages", legacy=True)),
    },
    "a column NOT NULL DEFAULT 3": {
        "bare statements": bare_column,
        "signals_peewee": ours(AddColumn("books", "stars", IntegerField(default=3)), native=True),
        "playhouse": playhouse(lambda migrator: migrator.add_column("books", "stars", IntegerField(default=3))),
    },
}


def main(arguments: list[str] | None = None) -> None:
    """Run every contender on a fresh file, by turns, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    for work, contenders in CONTENDERS.items():
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.repeat):
            for name, run in contenders.items():
                seconds[name].append(_timed(run, options.rows))
        least = median(seconds["bare statements"])
        print(f"{work}, {options.rows} rows")
        for name, times in seconds.items():
            print(f"  {name:16} {median(times):8.3f} s  {median(times) / least:6.2f}")


def _timed(run: Callable[[SqliteDatabase], None], rows: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = filled(Path(folder) / "books.db", rows)
        try:
            start = time.perf_counter()
            run(database)
            return time.perf_counter() - start
        finally:
            database.close()


if __name__ == "__main__":
    main()
