"""How long do others wait on Postgres while a tool adds a NOT NULL column with a default?"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import Database

from .other_tools_places import PATIENCE, Databases, Start, applied, opened
from .other_tools_scripts import Tool
from .stalls import _Worker

WRITE, READ = "UPDATE books SET visits = {n} WHERE id = {id}", "SELECT visits FROM books WHERE id = {id} AND {n} > 0"
FILLED = "INSERT INTO books (title, visits, pages) SELECT 'title ' || n, 0, n FROM generate_series(4, {rows}) AS n"
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = CAST('books' AS regclass)"
AROUND = 0.3
"""Seconds that the others are at work before and after."""


def alone(databases: Databases, tool: Tool, rows: int, rounds: int) -> float:
    """Return the longest wait of a writer that is alone with a large table for a second, in seconds."""
    with _large(databases, tool, rows) as base:
        waits = []
        for _ in range(rounds):
            with databases.fresh(base) as url:
                worker = _worker(url, WRITE, rows)
                begun = time.monotonic()
                time.sleep(1)
                waits.append(worker.longest(begun, time.monotonic()))
    return max(waits)


def writer(databases: Databases, tool: Tool, step: str, rows: int, rounds: int) -> float:
    """Return the longest wait of a writer of a large table while the column comes, in seconds: the median of some."""
    waits = []
    with _large(databases, tool, rows) as base, databases.project(tool, ("books", step)) as project:
        for _ in range(rounds):
            with databases.fresh(base) as url:
                worker = _worker(url, WRITE, rows)
                start = Start(project, url)
                begun = time.monotonic()
                _succeeded(tool, start.go())
                ended = time.monotonic()
                time.sleep(AROUND)
                waits.append(worker.longest(begun, ended))
    return statistics.median(waits)


def readers(databases: Databases, tool: Tool, step: str, held: float) -> float:
    """Return the longest wait of a reader while the column has to wait for a transaction that has read and is idle."""
    with databases.fresh() as url:
        with databases.project(tool, ("books",)) as project:
            applied(project, url)
        with databases.project(tool, ("books", step)) as project, opened(url) as idle:
            idle.begin()
            idle.execute_sql("SELECT count(*) FROM books")
            worker = _worker(url, READ, rows=3)
            start = Start(project, url).go()
            begun = time.monotonic()
            _waits(idle)
            time.sleep(held)
            idle.rollback()
            _succeeded(tool, start)
            ended = time.monotonic()
            time.sleep(AROUND)
            return worker.longest(begun, ended)


@contextmanager
def _large(databases: Databases, tool: Tool, rows: int) -> Iterator[str]:
    """Yield the URL of a database with the tool's first step applied, and many rows in its table."""
    with databases.fresh() as url, databases.project(tool, ("books",)) as project:
        applied(project, url)
        with opened(url) as database:
            database.execute_sql(FILLED.format(rows=rows))
            database.execute_sql("VACUUM ANALYZE books")
        yield url


def _worker(url: str, statement: str, rows: int) -> _Worker:
    driver = "psycopg2" if importlib.util.find_spec("psycopg2") else "psycopg3"
    worker = _Worker(url, driver, statement, rows)
    time.sleep(AROUND)
    return worker


def _waits(database: Database) -> None:
    """Come back when somebody waits for the table."""
    until = time.monotonic() + PATIENCE
    while not database.execute_sql(WAITING).fetchall():
        if time.monotonic() > until:
            raise SystemExit("nobody waits for the table")
        time.sleep(0.01)


def _succeeded(tool: Tool, start: Start) -> None:
    ended = start.ended()
    if ended.code:
        raise SystemExit(f"{tool.name}: {ended.said}")
