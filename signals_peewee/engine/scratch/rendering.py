"""What are the statements that make a model's table somewhere else than where it belongs?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from peewee import SCOPE_VALUES, Context, Database, Entity, ForeignKeyField, Index, Model
from peewee import Table as PeeweeTable

from ...errors import InvalidModel
from .references import redirected

_STRING = re.compile(r"'(?:[^']|'')*'")
_NAMED = re.compile(r'\bCONSTRAINT\s+(?:"((?:[^"]|"")+)"|(\w+))', re.IGNORECASE)
_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_INDEX = re.compile(r"\s*CREATE\s+(UNIQUE\s+)?INDEX\b", re.IGNORECASE)
_TARGET = re.compile(rf"(\bON\s+(?:ONLY\s+)?)(?:{_NAME}\s*\.\s*)?({_NAME})", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"(\bINDEX\s+)CONCURRENTLY\b", re.IGNORECASE)
_LONGEST = 63  # bytes of a name on Postgres

Statement = tuple[str, Any]


class Place(NamedTuple):
    """Where a table is."""

    schema: str | None
    table: str


class Elsewhere(Context):
    """Writes the names of some tables in another way. Peewee's own asks the database of nobody's model."""

    places: Mapping[Place, Entity]
    schema: str | None

    def sql(self, obj: Any) -> Any:
        if isinstance(obj, type) and issubclass(obj, Model):
            obj = obj._meta.table
        if isinstance(obj, PeeweeTable):
            table: Any = obj
            obj = self.places.get(Place(table._schema or self.schema, table.__name__), obj)
        return super().sql(obj)  # type: ignore[no-untyped-call]


class Rendering:
    """The statements for the models of one schema, without a change to any of their classes.

    Args:
        database: what executes them; the models may be bound to it, to another one or to none.
        ground: what their tables are to be qualified with, or None.
        schema: where tables are that name no schema.
        models: by the name of their table, all in one schema.
        sequences: those that models count with and that are not there.

    Attributes:
        real: for the name of a table that stands for one of another schema, or of a model not given, that one's model.
        renamed: for the name of an index whose own was taken, that name.
        chosen: the names of constraints and indexes that a model says itself, once its statements were made.
    """

    def __init__(
        self,
        database: Database,
        ground: str | None,
        schema: str | None,
        models: Mapping[str, type[Model]],
        sequences: Iterable[str] = (),
    ) -> None:
        self._database = database
        self._sequences = tuple(sequences)
        self._ground = ground
        self._schema = schema
        self._places = {self.place(model): Entity(ground, name) for name, model in models.items()}
        self._taken: set[str] = set()
        self.real: dict[str, type[Model]] = {}
        self.renamed: dict[str, str] = {}
        self.chosen: dict[type[Model], set[str]] = {model: set() for model in models.values()}
        self._referred = self._stand_ins(models)

    def place(self, model: type[Model]) -> Place:
        """Return where the table of a model is."""
        return Place(model._meta.schema or self._schema, model._meta.table_name)

    def stand_ins(self) -> Iterator[Statement]:
        """Yield what makes a table for each that is referred to and is none of these: the columns referred to alone."""
        for sequence in self._sequences:
            yield f"CREATE TEMPORARY SEQUENCE {self._text(Entity(_own(sequence)))}", None
        create = f"CREATE {'TEMPORARY ' if self._ground else ''}TABLE"
        for place, columns in self._referred.items():
            parts = ", ".join(f"{column} UNIQUE" for column in columns.values())
            yield f"{create} {self._text(self._places[place])} ({parts})", None

    def statements(self, model: type[Model]) -> Iterator[Statement]:
        """Yield what makes the table of a model, and its indexes."""
        of: Any = model
        # An instance of its own: the class's is bound to the model's database.
        manager: Any = type(of._schema)(model, self._database)
        manager._create_context = self._context
        options = {"temporary": True} if self._ground else {}
        sql, parameters = manager._create_table(safe=False, **options).query()
        for quoted, plain in _NAMED.findall(_STRING.sub("''", sql)):
            self._choose(model, quoted.replace('""', '"') or plain)
        for sequence in self._sequences:
            sql = sql.replace(f"NEXTVAL('{sequence}')", f"NEXTVAL('{self._ground}.{_own(sequence)}')")
        yield (redirected(sql, partial(self._elsewhere, model, sql)) if self._ground else sql), parameters
        for index in of._meta.fields_to_index():
            yield self._index(model, manager, index)

    def _elsewhere(self, model: type[Model], sql: str, schema: str | None, table: str) -> str | None:
        if schema == self._ground:  # Peewee wrote it
            return None
        entity = self._places.get(Place(schema or self._schema, table))
        if entity is None:
            name = f"{schema}.{table}" if schema else table
            raise InvalidModel(model, sql, f"it refers to {name} in SQL: give the model of that table, too")
        return self._text(entity)

    def _index(self, model: type[Model], manager: Any, index: Any) -> Statement:
        if not isinstance(index, Index):
            sql, parameters = manager._create_index(index, False).query()
            return self._raw_index(model, sql), parameters
        copied: Any = index.safe(False)
        name = str(copied._name)
        if not _is_made_up(model, index):
            self._choose(model, name)
        while copied._name.lower() in self._taken:  # Peewee's IF NOT EXISTS would leave the second one out
            copied._name = f"{copied._name} 2"
        self._taken.add(copied._name.lower())
        if copied._name != name:
            self.renamed[cut(copied._name)] = name
        made: Statement = manager._create_index(copied, False).query()
        return made

    def _raw_index(self, model: type[Model], sql: str) -> str:
        """Return a statement that is a text of the model's, on its table here: it may name the real one in full."""
        if not _INDEX.match(sql):
            raise InvalidModel(model, sql, "it is no CREATE INDEX, so it is not executed to compare it")
        target = self._text(self._places[self.place(model)]).replace("\\", "\\\\")
        return _TARGET.sub(rf"\1{target}", _CONCURRENTLY.sub(r"\1", sql), count=1)

    def _choose(self, model: type[Model], name: str) -> None:
        self.chosen[model] |= {name, cut(name)}

    def _stand_ins(self, models: Mapping[str, type[Model]]) -> dict[Place, dict[str, str]]:
        found: dict[Place, dict[str, str]] = {}
        for key in (key for model in models.values() for key in keys_of(model, deferred=False)):
            place = self.place(key.rel_model)
            if place not in self._places:
                name = f"referred {len(self.real) + 1}"
                self._places[place] = Entity(self._ground, name)
                self.real[name] = key.rel_model
            if self._places[place]._path[-1] in self.real:
                column = Entity(key.rel_field.column_name)
                context = self._context()
                sql = self._text(column) + " " + context.sql(key.ddl_datatype(context)).query()[0]
                found.setdefault(place, {})[key.rel_field.column_name] = sql
        return found

    def _context(self) -> Any:
        # SQLite qualifies an index with the schema of its table, which is another one here.
        options = {**self._database.get_context_options(), "index_schema_prefix": False}
        context = Elsewhere(**options, scope=SCOPE_VALUES)
        context.places, context.schema = self._places, self._schema
        return context

    def _text(self, node: Any) -> str:
        return str(self._context().sql(node).query()[0])


def keys_of(model: type[Model], *, deferred: bool) -> list[Any]:
    """Return the foreign keys of a model whose constraint its CREATE TABLE holds, or those left for later."""
    fields = model._meta.sorted_fields
    return [field for field in fields if isinstance(field, ForeignKeyField) and bool(field.deferred) is deferred]


def _own(sequence: str) -> str:
    return sequence.rpartition(".")[2]


def cut(name: str) -> str:
    """Return a name as Postgres cuts it."""
    return name.encode()[:_LONGEST].decode(errors="ignore")


def _is_made_up(model: type[Model], index: Any) -> bool:
    """Tell whether Peewee made the name of an index out of its columns."""
    try:
        made = index._generate_name_from_fields(model, index._expressions)
    except (AttributeError, ValueError):  # an Index that knows no model, or one of expressions alone
        return False
    return bool(index._name == made)
