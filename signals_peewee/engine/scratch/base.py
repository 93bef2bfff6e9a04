"""How do the tables of models and those of a database come to stand beside each other?"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from peewee import (
    Database,
    DatabaseError,
    DeferredForeignKey,
    FieldDatabaseHook,
    Model,
    PostgresqlDatabase,
)

from ...errors import InvalidModel, InvalidOption
from ..introspection import Column, ForeignKey, Inspector, Table, inspector_for
from ..migrating import Migrating
from .references import in_order
from .rendering import Place, Rendering, Statement, keys_of

_OF_THE_PLACE = frozenset({"TEMPORARY"})
_STRINGS = re.compile(r"'(?:[^']|'')*'")
_CALLS = re.compile(r"[\w\"]\s*\(")


class Ground(NamedTuple):
    """An empty place.

    Attributes:
        database: where statements are executed.
        schema: what its tables are qualified with, or None.
    """

    database: Database
    schema: str | None


@dataclass(frozen=True)
class Pair:
    """A model's table, as its own DDL makes it, beside the one in the database.

    Attributes:
        model: the model.
        schema: where its table is looked for, or None for where an unqualified name is found.
        expected: what the database software makes of the model.
        found: what is there, or None.
        named: the constraints and indexes that the model itself names.
        constants: columns whose default in the database is the constant that Python fills in.
        deferred: keys that a DeferredForeignKey stands for, which creating the table does not make.
    """

    model: type[Model]
    schema: str | None
    expected: Table
    found: Table | None
    named: frozenset[str]
    constants: frozenset[str]
    deferred: tuple[ForeignKey, ...]


class Scratch(ABC):
    """Makes the tables of models in an empty place and reads them back; the real ones are only read.

    Args:
        migrating: the engine's half of a run; its database is open.
        schema: where unqualified names are looked for first.

    Attributes:
        where: once the models stand beside their tables, in which schemas unqualified names in keys are found.
    """

    def __init__(self, migrating: Migrating, schema: str | None) -> None:
        self.migrating = migrating
        self.database = migrating.database
        self.schema = schema
        self.inspector: Inspector = inspector_for(migrating.database)
        self.where: dict[str, str | None] = {}

    def pairs(self, models: Sequence[type[Model]]) -> list[Pair]:
        """Return every model's table beside the one that is there.

        Raises:
            InvalidOption: two models have one table, or a key of one waits for its model.
            InvalidModel: the database refuses the DDL of a model.
            ComparisonRefused: the role may not make tables to compare with.
            OpenTransaction: the host's transaction was aborted.
        """
        groups: dict[str | None, dict[str, type[Model]]] = defaultdict(dict)
        for place, model in self._placed(models).items():
            groups[place.schema][place.table] = model
        with self.looking():
            # Before anything is made: a temporary table hides the real one of its name.
            found = {schema: self._read(group, schema) for schema, group in groups.items()}
            self.where = self._schemas_of(models)
            return [pair for schema, group in groups.items() for pair in self._beside(schema, group, found[schema])]

    def others(self, models: Sequence[type[Model]]) -> list[str]:
        """Return the tables, in the schemas of the models, that belong to none of them."""
        placed = {(place.schema, self.inspector.folded(place.table)) for place in self._placed(models)}
        with self.looking():
            return [
                name if schema == self.schema else f"{schema}.{name}"
                for schema in dict.fromkeys(schema for schema, _ in placed)
                for name in self.inspector.tables(schema)
                if (schema, self.inspector.folded(name)) not in placed
            ]

    @abstractmethod
    def looking(self) -> AbstractContextManager[None]:
        """Look at the database as a step of the run would, and leave no trace."""

    @abstractmethod
    def ground(self) -> AbstractContextManager[Ground]:
        """Yield an empty place that is gone afterwards."""

    def read_in(self, ground: Ground) -> str | None:
        """Return the schema in which the catalog has the tables that were made."""
        return ground.schema

    def missing_sequences(self, models: Iterable[type[Model]]) -> list[str]:
        """Return the sequences that models count with by name and that are not there."""
        return []

    @abstractmethod
    def is_value(self, ground: Ground, column: Column, default: str, value: Any) -> bool:
        """Tell whether a default, which calls no function, is a value of Python's."""

    @abstractmethod
    def refused(self, error: DatabaseError) -> Exception | None:
        """Return the error of ours that says why no table may be made, or None where that is not the matter."""

    def _placed(self, models: Sequence[type[Model]]) -> dict[Place, type[Model]]:
        placed: dict[Place, type[Model]] = {}
        for model in dict.fromkeys(models):
            for field in model._meta.sorted_fields:
                if isinstance(field, DeferredForeignKey):
                    raise InvalidOption("models", model, f"a model whose key {field.name!r} is resolved")
            place = self._place(model)
            if placed.setdefault(place, model) is not model:
                raise InvalidOption(
                    "models", model, f"one model to a table: {place.table!r} is also {placed[place].__name__}'s"
                )
        return placed

    def _schemas_of(self, models: Iterable[type[Model]]) -> dict[str, str | None]:
        """Return where the unqualified names that keys refer to are found."""
        keys = [key for model in models for which in (False, True) for key in keys_of(model, deferred=which)]
        names = {key.rel_model._meta.table_name for key in keys if not key.rel_model._meta.schema}
        return {name: table.schema for name, table in self.inspector.read(names).items()}

    def _read(self, names: Iterable[str], schema: str | None) -> dict[str, Table]:
        found = self.inspector.read(self.inspector.spelled(names, schema), schema)
        return {self.inspector.folded(name): table for name, table in found.items()}

    def _place(self, model: type[Model]) -> Place:
        return Place(model._meta.schema or self.schema, model._meta.table_name)

    def _beside(
        self, schema: str | None, group: Mapping[str, type[Model]], found: Mapping[str, Table]
    ) -> Iterator[Pair]:
        with self.ground() as ground:
            missing = self.missing_sequences(group.values())
            rendering = Rendering(ground.database, ground.schema, self.schema, group, missing)
            made = self._made(ground, rendering, group)
            self._refuse_lost(group, made)
            for name, model in group.items():
                there = found.get(self.inspector.folded(name))
                constants = self._constants(ground, model, made[name], there)
                real = Real(self.where, rendering, there.schema if there else schema)
                yield Pair(
                    model,
                    schema,
                    real.table(made[name]),
                    there,
                    named=frozenset(rendering.chosen[model]),
                    constants=frozenset(constants),
                    deferred=tuple(map(real.deferred, keys_of(model, deferred=True))),
                )

    def _made(self, ground: Ground, rendering: Rendering, group: Mapping[str, type[Model]]) -> Mapping[str, Table]:
        models = in_order(group.values())
        for statement in rendering.stand_ins():
            self._execute(ground, models[0], statement)
        for model in models:
            for statement in rendering.statements(model):
                self._execute(ground, model, statement)
        return inspector_for(ground.database).read(group, self.read_in(ground))

    def _refuse_lost(self, group: Mapping[str, type[Model]], made: Mapping[str, Table]) -> None:
        for name, model in group.items():
            if name not in made:
                there = self.inspector.kept(name)
                problem = (
                    f"the database keeps its name as {there!r}" if there != name else "its name comes out as another"
                )
                raise InvalidModel(model, name, problem)

    def _execute(self, ground: Ground, model: Any, statement: Statement) -> None:
        sql, parameters = statement
        try:
            ground.database.execute_sql(sql, parameters)
        except (IndexError, TypeError, ValueError) as error:  # the driver, of a percent sign in a name
            raise InvalidModel(model, sql, f"the driver cannot read it: {error}") from error
        except DatabaseError as error:
            raise self.refused(error) or InvalidModel(model, sql, str(error).strip()) from error

    def _constants(self, ground: Ground, model: type[Model], expected: Table, there: Table | None) -> Iterator[str]:
        columns = {self.inspector.folded(column.name): column for column in (there.columns if there else ())}
        for field in model._meta.sorted_fields:
            column, found = expected.column(field.column_name), columns.get(self.inspector.folded(field.column_name))
            if column is None or column.default is not None or found is None or found.default is None:
                continue
            if field.default is None or callable(field.default) or _CALLS.search(_STRINGS.sub("", found.default)):
                continue
            if self.is_value(ground, column, found.default, _stored(field, self.database)):
                yield field.column_name


class Real:
    """Says of a table in the empty place what it would be where it belongs.

    Args:
        where: the schemas of unqualified names.
        rendering: what made it.
        schema: where it belongs.
    """

    def __init__(self, where: Mapping[str, str | None], rendering: Rendering, schema: str | None) -> None:
        self._where = where
        self._rendering = rendering
        self._schema = schema

    def table(self, table: Table) -> Table:
        """Return it with the names that it would have."""
        renamed = self._rendering.renamed
        return replace(
            table,
            schema=self._schema,
            foreign_keys=tuple(self._foreign_key(key) for key in table.foreign_keys),
            indexes=tuple(replace(index, name=renamed.get(index.name, index.name)) for index in table.indexes),
            options=table.options - _OF_THE_PLACE,
        )

    def deferred(self, key: Any) -> ForeignKey:
        """Return the foreign key that a DeferredForeignKey stands for."""
        return ForeignKey(
            (key.column_name,),
            key.rel_model._meta.table_name,
            (key.rel_field.column_name,),
            schema=self._beside(key.rel_model),
            on_delete=(key.on_delete or "NO ACTION").upper(),
            on_update=(key.on_update or "NO ACTION").upper(),
        )

    def _foreign_key(self, key: ForeignKey) -> ForeignKey:
        model = self._rendering.real.get(key.table)
        return key if model is None else replace(key, table=model._meta.table_name, schema=self._beside(model))

    def _beside(self, model: type[Model]) -> str | None:
        """Return what a key says of the schema of a model's table: None for its own table's."""
        where = model._meta.schema or self._where.get(model._meta.table_name)
        return None if where == self._schema else where


def _stored(field: Any, database: Database) -> Any:
    """Return the constant default of a field as it is stored."""
    default, copied = field.default, field.clone()
    if isinstance(field, FieldDatabaseHook):
        copied._db_hook(database)
    return copied.db_value(default)


def scratch_for(migrating: Migrating, schema: str | None) -> Scratch:
    """Return the empty places of a database."""
    if isinstance(migrating.database, PostgresqlDatabase):
        from .postgres import ScratchPostgres

        return ScratchPostgres(migrating, schema)
    from .sqlite import ScratchSqlite

    return ScratchSqlite(migrating, schema)
