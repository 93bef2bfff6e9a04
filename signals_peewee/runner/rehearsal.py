"""What would the pending steps do, found out by running them on a copy?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from peewee import Database, PeeweeException

from ..engine import database_from_url, plain_database
from ..engine.altering import Finding
from ..engine.migrating import Migrating, migrating_for
from ..errors import DatabaseUnavailable, HistoryMismatch, InvalidOption, MigrationError, StepFailed
from ..errors.advice import Advising
from .events import StepEvent
from .failure import said
from .history import Row
from .trace import Statement, Trace

Copy = str | Database | Literal[True]
"""The URL of a copy, a Peewee database that is one, or True: make one (SQLite)."""


class Heard(NamedTuple):
    """What became of one step on the copy."""

    statements: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float | None = None


class Listener:
    """Collects what the steps of a rehearsal do."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = defaultdict(Trace)
        self._findings: dict[str, list[Finding]] = defaultdict(list)
        self._seconds: dict[str, float] = {}

    def hear(self, event: StepEvent) -> None:
        """Hear of a step; a try that was rolled back does not count."""
        if event.kind == "retrying":
            self._traces[event.step].clear()
        elif event.kind == "finding" and event.finding is not None:
            self._findings[event.step].append(event.finding)
        elif event.kind == "applied":
            self._seconds[event.step] = event.seconds

    def trace(self, step: str) -> Trace:
        """Return what is given the statements of a step."""
        return self._traces[step]

    def heard(self, step: str) -> Heard:
        """Return what one step did."""
        return Heard(tuple(self._traces[step].statements), tuple(self._findings[step]), self._seconds.get(step))


@contextmanager
def copy_of(migrating: Migrating, where: Copy) -> Iterator[Database]:
    """Open the copy that a rehearsal is to run on.

    Raises:
        InvalidOption: it is no database.
        DatabaseUnavailable: it is not there, or cannot be reached; none is made.
    """
    if where is True:
        with migrating.copied() as database:
            yield database
        return
    database = _named(where)
    ours = _connected(migrating_for(database))
    try:
        yield database
    finally:
        if ours:
            database.close()


def _named(where: str | Database) -> Database:
    try:
        return database_from_url(where) if isinstance(where, str) else plain_database(where)
    except InvalidOption as error:
        raise InvalidOption("rehearse_on", error.value, error.expected) from error


def _connected(copy: Migrating) -> bool:
    """Connect to a copy, and tell whether it was not connected before."""
    copy.engine.check_there()
    try:
        return bool(copy.database.connect(reuse_if_open=True))
    except PeeweeException as error:
        raise copy.engine.explain(error) or MigrationError(said(error)) from error


def check_copy(original: Migrating, copy: Migrating) -> None:
    """Refuse to rehearse on the database itself.

    Raises:
        InvalidOption: it is no copy, or one of another kind of database.
    """
    one, other = original.identity(), copy.identity()
    if one == other:
        raise InvalidOption("rehearse_on", str(copy.database.database), "a copy; this is the database itself")
    if one[0] != other[0]:
        raise InvalidOption("rehearse_on", str(copy.database.database), f"a copy that is a {one[0]} database, too")


def check_histories(original: Sequence[Row] | None, copy: Sequence[Row] | None) -> None:
    """Refuse a copy that has had other steps, because what they would do there says nothing.

    Raises:
        HistoryMismatch: it has.
    """
    ours, theirs = (dict.fromkeys((row.id, row.checksum, row.state) for row in rows or ()) for rows in (original, copy))
    if list(ours) != list(theirs):
        differing = tuple(dict.fromkeys(step for step, *_ in ours.keys() ^ theirs.keys())) or tuple(
            step for step, *_ in ours
        )
        raise HistoryMismatch(
            differing,
            f"the copy has not had the same steps as the database ({', '.join(sorted(differing)[:5])}): make a new one",
        )


@contextmanager
def on_the_copy(where: Copy) -> Iterator[None]:
    """Say of whatever goes wrong that it went wrong on the copy."""
    try:
        yield
    except (MigrationError, DatabaseUnavailable) as error:
        if isinstance(error, StepFailed):
            thrown = "the copy was thrown away"
            error.on_copy(thrown if where is True else "the copy keeps what was done to it: make a new one")
        error.args = (Advising("in the rehearsal, on the copy: ", error.args[0]), *error.args[1:])
        raise
