"""What has every engine to answer, and which one stands behind a Peewee database?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from peewee import Database, Expression, Node, PostgresqlDatabase, Proxy, SqliteDatabase

from ..errors import InvalidOption, SignalsError
from .bulk import Appender, Bulk, Table, Target, as_peewee_raises


class Engine(ABC):
    """The differences between databases, a method each. It holds a database and never opens or closes it."""

    name: str
    default_now: str
    """The SQL of a column default: this instant, in the form that `to_column` writes."""
    readers: Mapping[str, str]
    """For a type of field (TIMESTAMPTZ, JSON) the Python that makes its value of the driver's, which it calls {}."""
    reader_names: Mapping[str, Any]
    """What that Python refers to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.owned = False
        """Whether a store opened the database itself, and may close it."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Engine:
        # Peewee copies the fields of a model into its subclasses; the database is never copied along.
        return self

    @abstractmethod
    def check_schema(self, schema: str | None) -> None:
        """Refuse a schema that this database cannot have.

        Raises:
            InvalidOption: the database has no schemas, or the name is not one.
        """

    def check_there(self) -> None:  # noqa: B027
        """Refuse to connect where that would make a database.

        Raises:
            DatabaseUnavailable: there is none yet.
        """

    @abstractmethod
    def check_ready(self) -> None:
        """Refuse a connection on which keys between tables would not be kept."""

    @abstractmethod
    def built(self) -> None:
        """Set what a database keeps for good, now that a store of its own has built its tables in it."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Any]:
        """A transaction that may write from its first statement; a savepoint inside the host's own."""

    @abstractmethod
    def serialize(self, key: str) -> None:
        """Let nobody else pass here with this key until the present transaction ends."""

    @abstractmethod
    def contains(self, column: Any, text: str) -> Expression:
        """The condition that a text column contains `text`, whatever the case of its ASCII letters."""

    @abstractmethod
    def among(self, column: Any, values: Sequence[Any]) -> Node:
        """The condition that a column, or a key, is one of any number of values, which are one parameter.

        Args:
            column: a field of a model, or of an alias of one.
            values: as the field's `db_value` gives them.
        """

    @abstractmethod
    def packed(self, values: Sequence[Any]) -> str:
        """Return any number of values as the one parameter that `among` sends."""

    @abstractmethod
    def without(self, column: Any, key: str) -> Any:
        """Return a column that holds JSON, read without one of the keys of its objects."""

    def fetched(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Return all the rows of a query as the driver gives them."""
        cursor = self.database.execute_sql(sql, parameters)
        try:
            rows: list[Any] = cursor.fetchall()
        except Exception:  # SQLite may fail as late as here
            with as_peewee_raises:
                raise
        return rows

    @abstractmethod
    def locked(self, query: Any, *, skip: bool = False) -> Any:
        """Return a query whose rows nobody else changes until the transaction ends; others may still refer to them.

        Args:
            query: of rows of one table.
            skip: leave out the rows that somebody else holds, instead of waiting for them.
        """

    @abstractmethod
    def kept(self, query: Any) -> Any:
        """Return a query whose rows nobody else deletes until the transaction ends."""

    @abstractmethod
    def appender(self, table: Table) -> Appender:
        """Return the statement that appends whole batches to a table."""

    @abstractmethod
    def bulk(self, target: Target) -> Bulk:
        """Return the statements that write whole batches into a table."""

    @abstractmethod
    def doomed(self, query: Any) -> Any:
        """Return a query whose rows nobody else changes or refers to until the transaction ends, which deletes them."""

    @abstractmethod
    def sifted(self, column: Any) -> Node:
        """Return a column for a condition that rows are to be sifted by, and not found through an index."""

    @abstractmethod
    def compact(self, tables: Sequence[str], wait: float) -> list[str]:
        """Rewrite what the tables are kept in, so that no byte of a removed row is left there; outside transactions.

        Args:
            tables: their names as SQL writes them.
            wait: seconds to wait for what others hold.

        Returns:
            The system tables that may still hold values of removed rows, because only others may rewrite them.

        Raises:
            DatabaseUnavailable: somebody uses a table, or can still see removed rows.
        """

    @abstractmethod
    def now(self) -> datetime:
        """Return this instant by the clock of the database, which is the same for everybody who works on it."""

    @abstractmethod
    def to_column(self, instant: datetime) -> Any:
        """Return an aware UTC time as the column holds it."""

    @abstractmethod
    def from_column(self, value: Any) -> datetime:
        """Return what a time column held as an aware UTC time."""

    @abstractmethod
    def is_transient(self, error: BaseException) -> bool:
        """Tell whether the whole call may succeed if it is simply made again."""

    @abstractmethod
    def is_duplicate(self, error: BaseException) -> bool:
        """Tell whether a row was refused because another one has its key or its identity."""

    @abstractmethod
    def explain(self, error: BaseException) -> SignalsError | None:
        """Return the error of ours that says what a driver's error means, or None where it adds nothing."""


def plain_database(database: Any) -> Database:
    """Return the database behind any proxies.

    Raises:
        InvalidOption: it is no Peewee database, or one that has not been initialised.
    """
    while isinstance(database, Proxy):
        database = database.obj
    if not isinstance(database, Database):
        raise InvalidOption("database", database, "an initialised peewee Database")
    if database.deferred:
        raise InvalidOption("database", database, "a database that has been initialised: call init() first")
    return database


def engine_for(database: Database) -> Engine:
    """Return the engine of a Peewee database.

    Raises:
        InvalidOption: it is neither SQLite nor Postgres.
    """
    if isinstance(database, SqliteDatabase):
        from .sqlite import Sqlite

        return Sqlite(database)
    if isinstance(database, PostgresqlDatabase):
        from .postgres import Postgres

        return Postgres(database)
    raise InvalidOption("database", database, "a SqliteDatabase or a PostgresqlDatabase (or a subclass of one)")


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def ascii_lower(text: str) -> str:
    """Return `text` with its ASCII letters in lower case, and every other character as it is."""
    return text.translate(_ASCII_LOWER)
