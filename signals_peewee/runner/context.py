"""What do the steps of a source get from the host, and is it still what the applied ones got?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from peewee import Database, ForeignKeyField, Model

from ..errors import ContextChanged, InvalidOption
from ..errors.advice import Advice, Advising, calling
from .frozen import key_of, reference

Description = Mapping[str, Any]


class Context:
    """The context of one source.

    Attributes:
        description: plain data that says what each key stands for.
        recorded: the same as the text that is kept in the history.
    """

    def __init__(self, source: str, values: Mapping[str, Any]) -> None:
        self.source = source
        self._values = dict(values)
        self.description: Description = {key: _described(source, key, value) for key, value in self._values.items()}
        self.recorded = json.dumps(self.description, sort_keys=True, ensure_ascii=False)

    def frozen(self, database: Database, schema_of: Callable[[str], str | None] | None) -> Mapping[str, Any]:
        """Return what `migrator.context` is: the values, with a reference in place of each model.

        Args:
            database: what the references are bound to.
            schema_of: finds the schema of a table that names none, where the steps will look in another one first.
        """

        def value_of(value: Any) -> Any:
            if not _is_model(value):
                return value
            schema = value._meta.schema
            if schema is None and schema_of is not None:
                schema = schema_of(value._meta.table_name)
            return reference(value, database, schema)

        return MappingProxyType({key: value_of(value) for key, value in self._values.items()})

    def check(self, recorded: str) -> None:
        """Compare with the text that the history holds.

        Raises:
            ContextChanged: they differ.
        """
        if recorded == self.recorded:
            return
        before: Description = json.loads(recorded)
        present: Description = json.loads(self.recorded)
        key = next((key for key in sorted({*before, *present}) if before.get(key) != present.get(key)), "")
        problem = (
            f"context of source {self.source!r}: {key!r} was {_shown(before.get(key))} when its steps were applied and "
            f"is {_shown(present.get(key))} now; "
        )
        said = Advising(
            problem,
            Advice("context", (), "pass what it was"),
            ", or move the tables over by hand and accept the present context with ",
            calling("repair", self.source, "accept"),
        )
        raise ContextChanged(self.source, key, before.get(key), present.get(key), said)


def contexts_of(sources: list[str], context: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Context]:
    """Return the context of every source.

    Raises:
        InvalidOption: it names a source that there is not, or holds what cannot be described.
    """
    expected = f"a mapping for any of these sources: {', '.join(sources)}"
    if not isinstance(context, (Mapping, type(None))):
        raise InvalidOption("context", context, expected)
    given = dict(context or {})
    for name, values in given.items():
        if name not in sources or not isinstance(values, Mapping):
            raise InvalidOption("context", {name: values}, expected)
    return {name: Context(name, given.get(name, {})) for name in sources}


def _described(source: str, key: str, value: Any) -> Any:
    if _is_model(value):
        column, leaf = key_of(value)
        meta = value._meta
        return {"table": meta.table_name, "schema": meta.schema, "column": column.column_name, "type": _type_of(leaf)}
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"context[{source!r}][{key!r}]", value, "a Model class or plain JSON data") from error


def _type_of(leaf: Any) -> str:
    """Return the type that a key to this column has: INT for one that counts by itself."""
    key: Any = ForeignKeyField(leaf.model)
    key.rel_field = leaf
    modifiers = key.get_modifiers()
    return f"{key.field_type}({', '.join(map(str, modifiers))})" if modifiers else str(key.field_type)


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Model)


def _shown(value: Any) -> str:
    return "not there" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)
