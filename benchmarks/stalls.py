"""How long does a change of a large table keep a writer and a reader of it waiting?

Every operation is done to a fresh copy of the table, three times over: by the best native statements, by a step of this
library, and by a script of playhouse, while one process writes a row after the other and another one reads them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from peewee import Database, DatabaseError, OperationalError, SqliteDatabase
from playhouse.db_url import connect
from playhouse.migrate import SchemaMigrator, SqliteMigrator

from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner

from .databases import Place
from .stalls_operations import BATCH, INDEXES, TABLE, WORKS, Bare, Work

PROCESSES = multiprocessing.get_context("spawn")
WRITE, READ = "UPDATE books SET price = {n} WHERE id = {id}", "SELECT price FROM books WHERE id = {id} AND {n} > 0"
AROUND = 0.01
"""Seconds: an operation may be over between two calls, and then one just before or after it is taken."""
SHORT = 0.012
"""Seconds: what a busy scheduler makes of waits that are shorter."""
LONG = 0.1
"""Seconds: waits that are longer are measured once."""
LOCKED = "database is locked"
TABLE_GONE = ("no such table", "does not exist")
ROWS = """INSERT INTO books SELECT n, 'title ' || (n * 17 % {rows}), n % 1000, n, 'a note that is longer: ' || n,
'978-' || n, 1 + n % 5, n % 100 + 1, n % 100 + 1 FROM {numbers} WHERE n <= {rows}"""
NUMBERS = {
    "sqlite": "(WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {rows}) SELECT n FROM r)",
    "postgres": "generate_series(1, {rows}) AS n",
}


class Stalls(NamedTuple):
    """How long a change took, and for how long a writer and a reader waited at most, in seconds; or SQLite was busy."""

    took: float
    writer: float
    reader: float
    failed: bool


def report(place: Place, options: argparse.Namespace) -> str:
    """Do everything with everybody, and return the longest waits in milliseconds."""
    table = LargeTable(place, options.many)
    wanted = [work for work in WORKS if options.only in work.title]
    lines = [
        f"\n{place.version}, {place.driver}: {options.many:,} rows; the longest wait of a writer / of a reader, ms",
        f"{'':36}{'native':>20}{'signals_peewee':>20}{'playhouse':>20}{'writer':>9}{'reader':>9}",
    ]
    with table.made():
        idle = measured(table, lambda database: time.sleep(5))
        lines.append(f"{'nothing at all, for 5 seconds':36}{_said(idle)}")
        for work in wanted:
            seen = [_least(table, run) for run in contenders(work, table)]
            native, ours = seen[:2]
            if native.failed or ours.failed:
                raise SystemExit(f"{work.title}: the database was locked")
            ratios = (_ratio(ours.writer, native.writer, idle.writer), _ratio(ours.reader, native.reader, idle.reader))
            lines.append(f"{work.title:36}" + "".join(f"{_said(one):>20}" for one in seen).ljust(60) + "".join(ratios))
    return "\n".join(lines)


def _least(table: LargeTable, run: Callable[[Database], Any]) -> Stalls:
    """Run it once, or three times where nobody waits for long: a busy machine adds waits and takes none away."""
    seen = measured(table, run)
    if seen.failed or seen.writer > LONG:
        return seen
    return min(seen, *(measured(table, run) for _ in range(2)), key=lambda one: one.writer)


def _said(seen: Stalls) -> str:
    return ("locked" if seen.failed else f"{seen.writer * 1e3:.0f} / {seen.reader * 1e3:.0f}").rjust(20)


def _ratio(ours: float, native: float, idle: float) -> str:
    """Return the ratio; in brackets where both are as short as waits that are there without any operation."""
    ratio = f"{ours / native:.2f}"
    return f"{f'({ratio})' if max(ours, native) <= max(idle, SHORT) else ratio:>9}"


class LargeTable:
    """A database with the table in it, which is copied for each contender."""

    def __init__(self, place: Place, rows: int) -> None:
        self.rows = rows
        self.engine = "sqlite" if place.driver == "sqlite" else "postgres"
        self._place = place
        self._parts = urlsplit(place.url)

    @property
    def url(self) -> str:
        """The copy."""
        return self._named("stalls_copy")

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make the table, and drop it when the block ends."""
        self._drop("stalls", "stalls_copy")
        if self.engine == "postgres":
            self._say("CREATE DATABASE stalls TEMPLATE template0")
        database = self._open(self._named("stalls"))
        numbers = NUMBERS[self.engine].format(rows=self.rows)
        for sql in (
            "CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT)",
            f"INSERT INTO authors SELECT n, 'somebody' FROM {NUMBERS[self.engine].format(rows=100)}",
            TABLE.format(name="books"),
            ROWS.format(rows=self.rows, numbers=numbers).replace("%", "%" if self.engine == "sqlite" else "%%"),
            *INDEXES,
            "PRAGMA wal_checkpoint (TRUNCATE)" if self.engine == "sqlite" else "VACUUM ANALYZE",
        ):
            _execute(database, sql)
        MigrationRunner(database, InlineSource("stalls", [_nothing])).up()
        database.close()
        try:
            yield
        finally:
            self._drop("stalls", "stalls_copy")

    def copy(self) -> Database:
        """Return a fresh copy, opened."""
        self._drop("stalls_copy")
        if self.engine == "sqlite":
            shutil.copy(self._file("stalls"), self._file("stalls_copy"))
        else:
            self._say("CREATE DATABASE stalls_copy TEMPLATE stalls STRATEGY FILE_COPY")
            self._say("CHECKPOINT")
        database = self._open(self.url)
        _execute(database, f"SELECT count(*), max(length(note)) FROM books WHERE id <= {self.rows}")
        return database

    def _named(self, name: str) -> str:
        if self.engine == "sqlite":
            return f"sqlite:///{self._file(name)}"
        return urlunsplit(self._parts._replace(path=f"/{name}"))

    def _file(self, name: str) -> Path:
        return self._place.folder / f"{name}.db"

    def _open(self, url: str) -> Database:
        return opened(url, self._place.driver)

    def _drop(self, *names: str) -> None:
        for name in names:
            if self.engine == "postgres":
                self._say(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            for end in ("", "-wal", "-shm"):
                Path(f"{self._file(name)}{end}").unlink(missing_ok=True)

    def _say(self, sql: str) -> None:
        database = self._open(self._place.url)
        _execute(database, sql)
        database.close()


def opened(url: str, driver: str, *, timeout: int = 300) -> Database:
    """Open a database as a service does, but for SQLite's waits for the disk: a writer that is alone has those, too."""
    if driver == "sqlite":
        options: dict[str, Any] = {
            "pragmas": {"foreign_keys": 1, "journal_mode": "wal", "synchronous": 0},
            "timeout": timeout,
        }
    else:
        options = {"prefer_psycopg3": driver == "psycopg3"}
    database = connect(url, **options)
    database.connect()
    return database


def measured(table: LargeTable, run: Callable[[Database], Any]) -> Stalls:
    """Run something on a fresh copy of the table, between a writer and a reader."""
    database = table.copy()
    driver = "sqlite" if isinstance(database, SqliteDatabase) else table._place.driver
    workers = [_Worker(table.url, driver, statement, table.rows) for statement in (WRITE, READ)]
    time.sleep(0.3)
    started = time.monotonic()
    try:
        batch = run(database)
        failed = False
    except OperationalError as error:
        if LOCKED not in str(error):
            raise
        batch, failed = None, True
    ended = time.monotonic()
    time.sleep(0.3)
    writer, reader = (worker.longest(started, ended) for worker in workers)
    database.close()
    return Stalls(ended - started, batch or writer, reader, failed)


def contenders(work: Work, table: LargeTable) -> list[Callable[[Database], Any]]:
    """Return who does it."""
    bare = work.sqlite if table.engine == "sqlite" else work.postgres
    runs: list[Callable[[Database], Any]] = [
        lambda database: _bare(database, bare),
        lambda database: _ours(database, work),
    ]
    if table.engine in work.playhouse_on:
        runs.append(lambda database: _playhouse(database, work))
    return runs


def _bare(database: Database, bare: Bare) -> float | None:
    """Execute the statements, and return how long one batch took at most, where there are several."""
    if bare.together:
        _execute(database, "PRAGMA foreign_keys = 0")
        with database.atomic(lock_type="IMMEDIATE"):
            for sql in bare.statements:
                _execute(database, sql)
        return None
    longest = 0.0
    for number in range(bare.times):
        started = time.monotonic()
        for sql in bare.statements:
            _each(database, sql, number) if bare.each else _execute(database, sql.format(n=number))
        longest = max(longest, time.monotonic() - started)
        time.sleep(0.1 if bare.times > 1 else 0)
    return longest if bare.times > 1 else None


def _each(database: Database, sql: str, number: int) -> None:
    with database.atomic(lock_type="IMMEDIATE"):
        database.cursor().executemany(sql, [("x", BATCH * number + n) for n in range(1, BATCH + 1)])


def _ours(database: Database, work: Work) -> None:
    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(work.ours(migrator))

    MigrationRunner(database, InlineSource("stalls", [_nothing, InlineStep(step, atomic=work.atomic)]), lint="off").up()


def _playhouse(database: Database, work: Work) -> None:
    migrator = SchemaMigrator.from_database(database)
    if isinstance(migrator, SqliteMigrator):
        with migrator.migration_context():
            migrator.migrate(work.playhouse(migrator))
        return
    with database.atomic():
        migrator.migrate(work.playhouse(migrator))


def _nothing(migrator: Any, db: Database) -> None:
    """Do nothing: the history is there afterwards."""


def _execute(database: Database, sql: str) -> None:
    cursor = database.execute_sql(sql)
    if cursor.description:
        cursor.fetchall()


class _Worker:
    """A process that says one statement again and again."""

    def __init__(self, url: str, driver: str, statement: str, rows: int) -> None:
        self._pipe, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_work, args=(theirs, url, driver, statement, rows), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()  # it has begun

    def longest(self, started: float, ended: float) -> float:
        """End it, and return the longest call that was under way between two moments."""
        self._pipe.send("stop")
        calls: list[tuple[float, float]] = self._pipe.recv()
        self._process.join()
        return max(end - start for start, end in calls if end >= started - AROUND and start <= ended + AROUND)


def _work(pipe: Connection, url: str, driver: str, statement: str, rows: int) -> None:
    """Say a statement again and again, about a thousand times a second, and tell when each began and ended."""
    database, calls, chance = opened(url, driver, timeout=0), list[tuple[float, float]](), random.Random(7)
    _waiting(database, statement.format(n=1, id=1))
    pipe.send("begun")
    while not pipe.poll(0.001):
        sql = statement.format(n=chance.randrange(1, 1000), id=chance.randrange(1, rows))
        started = time.monotonic()
        try:
            _waiting(database, sql)
        except DatabaseError as error:
            if not any(words in str(error) for words in TABLE_GONE):
                raise
            calls.append((started, time.monotonic()))
            pipe.poll(None)
            break
        calls.append((started, time.monotonic()))
    pipe.send(calls)
    database.close()


def _waiting(database: Database, sql: str) -> None:
    """Execute a statement, again while SQLite is locked, and sooner than its busy handler, which sleeps up to 0.1 s."""
    while True:
        try:
            return _execute(database, sql)
        except OperationalError as error:
            if LOCKED not in str(error):
                raise
        time.sleep(0.0005)
