"""How are signals found, paged through and counted?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

from peewee import fn

from ..errors import InvalidFilter, InvalidSignal, NotFound
from ..schema import Signal
from ..schema.texts import SOURCE_REF_LENGTH, check_text, storable
from ..schema.vocabularies import check_word
from .calls import operation
from .filters import SignalFilter, as_conditions, asked, conditions
from .paging import MAX_LIMIT, Page, Sort, check_limit, check_sort, fingerprint, make_cursor, read_cursor
from .relations import HEAVY, Fetching, Include, check_include

EVERYTHING = SignalFilter()
By = Literal["status", "source", "severity", "frequency", "segment"]
_BY = {name: "user_segment" if name == "segment" else name for name in get_args(By)}


class Reading(Fetching):
    """Reading never changes anything, and leaves out what is heavy: embeddings, and of a page the raw payloads too.

    A row whose payload was left out can be changed and saved: `save()` writes only what was set. Setting its
    `source_metadata` replaces the whole document.
    """

    @operation
    def get(self, id: str | Signal, *, include: Iterable[Include] = ()) -> Signal:
        """Return a signal.

        Args:
            id: its key, or its row to read it again.
            include: what to read along: see `page`. The raw payload is read in any case.

        Raises:
            NotFound: it does not exist, or belongs to another workspace.
        """
        key = id.id if isinstance(id, Signal) else id
        found = self._one({"id": key}, include) if isinstance(key, str) and storable(key) else None
        if found is None:
            raise NotFound("signal", id)
        return found

    @operation
    def find(self, source: str, source_ref: str, *, include: Iterable[Include] = ()) -> Signal | None:
        """Return the signal with this identity in its source, or None.

        Args:
            source: a word of the vocabulary.
            source_ref: the id, URL or ticket in the source system.
            include: what to read along: see `page`. The raw payload is read in any case.

        Raises:
            InvalidSignal: the source is unknown, or the source_ref is none that could be stored.
        """
        signal: Any = self.models.Signal
        check_word("source", source, signal.source.known)
        if check_text("source_ref", source_ref, max_length=SOURCE_REF_LENGTH) == "":
            raise InvalidSignal("source_ref", source_ref, f"1 to {SOURCE_REF_LENGTH} characters")
        return self._one({"source": source, "source_ref": source_ref}, include)

    @operation
    def page(
        self,
        filter: SignalFilter = EVERYTHING,
        *,
        sort: Sort = "newest",
        limit: int = 50,
        after: str | None = None,
        include: Iterable[Include] = (),
    ) -> Page:
        """Return a page of signals in a total order: ties are broken by the id, so paging is stable under inserts.

        Archived signals, and those that another one stands for, are left out unless the filter asks for them.

        Args:
            filter: which signals.
            sort: newest or oldest by the time of storing, each served by an index, alone or with one status, source
                or severity; occurred (latest said first) and updated (latest changed first) sort the workspace, and
                updated is not stable while signals are being changed.
            limit: at most this many, 1 to 500.
            after: the `next_cursor` of the page before, made with the same filter and sort.
            include: workspace, inbox_item, projects (fills `project_links`, each with its project), personas (fills
                `persona_links`), tags (fills `tag_links`); each link comes with who linked it; embedding; raw_payload
                (what `source_metadata` holds under rawPayload).

        Raises:
            InvalidFilter: an argument does not exist or is out of range.
            InvalidCursor: the cursor is malformed, or was made for something else.
        """
        order, limit, included = check_sort(sort), check_limit(limit), check_include(include)
        signal: Any = self.models.Signal
        wanted = asked(filter, self.models, self.engine)
        made_for = fingerprint(self.id, filter, sort)
        there = None if after is None else read_cursor(after, made_for)
        bound = () if there is None else (self.engine.to_column(there[0]), there[1])

        def query() -> Any:
            found = self._mine(*self._columns(included)).where(*as_conditions(wanted))
            if there is not None:
                found = found.where(order.beyond(signal, self.engine, *there))
            return found.order_by(*order.terms(signal)).limit(limit + 1)

        shape = ("page", sort, included & HEAVY, bool(bound), *[(each.what, len(each.values)) for each in wanted])
        values = [value for each in wanted for value in each.values]
        rows = self._fetch(shape, [*values, *bound, limit + 1], query)
        items = self._signals(rows[:limit], included)
        if len(rows) <= limit:
            return Page(items, None)
        last = items[-1].__data__
        return Page(items, make_cursor(made_for, last[order.column], last["id"]))

    def walk(
        self,
        filter: SignalFilter = EVERYTHING,
        *,
        sort: Sort = "newest",
        include: Iterable[Include] = (),
        page_size: int = MAX_LIMIT,
    ) -> Iterator[Signal]:
        """Return an iterator over all the signals that `page` would visit, a page at a time.

        Each page is a call of its own, so that no transaction and no cursor of the database is open in between, and
        the signals may be changed while they are walked through. Whatever is there and found by the filter from the
        beginning to the end is visited once; what is stored, changed or taken away meanwhile may be visited or not.
        With `sort="updated"` a signal that is changed moves, and may be missed, or visited twice.

        Args:
            filter: which signals.
            sort: as for `page`.
            include: as for `page`.
            page_size: how many are read at a time, 1 to 500.

        Raises:
            InvalidFilter: an argument does not exist or is out of range; raised by the call, before the first signal.
        """
        first = self.page(filter, sort=sort, limit=page_size, include=(include := check_include(include)))

        def signals() -> Iterator[Signal]:
            page = first
            while True:
                yield from page.items
                if page.next_cursor is None:
                    return
                page = self.page(filter, sort=sort, limit=page_size, after=page.next_cursor, include=include)

        return signals()

    @operation
    def count(self, filter: SignalFilter = EVERYTHING) -> int:
        """Return how many signals `page` would visit with this filter."""
        return int(self._matching(filter, fn.COUNT(self.models.Signal.id)).scalar())

    @operation
    def counts(self, by: By, filter: SignalFilter = EVERYTHING) -> dict[str | None, int]:
        """Return how many signals there are of each kind, in one query; the most frequent first, None for unset.

        Args:
            by: status, source, severity, frequency or segment.
            filter: which signals, as for `page`.

        Raises:
            InvalidFilter: there is no such grouping.
        """
        if by not in _BY:
            raise InvalidFilter("by", by, f"one of {', '.join(_BY)}")
        column = getattr(self.models.Signal, _BY[by])
        rows = self._matching(filter, column, fn.COUNT(self.models.Signal.id)).group_by(column).tuples()
        return dict(sorted(rows, key=lambda row: (-row[1], row[0] or "")))

    def _matching(self, filter: SignalFilter, *selected: Any) -> Any:
        return self._mine(*selected).where(*conditions(filter, self.models, self.engine))

    def _one(self, which: dict[str, str], include: Iterable[Include]) -> Signal | None:
        included = check_include(include) | {"raw_payload"}
        signal = self.models.Signal

        def query() -> Any:
            these = [getattr(signal, name) == value for name, value in which.items()]
            return self._mine(*self._columns(included)).where(*these)

        rows = self._fetch(("one", included & HEAVY, *which), [*which.values()], query)
        return next(iter(self._signals(rows, included)), None)
