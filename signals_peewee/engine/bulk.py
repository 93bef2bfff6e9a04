"""How do whole batches of rows reach a table, without a statement or a rendering for each row?"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import methodcaller
from typing import Any

import peewee
from peewee import AutoField, BigAutoField, Database, ExceptionWrapper, ForeignKeyField

log = logging.getLogger("peewee")
"""Where Peewee tells what it executes; it is not asked to execute what goes to the driver as a batch."""
as_peewee_raises = ExceptionWrapper(peewee.EXCEPTIONS)  # type: ignore[attr-defined]
"""Turns a driver's error into Peewee's, as `execute_sql` does."""
_NAIVE = datetime(2000, 1, 1)  # noqa: DTZ001 - what UTC looks like without its name
_AWARE = _NAIVE.replace(tzinfo=timezone.utc)
_isoformat = methodcaller("isoformat", "T", "microseconds")
_CASTS = {"CHAR": "BPCHAR"}
"""A cast to CHAR alone would keep one character of a key."""
Columns = Mapping[str, Sequence[Any]]
"""A batch: for each column its values, all of one length. A column that is left out is NULL in every row."""


@dataclass(frozen=True)
class Table:
    """A table that rows are appended to.

    Attributes:
        table: its name as SQL writes it, quoted, with its schema.
        types: the database's type of each column.
    """

    table: str
    types: Mapping[str, str]


@dataclass(frozen=True)
class Target(Table):
    """A table that has an identity besides its key, so that a row may meet one that is stored.

    Attributes:
        scope: the column that is the same in the whole batch and leads the identity.
        identity: the other columns of the unique index that makes two rows the same.
        partial: the one of them that has to be set for the index to hold.
    """

    scope: str
    identity: tuple[str, str]
    partial: str

    @property
    def conflict(self) -> str:
        """What an INSERT says so as to leave out rows whose identity is taken."""
        columns = quoted((self.scope, *self.identity))
        return f'ON CONFLICT ({columns}) WHERE "{self.partial}" IS NOT NULL DO NOTHING'


class Appender(ABC):
    """Rows that are new, by the batch, inside the caller's transaction.

    Values are as Peewee's `db_value` gives them, but times, which are aware UTC.
    """

    def __init__(self, database: Database, target: Table) -> None:
        self.database = database
        self.target = target
        self._rendered: dict[object, str] = {}

    def plain(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """Return the values of a column, times as the text that either database reads."""
        return instant_texts(values) if self.target.types[name] == "TIMESTAMPTZ" else values

    @abstractmethod
    def append(self, columns: Columns, constants: Mapping[str, Any]) -> None:
        """Insert rows, in one statement however many they are; one that is there already fails all of them.

        Args:
            columns: what differs from row to row.
            constants: what is the same in all of them.
        """


class Bulk(Appender):
    """Statements over whole batches, each rendered once for a shape of batch, inside the caller's transaction."""

    target: Target

    @abstractmethod
    def insert_one(self, row: Mapping[str, Any]) -> bool:
        """Insert a row, and tell whether it is new."""

    @abstractmethod
    def insert(self, columns: Columns, constants: Mapping[str, Any], *, likely_new: bool) -> int:
        """Insert the rows whose identity is free, and return how many those were.

        Identities are taken in one order by everybody, so that two batches wait for each other and not in a circle.

        Args:
            columns: what differs from row to row.
            constants: what is the same in all of them.
            likely_new: try what is fastest where all identities are free, and costs a second try where one is not.
        """

    @abstractmethod
    def unlike(self, scope: Any, columns: Columns, present: Sequence[str]) -> list[int]:
        """Return the places of the rows that are neither stored alike nor stored under the very id that they bring.

        Stored alike: what is given, and not None, stands there. Nothing is locked, and nothing written.

        Args:
            scope: the value of the scope's column.
            columns: the identity, the id, and what to compare.
            present: columns of which it only matters that something is stored where something is given.
        """

    @abstractmethod
    def select(self, scope: Any, identities: Sequence[tuple[str, str]], wanted: str, *, lock: bool) -> list[Any]:
        """Return the stored rows of these identities, locked against others where that is asked for.

        They are locked in the order of their ids. One that was given another identity just before is returned too.

        Args:
            scope: the value of the scope's column.
            identities: each once.
            wanted: the columns to read, as SQL.
            lock: keep others from changing the rows until the transaction ends.
        """

    @abstractmethod
    def update(self, columns: Columns) -> None:
        """Write all the columns of the rows with these ids."""


def table_of(model: Any) -> Table:
    """Return the table of a model, with the types of its columns."""
    meta = model._meta
    types = {name: column_type(meta.database, field) for name, field in meta.columns.items()}
    return Table(".".join(quoted([part]) for part in (meta.schema, meta.table_name) if part), types)


def column_type(database: Database, field: Any) -> str:
    """Return the database's type of a column, as a cast names it."""
    while isinstance(field, ForeignKeyField):
        field = field.rel_field
    if isinstance(field, AutoField):  # a column of it is declared by more than its type
        return "BIGINT" if isinstance(field, BigAutoField) else "INTEGER"
    name = field.field_type
    known: Mapping[str, str] = database.get_context_options()["field_types"]
    return _CASTS.get(name) or known.get(name, name)


def quoted(names: Sequence[str]) -> str:
    """Return names as SQL lists them."""
    return ", ".join('"{}"'.format(name.replace('"', '""')) for name in names)


def instant_texts(values: Sequence[datetime | None]) -> list[str | None]:
    """Return aware UTC times as fixed-width text, and None as it is."""
    times = values if all(values) else [value for value in values if value is not None]
    # Through differences, because writing an offset takes longer than writing the rest of a time.
    naive = [time - _AWARE + _NAIVE for time in times if time]
    texts: list[str | None] = [*"Z\n".join([*map(_isoformat, naive), ""]).splitlines()]
    if len(texts) == len(values):
        return texts
    each = iter(texts)
    return [None if value is None else next(each) for value in values]
