"""Which signals informed a project, and on whose word?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, Model, fn

from ..schema import Signal
from ..schema.hosts import key_of
from .calls import operation
from .paging import Order, check_limit, hashed, make_cursor, read_cursor
from .relations import HEAVY, Fetching, Include, Relations, check_include, fields_of
from .rooms import not_found

_LATEST = Order("linked_at", descending=True)


@dataclass(frozen=True)
class Evidence:
    """A signal that informed a project.

    Attributes:
        signal: what was said.
        reason: why it was linked, or None.
        linked_by: the row of the user who linked it, or None.
        linked_at: when it was linked.
        confidence: how sure whoever linked it was, from 0 to 1, or None.
    """

    signal: Signal
    reason: str | None
    linked_by: Any
    linked_at: datetime
    confidence: float | None


@dataclass(frozen=True)
class EvidencePage:
    """Evidence, the latest linked first, and where the next page begins.

    Attributes:
        items: at most `limit` of them.
        next_cursor: what to hand to `after` for the next page, or None where this is the last one.
    """

    items: list[Evidence]
    next_cursor: str | None

    def __iter__(self) -> Iterator[Evidence]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Informing(Fetching):
    """What stands behind a project. Archived signals, and those that another one stands for, are no evidence."""

    @operation
    def evidence(
        self, project: Any, *, limit: int = 50, after: str | None = None, include: Iterable[Include] = ()
    ) -> EvidencePage:
        """Return a page of the signals that informed a project, the latest linked first, ties broken by the link's id.

        It is read from an index, and stable while signals are linked.

        Args:
            project: a row or a key of a project.
            limit: at most this many, 1 to 500.
            after: the `next_cursor` of the page before.
            include: what to read along with the signals: see `page`.

        Raises:
            NotFound: there is no such project, or it is another workspace's.
            InvalidFilter: the limit is out of range, or there is no such include.
            InvalidCursor: the cursor is malformed, or was made for another project.
        """
        limit, included = check_limit(limit), check_include(include)
        key = self._found("project", self.models.Project, project, self.models.project_workspace)
        made_for = hashed("evidence", str(self.id), str(key))
        there = None if after is None else read_cursor(after, made_for, "the same workspace and project")
        rows = self._linked(key, included, there, limit + 1)
        signals = self._signals(rows[:limit], included)
        link, start = self.models.SignalProject, len(fields_of(self.models.Signal, included))
        links = Relations(self._reader, self.models, self.id).links(link, rows[:limit], start)
        cursor = make_cursor(made_for, links[-1].linked_at, links[-1].id) if len(rows) > limit else None
        return EvidencePage([_evidence(*each) for each in zip(signals, links, strict=True)], cursor)

    @operation
    def evidence_counts(self, projects: Iterable[Any]) -> dict[Any, int]:
        """Return how many signals `evidence` would visit for each of these projects, in one query.

        Args:
            projects: rows or keys of projects.

        Returns:
            For the key of each project, in the order given, its number: 0 where nothing informed it.

        Raises:
            NotFound: one of them does not exist, or is another workspace's.
        """
        model = self.models.Project
        primary, workspace = model._meta.primary_key, self.models.project_workspace
        wanted = {}
        for project in _each(projects):
            if (key := key_of(model, project)) is None:
                raise not_found("project", model, project, workspace)
            wanted[primary.python_value(primary.db_value(key))] = project
        if not wanted:
            return {}
        link, signal = self.models.SignalProject.alias(), self.models.Signal.alias()
        counted = (signal.workspace == self.id) & (signal.status != "archived") & signal.merged_into.is_null()
        query = (
            model.select(primary, fn.COUNT(signal.id))
            .join_from(model, link, JOIN.LEFT_OUTER, on=link.project == primary)
            .join_from(link, signal, JOIN.LEFT_OUTER, on=(link.signal == signal.id) & counted)
            .where(self.engine.among(primary, [primary.db_value(key) for key in wanted]))
            .group_by(primary)
        )
        if workspace is not None:
            query = query.where(getattr(model, workspace) == self.id)
        counts: dict[Any, int] = dict(query.tuples())
        if len(counts) < len(wanted):
            missing = next(project for key, project in wanted.items() if key not in counts)
            raise not_found("project", model, missing, workspace)
        # A key may be stored otherwise than it is asked for: a CHAR is longer, and a column may disregard case.
        return {**{key: counts[key] for key in wanted if key in counts}, **counts}

    def _linked(self, project: Any, include: Set[str], there: Any, limit: int) -> list[Any]:
        """Return rows of signals and their links to a project, in the order of the links, after a place among them."""
        link, signal = self.models.SignalProject, self.models.Signal
        bound = () if there is None else (self.engine.to_column(there[0]), there[1])

        def query() -> Any:
            joined = self._mine(*self._columns(include), *link._meta.sorted_fields)
            joined = joined.join_from(signal, link, on=link.signal == signal.id)
            found = joined.where(link.project == project, signal.status != "archived", signal.merged_into.is_null())
            if there is not None:
                found = found.where(_LATEST.beyond(link, self.engine, *there))
            return found.order_by(*_LATEST.terms(link)).limit(limit)

        sent = [link.project.db_value(project), "archived", *bound, limit]
        return self._fetch(("evidence", include & HEAVY, bool(bound)), sent, query)


def _evidence(signal: Signal, link: Any) -> Evidence:
    return Evidence(signal, link.link_reason, link.linked_by, link.linked_at, link.confidence)


def _each(projects: Any) -> Iterable[Any]:
    return projects if isinstance(projects, Iterable) and not isinstance(projects, (str, Model)) else [projects]
