"""How does a table that is declared once become the class of one store?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from peewee import SQL, Database, DeferredForeignKey, ForeignKeyField, Metadata, Model, ModelBase, ModelIndex

from .ids import NewIds
from .vocabularies import Vocabularies

D = TypeVar("D", bound="Declared")
_PREFIX = "signals_peewee:"


class Index(NamedTuple):
    """An index as data, so that each store's class gets its own; Peewee would hand the declared table on."""

    name: str
    columns: str
    unique: bool = False
    where: str | None = None


class OneWay(Metadata):
    """Knows the keys that our tables hold, and enters none of them in the host's models.

    With Peewee's own, a host's `bind()` would rebind our classes, its `delete_instance(recursive=True)` would walk into
    our tables, and a dropped store would stay alive on the host's `_meta`.
    """

    def add_ref(self, field: Any) -> None:
        if isinstance(field.rel_model._meta, OneWay):
            super().add_ref(field)
        else:
            self.refs[field] = field.rel_model
            self.model_refs[field.rel_model].append(field)

    def remove_ref(self, field: Any) -> None:
        if isinstance(field.rel_model._meta, OneWay):
            super().remove_ref(field)
        else:
            del self.refs[field]
            self.model_refs[field.rel_model] = [key for key in self.model_refs[field.rel_model] if key is not field]


class Untouched:
    """The set of a row's changed fields, made when it is first asked for.

    Thousands of rows are read for each that is changed: a set for each made making a thousand links a seventh longer.
    """

    def __get__(self, row: Any, kind: Any = None) -> Any:
        return self if row is None else vars(row).setdefault("_dirty", set())


class Declared(Model):
    """A table of the library, on no database: a store makes its own subclass of it."""

    indexes: ClassVar[tuple[Index, ...]] = ()
    _dirty: Any = Untouched()

    class Meta:
        model_metadata_class = OneWay
        legacy_table_names = False
        # A row that was read without a column, or without a part of one, is saved without harm to the rest.
        only_save_dirty = True

    @classmethod
    def validate_model(cls) -> None:
        # Peewee's next step hands each DeferredForeignKey("User") of the process to a class with this __name__.
        cls.__name__ = f"signals_peewee.{cls.__name__}"


class Wiring(NamedTuple):
    """What a store binds its classes to."""

    database: Database
    schema: str | None
    vocabularies: Vocabularies
    new_ids: NewIds


def role(name: str, **options: Any) -> Any:
    """Return a deferred key to the model that plays a role in the store.

    No class can be called "signals_peewee:user", and the key leaves Peewee's list of waiting ones: none captures it.
    """
    options = {"index": False, "backref": "+", **options}
    key = DeferredForeignKey(_PREFIX + name, **options)
    DeferredForeignKey._unresolved.discard(key)  # type: ignore[attr-defined]  # it waits for a store, not for a class
    return key


def bound(declared: type[D], wiring: Wiring, roles: Mapping[str, type[Model]]) -> type[D]:
    """Return one store's class of a declared table: its columns and indexes, with real keys to what plays the roles."""
    table = declared._meta.table_name
    meta = {**wiring._asdict(), "table_name": table, "legacy_table_names": False}
    keys = {
        field.name: _foreign_key(field, table, roles)
        for field in declared._meta.sorted_fields
        if isinstance(field, DeferredForeignKey)
    }
    body = {"__module__": declared.__module__, "__qualname__": declared.__qualname__, "__repr__": _shown}
    made: Any = ModelBase(declared.__qualname__, (declared,), {**body, **keys, "Meta": type("Meta", (), meta)})
    made.DoesNotExist = declared.DoesNotExist  # type: ignore[attr-defined]  # one to catch, whichever store raised it
    for index in declared.indexes:
        where = SQL(index.where) if index.where else None
        parts = [SQL(part) for part in index.columns.split(", ")]
        # Through ModelIndex: add_index takes a single SQL for the whole statement.
        made.add_index(ModelIndex(made, parts, name=index.name, unique=index.unique, where=where))
    return cast("type[D]", made)


def _shown(row: Any) -> str:
    return f"<{type(row).__qualname__} {row.get_id()}>"


def _foreign_key(key: Any, table: str, roles: Mapping[str, type[Model]]) -> ForeignKeyField[Any]:
    """Return a real key, whose constraint stands inside CREATE TABLE and whose column keeps its place."""
    name = key.rel_model_name.removeprefix(_PREFIX)
    column = key.field_kwargs.get("column_name") or f"{key.name}_id"
    target: Any = "self" if name == table else roles[name]
    real: Any = ForeignKeyField(target, constraint_name=f"{table}_{column}_fkey", **key.field_kwargs)
    real._order, real._sort_key = key._order, key._sort_key
    return cast("ForeignKeyField[Any]", real)
