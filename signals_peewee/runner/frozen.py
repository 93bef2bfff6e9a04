"""Which tables does a step hold? Frozen ones: as they were on its day, known to nobody else's classes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

from peewee import CompositeKey, Database, DeferredForeignKey, Field, ForeignKeyField, Model, ModelBase

from ..errors import InvalidOption


class Frozen(Model):
    """The base of the tables that a step declares."""

    class Meta:
        legacy_table_names = False  # index names follow the table, not the class

    @classmethod
    def validate_model(cls) -> None:
        """Keep the class and everybody's DeferredForeignKey apart; Peewee calls this before it joins them."""
        for field in cls._meta.sorted_fields:
            if isinstance(field, DeferredForeignKey):
                DeferredForeignKey._unresolved.discard(field)  # type: ignore[attr-defined]
                raise TypeError(
                    f"{cls.__name__}.{field.name} is a DeferredForeignKey, which any class of that name would fill; "
                    "declare the other table first and use ForeignKeyField"
                )
        cls.__name__ = f"frozen table: {cls.__name__}"


def base_for(database: Database, schema: str | None) -> type[Model]:
    """Return the base of one run's frozen tables, bound to where they belong."""
    return _class("Table", {"database": database, "schema": schema}, {})


def key_of(model: type[Model]) -> tuple[Field[Any], Field[Any]]:
    """Return a model's key, and the field that gives it its type: another one where the key is a key to another table.

    Raises:
        InvalidOption: the model has no key, or one of several columns.
    """
    key: Any = model._meta.primary_key
    if not isinstance(key, Field) or isinstance(key, CompositeKey):
        raise InvalidOption("context", model, "a model whose primary key is one column")
    leaf: Any = key
    while isinstance(leaf, ForeignKeyField):
        leaf = leaf.rel_field
    if isinstance(leaf, DeferredForeignKey):
        raise InvalidOption("context", model, "a model whose DeferredForeignKeys are resolved")
    return key, leaf


def reference(model: type[Model], database: Database, schema: str | None) -> type[Model]:
    """Return a stand-in for a table that others make: where it is, its key column and that one's type, and no more."""
    key, leaf = key_of(model)
    field = deepcopy(leaf)
    field.column_name = key.column_name
    field.primary_key = True
    place = {"database": database, "schema": schema, "table_name": model._meta.table_name}
    return _class("Reference", place, {str(key.name): field})


def _class(name: str, meta: dict[str, Any], fields: dict[str, Any]) -> type[Model]:
    names = {"__module__": __name__, **fields, "Meta": type("Meta", (), meta)}
    return cast("type[Model]", ModelBase(name, (Frozen,), names))
