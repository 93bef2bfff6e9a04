"""Which steps bring one table to its model?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...engine.introspection import Table
from ..gaps import Gap
from .columns import Columns
from .constraints import Constraints
from .parts import DROP, OPTION, REMAKE, TABLE, UNIQUE, Step, operation
from .tables import script

_CONSTRAINTS = ("check", "unique", "exclusion")


class Steps(Columns, Constraints):
    """The steps for one model."""

    def steps(self) -> Iterator[Step]:
        """Yield them, in no order."""
        if self._pair.found is None:
            lines = lambda: self._tables.whole(self._pair.model, self._pair.expected)  # noqa: E731
            yield Step(TABLE, lines, [operation("drop_table", self._table)])
            for key in self._pair.deferred:
                yield from self._add_key(replace(key, name=None))
            return
        anew = [gap for gap in self._gaps if self._remedies.wants_anew(gap.kind, gap.expected, gap.found)]
        if anew:
            yield self._anew(anew, self._pair.found)
            return
        for gap in self._gaps:
            yield from self._step(gap)

    def _step(self, gap: Gap) -> Iterator[Step]:
        expected: Any = gap.expected
        found: Any = gap.found
        if gap.kind == "column":
            yield self._add(expected) if expected else self._drop(found)
        elif gap.kind in _CONSTRAINTS:
            yield from self._constraint(expected, found)
        elif gap.kind == "foreign key":
            yield from self._foreign_key(expected, found)
        elif gap.kind == "index":
            yield from self._index(expected, found)
        elif gap.kind == "primary key":
            yield from self._own(DROP, gap.kind, None, found)
            yield from self._own(UNIQUE, gap.kind, expected, None)
        elif gap.kind == "option":
            yield from self._own(OPTION, gap.kind, expected, found)
        elif gap.kind == "generated":
            yield from self._generated(expected, found)
        else:
            yield from self._change(gap.kind, expected, found)

    def _anew(self, gaps: list[Gap], found: Table) -> Step:
        expected = self._pair.expected
        why = ", ".join(sorted({f"{gap.kind} {gap.name}" if gap.name else gap.kind for gap in gaps}))
        notes = (
            f"There is no operation for this of {self._table}: {why}. The table is made anew and its rows are copied;",
            "triggers and views of it, if there are any, have to be made again.",
        )
        up, down = (self._remade(*tables) for tables in ((expected, found), (found, expected)))
        return Step(REMAKE, lambda: up, down, notes)

    def _remade(self, expected: Table, found: Table) -> list[str]:
        there = {self._folded(column.name): column.name for column in found.columns}
        names = [
            (column.name, there.get(self._folded(column.name))) for column in expected.columns if not column.generated
        ]
        columns = [(name, old) for name, old in names if old is not None]
        return [script(*self._remedies.anew(expected, found, columns))]
