"""Which signals has nobody done anything with?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import SQL, fn

from ..errors import InvalidFilter
from ..schema import Signal
from ..schema.fields import utc_now
from .calls import operation
from .durations import check_duration
from .paging import ORDERS, check_limit, hashed, make_cursor, read_cursor
from .relations import HEAVY, Fetching, Include, check_include

_OLDEST = ORDERS["oldest"]


@dataclass(frozen=True)
class Orphans:
    """Signals that nobody has done anything with, the oldest first.

    Attributes:
        items: at most `limit` of them.
        next_cursor: what to hand to `after` for the next page, or None where this is the last one.
        total: how many there are, on all pages together.
    """

    items: list[Signal]
    next_cursor: str | None
    total: int

    def __iter__(self) -> Iterator[Signal]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Orphaned(Fetching):
    """Signals that wait for somebody."""

    @operation
    def orphans(
        self,
        older_than: timedelta | float,
        *,
        limit: int = 50,
        after: str | None = None,
        include: Iterable[Include] = (),
    ) -> Orphans:
        """Return a page of the signals that are still new after a while, and inform no project and tell of no persona.

        The oldest stored come first, ties broken by the id, read from an index. Those that another one stands for are
        left out.

        Args:
            older_than: how long ago they were stored, or longer: a timedelta or seconds.
            limit: at most this many, 1 to 500.
            after: the `next_cursor` of the page before, made with the same `older_than`.
            include: what to read along: see `page`.

        Raises:
            InvalidFilter: an argument does not exist or is out of range.
            InvalidCursor: the cursor is malformed, or was made for something else.
        """
        age = check_duration("older_than", older_than, zero=True, refused=InvalidFilter)
        limit, included = check_limit(limit), check_include(include)
        signal: Any = self.models.Signal
        until = utc_now() - age
        made_for = hashed("orphans", str(self.id), age.total_seconds())
        there = None if after is None else read_cursor(after, made_for, "the same workspace and older_than")
        bound = () if there is None else (self.engine.to_column(there[0]), there[1])
        known = ["new", self.engine.to_column(until)]

        def query() -> Any:
            found = self._waiting(until, *self._columns(included), in_order=True)
            if there is not None:
                found = found.where(_OLDEST.beyond(signal, self.engine, *there))
            return found.order_by(*_OLDEST.terms(signal)).limit(limit + 1)

        shape = ("orphans", included & HEAVY, bool(bound))
        rows = self._fetch(shape, [*known, *bound, limit + 1], query)
        items = self._signals(rows[:limit], included)
        cursor = make_cursor(made_for, items[-1].created_at, items[-1].id) if len(rows) > limit else None
        ((total,),) = self._fetch("count orphans", known, lambda: self._waiting(until, fn.COUNT(signal.id)))
        return Orphans(items, cursor, total)

    def _waiting(self, until: datetime, *selected: Any, in_order: bool = False) -> Any:
        """Return a query of the orphans.

        Args:
            until: when they were stored at the latest.
            selected: what to select.
            in_order: look at one after the other. Postgres would else make a join of it all, and sort that: an OFFSET
                keeps it from doing so.
        """
        signal: Any = self.models.Signal
        query = self._mine(*selected).where(
            signal.status == "new", signal.created_at <= until, signal.merged_into.is_null()
        )
        for link in (self.models.SignalProject, self.models.SignalPersona):
            links: Any = link.alias()
            its_links = links.select(SQL("1")).where(links.signal == signal.id)
            query = query.where(~fn.EXISTS(its_links.limit(SQL("1")).offset(SQL("0")) if in_order else its_links))
        return query
