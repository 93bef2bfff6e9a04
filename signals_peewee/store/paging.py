"""Where does the next page begin? A cursor says so, and what it was made for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args
from zlib import crc32

from peewee import OP, Expression, Tuple, Value

from ..engine import Engine
from ..errors import InvalidCursor, InvalidFilter
from ..schema import Signal
from ..schema.fields import check_time
from ..schema.texts import storable
from .filters import SignalFilter

Sort = Literal["newest", "oldest", "occurred", "updated"]
SORTS: tuple[str, ...] = get_args(Sort)
MAX_LIMIT = 500
_VERSION = "3"


@dataclass(frozen=True)
class Page:
    """Signals in a total order, and where the next page begins; to walk through it is to walk through its items.

    Attributes:
        items: at most `limit` signals.
        next_cursor: what to hand to `after` for the next page, or None where this is the last one.
    """

    items: list[Signal]
    next_cursor: str | None

    def __iter__(self) -> Iterator[Signal]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Order(NamedTuple):
    """The columns of a sort, with the id as the last word."""

    column: str
    descending: bool

    def terms(self, signal: Any) -> list[Any]:
        """Return the ORDER BY of this sort."""
        columns = (getattr(signal, self.column), signal.id)
        return [column.desc() if self.descending else column.asc() for column in columns]

    def beyond(self, signal: Any, engine: Engine, instant: datetime, key: str) -> Expression:
        """Return the bound after a row. A row value stays inside the index; its expansion with OR does not."""
        here = Tuple(getattr(signal, self.column), signal.id)
        there = Tuple(Value(engine.to_column(instant)), Value(key))
        return Expression(here, OP.LT if self.descending else OP.GT, there)


ORDERS = {
    "newest": Order("created_at", descending=True),
    "oldest": Order("created_at", descending=False),
    "occurred": Order("occurred_at", descending=True),
    "updated": Order("updated_at", descending=True),
}


def check_limit(limit: object) -> int:
    """Return the number of rows that a page may have.

    Raises:
        InvalidFilter: it is no integer from 1 to 500.
    """
    if isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= MAX_LIMIT:
        return limit
    raise InvalidFilter("limit", limit, f"an integer from 1 to {MAX_LIMIT}")


def check_sort(sort: object) -> Order:
    """Return the order of a sort.

    Raises:
        InvalidFilter: there is no such sort.
    """
    if isinstance(sort, str) and sort in ORDERS:
        return ORDERS[sort]
    raise InvalidFilter("sort", sort, f"one of {', '.join(SORTS)}")


@lru_cache(maxsize=500)
def _hashed_page(workspace: str, sort: str, spelled: str) -> str:
    return hashed(workspace, sort, spelled)


def fingerprint(workspace: object, wanted: SignalFilter, sort: str) -> str:
    """Return a short hash of what a cursor was made for."""
    return _hashed_page(str(workspace), sort, wanted.spelled)


def hashed(*made_for: Any) -> str:
    """Return a short hash of what a cursor was made for, of which no text has a NUL in it."""
    return hashlib.sha256("\0".join(map(str, made_for)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def make_cursor(made_for: str, instant: datetime, key: str) -> str:
    """Return an opaque cursor that stands after the row with this time and key."""
    content = f"{made_for} {instant.isoformat()} {key}"
    return f"{_VERSION} {_sum(content)} {content}".encode().hex()


def read_cursor(
    cursor: object, made_for: str, same: str = "the same workspace, filter and sort"
) -> tuple[datetime, str]:
    """Return the time and key that a cursor stands after.

    Args:
        cursor: what somebody hands in.
        made_for: the hash that it has to carry.
        same: what that hash was made of, in the words of an error.

    Raises:
        InvalidCursor: it is malformed, of another version, or was made for something else.
    """
    if not isinstance(cursor, str):
        raise InvalidCursor("after", cursor, "the next_cursor of a page")
    try:
        version, rest = bytes.fromhex(cursor).decode().split(" ", 1)
        fingerprint_, when, key = _content(rest) if version == _VERSION else ("", None, "")
    except ValueError as error:
        raise InvalidCursor("after", cursor, "the next_cursor of a page, unchanged") from error
    if when is None or not storable(key):
        raise InvalidCursor("after", cursor, "a cursor made by this version: begin at the first page again")
    if fingerprint_ != made_for:
        raise InvalidCursor("after", cursor, f"a cursor made for {same}")
    return when, key


def _content(summed: str) -> tuple[str, datetime, str]:
    sum_, content = summed.split(" ", 1)
    if sum_ != _sum(content):
        raise ValueError("it was cut or changed")
    made_for, instant, key = content.split(" ", 2)
    return made_for, check_time("after", datetime.fromisoformat(instant)), key


def _sum(content: str) -> str:
    """Against what happens to a text on its way; a key that lost its end would be a key as well."""
    return f"{crc32(content.encode()):08x}"
