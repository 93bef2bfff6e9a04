"""How does what a driver fetched become rows of the models, without Peewee's steps for each value?"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from peewee import ForeignKeyField, Model

from ..engine import Engine
from ..schema import Models
from ..schema.binding import Declared
from ..schema.fields import Typed

T = TypeVar("T")
Hydrate = Callable[..., Any]
Relations = Mapping[str, Mapping[Any, Any]]
_KEPT = "_reader"
_MOST = 500
"""Statements that are kept; a filter with many words has a statement for each number of them."""
_FILLED = "row = new(model); row.__data__ = data = {{{data}}}"
_CALLED = "row = model(__no_default__=1, **{{{data}}}); row._dirty.clear()"
"""As Peewee makes a row: for a host's class whose __init__ is its own, and may want to see the values."""
_AT_ONCE = 15
"""Where more items stand in a dict, Python makes several and merges them; the others are set one by one."""
_NOTHING: Relations = MappingProxyType({})
_SOURCE = """
def hydrate(rows, made, {relations}):
    for values in rows:
        {begun}
        row.__rel__ = {{{related}}}
        made{under}.append(row)
    return made
"""


class Reader:
    """What one store reads with: statements rendered once for a shape of query, and functions compiled for a model.

    Made at its first use and kept with the store's models; safe to share between threads.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._rendered: dict[Hashable, str] = {}
        self._hydrators: dict[Hashable, tuple[Hydrate, Sequence[Any]]] = {}
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returned when it was called first for this key."""
        found: T | None = self._made.get(key)
        return found if found is not None else self._made.setdefault(key, make())

    def fetch(self, shape: Hashable, parameters: list[Any], query: Callable[[], Any]) -> list[Any]:
        """Return the rows of a query as the driver gives them.

        Args:
            shape: what the SQL of the query follows from.
            parameters: what it sends, as columns hold it and in its order.
            query: makes it, where no query of this shape has been rendered yet.
        """
        sql = self._rendered.get(shape)
        if sql is None:
            sql, sent = query().sql()
            assert sent == parameters, f"a query of shape {shape} sends {sent} and not {parameters}: {sql}"
            if len(self._rendered) >= _MOST:
                self._rendered.clear()
            self._rendered[shape] = sql
        return self.engine.fetched(sql, parameters)

    def hydrate(
        self,
        rows: Iterable[Sequence[Any]],
        model: Any,
        fields: Sequence[Any],
        start: int = 0,
        relations: Relations = _NOTHING,
    ) -> list[Any]:
        """Return fetched rows as instances of a model, as clean as those that Peewee reads.

        Args:
            rows: as the driver gives them.
            model: a class of the store or of its host.
            fields: which of its fields stand in a row, side by side; a sequence that the caller keeps, since a
                function is compiled for each.
            start: the place of the first of them.
            relations: for names of keys among them the rows that they refer to, by what the driver gives for the key;
                where there is none the relation is None.
        """
        made: list[Any] = self._hydrator(model, fields, start, relations, "")(rows, [], *relations.values())
        return made

    def hydrate_under(
        self,
        key: str,
        made: Mapping[Any, list[Any]],
        rows: Iterable[Sequence[Any]],
        model: Any,
        fields: Sequence[Any],
        *,
        relations: Relations,
    ) -> None:
        """Append the same to the lists that `made` holds for the values of a key, which is one of the fields."""
        self._hydrator(model, fields, 0, relations, key)(rows, made, *relations.values())

    def _hydrator(self, model: Any, fields: Sequence[Any], start: int, relations: Relations, under: str) -> Hydrate:
        key = (model, id(fields), start, under, *relations)
        found = self._hydrators.get(key)
        if found is None:
            made = hydrator(self.engine, model, fields, start=start, relations=[*relations], under=under)
            found = self._hydrators[key] = made, fields  # which are kept so that no others ever get their id
        return found[0]


def reader(engine: Engine, models: Models) -> Reader:
    """Return the reader of a store."""
    kept = vars(models)
    found: Reader = kept.get(_KEPT) or kept.setdefault(_KEPT, Reader(engine))
    return found


def hydrator(
    engine: Engine, model: Any, fields: Sequence[Any], *, start: int, relations: Sequence[str], under: str
) -> Hydrate:
    """Compile the function that makes instances of a model; see `Reader.hydrate` and `Reader.hydrate_under`."""
    values = {field.name: f"values[{place}]" for place, field in enumerate(fields, start)}
    names: dict[str, Any] = {
        **engine.reader_names,
        "model": model,
        "new": model.__new__ if issubclass(model, Declared) else _begun,
    }
    data = []
    for place, field in enumerate(fields):
        value, leaf = values[field.name], _leaf(field)
        kind: str = leaf.field_type
        if not isinstance(leaf, Typed):  # a host's field, which may make something of NULL too
            names[f"read{place}"] = leaf.python_value
            value = f"read{place}({value})"
        elif kind in engine.readers:
            read = engine.readers[kind].format(value)
            value = f"None if {value} is None else {read}" if field.null else read
        data.append((repr(field.name), value))
    begun, at_once = (_FILLED, _AT_ONCE) if model.__init__ is Model.__init__ else (_CALLED, len(data))
    first = ", ".join(f"{name}: {value}" for name, value in data[:at_once])
    source = _SOURCE.format(
        relations=", ".join(f"all_{name}" for name in relations),
        begun="; ".join([begun.format(data=first), *(f"data[{name}] = {value}" for name, value in data[at_once:])]),
        related=", ".join(f"{name!r}: all_{name}.get({values[name]})" for name in relations),
        under=under and f"[{values[under]}]",
    )
    exec(source, names)  # noqa: S102 - of names of fields, quoted, and of places
    hydrate: Hydrate = names["hydrate"]
    return hydrate


def _begun(model: Any) -> Any:
    """Begin a row of a host's class."""
    return model(__no_default__=True)


def _leaf(field: Any) -> Any:
    while isinstance(field, ForeignKeyField):
        field = field.rel_field
    return field
