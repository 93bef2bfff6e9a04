"""How do the steps of one run follow each other, and what if what they need is held by others?"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..engine.migrating import Migrating
from ..engine.waiting import Tries
from ..errors import LockTimeout, MigrationError
from .attempt import Attempt, Job, Limits
from .events import Teller
from .failure import Busy
from .hands import Hands
from .history import History, Row, State, now, tail_of
from .scripts import Function, Functions, Script

Equip = Callable[[Script, Teller, bool], Hands]
"""Gives a step what it works with; the flag says that it was begun before."""


class Execution:
    """One run of steps, while every other run of this history is kept out.

    Args:
        migrating: what the engine does around a step.
        history: where the steps are recorded.
        rows: the history as it was read with the lock held; the run keeps it up to date.
        attempt: tries a step once.
        limits: how long it may wait.
        equip: gives a step what it works with.
    """

    def __init__(
        self,
        migrating: Migrating,
        history: History,
        rows: list[Row],
        *,
        attempt: Attempt,
        limits: Limits,
        equip: Equip,
    ) -> None:
        self._migrating = migrating
        self._history = history
        self._rows = rows
        self._attempt = attempt
        self._limits = limits
        self._equip = equip

    def up(self, step: Script, functions: Functions, teller: Teller, context: str) -> bool:
        """Apply a step; return False, with nothing done, where somebody else has written to the history since.

        Raises:
            StepFailed: the step raised an error, or ended the transaction it was given.
            LockTimeout: what the step needs was not free.
        """
        begun_before = next((each for each in self._rows if each.id == step.id), None)
        others = [each for each in self._rows if each is not begun_before]
        history, row = self._history, row_for(step, context, others, state="running")
        hands = self._equip(step, teller, begun_before is not None)

        def begin() -> None:
            if begun_before is not None:
                history.remove(begun_before)
            history.add(row._replace(applied_at=now()))

        def withdraw() -> None:
            history.remove(row)
            if begun_before is not None:
                history.add(begun_before._replace(applied_at=history.instant(begun_before)))

        job = Job(
            step,
            "up",
            change=self._change(functions.up, hands),
            begin=begin,
            finish=lambda seconds: history.update(row, state="done", seconds=seconds),
            withdraw=withdraw,
            untouched=hands.operator.left_nothing,
            begun="running",
            done="done",
        )
        applied = self._run(job, teller)
        if applied:
            if begun_before is not None:
                self._rows.remove(begun_before)
            self._rows.append(row._replace(state="done"))
            hands.finished()
        return applied

    def down(self, step: Script, functions: Functions, teller: Teller, row: Row) -> bool:
        """Revert a step; return False, with nothing done, where somebody else has written to the history since.

        Raises:
            StepFailed: the step raised an error, or ended the transaction it was given.
            LockTimeout: what the step needs was not free.
        """
        history = self._history
        assert functions.down is not None
        hands = self._equip(step, teller, row.state == "retry-down")
        job = Job(
            step,
            "down",
            change=self._change(functions.down, hands),
            begin=lambda: history.update(row, state="reverting"),
            finish=lambda _: history.remove(row),
            withdraw=lambda: history.update(row, state=row.state),
            untouched=hands.operator.left_nothing,
            begun="reverting",
            done=None,
        )
        reverted = self._run(job, teller)
        if reverted:
            self._rows.remove(row)
        return reverted

    def _change(self, function: Function, hands: Hands) -> Callable[[], object]:
        def change() -> object:
            with hands.operator.listening():
                return function(hands.migrator, self._migrating.database)

        return change

    def _run(self, job: Job, teller: Teller) -> bool:
        tries = Tries(self._limits.lock_wait)
        attempt = self._attempt.atomic if job.step.outline.atomic else self._attempt.open
        teller("started")
        while True:
            begun, limits = time.monotonic(), self._limits.within(tries.left)
            try:
                done = attempt(job, tail_of(self._rows), limits)
            except Busy as busy:
                longest = self._migrating.longest_wait(wait=limits.lock_wait, lock_timeout=limits.lock_timeout)
                if not tries.again(min(time.monotonic() - begun, longest)):
                    teller("failed", error=busy.error)
                    what = f"what step {job.step.id} changes"
                    raise LockTimeout(what, self._limits.lock_wait, self._migrating.blockers()) from busy.error
                teller("retrying", error=busy.error)
                teller.attempt += 1
            except MigrationError as error:
                teller("failed", error=error)
                raise
            else:
                if done:
                    teller("applied" if job.direction == "up" else "reverted")
                return done


def row_for(step: Script, context: str, rows: list[Row], *, state: State) -> Row:
    """Return the row of a step that follows those in `rows`."""
    position = rows[-1].position + 1 if rows else 1
    description = step.outline.description
    return Row(position, step.source, step.name, step.checksum, description, state, context, now(), 0.0)
