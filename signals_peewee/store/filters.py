"""Which signals? A filter is a pure value; only a store turns it into SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property, partial
from operator import ge, lt
from typing import Any, NamedTuple

from peewee import SQL, Expression, Value, fn

from ..engine import Engine
from ..engine.base import ascii_lower
from ..errors import InvalidFilter, InvalidSignal
from ..schema import Models
from ..schema.fields import check_time
from ..schema.hosts import key_of
from ..schema.texts import check_text

Words = str | Collection[str] | None
WordsOrUnset = str | Collection[str | None] | None
_WORDS = ("status", "source", "severity", "frequency")
_OPTIONAL = ("severity", "frequency", "segment")
_TIMES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "created_from": ("created_at", ge),
    "created_before": ("created_at", lt),
    "occurred_from": ("occurred_at", ge),
    "occurred_before": ("occurred_at", lt),
}
_FLAGS = ("unlinked", "archived", "merged")


@dataclass(frozen=True, kw_only=True, repr=False)
class SignalFilter:
    """What a signal must be to be found; everything that is given must hold. Two filters combine with `&`.

    Args:
        status: one status, or several of which any will do. Naming "archived" finds archived signals.
        source: one source or several.
        severity: one severity or several; None in a list stands for those that have none: `severity=[None]`.
        frequency: the same of frequencies.
        segment: the same of user segments, matched exactly.
        project: the key of a project that the signal informs.
        persona: the name of a persona that it tells of.
        tag: a tag that it carries.
        unlinked: only signals that inform no project.
        text: words that stand in the verbatim or the interpretation, without regard to the case of ASCII letters.
        created_from: stored at this instant or later.
        created_before: stored earlier than this instant.
        occurred_from: said at this instant or later.
        occurred_before: said earlier than this instant.
        archived: archived signals too.
        merged: signals too that another one stands for.

    Raises:
        InvalidFilter: a value of the wrong type, or a time without an offset.
    """

    status: Words = None
    source: Words = None
    severity: WordsOrUnset = None
    frequency: WordsOrUnset = None
    segment: WordsOrUnset = None
    project: Any = None
    persona: str | None = None
    tag: str | None = None
    unlinked: bool = False
    text: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    occurred_from: datetime | None = None
    occurred_before: datetime | None = None
    archived: bool = False
    merged: bool = False
    _also: tuple[SignalFilter, ...] = ()

    def __post_init__(self) -> None:
        for name in (*_WORDS, "segment"):
            object.__setattr__(self, name, _words(name, getattr(self, name)))
        for name in _TIMES:
            object.__setattr__(self, name, _checked(check_time, name, getattr(self, name)))
        for name in ("persona", "tag", "text"):
            _checked(check_text, name, getattr(self, name))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise InvalidFilter(name, getattr(self, name), "True or False")

    def __repr__(self) -> str:
        parts = (", ".join(f"{name}={value!r}" for name, value in part.given.items()) for part in self.parts)
        return " & ".join(f"SignalFilter({part})" for part in parts)

    def __and__(self, other: SignalFilter) -> SignalFilter:
        if not isinstance(other, SignalFilter):
            raise InvalidFilter("filter", other, "a SignalFilter behind &")
        return replace(self, _also=(*self._also, other))

    @cached_property
    def parts(self) -> list[SignalFilter]:
        """The filters that were combined into this one."""
        own = replace(self, _also=()) if self._also else self
        return [own, *(part for other in self._also for part in other.parts)]

    @cached_property
    def given(self) -> dict[str, Any]:
        """What this filter, without those combined with it, asks for."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self) if each.name != "_also")
        return {name: value for name, value in values if value is not None and value is not False}

    @cached_property
    def finds_archived(self) -> bool:
        """Whether archived signals are found too."""
        return any(part.archived or part.status for part in self.parts)

    @cached_property
    def finds_merged(self) -> bool:
        """Whether signals are found too that another one stands for."""
        return any(part.merged for part in self.parts)

    @cached_property
    def spelled(self) -> str:
        """All that it asks for as one text, the same for filters that were written otherwise and ask for the same."""
        parts = (sorted((name, str(value)) for name, value in part.given.items()) for part in self.parts)
        return json.dumps(sorted(parts))


class Asked(NamedTuple):
    """One thing that signals must be.

    Attributes:
        what: two of one name that send as many values have the same SQL.
        values: what a statement sends for it, in this order, as columns hold it.
        condition: returns it as a condition of a WHERE; it is handed the values.
    """

    what: str
    values: Collection[Any]
    condition: Callable[..., Any]


def asked(wanted: SignalFilter, models: Models, engine: Engine) -> list[Asked]:
    """Return all that a filter asks for, which must hold together.

    Raises:
        InvalidFilter: it is no filter, or has a word that the store's vocabularies do not know.
    """
    if not isinstance(wanted, SignalFilter):
        raise InvalidFilter("filter", wanted, "a SignalFilter")
    signal: Any = models.Signal
    found = [each for part in wanted.parts if part.given for each in _asked(part, models, engine)]
    if not wanted.finds_archived:
        found.append(Asked("not archived", ("archived",), lambda word: signal.status != word))
    if not wanted.finds_merged:
        found.append(Asked("not merged", (), lambda: signal.merged_into.is_null()))  # noqa: PLW0108 - looked up where it is rendered
    return found


def conditions(wanted: SignalFilter, models: Models, engine: Engine) -> list[Expression]:
    """Return a filter as the conditions of a WHERE; errors are those of `asked`."""
    return as_conditions(asked(wanted, models, engine))


def as_conditions(everything: Iterable[Asked]) -> list[Expression]:
    """Return what a filter asks for as the conditions of a WHERE, which send the values in their order."""
    return [each.condition(*[Value(value, converter=False) for value in each.values]) for each in everything]


def _asked(part: SignalFilter, models: Models, engine: Engine) -> Iterator[Asked]:
    signal: Any = models.Signal
    given = part.given
    for name in _WORDS:
        if name in given:
            column = getattr(signal, name)
            yield _one_of(name, _known(name, given[name], column.known), column)
    if "segment" in given:
        yield _one_of("segment", given["segment"], signal.user_segment)
    if part.text:
        yield _containing(part.text, signal, engine)
    for name, (column, compare) in _TIMES.items():
        if name in given:
            yield Asked(name, (engine.to_column(given[name]),), partial(compare, getattr(signal, column)))
    yield from _linked(part, signal, models)


def _containing(text: str, signal: Any, engine: Engine) -> Asked:
    def condition(*_: Any) -> Any:
        return engine.contains(signal.verbatim, text) | engine.contains(signal.interpretation, text)

    return Asked("text", (ascii_lower(text),) * 2, condition)


def _linked(part: SignalFilter, signal: Any, models: Models) -> Iterator[Asked]:
    projects: Any = models.SignalProject
    if part.project is not None:
        key = key_of(models.Project, part.project)
        if key is None:
            yield Asked("nothing", (), lambda: SQL("1 = 0"))
        else:
            yield Asked("project", (projects.project.db_value(key),), partial(_with, signal, projects.project))
    if part.persona is not None:
        yield Asked("persona", (part.persona,), partial(_with, signal, models.SignalPersona.persona_id))
    if part.tag is not None:
        yield Asked("tag", (part.tag,), partial(_with, signal, models.SignalTag.tag))
    if part.unlinked:
        links = projects.select(projects.id).where(projects.signal == signal.id)
        yield Asked("unlinked", (), lambda: ~fn.EXISTS(links))


def _with(signal: Any, column: Any, value: Any) -> Any:
    link = column.model
    return signal.id.in_(link.select(link.signal).where(column == value))


def _one_of(name: str, wanted: Collection[str | None], column: Any) -> Asked:
    words = tuple(word for word in wanted if word is not None)
    if len(words) == len(wanted):
        return Asked(name, words, partial(_any_of, column))
    if not words:
        return Asked(f"no {name}", (), column.is_null)
    return Asked(f"{name}, or none", words, lambda *sent: column.is_null() | _any_of(column, *sent))


def _any_of(column: Any, *words: Any) -> Any:
    return column == words[0] if len(words) == 1 else column.in_(words)


def _words(name: str, given: WordsOrUnset) -> tuple[str | None, ...] | None:
    if given is None:
        return None
    words = (given,) if isinstance(given, str) else given
    kinds = (str, type(None)) if name in _OPTIONAL else str
    if not isinstance(words, Collection) or not words or not all(isinstance(word, kinds) for word in words):
        also = ", or None for those that have none" if name in _OPTIONAL else ""
        raise InvalidFilter(name, given, f"a word, or a list of words that is not empty{also}")
    found = {_checked(check_text, name, word) for word in words}
    return tuple(sorted(found, key=lambda word: (word is None, word or "")))


def _known(name: str, words: Collection[str | None], known: Collection[str]) -> Collection[str | None]:
    for word in words:
        if word is not None and word not in known:
            raise InvalidFilter(name, word, f"one of {', '.join(known)}")
    return words


def _checked(check: Any, name: str, value: Any) -> Any:
    try:
        return None if value is None else check(name, value)
    except InvalidSignal as error:
        raise InvalidFilter(error.field, error.value, error.expected) from error
