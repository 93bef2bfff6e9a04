"""Is what an operation of a step was given what it can work with? Which argument is not, and what should be there?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from peewee import Field, Node

from .options import check

T = TypeVar("T")


class Kind(NamedTuple):
    """What an argument may be."""

    types: tuple[type, ...]
    expected: str


_NAME = Kind((str,), "a name, such as 'books'")
_WORDS = Kind((str,), "SQL in a text, or None")
_NAMES = ("table", "column", "column_name", "old_name", "new_name", "index_name", "name", "constraint_name")
_REFERRED = ("rel", "rel_column", "rel_schema", "schema")
_KINDS = {
    **dict.fromkeys((*_NAMES, *_REFERRED), _NAME),
    **dict.fromkeys(("on_delete", "on_update", "using"), _WORDS),
    "field": Kind((Field,), "a field of Peewee's, such as TextField(null=True)"),
    "constraint": Kind((Node, str), "a Peewee node, such as Check('pages > 0')"),
    "where": Kind((Node, str), "a Peewee node, such as SQL('pages IS NULL'), or None"),
    "cast": Kind((Node, str), "SQL in a text, or a Peewee node, or None"),
    "sql": Kind((str,), "SQL in a text"),
}


def checking_arguments(migrator: type[T]) -> type[T]:
    """Make every operation of a migrator refuse arguments of the wrong kind; None fits where it is the default."""
    for name, method in list(vars(migrator).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(migrator, name, _checking(method))
    return migrator


def _checking(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)
    optional = {name for name, parameter in signature.parameters.items() if parameter.default is None}

    @wraps(method)
    def checked(*arguments: Any, **options: Any) -> Any:
        try:
            given = signature.bind(*arguments, **options).arguments
        except TypeError:  # too many of them, or too few: the method itself says so, and its name
            return method(*arguments, **options)
        for name, value in given.items():
            if (kind := _KINDS.get(name)) and not (value is None and name in optional):
                check(name, value, isinstance(value, kind.types), kind.expected)
        return method(*arguments, **options)

    return checked
