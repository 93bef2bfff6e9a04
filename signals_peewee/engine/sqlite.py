"""What is particular to SQLite?"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import unquote

from peewee import OP, SQL, Case, Expression, Node, NodeList, fn

from ..errors import DatabaseUnavailable, InvalidOption, NotMigrated, SignalsError
from ..errors.advice import MIGRATING, Advising
from .base import Engine, ascii_lower
from .bulk import Appender, Bulk, Table, Target
from .bulk_sqlite import SqliteAppender, SqliteBulk

_BUSY = re.compile(r"database (table )?is locked|database schema is locked")
_MISSING = re.compile(r"no such (table|column): (\S+)|has no column named (\S+)")
_UNAVAILABLE = re.compile(
    r"unable to open|readonly database|read-only|disk is full|disk I/O|not a database|malformed|is locked|cannot VACUUM"
)
_ADVICE = {
    "is locked": "another process is writing to it and did not finish in time, so try again",
    "readonly": "the file, its folder or this connection may only be read",
    "is full": "make room, or raise the limit that it has (PRAGMA max_page_count)",
    "not a database": "check the path; an encrypted file looks like that too",
    "malformed": "it is damaged: restore a backup, or copy what can be read with sqlite3's .recover",
}
_scan = cast("Any", json.JSONDecoder()).scan_once


def _instant_with_offset(value: str) -> datetime:
    return datetime.fromisoformat(value[:-1]).replace(tzinfo=timezone.utc)


# From Python 3.11 on it reads the Z too, many times as fast.
_instant = datetime.fromisoformat if sys.version_info >= (3, 11) else _instant_with_offset


def _document(text: Any) -> Any:
    """Return what a document says."""
    try:
        value, end = _scan(text, 0)  # json.loads takes twice as long
        return value if end == len(text) else _strange_document(text)
    except (TypeError, ValueError, StopIteration):
        return _strange_document(text)


def _strange_document(text: Any) -> Any:
    """Return what plain SQL has stored as Peewee does: white space around it is left out, and what is no JSON stays."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


class Sqlite(Engine):
    """Times are fixed-width text, writing begins with BEGIN IMMEDIATE, and there are no schemas."""

    name = "sqlite"
    default_now = "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"
    readers = MappingProxyType({"TIMESTAMPTZ": "instant({})", "JSON": "document({})"})
    reader_names = MappingProxyType({"instant": _instant, "document": _document})

    def check_schema(self, schema: str | None) -> None:
        if schema is not None:
            raise InvalidOption("schema", schema, "none on SQLite, which has no schemas: use a file for each tenant")

    def check_there(self) -> None:
        name = str(self.database.database)
        in_a_file = name and ":memory:" not in name and "mode=memory" not in name
        if in_a_file and not self._file.exists():
            raise DatabaseUnavailable(f"there is no SQLite file {self._file}")

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
        return Expression(fn.INSTR(fn.LOWER(column), ascii_lower(text)), OP.GT, SQL("0"))

    def among(self, column: Any, values: Sequence[Any]) -> Node:
        return NodeList((column, SQL("IN (SELECT value FROM json_each(?))", [self.packed(values)])))

    def packed(self, values: Sequence[Any]) -> str:
        return json.dumps(values)

    def without(self, column: Any, key: str) -> Any:
        # Looked for as text first, so that only a document that may have the key is taken apart.
        there = NodeList((fn.INSTR(column, SQL(f"'\"{key}\"'")), SQL("AND"), fn.json_valid(column)))
        return Case(None, [(there, fn.json_remove(column, SQL(f"'$.{key}'")))], column)

    def locked(self, query: Any, *, skip: bool = False) -> Any:
        return query  # BEGIN IMMEDIATE has let nobody else in

    def kept(self, query: Any) -> Any:
        return query

    def appender(self, table: Table) -> Appender:
        return SqliteAppender(self.database, table)

    def bulk(self, target: Target) -> Bulk:
        return SqliteBulk(self.database, target)

    def doomed(self, query: Any) -> Any:
        return query

    def sifted(self, column: Any) -> Node:
        return NodeList((SQL("+"), column), glue="")

    def compact(self, tables: Sequence[str], wait: float) -> list[str]:
        from .compacting_sqlite import compact

        compact(self.database, wait)
        return []

    def now(self) -> datetime:
        (instant,) = self.database.execute_sql(f"SELECT {self.default_now}").fetchone()
        return self.from_column(instant)

    def to_column(self, instant: datetime) -> str:
        return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"  # without +00:00

    def from_column(self, value: str) -> datetime:
        return _instant(value)

    def is_transient(self, error: BaseException) -> bool:
        return bool(_BUSY.search(str(error)))

    def is_duplicate(self, error: BaseException) -> bool:
        return "UNIQUE constraint failed" in str(error)

    def explain(self, error: BaseException) -> SignalsError | None:
        text = str(error)
        if missing := _MISSING.search(text):
            return NotMigrated(Advising(f"{missing[0]}: the tables are missing or older than the code; ", MIGRATING))
        if _UNAVAILABLE.search(text):
            return DatabaseUnavailable(f"SQLite file {self._file}: {text}{self._why(text)}")
        return None

    @property
    def _file(self) -> Path:
        name = str(self.database.database)
        return Path(unquote(name.removeprefix("file:").partition("?")[0]) if name.startswith("file:") else name)

    def _why(self, text: str) -> str:
        if "unable to open" not in text:
            return next((f"; {advice}" for words, advice in _ADVICE.items() if words in text), "")
        if self._file.is_dir():
            return "; it is a folder"
        if self._file.exists():
            return "; this process may not open it, or not write in its folder"
        if self._file.parent.is_dir():
            return f"; there is no {self._file}, and it cannot be made there"
        return f"; there is no folder {self._file.parent}"
