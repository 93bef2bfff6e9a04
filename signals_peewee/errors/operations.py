"""What goes wrong with an operation, or between a database and the models of it?"""

from __future__ import annotations

from typing import Any

from .migrations import MigrationError


class OperationRefused(MigrationError, ValueError):
    """An operation of a step that does not fit what is there; it changed nothing.

    Attributes:
        operation: the name of the migrator's method.
        subject: what it is about: "books", "books.pages".
    """

    def __init__(self, operation: str, subject: str, problem: str) -> None:
        self.operation = operation
        self.subject = subject
        super().__init__(f"{operation} {subject}: {problem}")


class NothingChanged(MigrationError):
    """An operation that ran without an error, and whose effect is not there.

    Attributes:
        operation: the name of the migrator's method.
        subject: what it is about: "books", "books.pages".
    """

    def __init__(self, operation: str, subject: str, problem: str) -> None:
        self.operation = operation
        self.subject = subject
        super().__init__(f"{operation} {subject}: it changed nothing: {problem}")


class UnfitRows(MigrationError, ValueError):
    """Rows that are there do not fit a change of their table, so it was not made.

    Attributes:
        table: the table.
        columns: the columns concerned.
        count: how many rows there are of them; for doubles, how many values.
        sample: some of them, or of their values.
    """

    def __init__(self, table: str, columns: tuple[str, ...], count: int, sample: tuple[Any, ...], problem: str) -> None:
        self.table = table
        self.columns = columns
        self.count = count
        self.sample = sample
        about = ".".join((table, ", ".join(columns))) if columns else table
        super().__init__(f"{about}: {problem}")


class TableDiffers(MigrationError):
    """Something that a change of a table was to leave alone is not as it was before, so the change was undone.

    Attributes:
        table: the table, or the other objects concerned.
    """

    def __init__(self, table: str, problem: str) -> None:
        self.table = table
        super().__init__(f"{table}: {problem}; this is a mistake of the library's, and nothing was changed: report it")


class InvalidModel(MigrationError, ValueError):
    """A model whose own DDL the database refuses, so that nothing can be compared with it.

    Attributes:
        model: the name of its class.
        statement: the statement that was refused.
    """

    def __init__(self, model: object, statement: str, problem: str) -> None:
        self.model = getattr(model, "__name__", str(model))
        self.statement = statement
        super().__init__(f"model {self.model}: the database does not take its own DDL: {problem} in {statement!r}")


class ComparisonRefused(MigrationError, PermissionError):
    """The role may not make the temporary tables that models are compared through."""


class DriftFound(MigrationError):
    """The database is not what the models say, so nothing was recorded.

    Attributes:
        drift: the Drift: every difference.
    """

    def __init__(self, drift: Any) -> None:
        self.drift = drift
        super().__init__(f"the database is not what the models say, so nothing was recorded:\n{drift}")
