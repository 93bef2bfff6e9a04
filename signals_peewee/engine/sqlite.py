"""What is particular to SQLite?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from peewee import OP, SQL, Expression, Node, NodeList, fn

from ..errors import DatabaseUnavailable, InvalidOption, NotMigrated, SignalsError
from .base import Engine, ascii_lower
from .bulk import Appender, Bulk, Table, Target
from .bulk_sqlite import SqliteAppender, SqliteBulk

_BUSY = re.compile(r"database (table )?is locked|database schema is locked")
_MISSING = re.compile(r"no such (table|column): (\S+)|has no column named (\S+)")
_UNAVAILABLE = re.compile(
    r"unable to open|readonly database|read-only|disk is full|disk I/O|not a database|malformed|is locked"
)


class Sqlite(Engine):
    """Times are fixed-width text, writing begins with BEGIN IMMEDIATE, and there are no schemas."""

    name = "sqlite"
    default_now = "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"

    def check_schema(self, schema: str | None) -> None:
        if schema is not None:
            raise InvalidOption("schema", schema, "None on SQLite, which has no schemas: use a file for each tenant")

    def check_ready(self) -> None:
        (enforced,) = self.database.execute_sql("PRAGMA foreign_keys").fetchone()
        if not enforced:
            raise InvalidOption(
                "database", self.database, "foreign keys switched on: SqliteDatabase(…, pragmas={'foreign_keys': 1})"
            )

    def built(self) -> None:
        # Kept in the file: readers and a writer do not keep each other waiting.
        self.database.execute_sql("PRAGMA journal_mode = wal")

    def write(self) -> AbstractContextManager[Any]:
        return self.database.atomic(lock_type="IMMEDIATE")

    def serialize(self, key: str) -> None:
        """BEGIN IMMEDIATE has let nobody else in."""

    def contains(self, column: Any, text: str) -> Expression:
        return Expression(fn.INSTR(fn.LOWER(column), ascii_lower(text)), OP.GT, 0)

    def among(self, column: Any, values: Sequence[Any]) -> Node:
        return NodeList((column, SQL("IN (SELECT value FROM json_each(?))", [json.dumps(values)])))

    def locked(self, query: Any) -> Any:
        return query  # BEGIN IMMEDIATE has let nobody else in

    def kept(self, query: Any) -> Any:
        return query

    def appender(self, table: Table) -> Appender:
        return SqliteAppender(self.database, table)

    def bulk(self, target: Target) -> Bulk:
        return SqliteBulk(self.database, target)

    def to_column(self, instant: datetime) -> str:
        return f"{instant.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

    def from_column(self, value: str) -> datetime:
        return datetime.fromisoformat(value[:-1]).replace(tzinfo=timezone.utc)

    def is_transient(self, error: BaseException) -> bool:
        return bool(_BUSY.search(str(error)))

    def is_duplicate(self, error: BaseException) -> bool:
        return "UNIQUE constraint failed" in str(error)

    def explain(self, error: BaseException) -> SignalsError | None:
        text = str(error)
        if missing := _MISSING.search(text):
            return NotMigrated(
                f"{missing[0]}: the tables are missing or older than the code; call store.migrate() "
                "or run `signals-peewee migrate up`"
            )
        if _UNAVAILABLE.search(text):
            return DatabaseUnavailable(f"SQLite file {self._file}: {text}{self._why(text)}")
        return None

    @property
    def _file(self) -> Path:
        name = str(self.database.database)
        return Path(unquote(name.removeprefix("file:").partition("?")[0]) if name.startswith("file:") else name)

    def _why(self, text: str) -> str:
        if "is locked" in text:
            return "; another process is writing to it and did not finish in time, so try again"
        if "unable to open" not in text:
            return ""
        if self._file.is_dir():
            return "; it is a folder"
        return f"; there is no {self._file if self._file.parent.is_dir() else f'folder {self._file.parent}'}"
