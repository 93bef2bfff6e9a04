"""Where do the contenders store? Each time in tables that the library's own steps have just built."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from signals_peewee.store import SignalStore, open_store

from .rows import COMPARED, checksum

WORKSPACE = "benchmark"
PRAGMAS = {"journal_mode": "wal", "synchronous": "normal", "foreign_keys": 1}
DRIVERS = {"psycopg2": "psycopg2", "psycopg3": "psycopg"}
FORMS = {"sqlite": "", "psycopg2": "psycopg2", "psycopg3": "psycopg"}


@dataclass
class Place:
    """A database that can be emptied: a SQLite file, or a database of a Postgres server through one driver."""

    driver: str
    url: str
    folder: Path
    workspace: str = ""
    version: str = ""

    def store(self) -> SignalStore:
        """Open the library's own store."""
        options = {} if self.driver == "sqlite" else {"prefer_psycopg3": self.driver == "psycopg3"}
        return open_store(self.url, migrate=not self.workspace, **options)

    def prepare(self) -> None:
        """Build the tables."""
        with self.store() as store:
            self.workspace = str(store.workspace_named(WORKSPACE, create=True).id)
            self.version = _version(store.database)
            if self.driver == "sqlite":
                store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        if self.driver == "sqlite":
            shutil.copy(self.file, self.folder / "empty.db")

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self.folder / "signals.db"

    def clear(self) -> None:
        """Make the tables as new: no contender finds the pages that another has left."""
        if self.driver == "sqlite":
            for name in ("signals.db", "signals.db-wal", "signals.db-shm"):
                (self.folder / name).unlink(missing_ok=True)
            shutil.copy(self.folder / "empty.db", self.file)
            return
        with self.store() as store:
            store.database.execute_sql("TRUNCATE signals CASCADE")
            store.database.execute_sql("CHECKPOINT")

    def stored(self) -> tuple[int, str]:
        """Return how many signals there are, and the checksum of what they say."""
        with self.store() as store:
            rows = store.database.execute_sql(f"SELECT {', '.join(COMPARED)} FROM signals").fetchall()
        return len(rows), checksum([_plain(row) for row in rows])


@contextmanager
def places(engines: Sequence[str], url: str, folder: Path) -> Iterator[list[Place]]:
    """Yield the databases to run on; Postgres by the URL that is given, or else a server started for it."""
    found = []
    if "sqlite" in engines:
        found.append(Place("sqlite", f"sqlite:///{folder / 'signals.db'}", folder))
    drivers = [name for name, module in DRIVERS.items() if importlib.util.find_spec(module)]
    if "postgres" not in engines or not drivers:
        yield _prepared(found)
        return
    with _server(url) as server:
        yield _prepared([*found, *(Place(driver, in_utc(server), folder) for driver in drivers)])


def in_utc(url: str) -> str:
    """Return the URL for sessions in UTC: the library's own are, and nobody is to pay for another time zone."""
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, "options=-c%20TimeZone%3DUTC") if part)
    return url if "options=" in parts.query else urlunsplit(parts._replace(query=query))


def _prepared(found: list[Place]) -> list[Place]:
    for place in found:
        place.prepare()
    return found


@contextmanager
def _server(url: str) -> Iterator[str]:
    if "://" in url:
        yield url
        return
    tests = str(Path(__file__).resolve().parents[1] / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    from serve_postgres import binaries, running

    with running(binaries(url)) as started:
        yield started


def _version(database: Any) -> str:
    try:
        return "Postgres " + str(database.execute_sql("SHOW server_version").fetchone()[0]).split()[0]
    except Exception:  # noqa: BLE001 - the other database says so in its own words
        return "SQLite " + str(database.execute_sql("SELECT sqlite_version()").fetchone()[0])


def _plain(row: Sequence[Any]) -> list[Any]:
    """Return a document as the same text, whether the driver has parsed it or not."""
    import json

    return [json.dumps(value) if isinstance(value, dict) else value for value in row]
