"""What is a part of a draft, and what do all of them know?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...engine.introspection import Column, Inspector, Table
from ...engine.remedies import Remedies
from ...engine.scratch import Pair
from ..gaps import Gap, Kind
from .fields import Fields
from .tables import Tables, script

# What is in the way goes first, what is referred to comes before what refers to it, and what holds data goes last.
DROP_KEY, DROP, REMAKE, CHANGE, ADD, UNIQUE, TABLE, ADD_KEY, REST, KEY, OPTION, DROP_COLUMN = range(12)


@dataclass(frozen=True)
class Step:
    """A part of a draft.

    Attributes:
        phase: when it comes.
        write: returns its lines; called when it is its turn, as what it declares others may use.
        down: the lines that undo it.
        notes: what the author has to decide.
    """

    phase: float
    write: Callable[[], list[str]]
    down: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()


class Writing:
    """What is known of one model and its table.

    Args:
        pair: the model beside its table.
        gaps: what they differ in.
        inspector: knows when two names are one.
        remedies: what the database does in its own way.
        fields, tables: write what is declared.
    """

    def __init__(
        self, pair: Pair, gaps: list[Gap], *, inspector: Inspector, remedies: Remedies, fields: Fields, tables: Tables
    ) -> None:
        self._pair = pair
        self._gaps = gaps
        self._folded = inspector.folded
        self._remedies = remedies
        self._fields = fields
        self._tables = tables
        self._table = (pair.found or pair.expected).name
        self._by_column = {self._folded(field.column_name): field for field in pair.model._meta.sorted_fields}
        self._there = {self._folded(column.name): column.name for column in (pair.found.columns if pair.found else ())}
        self._added = {str(gap.name) for gap in gaps if gap.kind == "column" and gap.expected}

    def _spelled(self, column: str) -> str:
        """Return the name of a column as the database has it, which may differ in case."""
        return self._there.get(self._folded(column), column)

    def _own(self, phase: float, kind: Kind, expected: Any, found: Any) -> Iterator[Step]:
        """Yield what the database does in its own words."""
        up = self._remedies.statements(kind, self._found, expected, found)
        down = self._remedies.statements(kind, self._found, found, expected)
        if up:
            yield Step(phase, lambda: [script(*up)], [script(*down)] if down else [])

    @property
    def _found(self) -> Table:
        assert self._pair.found is not None
        return self._pair.found


def operation(name: str, *arguments: str) -> str:
    """Return the statement that runs an operation of the migrator."""
    return f"migrator.migrate(migrator.{name}({', '.join(map(repr, arguments))}))"


def is_valued(column: Column) -> bool:
    """Tell whether rows that are there get something for a column that is added."""
    counted = column.sequence or column.identity
    return bool(column.null or counted or column.generated) or column.default is not None


def allowing(column: Column) -> str:
    """Return what `add_column` has to be told where a column is NOT NULL without the word DEFAULT."""
    return "" if column.null or (column.default is not None and not column.sequence) else ", allow_not_null=True"


def default_line(table: str, column: Column) -> str:
    """Return the statement that gives a column its default."""
    return f"migrator.migrate(migrator.add_column_default({table!r}, {column.name!r}, SQL({column.default!r})))"
