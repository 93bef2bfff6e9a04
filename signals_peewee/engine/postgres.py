"""What is particular to Postgres?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from peewee import OP, SQL, Case, Expression, ImproperlyConfigured, InterfaceError, Node, NodeList, OperationalError, fn

from ..errors import (
    DatabaseUnavailable,
    InvalidOption,
    LostRace,
    MissingDriver,
    NotMigrated,
    SignalsError,
    TransactionAborted,
)
from ..errors.advice import MIGRATING, Advising
from .base import Engine, ascii_lower
from .bulk import Appender, Bulk, Table, Target, column_type
from .bulk_postgres import PostgresAppender, PostgresBulk, array_text

_SERIALIZATION, _DEADLOCK = "40001", "40P01"
_DUPLICATE = "23505"
_ABORTED = "25P02"
_NO_TABLE, _NO_COLUMN, _NO_SCHEMA, _READ_ONLY, _NO_SPACE, _NO_RIGHT = (
    "42P01",
    "42703",
    "3F000",
    "25006",
    "53100",
    "42501",
)

_CONNECTING = re.compile(
    r"(connection (is bad|failed): )?connection to server|could not translate host|failed to resolve"
)
_TO_CONNECT = "; is it running, and are host, port, user and database right?"
_ADVICE: dict[str | None, str] = {
    _READ_ONLY: "; connect to the primary, with default_transaction_read_only off",
    _NO_SPACE: "; make room on the server's disk",
    _NO_RIGHT: "; connect as a role that has the right, or let its owner grant it",
}


class Postgres(Engine):
    """Times are timestamptz, a schema can hold every table, and a serialization failure or deadlock is made again."""

    name = "postgres"
    default_now = "now()"
    readers = MappingProxyType({"TIMESTAMPTZ": "{}.astimezone(utc)"})
    reader_names = MappingProxyType({"utc": timezone.utc})

    def check_schema(self, schema: str | None) -> None:
        if schema is None:
            return
        if not (
            isinstance(schema, str)
            and schema != "information_schema"
            and re.fullmatch(r"[^%\x00\ud800-\udfff]+", schema)
            and len(schema.encode()) <= 63
            and not schema.startswith("pg_")
        ):
            raise InvalidOption("schema", schema, "a Postgres schema of your own: 1 to 63 bytes, no %, not pg_…")

    def check_ready(self) -> None:
        """Postgres always keeps its keys."""

    def built(self) -> None:
        """Nothing: a server has its own settings."""

    def write(self) -> AbstractContextManager[Any]:
        return self.database.atomic()

    def serialize(self, key: str) -> None:
        self.database.execute_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))

    def contains(self, column: Any, text: str) -> Expression:
        # Under the collation "C" lower() changes ASCII letters alone, as SQLite's does.
        lowered = fn.LOWER(NodeList((column, SQL('COLLATE "C"'))))
        return Expression(fn.STRPOS(lowered, ascii_lower(text)), OP.GT, SQL("0"))

    def among(self, column: Any, values: Sequence[Any]) -> Node:
        field = getattr(column, "field", column)  # a field of an alias stands around it
        kind = column_type(self.database, field)
        return NodeList((column, SQL(f"= ANY(%s::{kind}[])", [self.packed(values)])))

    def packed(self, values: Sequence[Any]) -> str:
        return array_text(values)

    def without(self, column: Any, key: str) -> Any:
        # Of anything but an object the operator takes something else away, or fails.
        return Case(fn.jsonb_typeof(column), [(SQL("'object'"), NodeList((column, SQL(f"- '{key}'"))))], column)

    def locked(self, query: Any, *, skip: bool = False) -> Any:
        return query.for_update("FOR NO KEY UPDATE SKIP LOCKED" if skip else "FOR NO KEY UPDATE")

    def kept(self, query: Any) -> Any:
        return query.for_update("FOR KEY SHARE")

    def appender(self, table: Table) -> Appender:
        return PostgresAppender(self.database, table)

    def bulk(self, target: Target) -> Bulk:
        return PostgresBulk(self.database, target)

    def doomed(self, query: Any) -> Any:
        return query.for_update("FOR UPDATE")

    def sifted(self, column: Any) -> Node:
        return NodeList((column,))  # the planner knows how many rows each way would read

    def compact(self, tables: Sequence[str], wait: float) -> list[str]:
        from .compacting_postgres import Compacting

        return Compacting(self.database, wait).run(tables)

    def now(self) -> datetime:
        # now() is the beginning of the transaction, which may be the host's and long ago.
        (instant,) = self.database.execute_sql("SELECT clock_timestamp()").fetchone()
        return self.from_column(instant)

    def to_column(self, instant: datetime) -> datetime:
        return instant

    def from_column(self, value: datetime) -> datetime:
        return value.astimezone(timezone.utc)

    def is_transient(self, error: BaseException) -> bool:
        return sqlstate(error) in (_SERIALIZATION, _DEADLOCK)

    def is_duplicate(self, error: BaseException) -> bool:
        return sqlstate(error) == _DUPLICATE

    def explain(self, error: BaseException) -> SignalsError | None:
        first = str(error).strip().partition("\n")[0]
        if isinstance(error, ImproperlyConfigured):
            return MissingDriver("no Postgres driver is installed: pip install 'signals-peewee[postgres]'")
        if "invalid connection option" in first:
            return InvalidOption(
                "url", str(self.database.database), f"connection parameters that Postgres has ({first})"
            )
        state = sqlstate(error)
        if self.is_transient(error) or state == _ABORTED:
            return _ended(first, aborted=state == _ABORTED)
        if state in (_NO_TABLE, _NO_COLUMN, _NO_SCHEMA):
            return NotMigrated(Advising(f"{first}: the tables are missing or older than the code; ", MIGRATING))
        if state in (_READ_ONLY, _NO_SPACE, _NO_RIGHT) or (
            isinstance(error, (OperationalError, InterfaceError)) and not self.is_transient(error)
        ):
            why = _ADVICE.get(state, _TO_CONNECT if _CONNECTING.match(first) else "")
            return DatabaseUnavailable(f"Postgres database {str(self.database.database)!r}: {first}{why}")
        return None


def _ended(said: str, *, aborted: bool) -> SignalsError:
    if not aborted:
        return LostRace(f"{said}: repeat the whole transaction")
    return TransactionAborted(
        "a statement before this one failed, which aborts a Postgres transaction: roll it back, and look at the first "
        "error"
    )


def sqlstate(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of a driver's error, through Peewee's wrapper, or None where there is none."""
    while error is not None:
        cause = getattr(error, "orig", None)
        for candidate in (error, cause, *error.args):
            state = getattr(candidate, "pgcode", None) or getattr(candidate, "sqlstate", None)
            if state:
                return str(state)
        error = error.__cause__ or error.__context__
    return None
