"""How do the steps of one run follow each other, and what if what they need is held by others?"""

from __future__ import annotations

import time

from ..engine.migrating import Migrating
from ..engine.waiting import pauses
from ..errors import LockTimeout, MigrationError
from .attempt import Attempt, Job, Limits
from .events import Kind, Observer, StepEvent, tell
from .failure import Busy
from .history import History, Row, State, now, tail_of
from .migrator import StepMigrator
from .scripts import Functions, Script


class Execution:
    """One run of steps, while every other run of this history is kept out.

    Args:
        migrating: what the engine does around a step.
        history: where the steps are recorded.
        rows: the history as it was read with the lock held; the run keeps it up to date.
        attempt: tries a step once.
        limits: how long it may wait.
        observer: hears of every step.
    """

    def __init__(
        self,
        migrating: Migrating,
        history: History,
        rows: list[Row],
        *,
        attempt: Attempt,
        limits: Limits,
        observer: Observer | None,
    ) -> None:
        self._migrating = migrating
        self._history = history
        self._rows = rows
        self._attempt = attempt
        self._limits = limits
        self._observer = observer

    def up(self, step: Script, functions: Functions, migrator: StepMigrator, context: str) -> bool:
        """Apply a step; return False, with nothing done, where somebody else has written to the history since.

        Raises:
            StepFailed: the step raised an error, or ended the transaction it was given.
            LockTimeout: what the step needs was not free.
        """
        history, row = self._history, row_for(step, context, self._rows, state="running")
        job = Job(
            step,
            "up",
            change=lambda: functions.up(migrator, self._migrating.database),
            begin=lambda: history.add(row._replace(applied_at=now())),
            finish=lambda seconds: history.update(row, state="done", seconds=seconds),
            begun="running",
            done="done",
        )
        applied = self._run(job)
        if applied:
            self._rows.append(row._replace(state="done"))
        return applied

    def down(self, step: Script, functions: Functions, migrator: StepMigrator, row: Row) -> bool:
        """Revert a step; return False, with nothing done, where somebody else has written to the history since.

        Raises:
            StepFailed: the step raised an error, or ended the transaction it was given.
            LockTimeout: what the step needs was not free.
        """
        history, down = self._history, functions.down
        assert down is not None
        job = Job(
            step,
            "down",
            change=lambda: down(migrator, self._migrating.database),
            begin=lambda: history.update(row, state="reverting"),
            finish=lambda _: history.remove(row),
            begun="reverting",
            done=None,
        )
        reverted = self._run(job)
        if reverted:
            self._rows.remove(row)
        return reverted

    def _run(self, job: Job) -> bool:
        started, number = time.monotonic(), 1
        tries = pauses(self._limits.lock_wait)
        attempt = self._attempt.atomic if job.step.outline.atomic else self._attempt.open

        def event(kind: Kind, error: BaseException | None = None) -> None:
            seconds = time.monotonic() - started
            tell(self._observer, StepEvent(kind, job.step.id, job.direction, number, seconds, error))

        event("started")
        while True:
            try:
                done = attempt(job, tail_of(self._rows))
            except Busy as busy:  # noqa: PERF203
                if next(tries, None) is None:
                    event("failed", busy.error)
                    what = f"what step {job.step.id} changes"
                    raise LockTimeout(what, self._limits.lock_wait, self._migrating.blockers()) from busy.error
                event("retrying", busy.error)
                number += 1
            except MigrationError as error:
                event("failed", error)
                raise
            else:
                if done:
                    event("applied" if job.direction == "up" else "reverted")
                return done


def row_for(step: Script, context: str, rows: list[Row], *, state: State) -> Row:
    """Return the row of a step that follows those in `rows`."""
    position = rows[-1].position + 1 if rows else 1
    description = step.outline.description
    return Row(position, step.source, step.name, step.checksum, description, state, context, now(), 0.0)
