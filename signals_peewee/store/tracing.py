"""Where does a workspace tell of a person? All of it is read, a page at a time, and nothing is locked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import OP, Expression, Tuple, Value

from .calls import operation
from .rooms import Room
from .subjects import Subject, said_by_item

PAGE = 200


@dataclass
class Traces:
    """What was found of a person.

    Attributes:
        signals: those whose metadata names them, or repeats what the metadata of their inbox item says of them.
        items: the inbox items whose metadata has the subject, and those that these signals came from.
        events: those that repeat it, of other signals.
        links: the links to projects of other signals, whose reason it is.
    """

    signals: list[str] = field(default_factory=list)
    items: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.signals or self.items or self.events or self.links)


class Tracing(Room):
    """A page is a statement of its own, so nobody waits, and what is found may have changed by the time it is used."""

    @operation
    def _traces(self, subject: Subject) -> Traces:
        """Look at every signal, event and inbox item of the workspace, in memory for one page and what is found."""
        items = {item for item, said in self._inbox() if subject.stands_in(said)}
        traces = Traces(items={*items})
        for page in self._pages():
            named = {
                key: item
                for key, metadata, item in page
                if subject.named_by(metadata) or (item in items and subject.stands_in(metadata))
            }
            traces.signals += named
            if self._has_inbox():
                traces.items.update(item for item in named.values() if item is not None)
            others = [key for key, *_ in page if key not in named]
            traces.events += self._telling(subject, others)
            traces.links += self._reasoning(subject, others)
        return traces

    def _has_inbox(self) -> bool:
        """Tell whether the inbox is the library's own; a host's is never touched."""
        return self.models.InboxItem in self.models.owned

    def _telling(self, subject: Subject, signals: Sequence[str]) -> list[str]:
        """Return the keys of the events of some signals that repeat the subject."""
        event: Any = self.models.SignalEvent
        query = event.select(event.id, event.before, event.after).where(self.engine.among(event.signal, signals))
        rows = query.tuples().iterator() if signals else ()
        return [key for key, before, after in rows if subject.told_by(before, after)]

    def _reasoning(self, subject: Subject, signals: Sequence[str]) -> list[str]:
        """Return the keys of the links of some signals to projects whose reason is the subject."""
        link: Any = self.models.SignalProject
        query = link.select(link.id, link.link_reason).where(self.engine.among(link.signal, signals))
        rows = query.where(link.link_reason.is_null(False)).tuples().iterator() if signals else ()
        return [key for key, reason in rows if subject.stands_in(reason)]

    def _pages(self) -> Iterator[list[tuple[str, Any, Any]]]:
        """Yield the keys of all signals, page by page, with what their metadata says and their inbox item."""
        signal: Any = self.models.Signal
        query = signal.select(signal.created_at, signal.id, signal.source_metadata, signal.inbox_item)
        query = query.where(signal.workspace == self.id).order_by(signal.created_at, signal.id).limit(PAGE)
        rows: list[Any] = self._raw(query)
        while rows:
            read = signal.source_metadata.python_value
            yield [(key, read(metadata), item) for _, key, metadata, item in rows]
            # The time as the column holds it: plain SQL may have written one that we would write differently.
            here, there = Tuple(signal.created_at, signal.id), Tuple(*map(Value, rows[-1][:2]))
            rows = self._raw(query.where(Expression(here, OP.GT, there))) if len(rows) == PAGE else []

    def _inbox(self) -> Iterator[tuple[str, Any]]:
        """Yield the key of each inbox item, and what it says in documents."""
        if not self._has_inbox():
            return
        item: Any = self.models.InboxItem
        query = item.select(item.id, item.metadata, item.raw_content).where(self._own_items())
        query = query.order_by(item.id).limit(PAGE)
        rows: list[Any] = self._raw(query)
        while rows:
            read = item.metadata.python_value
            yield from ((key, said_by_item(read(metadata), content)) for key, metadata, content in rows)
            rows = self._raw(query.where(item.id > rows[-1][0])) if len(rows) == PAGE else []

    def _own_items(self) -> Any:
        """The condition that an item is of this workspace; through its index SQLite would sort them all for a page."""
        column = self.models.InboxItem.workspace
        return Expression(self.engine.sifted(column), OP.EQ, Value(column.db_value(self.id)))

    def _raw(self, query: Any) -> list[Any]:
        rows: list[Any] = self.engine.database.execute(query).fetchall()
        return rows
