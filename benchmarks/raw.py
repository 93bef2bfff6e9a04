"""How fast is the driver itself, on tuples that were made before the clock starts?"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from .databases import PRAGMAS, Place
from .rows import COLUMNS, Row

NAMES = ", ".join(COLUMNS)
IGNORE = "ON CONFLICT (workspace_id, source, source_ref) WHERE source_ref IS NOT NULL DO NOTHING"


class RawSqlite:
    """One executemany in one transaction; one autocommitted statement for a single row."""

    name = "sqlite3"

    def open(self, place: Place) -> None:
        import sqlite3

        self.connection = sqlite3.connect(place.file, isolation_level=None)
        for name, value in PRAGMAS.items():
            self.connection.execute(f"PRAGMA {name} = {value}")

    def close(self) -> None:
        self.connection.close()

    def made(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        return [tuple(column_text(row[name]) for name in COLUMNS) for row in rows]

    def new(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._many(f"INSERT INTO signals ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})", rows)

    def resent(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._many(f"INSERT OR IGNORE INTO signals ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})", rows)

    def one(self, rows: Sequence[tuple[Any, ...]]) -> None:
        sql = f"INSERT INTO signals ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"
        for row in rows:
            self.connection.execute(sql, row)

    def _many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(sql, rows)
        self.connection.execute("COMMIT")


class RawPostgres:
    """One COPY in one transaction; for a re-sent file into a temporary table, and from there what is new."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.name = f"{'psycopg2' if driver == 'psycopg2' else 'psycopg'} COPY"

    def open(self, place: Place) -> None:
        if self.driver == "psycopg2":
            import psycopg2

            self.connection: Any = psycopg2.connect(place.url)
        else:
            import psycopg

            self.connection = psycopg.connect(place.url)

    def close(self) -> None:
        self.connection.close()

    def made(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        return [tuple(_document_text(row[name]) for name in COLUMNS) for row in rows]

    def new(self, rows: Sequence[tuple[Any, ...]]) -> None:
        with self.connection.cursor() as cursor:
            self._copy(cursor, "signals", rows)
        self.connection.commit()

    def resent(self, rows: Sequence[tuple[Any, ...]]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE sent (LIKE signals) ON COMMIT DROP")
            self._copy(cursor, "sent", rows)
            cursor.execute(f"INSERT INTO signals ({NAMES}) SELECT {NAMES} FROM sent {IGNORE}")
        self.connection.commit()

    def one(self, rows: Sequence[tuple[Any, ...]]) -> None:
        sql = f"INSERT INTO signals ({NAMES}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
        self.connection.autocommit = True
        for row in rows:
            with self.connection.cursor() as cursor:
                cursor.execute(sql, row)

    def _copy(self, cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        sql = f"COPY {table} ({NAMES}) FROM STDIN"
        if self.driver == "psycopg2":
            cursor.copy_expert(sql, io.StringIO("".join(["\t".join(map(_copied, row)) + "\n" for row in rows])))
            return
        with cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)


def column_text(value: Any) -> Any:
    """Return a value as SQLite's column holds it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")[:-6] + "Z"
    return _document_text(value)


def _document_text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict) else value


def _copied(value: Any) -> str:
    if value is None:
        return "\\N"
    if not isinstance(value, str):
        return str(value)
    if "\\" in value or "\n" in value or "\t" in value or "\r" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return value
