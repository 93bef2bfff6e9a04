"""Which signals? A filter is a pure value; only a store turns it into SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from peewee import SQL, Expression, fn

from ..engine import Engine
from ..errors import InvalidFilter, InvalidSignal
from ..schema import Models
from ..schema.fields import check_time
from ..schema.hosts import key_of
from ..schema.texts import check_text

Words = str | Collection[str] | None
_WORDS = {"status": "status", "source": "source", "severity": "severity", "frequency": "frequency"}
_TIMES = ("created_from", "created_before", "occurred_from", "occurred_before")
_FLAGS = ("unlinked", "archived", "merged")


@dataclass(frozen=True, kw_only=True)
class SignalFilter:
    """What a signal must be to be found; everything that is given must hold. Two filters combine with `&`.

    Args:
        status: one status, or several of which any will do. Naming "archived" finds archived signals.
        source: one source or several.
        severity: one severity or several.
        frequency: one frequency or several.
        segment: one user segment or several, matched exactly.
        project: the key of a project that the signal informs.
        persona: the name of a persona that it tells of.
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
    severity: Words = None
    frequency: Words = None
    segment: Words = None
    project: Any = None
    persona: str | None = None
    unlinked: bool = False
    text: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    occurred_from: datetime | None = None
    occurred_before: datetime | None = None
    archived: bool = False
    merged: bool = False
    _also: tuple[SignalFilter, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name in (*_WORDS, "segment"):
            object.__setattr__(self, name, _words(name, getattr(self, name)))
        for name in _TIMES:
            object.__setattr__(self, name, _checked(check_time, name, getattr(self, name)))
        for name in ("persona", "text"):
            _checked(check_text, name, getattr(self, name))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise InvalidFilter(name, getattr(self, name), "True or False")

    def __and__(self, other: SignalFilter) -> SignalFilter:
        return replace(self, _also=(*self._also, other))

    def parts(self) -> Iterator[SignalFilter]:
        """Yield the filters that were combined into this one."""
        yield replace(self, _also=())
        for other in self._also:
            yield from other.parts()

    def given(self) -> dict[str, Any]:
        """Return what this filter, without those combined with it, asks for."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name != "_also" and getattr(self, each.name) not in (None, False)
        }


def conditions(wanted: SignalFilter, models: Models, engine: Engine) -> list[Expression]:
    """Return a filter as the conditions of a WHERE.

    Raises:
        InvalidFilter: a word that the store's vocabularies do not know.
    """
    if not isinstance(wanted, SignalFilter):
        raise InvalidFilter("filter", wanted, "a SignalFilter")
    parts = list(wanted.parts())
    signal: Any = models.Signal
    found = [condition for part in parts for condition in _conditions(part, models, engine)]
    if not any(part.archived or part.status for part in parts):
        found.append(signal.status != "archived")
    if not any(part.merged for part in parts):
        found.append(signal.merged_into.is_null())
    return found


def _conditions(part: SignalFilter, models: Models, engine: Engine) -> Iterator[Expression]:
    signal: Any = models.Signal
    for name, column in _WORDS.items():
        if (words := getattr(part, name)) is not None:
            yield _any_of(getattr(signal, column), _known(name, words, getattr(signal, column).known))
    if part.segment is not None:
        yield _any_of(signal.user_segment, part.segment)
    if part.text:
        yield engine.contains(signal.verbatim, part.text) | engine.contains(signal.interpretation, part.text)
    for column, name in ((signal.created_at, "created"), (signal.occurred_at, "occurred")):
        if (start := getattr(part, f"{name}_from")) is not None:
            yield column >= start
        if (end := getattr(part, f"{name}_before")) is not None:
            yield column < end
    yield from _linked(part, signal, models)


def _linked(part: SignalFilter, signal: Any, models: Models) -> Iterator[Expression]:
    projects: Any = models.SignalProject
    personas: Any = models.SignalPersona
    if part.project is not None:
        key = key_of(models.Project, part.project)
        mine = SQL("1 = 0") if key is None else projects.project == key
        yield signal.id.in_(projects.select(projects.signal).where(mine))
    if part.persona is not None:
        yield signal.id.in_(personas.select(personas.signal).where(personas.persona_id == part.persona))
    if part.unlinked:
        yield ~fn.EXISTS(projects.select(projects.id).where(projects.signal == signal.id))


def _any_of(column: Any, words: Collection[str]) -> Expression:
    expression: Expression = column == next(iter(words)) if len(words) == 1 else column.in_(list(words))
    return expression


def _words(name: str, given: Words) -> tuple[str, ...] | None:
    if given is None:
        return None
    words = (given,) if isinstance(given, str) else given
    if not isinstance(words, Collection) or not words or not all(isinstance(word, str) for word in words):
        raise InvalidFilter(name, given, "a word, or a list of words that is not empty")
    return tuple(sorted({_checked(check_text, name, word) for word in words}))


def _known(name: str, words: Collection[str], known: Collection[str]) -> Collection[str]:
    for word in words:
        if word not in known:
            raise InvalidFilter(name, word, f"one of {', '.join(known)}")
    return words


def _checked(check: Any, name: str, value: Any) -> Any:
    try:
        return None if value is None else check(name, value)
    except InvalidSignal as error:
        raise InvalidFilter(error.field, error.value, error.expected) from error
