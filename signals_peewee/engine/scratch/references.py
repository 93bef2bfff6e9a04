"""To which tables do the keys refer that a model says in SQL, as it has to for a key of several columns?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import peewee
from peewee import ForeignKeyField, Model

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_REFERENCES = re.compile(
    rf"""'(?:[^']|'')*'|"(?:[^"]|"")+"|(?P<word>\bREFERENCES\s+)(?:(?P<schema>{_NAME})\s*\.\s*)?(?P<table>{_NAME})""",
    re.IGNORECASE,
)


def in_order(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Return models as Peewee sorts them, and after those to which they refer in SQL as well."""
    waiting: list[type[Model]] = list(peewee.sort_models(list(models)))  # type: ignore[attr-defined]
    ordered: list[type[Model]] = []
    while waiting:
        names = {model._meta.table_name for model in waiting}
        free = (model for model in waiting if not (_referred(model) & names) - {model._meta.table_name})
        ordered.append(next(free, waiting[0]))
        waiting.remove(ordered[-1])
    return ordered


def redirected(sql: str, place: Callable[[str | None, str], str | None]) -> str:
    """Return SQL whose keys refer to tables in another place.

    Args:
        sql: a CREATE TABLE.
        place: is given the schema, or None, and the name of a table, and returns its other name as SQL, or None.
    """

    def replaced(found: re.Match[str]) -> str:
        if not found["word"]:  # a text, or the name of something else
            return found[0]
        other = place(found["schema"] and _plain(found["schema"]), _plain(found["table"]))
        return found[0] if other is None else found["word"] + other

    return _REFERENCES.sub(replaced, sql)


def _referred(model: type[Model]) -> set[str]:
    meta: Any = model._meta
    keys = {field.rel_model._meta.table_name for field in meta.sorted_fields if _is_key(field)}
    return keys | {
        _plain(found["table"]) for sql in _texts(meta) for found in _REFERENCES.finditer(sql) if found["word"]
    }


def _texts(meta: Any) -> Iterator[str]:
    for parts in (meta.constraints, *(field.constraints for field in meta.sorted_fields)):
        yield from (str(getattr(part, "sql", "")) for part in parts or ())


def _is_key(field: Any) -> bool:
    return isinstance(field, ForeignKeyField) and not field.deferred


def _plain(name: str) -> str:
    """Return a name as Postgres reads it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
