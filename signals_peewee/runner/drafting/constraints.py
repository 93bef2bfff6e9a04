"""Which operations change the constraints and indexes of a table?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from peewee import ForeignKeyField

from ...engine.introspection import ForeignKey, Index
from ...engine.introspection.writing import constraint_sql, index_sql
from .parts import DROP, DROP_KEY, KEY, REST, UNIQUE, Step, Writing, operation
from .tables import script


class Constraints(Writing):
    """The steps for constraints and indexes."""

    _named: frozenset[str] = frozenset()

    def _constraint(self, expected: Any, found: Any) -> Iterator[Step]:
        if found:
            down = [self._add_constraint(found, found.name)]
            yield Step(DROP, lambda: [operation("drop_constraint", self._table, found.name)], down)
        if expected:
            name = expected.name or self._made_up(expected)
            down = [operation("drop_constraint", self._table, name)]
            early = hasattr(expected, "columns") and self._is_early(expected.columns)
            yield Step(UNIQUE if early else REST, lambda: [self._add_constraint(expected, name)], down)

    def _add_constraint(self, constraint: Any, name: str) -> str:
        text = f"SQL({constraint_sql(constraint)!r})"
        return f"migrator.migrate(migrator.add_constraint({self._table!r}, {name!r}, {text}))"

    def _made_up(self, constraint: Any) -> str:
        """Return a name for a constraint that needs one to be added, and none to be right."""
        table = self._pair.found
        taken = {one.name for each in (self._pair.expected, table) if each for one in each.constraints}
        words = [self._table, *getattr(constraint, "columns", ()), type(constraint).__name__.lower()]
        base = name = "_".join(words)[:55]
        number = 1
        while name in taken or name in self._named:
            number += 1
            name = f"{base}_{number}"
        self._named |= {name}
        return name

    def _is_early(self, columns: Iterable[str]) -> bool:
        """Tell whether an index of these columns can be there before any new table, which may refer to them."""
        late = {name for name in self._added if isinstance(self._by_column[self._folded(name)], ForeignKeyField)}
        return late.isdisjoint(columns)

    def _foreign_key(self, expected: ForeignKey | None, found: ForeignKey | None) -> Iterator[Step]:
        if found:
            yield Step(DROP_KEY, lambda: [self._drop_key(found)], [self._key(found)])
        if expected and not (len(expected.columns) == 1 and expected.columns[0] in self._added):
            yield from self._add_key(expected)

    def _add_key(self, expected: ForeignKey) -> Iterator[Step]:
        key = self._to_add(expected)
        yield Step(KEY, lambda: [self._key(key)], [self._drop_key(key)])

    def _to_add(self, key: ForeignKey) -> ForeignKey:
        """Return a key with a name, in the spelling of the database."""
        key = replace(key, columns=tuple(map(self._spelled, key.columns)))
        if self._folded(key.table) == self._folded(self._table):
            key = replace(key, table=self._table, referred=tuple(map(self._spelled, key.referred)))
        return replace(key, name=key.name or f"{self._table}_{'_'.join(key.columns)}_fkey")

    def _drop_key(self, key: ForeignKey) -> str:
        if key.name:
            return operation("drop_constraint", self._table, key.name)
        return operation("drop_foreign_key_constraint", self._table, key.columns[0])

    def _key(self, key: ForeignKey) -> str:
        key = self._to_add(key)
        (column, *more), (referred, *_) = key.columns, key.referred
        if key.deferrable or more or key.schema or not key.enforced:
            return self._add_constraint(key, str(key.name))
        actions = {"on_delete": key.on_delete, "on_update": key.on_update}
        options = [f"{which}={action!r}" for which, action in actions.items() if action != "NO ACTION"]
        of = ", ".join(map(repr, (self._table, column, key.table, referred)))
        options.append(f"constraint_name={key.name!r}")
        return f"migrator.migrate(migrator.add_foreign_key_constraint({of}, {', '.join(options)}))"

    def _index(self, expected: Index | None, found: Index | None) -> Iterator[Step]:
        if found:
            down = [script(index_sql(found, self._table))]
            yield Step(DROP, lambda: [operation("drop_index", self._table, found.name)], down)
        if expected:
            name = expected.name
            phase = UNIQUE if self._is_early([part.text for part in expected.parts]) else REST
            down = [operation("drop_index", self._table, name)]
            table = replace(self._pair.expected, name=self._table)
            yield Step(phase, lambda: self._tables.indexes(self._pair.model, table, name, self._spelled), down)
