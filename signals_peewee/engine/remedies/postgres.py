"""What does Postgres do in one statement that no operation of a step has?"""

from __future__ import annotations

from typing import Any

from peewee import Database

from ..altering.postgres.text import plain_type
from ..introspection import Column, PrimaryKey, Table
from ..introspection.writing import constraint_sql, quoted
from .base import Remedies

# What is no text and has no cast of its own goes through text.
_CASTS = """
SELECT EXISTS (SELECT FROM pg_cast WHERE castsource = to_regtype(%s) AND casttarget = to_regtype(%s))
"""
_BECOMES = """
SELECT to_regtype(%s) = to_regtype(%s)
    OR EXISTS (SELECT FROM pg_cast
               WHERE castsource = to_regtype(%s) AND casttarget = to_regtype(%s) AND castcontext <> 'e')
"""


class RemediesPostgres(Remedies):
    """ALTER TABLE has a word for everything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wants_anew(self, kind: str, expected: Any, found: Any) -> bool:
        return False

    def statements(self, kind: str, table: Table, expected: Any, found: Any) -> list[str]:
        name = quoted(table.name)
        if kind == "primary key":
            return _primary_key(name, expected, found)
        if kind == "option":
            return [f"ALTER TABLE {name} SET {'UNLOGGED' if expected else 'LOGGED'}"] * (
                "UNLOGGED" in (expected, found)
            )
        alter = f"ALTER TABLE {name} ALTER COLUMN {quoted(expected.name)}"
        if kind == "collation":
            collation = quoted(expected.collation or "default")
            return [f"{alter} TYPE {expected.type} COLLATE {collation}"]
        if kind == "generated":
            return [f"{alter} DROP EXPRESSION"]
        assert kind == "identity"
        return [*_uncounted(alter, found), *_counted(alter, table.name, expected)]

    def cast(self, column: Column, found: Column) -> str | None:
        direct = self._database.execute_sql(_CASTS, (found.type, column.type)).fetchone()[0]
        return f"{quoted(column.name)}::{'' if direct else 'text::'}{column.type}"

    def default(self, column: Column, found: Column) -> str:
        types = (found.type, column.type)
        if self._database.execute_sql(_BECOMES, types * 2).fetchone()[0]:
            return str(found.default)
        direct = self._database.execute_sql(_CASTS, types).fetchone()[0]
        return f"({found.default}){'' if direct else '::text'}::{plain_type(column.type)}"

    def retyped(self, table: Table, column: Column) -> list[str]:
        return self.statements("collation", table, column, None) if column.collation else []

    def anew(self, expected: Table, found: Table, columns: list[tuple[str, str]]) -> list[str]:
        raise NotImplementedError("Postgres makes no table anew")


def _primary_key(table: str, expected: PrimaryKey | None, found: PrimaryKey | None) -> list[str]:
    statements = [f"ALTER TABLE {table} DROP CONSTRAINT {quoted(found.name)}"] if found and found.name else []
    if expected:
        name = f"CONSTRAINT {quoted(expected.name)} " if expected.name else ""
        statements.append(f"ALTER TABLE {table} ADD {name}{constraint_sql(expected)}")
    return statements


def _uncounted(alter: str, column: Column) -> list[str]:
    if column.sequence:
        return [f"{alter} DROP DEFAULT", f"DROP SEQUENCE {quoted(column.sequence)}"]
    return [f"{alter} DROP IDENTITY"] if column.identity else []


def _counted(alter: str, table: str, column: Column) -> list[str]:
    """Count on from the highest value that is there."""
    name = quoted(table)
    highest = f"(SELECT coalesce(max({quoted(column.name)}), 0) + 1 FROM {name})"
    if column.sequence:
        sequence = quoted(column.sequence)
        text = "'" + sequence.replace("'", "''") + "'"
        return [
            f"CREATE SEQUENCE {sequence} AS {column.type} OWNED BY {name}.{quoted(column.name)}",
            f"SELECT setval({text}, {highest}, false)",
            f"{alter} SET DEFAULT nextval({text})",
        ]
    if not column.identity:
        return []
    texts = ["'" + text.replace("'", "''") + "'" for text in (name, column.name)]
    return [
        f"{alter} ADD GENERATED {column.identity} AS IDENTITY",
        f"SELECT setval(pg_get_serial_sequence({', '.join(texts)}), {highest}, false)",
    ]
