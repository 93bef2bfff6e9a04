"""How does a step declare a column, without importing the live models?"""

from __future__ import annotations

import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from importlib import import_module
from typing import Any

from peewee import SCOPE_VALUES, Database, Field

from ...engine import InstantField, SqlField
from ...engine.introspection import Column
from ...engine.introspection.writing import clauses, quoted, type_sql

_OPERATIONS = "signals_peewee.runner.operations"
_VALUED = re.compile(r"\s*(DEFAULT|GENERATED|AS)\b", re.IGNORECASE)
_PLAIN = (bool, int, float, str)


class Imports:
    """What a step imports, and the same names for those who try its text out."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)
        self.namespace: dict[str, Any] = {}

    def use(self, module: str, *names: str) -> None:
        """Import names from a module."""
        self._names[module].update(names)
        self.namespace.update({name: getattr(import_module(module), name) for name in names})

    def lines(self, text: str) -> list[str]:
        """Return the import statements that a text needs."""
        used = {
            module: sorted(name for name in names if re.search(rf"\b{name}\b", text))
            for module, names in self._names.items()
        }
        return [f"from {module} import {', '.join(names)}" for module, names in sorted(used.items()) if names]


class Fields:
    """Writes fields.

    Args:
        database: what they are for.
        imports: what is used is added to it.
    """

    def __init__(self, database: Database, imports: Imports) -> None:
        self._database = database
        self._imports = imports
        imports.use("peewee", "SQL")
        imports.use(_OPERATIONS, "SqlField", "InstantField")

    def in_class(self, field: Any, **options: Any) -> str:
        """Return a field of a whole table, with its constraints; it is no key to another table."""
        options = {**_place(field), **options}
        if field.primary_key and not field.auto_increment:
            options["primary_key"] = True
        return self._written(field, {**options, **self._options(field, everything=True)})

    def to_add(self, field: Any) -> str:
        """Return a field for `add_column`: the keys, indexes and checks of the column are added by themselves."""
        bare = deepcopy(field)
        options = {"default": field.default} if has_constant(field) else {}
        if field.primary_key:
            return self._as_sql(bare, self._options(field, everything=False))
        return self._written(bare, {**options, **self._options(field, everything=False)})

    def of_type(self, field: Any) -> str:
        """Return a field for `alter_column_type`."""
        return self._written(field, {})

    def of_shape(self, column: Column, *, whole: bool = True) -> str:
        """Return a field for a column that no model knows any more, in the words of the database."""
        options: dict[str, Any] = {"null": True} if column.null else {}
        said = [said for said in clauses(column) if not said.startswith(("COLLATE ", "NOT NULL"))]
        if column.collation:
            options["collation"] = quoted(column.collation)
        if said:
            options["constraints"] = [(text, None) for text in said]
        return _call("SqlField", [type_sql(column)], options if whole else {})

    def text(self, node: Any) -> str:
        """Return the `SQL(…)` of a Peewee node."""
        sql, parameters = self._context().sql(node).query()
        return _call("SQL", [sql, *([list(parameters)] if parameters else [])], {})

    def _options(self, field: Any, *, everything: bool) -> dict[str, Any]:
        options: dict[str, Any] = {"null": True} if field.null else {}
        texts = [self._context().sql(node).query() for node in field.constraints or ()]
        chosen = [(sql, parameters) for sql, parameters in texts if everything or _VALUED.match(sql)]
        if getattr(field, "default_now", False):
            chosen = [said for said in chosen if said != self._context().sql(field.constraints[-1]).query()]
        return {
            **options,
            **({"constraints": chosen} if chosen else {}),
            **({"collation": field.collation} if field.collation else {}),
            **({"sequence": field.sequence} if field.sequence else {}),
        }

    def _written(self, field: Any, options: Mapping[str, Any]) -> str:
        """Return the first way to write a field that asks for the same column."""
        for kind, own in _candidates(field):
            self._imports.use(_module(kind), kind.__name__)
            for more in ({}, {"index": False}):  # some have an index without being asked
                source = _call(kind.__name__, [], {**own, **options, **more})
                made = self._made(source)
                if made and self._is_like(made, field) and not made.index:
                    return source
        return self._as_sql(field, options)

    def _made(self, source: str) -> Any:
        """Return the field that a text makes, or None where it needs an argument that cannot be known."""
        try:
            return eval(source, dict(self._imports.namespace))  # noqa: S307  # our own text
        except (TypeError, ValueError):
            return None

    def _is_like(self, made: Any, field: Any) -> bool:
        return self._type(made) == self._type(field) and made.auto_increment is field.auto_increment

    def _as_sql(self, field: Any, options: Mapping[str, Any]) -> str:
        constraints = list(options.get("constraints", ()))
        if getattr(field, "default_now", False):
            constraints.append(self._context().sql(field.constraints[-1]).query())
        more = {"constraints": constraints} if constraints else {}
        return _call("SqlField", [self._type(field)], {**options, **more})

    def _type(self, field: Any) -> str:
        context = self._context()
        return str(context.sql(field.ddl_datatype(context)).query()[0])

    def _context(self) -> Any:
        return self._database.get_sql_context(scope=SCOPE_VALUES, value_literals=True)


def has_constant(field: Any) -> bool:
    """Tell whether a field has a default that a step can write down."""
    return type(field.default) in _PLAIN


def _place(field: Any) -> dict[str, Any]:
    return {} if field.column_name == field.name else {"column_name": field.column_name}


def _candidates(field: Any) -> Iterator[tuple[type[Any], dict[str, Any]]]:
    """Yield the classes that a step may import and that a field is one of, with the arguments of their own."""
    if isinstance(field, InstantField):
        yield InstantField, {"default_now": True} if field.default_now else {}
    for kind in type(field).__mro__:
        if issubclass(kind, Field) and kind is not Field and kind is not SqlField and _module(kind):
            known = inspect.signature(kind.__init__).parameters
            names = [name for name in ("max_length", "max_digits", "decimal_places") if name in known]
            own = {name: getattr(field, name) for name in names if getattr(field, name) != known[name].default}
            if "generate_always" in known and "ALWAYS" in field.field_type:
                own["generate_always"] = True
            yield kind, own


def _module(kind: type[Any]) -> str:
    """Return where a step may import a class from, or nothing."""
    if kind in (InstantField, SqlField):
        return _OPERATIONS
    module = kind.__module__
    known = module == "peewee" or module.startswith("playhouse.")
    return module if known and getattr(sys.modules[module], kind.__name__, None) is kind else ""


def _call(name: str, arguments: list[Any], options: Mapping[str, Any]) -> str:
    texts = [*map(repr, arguments), *(f"{key}={_value(key, value)}" for key, value in options.items())]
    return f"{name}({', '.join(texts)})"


def _value(key: str, value: Any) -> str:
    if key != "constraints":
        return repr(value)
    return f"[{', '.join(_call('SQL', [sql, *([list(more)] if more else [])], {}) for sql, more in value)}]"
