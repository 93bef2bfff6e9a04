"""Where do a table and what its model says part? Said with the shapes of both, for messages and for drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..engine.introspection import Check, Column, Exclusion, ForeignKey, Index, Inspector, PrimaryKey, Table, Unique
from ..engine.scratch import Pair

Kind = Literal[
    "table",  # it is not there, or no model has it
    "column",  # it is not there, or the model has none
    "type",
    "null",
    "default",
    "generated",
    "identity",  # whether and how the column counts by itself
    "collation",
    "primary key",
    "unique",
    "check",
    "exclusion",
    "foreign key",
    "index",
    "option",  # STRICT, WITHOUT ROWID, AUTOINCREMENT, UNLOGGED
]
Shape = Table | Column | PrimaryKey | Unique | Check | Exclusion | ForeignKey | Index | str

_OPTIONS = frozenset({"STRICT", "WITHOUT ROWID", "AUTOINCREMENT", "UNLOGGED", "VIRTUAL"})


@dataclass(frozen=True)
class Gap:
    """One difference.

    Attributes:
        kind: what it is about.
        name: of the column, index, constraint or option; None where it has none.
        expected: what the model says, or None where it says nothing of the kind.
        found: what the database has, or None.
    """

    kind: Kind
    name: str | None
    expected: Shape | None
    found: Shape | None


class Comparing:
    """Compares the tables of one database.

    Args:
        inspector: knows when two texts, or names, are one to the database.
    """

    def __init__(self, inspector: Inspector) -> None:
        self._folded = inspector.folded
        self._canonical = inspector.canonical

    def gaps(self, pair: Pair) -> Iterator[Gap]:
        """Yield every difference between a model and its table, columns first."""
        expected, found = pair.expected, pair.found
        if found is None:
            yield Gap("table", None, expected, None)
            return
        yield from self._columns(pair, expected, found)
        yield from self._primary_keys(pair, expected.primary_key, found.primary_key)
        named = {self._folded(name) for name in pair.named}
        yield from self._each("unique", expected.uniques, found.uniques, self._unique, named)
        yield from self._each("check", expected.checks, found.checks, self._check, named)
        yield from self._each("exclusion", expected.exclusions, found.exclusions, lambda one: one.definition, named)
        yield from self._foreign_keys(pair, named)
        yield from self._each("index", expected.indexes, found.indexes, self._index, named)
        for option in sorted(_OPTIONS & (expected.options ^ found.options)):
            there = option in found.options
            yield Gap("option", option, None if there else option, option if there else None)

    def _columns(self, pair: Pair, expected: Table, found: Table) -> Iterator[Gap]:
        there = {self._folded(column.name): column for column in found.columns}
        for column in expected.columns:
            other = there.pop(self._folded(column.name), None)
            if other is None:
                yield Gap("column", column.name, column, None)
            else:
                yield from self._column(column, other, constant=column.name in pair.constants)
        for other in there.values():
            yield Gap("column", other.name, None, other)

    def _column(self, expected: Column, found: Column, *, constant: bool) -> Iterator[Gap]:
        differs: dict[Kind, bool] = {
            "type": self._text(expected.type) != self._text(found.type),
            "null": (expected.null, True) != (found.null, found.null_validated),
            "identity": counts(expected) != counts(found),
            "default": not constant and self._default(expected) != self._default(found),
            "generated": self._generated(expected) != self._generated(found),
            "collation": self._folded(expected.collation or "") != self._folded(found.collation or ""),
        }
        for kind, is_so in differs.items():
            if is_so:
                yield Gap(kind, expected.name, expected, found)

    def _default(self, column: Column) -> str | None:
        return None if column.sequence else self._text(column.default)

    def _generated(self, column: Column) -> tuple[str | None, str]:
        expression, _, kind = (column.generated or "").rpartition(" ")
        return self._text(expression), kind

    def _primary_keys(self, pair: Pair, expected: PrimaryKey | None, found: PrimaryKey | None) -> Iterator[Gap]:
        one, other = (None if key is None else self._names(key.columns) for key in (expected, found))
        name = expected.name if expected and expected.name in pair.named else None
        there = found.name if found else None
        if one != other or (name and there != name):
            yield Gap("primary key", name or there, expected, found)

    def _foreign_keys(self, pair: Pair, named: set[str]) -> Iterator[Gap]:
        expected, found = pair.expected.foreign_keys, pair.found.foreign_keys if pair.found else ()
        deferred = {self._foreign_key(key) for key in pair.deferred}
        for gap in self._each("foreign key", expected, found, self._foreign_key, named):
            if gap.found is None or self._foreign_key(gap.found) not in deferred:
                yield gap

    def _each(
        self, kind: Kind, expected: Sequence[Any], found: Sequence[Any], said: Callable[[Any], Any], named: set[str]
    ) -> Iterator[Gap]:
        """Match what a model says with what is there: by name what it names, and everything else by what it says."""
        left, rest = list(found), []
        for one in sorted(expected, key=lambda one: self._name(one) not in named):
            same = [other for other in left if said(other) == said(one)]
            own = [other for other in same if self._name(one) not in named or self._name(other) == self._name(one)]
            if own:
                left.remove(own[0])
            else:
                rest.append(one)
        for one in rest:
            other = self._nearest(one, left, said)
            if other is not None:
                left.remove(other)
            yield Gap(kind, one.name, one, other)
        for other in left:
            yield Gap(kind, other.name, None, other)

    def _nearest(self, one: Any, left: Sequence[Any], said: Callable[[Any], Any]) -> Any:
        """Return what is there in place of what a model says: of its name, or its words, or the key of its column."""
        of_name = [other for other in left if one.name is not None and self._name(other) == self._name(one)]
        of_words = [other for other in left if said(other) == said(one)]
        of_column = [other for other in left if isinstance(one, ForeignKey) and other.columns == one.columns]
        return next(iter([*of_name, *of_words, *of_column]), None)

    def _name(self, one: Any) -> str | None:
        return None if one.name is None else self._folded(one.name)

    def _names(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self._folded, names))

    def _text(self, sql: str | None) -> str | None:
        return None if sql is None else self._canonical(sql)

    def _unique(self, one: Unique) -> Any:
        return self._names(one.columns), one.nulls_distinct, one.deferrable

    def _check(self, one: Check) -> Any:
        return self._text(one.expression), one.validated, one.ending

    def _foreign_key(self, one: Any) -> Any:
        return replace(
            one,
            name=None,
            columns=self._names(one.columns),
            table=self._folded(one.table),
            referred=self._names(one.referred),
        )

    def _index(self, one: Index) -> Any:
        parts = tuple(
            replace(part, text=self._canonical(part.text) if part.expression else self._folded(part.text))
            for part in one.parts
        )
        include = frozenset(self._names(one.include))
        return replace(one, name="", parts=parts, predicate=self._text(one.predicate), include=()), include


def counts(column: Column) -> str | None:
    """Return how a column counts by itself: serial, ALWAYS, BY DEFAULT, or None."""
    return "serial" if column.sequence else column.identity
