"""May this batch be recorded? The rules of `checking`, asked of whole columns, which is ten times as fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from itertools import chain
from os import urandom
from typing import Any

from ..errors import NotFound
from ..schema.documents import EXPONENT_FROM, MAX_DEPTH
from ..schema.texts import SOURCE_REF_LENGTH
from .checking import NAMES, TEXTS, WORDS, Checks, instant
from .columns import Batch

_NONE = type(None)
_KNOWN = frozenset(NAMES)
_ZONES = {("datetime", "timezone"), ("zoneinfo", "ZoneInfo")}
"""By name: who passes no ZoneInfo has not imported it."""
_JSON = {str, int, float, bool, _NONE, dict, list}
_LARGE = 10**1000
_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode


class Doubtful(Exception):
    """A column has to be looked at row by row: it may be at fault, or only unusual."""


def as_columns(rows: Sequence[Any], checks: Checks) -> Batch:
    """Return what `checks.row` returns for each of the rows, as columns.

    Raises:
        Doubtful: at least one row is refused, or is of an unusual kind.
    """
    if set(map(type, rows)) != {dict} or not _KNOWN.issuperset(chain.from_iterable(rows)):
        raise Doubtful
    given = {name: [row.get(name) for row in rows] for name in NAMES}
    kinds = {name: set(map(type, values)) for name, values in given.items()}
    try:
        return {
            name: _column(name, given[name], kind - {_NONE}, checks)
            for name, kind in kinds.items()
            if kind != {_NONE} or name in ("verbatim", "source")
        }
    except (TypeError, ValueError, OverflowError, RecursionError, NotFound) as error:
        raise Doubtful from error


def _column(name: str, values: list[Any], kinds: set[type], checks: Checks) -> Sequence[Any]:
    if name in TEXTS:
        return _texts(name, values, kinds)
    if name in WORDS:
        return _words(values, kinds, frozenset(checks.words[name]) | ({None} if name != "source" else set()))
    if name == "occurred_at":
        return _instants(values, kinds)
    if name == "source_metadata":
        return _documents(values, kinds)
    return [None if value is None else checks.inbox_key(value) for value in values]


def _texts(name: str, values: list[Any], kinds: set[type]) -> list[Any]:
    _only({str}, kinds)
    texts = values if name == "verbatim" else [value for value in values if value is not None]
    _sure(_storable(texts))
    if name == "verbatim":
        _sure(all(map(str.strip, texts)))
    if name == "source_ref":
        _sure(all(texts) and max(map(len, texts)) <= SOURCE_REF_LENGTH)
    return values


def _words(values: list[Any], kinds: set[type], known: frozenset[Any]) -> list[Any]:
    _only({str}, kinds)
    _sure(known.issuperset(values))
    return values


def _instants(values: list[Any], kinds: set[type]) -> list[Any]:
    _only({datetime}, kinds)
    times = [value for value in values if value is not None]
    zones = {time.tzinfo for time in times}
    _sure(_ZONES.issuperset({(type(zone).__module__, type(zone).__name__) for zone in zones}))
    if zones != {timezone.utc}:
        values = [None if value is None else value.astimezone(timezone.utc) for value in values]
        times = [value for value in values if value is not None]
    instant(min(times))
    instant(max(times))
    return values


def _documents(values: list[Any], kinds: set[type]) -> list[Any]:
    """Return documents as they are: of a file that is sent again, none is needed as text."""
    _only({dict}, kinds)
    level: list[Any] = [value for value in values if value is not None]
    for _ in range(MAX_DEPTH):
        dicts = [value for value in level if type(value) is dict]
        keys = [*chain.from_iterable(dicts)]
        _only({str}, map(type, keys))
        inside = [*chain.from_iterable(map(dict.values, dicts))]
        if len(dicts) < len(level):
            inside += chain.from_iterable(value for value in level if type(value) is list)
        kinds = set(map(type, inside))
        _only(_JSON, kinds)
        _sure(_storable(keys) and _storable([value for value in inside if type(value) is str]))
        if float in kinds:
            _sure(all(-EXPONENT_FROM < value < EXPONENT_FROM for value in inside if type(value) is float))
        if int in kinds:
            _sure(all(-_LARGE < value < _LARGE for value in inside if type(value) is int))
        if kinds.isdisjoint((dict, list)):
            return values
        level = [value for value in inside if type(value) is dict or type(value) is list]
    raise Doubtful


def with_documents(columns: Batch) -> Batch:
    """Return the columns with their documents as JSON text.

    The encoder is called once for all of them, because to start it costs more than a document does.
    """
    values = columns.get("source_metadata", ())
    documents = [value for value in values if type(value) is dict]
    if not documents:
        return columns
    mark = urandom(12).hex()
    text = _encode([part for value in documents for part in (value, mark)])
    texts = iter(text[1:].replace(f',"{mark}"', mark).split(f"{mark},"))
    encoded = [next(texts).removesuffix(f"{mark}]") if type(value) is dict else value for value in values]
    return {**columns, "source_metadata": encoded}


def _storable(texts: Sequence[str]) -> bool:
    """Tell what `texts.storable` says of each; only a lone surrogate has no UTF-8."""
    if "\0" in "".join(texts):
        return False
    try:
        "".join([text for text in texts if not text.isascii()]).encode()
    except UnicodeEncodeError:
        return False
    return True


def _only(expected: set[type], kinds: Iterable[type]) -> None:
    _sure(expected.issuperset(kinds))


def _sure(holds: bool) -> None:
    if not holds:
        raise Doubtful
