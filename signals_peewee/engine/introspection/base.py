"""What reads the catalog of a database?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from peewee import Database, PostgresqlDatabase

from .shapes import Table


class Inspector(ABC):
    """Reads what is in a database now. It caches nothing: a step changes what it reads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def table(self, name: str, schema: str | None = None) -> Table | None:
        """Return the table of exactly this name, or None.

        Args:
            name: its name, in the case in which the database holds it.
            schema: where it is; None for where an unqualified name is found.
        """
        return self.read([name], schema).get(name)

    @abstractmethod
    def read(self, names: Iterable[str], schema: str | None = None) -> dict[str, Table]:
        """Return those of the tables that there are, by name, with as many queries for many as for one.

        Args:
            names: as in `table`.
            schema: as in `table`.
        """

    def kept(self, name: str) -> str:
        """Return a name as the database keeps it: Postgres cuts one that has more than 63 bytes."""
        return name

    @abstractmethod
    def tables(self, schema: str | None = None) -> list[str]:
        """Return the names of the tables, without those of the database itself, sorted.

        Args:
            schema: of this schema; None for the one that new tables go into.
        """

    @abstractmethod
    def canonical(self, sql: str) -> str:
        """Return a form of an expression, type or default that the ways of writing the same have in common.

        Only the difference between two such forms means something; they are for no one to execute.
        """

    def spelled(self, names: Iterable[str], schema: str | None = None) -> list[str]:
        """Return the names as the database holds them, where it holds them in another case but takes them for one."""
        return list(names)

    @abstractmethod
    def folded(self, name: str) -> str:
        """Return what two names have in common that are one to the database."""


def inspector_for(database: Database) -> Inspector:
    """Return what reads the catalog of a database that `plain_database` gave."""
    if isinstance(database, PostgresqlDatabase):
        from .postgres import InspectorPostgres

        return InspectorPostgres(database)
    from .sqlite import InspectorSqlite

    return InspectorSqlite(database)
