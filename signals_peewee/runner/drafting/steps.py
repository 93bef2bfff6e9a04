"""Which operations take a difference away, when, and which ones bring it back?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from peewee import ForeignKeyField

from ...engine.introspection import Column, ForeignKey, Index, Table
from ...engine.introspection.writing import constraint_sql, index_sql
from ...engine.remedies import Remedies
from ...engine.scratch import Pair
from ..gaps import Gap, Kind
from .fields import Fields, has_constant
from .tables import Tables

# What is in the way goes first, what is referred to comes before what refers to it, and what holds data goes last.
DROP_KEY, DROP, REMAKE, CHANGE, ADD, UNIQUE, TABLE, ADD_KEY, REST, KEY, OPTION, DROP_COLUMN = range(12)
_CHANGES: tuple[Kind, ...] = ("default", "type", "collation", "identity", "null")
_CONSTRAINTS = ("check", "unique", "exclusion")


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


class Steps:
    """The steps for one model.

    Args:
        pair: the model beside its table.
        gaps: what they differ in.
        remedies: what the database does in its own way.
        fields, tables: write what is declared.
    """

    def __init__(self, pair: Pair, gaps: list[Gap], remedies: Remedies, fields: Fields, tables: Tables) -> None:
        self._pair = pair
        self._gaps = gaps
        self._remedies = remedies
        self._fields = fields
        self._tables = tables
        self._table = pair.expected.name
        self._by_column = {field.column_name: field for field in pair.model._meta.sorted_fields}
        self._added = {gap.name for gap in gaps if gap.kind == "column" and gap.expected}

    def steps(self) -> Iterator[Step]:
        """Yield them, in no order."""
        if self._pair.found is None:
            lines = lambda: self._tables.whole(self._pair.model, self._pair.expected)  # noqa: E731
            yield Step(TABLE, lines, [_operation("drop_table", self._table)])
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

    def _add(self, column: Column) -> Step:
        source = self._by_column[column.name]
        down = [_operation("drop_column", self._table, column.name)]
        constant = has_constant(source)
        more = "" if constant else _allowing(column)
        notes: tuple[str, ...] = ()
        if not constant and not _is_valued(column):
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
            renamed = ", ".join(sorted(name for name in self._added if name))
            notes = (
                f"{self._table}.{column.name} goes, with what is in it. If it has got another name ({renamed}), write",
                "migrator.rename_column(…) in place of what drops the one and adds the other.",
            )
        else:
            notes = (f"{self._table}.{column.name} goes, with what is in it.",)
        line = _operation("drop_column", self._table, column.name)
        return Step(DROP_COLUMN - bool(column.generated) / 2, lambda: [line], [self._brought_back(column)], notes)

    def _brought_back(self, column: Column) -> str:
        text = f"{self._fields.of_shape(column)}{_allowing(column)}"
        return f"migrator.migrate(migrator.add_column({self._table!r}, {column.name!r}, {text}))"

    def _constraint(self, expected: Any, found: Any) -> Iterator[Step]:
        if found:
            down = [self._add_constraint(found, found.name)]
            yield Step(DROP, lambda: [_operation("drop_constraint", self._table, found.name)], down)
        if expected:
            name = expected.name or self._made_up(expected)
            down = [_operation("drop_constraint", self._table, name)]
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
        made = self._made_up_names
        while name in taken or name in made:
            number += 1
            name = f"{base}_{number}"
        made.add(name)
        return name

    @property
    def _made_up_names(self) -> set[str]:
        return self.__dict__.setdefault("_made", set())  # type: ignore[no-any-return]

    def _is_early(self, columns: Any) -> bool:
        """Tell whether an index of these columns can be there before any new table, which may refer to them."""
        late = {name for name in self._added if isinstance(self._by_column.get(name or ""), ForeignKeyField)}
        return late.isdisjoint(columns)

    def _foreign_key(self, expected: ForeignKey | None, found: ForeignKey | None) -> Iterator[Step]:
        if found:
            yield Step(DROP_KEY, lambda: [self._drop_key(found)], [self._key(found)])
        if expected and not (len(expected.columns) == 1 and expected.columns[0] in self._added):
            yield from self._add_key(expected)

    def _add_key(self, key: ForeignKey) -> Iterator[Step]:
        yield Step(KEY, lambda: [self._key(key)], [self._drop_key(key)])

    def _drop_key(self, key: ForeignKey) -> str:
        if key.name:
            return _operation("drop_constraint", self._table, key.name)
        return _operation("drop_foreign_key_constraint", self._table, key.columns[0])

    def _key(self, key: ForeignKey) -> str:
        name = key.name or f"{self._table}_{'_'.join(key.columns)}_fkey"
        (column, *more), (referred, *_) = key.columns, key.referred
        if key.deferrable or more or key.schema:
            return self._add_constraint(key, name)
        actions = {"on_delete": key.on_delete, "on_update": key.on_update}
        options = [f"{which}={action!r}" for which, action in actions.items() if action != "NO ACTION"]
        options.append(f"constraint_name={name!r}")
        of = ", ".join(map(repr, (self._table, column, key.table, referred)))
        return f"migrator.migrate(migrator.add_foreign_key_constraint({of}, {', '.join(options)}))"

    def _index(self, expected: Index | None, found: Index | None) -> Iterator[Step]:
        if found:
            down = [f"db.execute_sql({index_sql(found, self._table)!r})"]
            yield Step(DROP, lambda: [_operation("drop_index", self._table, found.name)], down)
        if expected:
            name = expected.name
            phase = UNIQUE if self._is_early([part.text for part in expected.parts]) else REST
            down = [_operation("drop_index", self._table, name)]
            yield Step(phase, lambda: self._tables.indexes(self._pair.model, self._pair.expected, name), down)

    def _own(self, phase: float, kind: Kind, expected: Any, found: Any) -> Iterator[Step]:
        """Yield what the database does in its own words."""
        there = self._pair.found
        assert there is not None
        up = self._remedies.statements(kind, there, expected, found)
        down = self._remedies.statements(kind, there, found, expected)
        if up:
            yield Step(phase, lambda: list(map(_execute, up)), list(map(_execute, down)))

    def _generated(self, expected: Column, found: Column) -> Iterator[Step]:
        if expected.generated is None and str(found.generated).endswith(" STORED"):
            yield Step(
                REMAKE,
                lambda: [_execute(sql) for sql in self._remedies.statements("generated", self._there, expected, found)],
                [_operation("drop_column", self._table, found.name), self._brought_back(found)],
            )
            return
        lost = () if found.generated else (f"{self._table}.{found.name} is computed from now on: what is in it goes.",)
        drop = _operation("drop_column", self._table, found.name)
        yield Step(REMAKE, lambda: [drop], [self._brought_back(found)], lost)
        yield replace(self._add(expected), phase=ADD + 0.5)

    @property
    def _there(self) -> Table:
        assert self._pair.found is not None
        return self._pair.found

    def _change(self, kind: Kind, expected: Column, found: Column) -> Iterator[Step]:
        if self._is_remade(expected.name):
            return
        phase = CHANGE + (_CHANGES.index(kind) + 1) / 10
        name = expected.name
        if kind == "default":
            yield from self._default(expected, found)
        elif kind == "null":
            yield self._null(phase, expected, found)
        elif kind == "type":
            yield from self._type(phase, expected, found)
        elif not (kind == "identity" and name in self._added):
            yield from self._own(phase, kind, expected, found)

    def _is_remade(self, column: str) -> bool:
        """Tell whether a column is dropped and made anew, with everything that is said of it."""
        gaps = [gap for gap in self._gaps if gap.kind == "generated" and gap.name == column]
        return any(isinstance(gap.expected, Column) and gap.expected.generated for gap in gaps)

    def _default(self, expected: Column, found: Column) -> Iterator[Step]:
        name = expected.name
        if found.default is not None:
            down = [_default_line(self._table, found)]
            yield Step(CHANGE, lambda: [_operation("drop_column_default", self._table, name)], down)
        if expected.default is not None and not expected.sequence:
            down = [_operation("drop_column_default", self._table, name)]
            yield Step(CHANGE + 0.9, lambda: [_default_line(self._table, expected)], down)

    def _null(self, phase: float, expected: Column, found: Column) -> Step:
        add, drop = (_operation(name, self._table, expected.name) for name in ("add_not_null", "drop_not_null"))
        if expected.null:
            return Step(phase, lambda: [drop], [add])
        notes = (f"{self._table}.{expected.name} refuses NULL from now on: fill it before, with migrator.backfill(…).",)
        if not found.null:  # NOT NULL NOT VALID
            return Step(phase, lambda: [drop, add], [], notes)
        return Step(phase, lambda: [add], [drop], notes)

    def _type(self, phase: float, expected: Column, found: Column) -> Iterator[Step]:
        source = self._by_column[expected.name]
        plain = isinstance(source, ForeignKeyField) or source.auto_increment
        text = f"SqlField({expected.type!r})" if plain else self._fields.of_type(source)
        up = self._alter(expected, text)
        down = self._alter(replace(found, name=expected.name), f"SqlField({found.type!r})")
        notes = (f"Values of {self._table}.{expected.name} that are no {expected.type} stop the step.",)
        same_default = not any(gap.kind == "default" and gap.name == expected.name for gap in self._gaps)
        if same_default and found.default is not None and not found.sequence:
            # Postgres does not cast a default by itself.
            drop = _operation("drop_column_default", self._table, expected.name)
            kept = expected if expected.default is not None else found
            up = [drop, *up, _default_line(self._table, replace(kept, name=expected.name))]
            down = [drop, *down, _default_line(self._table, found)]
        yield Step(phase, lambda: up, down, notes)

    def _alter(self, column: Column, text: str) -> list[str]:
        cast = self._remedies.cast(column)
        more = f", cast={cast!r}" if cast else ""
        line = f"migrator.migrate(migrator.alter_column_type({self._table!r}, {column.name!r}, {text}{more}))"
        return [line, *map(_execute, self._remedies.retyped(self._there, column))]

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
        there = {column.name.lower(): column.name for column in found.columns}
        columns = [
            (column.name, there[column.name.lower()])
            for column in expected.columns
            if not column.generated and column.name.lower() in there
        ]
        return [_execute(sql) for sql in self._remedies.anew(expected, found, columns)]


def _is_valued(column: Column) -> bool:
    """Tell whether rows that are there get something for a column that is added."""
    counted = column.sequence or column.identity
    return bool(column.null or counted or column.generated) or column.default is not None


def _allowing(column: Column) -> str:
    """Return what `add_column` has to be told where a column is NOT NULL without the word DEFAULT."""
    return "" if column.null or (column.default is not None and not column.sequence) else ", allow_not_null=True"


def _operation(name: str, *arguments: str) -> str:
    return f"migrator.migrate(migrator.{name}({', '.join(map(repr, arguments))}))"


def _default_line(table: str, column: Column) -> str:
    return f"migrator.migrate(migrator.add_column_default({table!r}, {column.name!r}, SQL({column.default!r})))"


def _execute(sql: str) -> str:
    return f"db.execute_sql({sql!r})"
