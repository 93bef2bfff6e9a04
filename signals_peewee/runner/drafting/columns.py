"""Which operations change the columns of a table?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from peewee import ForeignKeyField

from ...engine.introspection import Column
from ..gaps import Kind
from .fields import has_constant
from .parts import (
    ADD,
    ADD_KEY,
    CHANGE,
    DROP_COLUMN,
    REMAKE,
    Step,
    Writing,
    allowing,
    default_line,
    is_valued,
    operation,
)
from .tables import script

_CHANGES: tuple[Kind, ...] = ("default", "type", "collation", "identity", "null")


class Columns(Writing):
    """The steps for columns."""

    def _add(self, column: Column) -> Step:
        source = self._by_column[self._folded(column.name)]
        down = [operation("drop_column", self._table, column.name)]
        constant = has_constant(source)
        more = "" if constant else allowing(column)
        notes: tuple[str, ...] = ()
        if not constant and not is_valued(column):
            notes = (
                f"{self._table}.{column.name} is NOT NULL, and nothing says what its rows get. If there are",
                "any, add it with null=True, fill it with migrator.backfill(…), and then migrator.add_not_null(…).",
            )
        if isinstance(source, ForeignKeyField) and not source.deferred:
            return Step(ADD_KEY, lambda: self._add_key_column(source, more), down, notes)
        text = self._fields.to_add(source) if not isinstance(source, ForeignKeyField) else self._fields.of_shape(column)
        line = f"migrator.migrate(migrator.add_column({self._table!r}, {column.name!r}, {text}{more}))"
        return Step(ADD + bool(column.generated) / 2, lambda: [line], down, notes)

    def _add_key_column(self, source: Any, more: str) -> list[str]:
        before, text = self._tables.key(source, in_class=False)
        line = f"migrator.migrate(migrator.add_column({self._table!r}, {source.column_name!r}, {text}{more}))"
        return [*before, line]

    def _drop(self, column: Column) -> Step:
        notes: tuple[str, ...] = ()
        if self._added:
            renamed = ", ".join(sorted(self._added))
            notes = (
                f"{self._table}.{column.name} goes, with what is in it. If it has got another name ({renamed}), write",
                "migrator.rename_column(…) in place of what drops the one and adds the other.",
            )
        else:
            notes = (f"{self._table}.{column.name} goes, with what is in it.",)
        if not column.null and column.default is None and column.generated is None:
            notes += (f"Where there are rows, down() cannot make {column.name} again unless its field has a default.",)
        line = operation("drop_column", self._table, column.name)
        return Step(DROP_COLUMN - bool(column.generated) / 2, lambda: [line], [self._brought_back(column)], notes)

    def _brought_back(self, column: Column) -> str:
        text = f"{self._fields.of_shape(column)}{allowing(column)}"
        return f"migrator.migrate(migrator.add_column({self._table!r}, {column.name!r}, {text}))"

    def _generated(self, expected: Column, found: Column) -> Iterator[Step]:
        if expected.generated is None and str(found.generated).endswith(" STORED"):
            yield Step(
                REMAKE,
                lambda: [script(*self._remedies.statements("generated", self._found, expected, found))],
                [operation("drop_column", self._table, found.name), self._brought_back(found)],
            )
            return
        lost = () if found.generated else (f"{self._table}.{found.name} is computed from now on: what is in it goes.",)
        drop = operation("drop_column", self._table, found.name)
        yield Step(REMAKE, lambda: [drop], [self._brought_back(found)], lost)
        yield replace(self._add(expected), phase=ADD + 0.5)

    def _change(self, kind: Kind, expected: Column, found: Column) -> Iterator[Step]:
        retyped = any(gap.kind == "type" and gap.name == expected.name for gap in self._gaps)
        if self._is_remade(expected.name) or (kind == "collation" and retyped):  # a new type brings its collation
            return
        phase = CHANGE + (_CHANGES.index(kind) + 1) / 10
        expected = replace(expected, name=found.name)
        if kind == "default":
            yield from self._default(expected, found)
        elif kind == "null":
            yield self._null(phase, expected, found)
        elif kind == "type":
            yield from self._type(phase, expected, found)
        else:
            yield from self._own(phase, kind, expected, found)

    def _is_remade(self, column: str) -> bool:
        """Tell whether a column is dropped and made anew, with everything that is said of it."""
        gaps = [gap for gap in self._gaps if gap.kind == "generated" and gap.name == column]
        return any(isinstance(gap.expected, Column) and gap.expected.generated for gap in gaps)

    def _default(self, expected: Column, found: Column) -> Iterator[Step]:
        name = expected.name
        if found.default is not None:
            down = [default_line(self._table, found)]
            yield Step(CHANGE, lambda: [operation("drop_column_default", self._table, name)], down)
        if expected.default is not None and not expected.sequence:
            down = [operation("drop_column_default", self._table, name)]
            yield Step(CHANGE + 0.9, lambda: [default_line(self._table, expected)], down)

    def _null(self, phase: float, expected: Column, found: Column) -> Step:
        add, drop = (operation(name, self._table, expected.name) for name in ("add_not_null", "drop_not_null"))
        if expected.null:
            return Step(phase, lambda: [drop], [add])
        notes = (f"{self._table}.{expected.name} refuses NULL from now on: fill it before, with migrator.backfill(…).",)
        if not found.null:  # NOT NULL NOT VALID
            return Step(phase, lambda: [add], [], notes)
        return Step(phase, lambda: [add], [drop], notes)

    def _type(self, phase: float, expected: Column, found: Column) -> Iterator[Step]:
        source = self._by_column[self._folded(expected.name)]
        plain = isinstance(source, ForeignKeyField) or source.auto_increment
        text = f"SqlField({expected.type!r})" if plain else self._fields.of_type(source)
        up = self._alter(expected, found, text)
        down = self._alter(found, expected, f"SqlField({found.type!r})")
        notes = (f"Values of {self._table}.{expected.name} that are no {expected.type} stop the step.",)
        same_default = not any(gap.kind == "default" and gap.name == expected.name for gap in self._gaps)
        if same_default and found.default is not None and not found.sequence:
            # Postgres does not cast a default by itself.
            drop = operation("drop_column_default", self._table, expected.name)
            kept = expected.default or self._remedies.default(expected, found)
            up = [drop, *up, default_line(self._table, replace(found, default=kept))]
            down = [drop, *down, default_line(self._table, found)]
        yield Step(phase, lambda: up, down, notes)

    def _alter(self, column: Column, before: Column, text: str) -> list[str]:
        cast = self._remedies.cast(column, before)
        more = f", cast={cast!r}" if cast else ""
        line = f"migrator.migrate(migrator.alter_column_type({self._table!r}, {column.name!r}, {text}{more}))"
        again = self._remedies.retyped(self._found, column)
        return [line, script(*again)] if again else [line]
