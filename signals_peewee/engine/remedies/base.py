"""Which differences between two tables does a database want to have mended in its own way?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from peewee import Database, PostgresqlDatabase

from ..introspection import Column, Table


class Remedies(ABC):
    """What is particular to a database in the draft of a step."""

    @abstractmethod
    def wants_anew(self, kind: str, expected: Any, found: Any) -> bool:
        """Tell whether nothing but making the table anew takes a difference away.

        Args:
            kind: what differs, as `runner.gaps` has it.
            expected, found: the shapes on both sides, or None.
        """

    @abstractmethod
    def statements(self, kind: str, table: Table, expected: Any, found: Any) -> list[str]:
        """Return the SQL that makes the expected of what is found, for a kind of which there is no operation."""

    @abstractmethod
    def cast(self, column: Column, found: Column) -> str | None:
        """Return the SQL that makes a value of a column's new type of its old one, or None where none is needed."""

    def default(self, column: Column, found: Column) -> str:
        """Return the SQL of a default that a column has, for the new type that it gets."""
        return str(found.default)

    @abstractmethod
    def retyped(self, table: Table, column: Column) -> list[str]:
        """Return the SQL that gives a column back what a change of its type took from it."""

    @abstractmethod
    def anew(self, expected: Table, found: Table, columns: list[tuple[str, str]]) -> list[str]:
        """Return the SQL that makes a table anew and copies its rows.

        Args:
            expected: what it is to be.
            found: what it is.
            columns: the columns that are copied, by their new and their old names.
        """


def remedies_for(database: Database) -> Remedies:
    """Return the remedies of a database."""
    if isinstance(database, PostgresqlDatabase):
        from .postgres import RemediesPostgres

        return RemediesPostgres(database)
    from .sqlite import RemediesSqlite

    return RemediesSqlite()
