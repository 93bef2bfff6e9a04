"""How is a step tried once, so that its change and its row in the history come together or not at all?"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager, suppress
from typing import Literal, NamedTuple

from peewee import PeeweeException
from playhouse.migrate import Operation

from ..engine.migrating import Guard, Held, Migrating, TransactionState
from ..errors import MigrationError
from .failure import Busy, Ended, Left, failure_of, not_begun
from .history import History, State, Tail
from .scripts import Script
from .statements import Failures, watched

_MARK = "signals_peewee_step"
_WRONG = (Exception, SystemExit)
"""What a step can raise that is its failure: its sys.exit() is not for the whole program; Ctrl-C is."""


class Job(NamedTuple):
    """One step in one direction.

    Attributes:
        step: the step.
        direction: the direction.
        change: runs it.
        begin: records it as begun.
        finish: records it as done, after so many seconds.
        withdraw: records it as it was before it was begun.
        untouched: tells of an error whether it came before anything that may have changed the database.
        begun: the state of its row in between.
        done: the state of its row in the end; None where it has none then.
    """

    step: Script
    direction: Literal["up", "down"]
    change: Callable[[], object]
    begin: Callable[[], None]
    finish: Callable[[float], None]
    withdraw: Callable[[], None]
    untouched: Callable[[BaseException], bool]
    begun: State
    done: State | None


class Limits(NamedTuple):
    """How long a run waits, in seconds: for what it needs in all, and for the locks of one statement, more than 0."""

    lock_wait: float
    lock_timeout: float

    def within(self, left: float) -> Limits:
        """Return the limits of a try for which so many seconds are left."""
        return Limits(min(self.lock_wait, left), min(self.lock_timeout, left))


class Attempt:
    """Tries steps, one at a time.

    Args:
        migrating: what the engine does around a step.
        history: where steps are recorded.
        schema: where unqualified names are looked for first.
        limits: how long a step may wait.
        held: tells whether the lock is still ours.
    """

    def __init__(
        self, migrating: Migrating, history: History, *, schema: str | None, limits: Limits, held: Held
    ) -> None:
        self._migrating = migrating
        self._history = history
        self._schema = schema
        self._limits = limits
        self._held = held

    def atomic(self, job: Job, tail: Tail, limits: Limits) -> bool:
        """Change and row in one transaction; False, with nothing done, where the history does not end in `tail`.

        The row is written first, as begun: if the change commits, that much is known of it, whatever happens then.

        Raises:
            Busy: it can be tried again.
            StepFailed: it cannot.
        """
        begun = finished = False
        with self._around(job, limits) as guard, self._watched() as failures:
            try:
                with guard():
                    if not self._is_next(job, tail):
                        return False
                    with self._migrating.keeping_keys(rows=1):
                        job.begin()
                    begun = True
                    seconds = self._marked(job.change)
                    with self._migrating.keeping_keys(rows=1):
                        job.finish(seconds)
                    finished = True
            except _WRONG as error:
                if begun:
                    raise self._failure(job, error, failures, committing=finished) from _origin(error)
                if self._migrating.is_busy(error):
                    raise Busy(error) from error
                raise not_begun(job.step, error, self._migrating.engine) from _origin(error)
        return True

    def open(self, job: Job, tail: Tail, limits: Limits) -> bool:
        """The change by itself, between a transaction that records it as begun and one that records it as done.

        The limits of the try are those of neither: once it is begun, there is no other try.

        Raises:
            Busy: it was not begun, and can be tried again.
            StepFailed: it was begun, and only a person can tell what it left; or it was refused before it did anything.
        """
        write = self._migrating.engine.write
        with self._around(job, self._limits) as guard, self._watched() as failures:
            if not self._begun(job, tail, write):
                return False
            started = time.monotonic()
            try:
                with guard():
                    _run(job.change)
                    self._refuse_open_transaction()
            except _WRONG as error:
                with suppress(PeeweeException):
                    self._end_transaction()
                left = self._left_by(job, error)
                engine = self._migrating.engine
                raise failure_of(job.step, job.direction, error, failures, engine, left=left) from error
            with write():
                job.finish(time.monotonic() - started)
        return True

    def _left_by(self, job: Job, error: BaseException) -> Left:
        """A step that failed before it did anything has left nothing, and need not be looked at."""
        if not isinstance(error, Ended) and job.untouched(error):
            with suppress(PeeweeException), self._migrating.engine.write():
                job.withdraw()
                return "nothing"
        return "something"

    def _begun(self, job: Job, tail: Tail, write: Callable[[], AbstractContextManager[object]]) -> bool:
        try:
            with write():
                if not self._is_next(job, tail):
                    return False
                job.begin()
        except PeeweeException as error:
            if self._migrating.is_busy(error):
                raise Busy(error) from error
            raise not_begun(job.step, error, self._migrating.engine) from error
        return True

    def _watched(self) -> AbstractContextManager[Failures]:
        return watched(self._migrating.database, lambda: self._state() == "open")

    def _state(self) -> TransactionState:
        # Asking an engine would connect again.
        return "lost" if self._migrating.database.is_closed() else self._migrating.transaction_state()

    def _around(self, job: Job, limits: Limits) -> AbstractContextManager[Guard]:
        return self._migrating.around_step(
            atomic=job.step.outline.atomic,
            schema=self._schema,
            wait=limits.lock_wait,
            lock_timeout=limits.lock_timeout,
            foreign_keys=job.step.outline.foreign_keys,
        )

    def _is_next(self, job: Job, tail: Tail) -> bool:
        if not self._held():
            raise MigrationError(
                f"step {job.step.id} was not begun: the session that runs it does not hold the migration lock; a "
                "proxy that pools transactions (pgbouncer) stands between: give the runner a direct connection"
            )
        return self._history.tail() == tail

    def _marked(self, change: Callable[[], object]) -> float:
        """Run the change behind a savepoint, which goes with the transaction even where another one is begun after."""
        database, started = self._migrating.database, time.monotonic()
        database.execute_sql(f"SAVEPOINT {_MARK}")
        try:
            _run(change)
        except _WRONG as error:
            if self._migrating.transaction_state() == "none":
                self._reopen()
                raise Ended("none") from error
            raise
        if (state := self._migrating.transaction_state()) == "none":
            self._reopen()
        if state in ("none", "aborted"):
            raise Ended(state)
        try:
            database.execute_sql(f"RELEASE SAVEPOINT {_MARK}")
        except PeeweeException as error:
            raise Ended(state) from (error if state == "lost" else None)
        return time.monotonic() - started

    def _reopen(self) -> None:
        """Give Peewee a transaction to roll back, because on SQLite it fails where there is none."""
        with suppress(PeeweeException):
            self._migrating.database.begin()

    def _failure(self, job: Job, error: BaseException, failures: Failures, *, committing: bool) -> Exception:
        """Find out what a change left that did not come to its end."""
        first = self._first(error, failures)  # before anything more is asked
        left: Left = "unknown" if committing and self._state() == "lost" else self._left(job)
        if left == "nothing":
            error = first
        outside = isinstance(error, Ended) and error.state == "none"
        if left == "nothing" and not isinstance(error, Ended) and self._migrating.is_busy(error):
            return Busy(error)
        if left == "nothing" and outside:
            # It rolled back, and whatever it did after that went into the database at once.
            with suppress(PeeweeException), self._migrating.engine.write():
                job.begin()
            left = "something"
        return failure_of(job.step, job.direction, error, failures, self._migrating.engine, left=left)

    def _first(self, error: BaseException, failures: Failures) -> BaseException:
        """Return what was first: the database ended the transaction, or the connection, and more failed after that."""
        if isinstance(error, Ended) and error.state == "none" and failures.ended_by:
            return failures.ended_by
        if self._state() == "lost" and (first := failures.first()):
            return first[0]
        if (isinstance(error, Ended) and error.state == "aborted") or failures.comes_after_the_end(error):
            ended = Ended("aborted")
            ended.__cause__ = failures.ended_by
            return ended
        return error

    def _left(self, job: Job) -> Left:
        with suppress(PeeweeException):
            state = self._history.state(job.step)
            if state == job.begun:
                return "something"
            if state == job.done:
                return "everything"
        return "nothing"

    def _refuse_open_transaction(self) -> None:
        if self._migrating.transaction_state() in ("open", "aborted"):
            raise Ended("open")

    def _end_transaction(self) -> None:
        if self._migrating.transaction_state() in ("open", "aborted"):
            self._migrating.database.rollback()


def _origin(error: BaseException) -> BaseException | None:
    return error.__cause__ if isinstance(error, Ended) else error


def _run(change: Callable[[], object]) -> None:
    result = change()
    if isinstance(result, (Awaitable, Generator)):
        if isinstance(result, (Coroutine, Generator)):
            result.close()
        raise TypeError("it is a coroutine or a generator, whose body nobody runs; make it an ordinary function")
    if any(isinstance(each, Operation) for each in (result if isinstance(result, (list, tuple)) else (result,))):
        raise TypeError("it returned an operation, which nobody runs; write migrator.migrate(…) around it")
