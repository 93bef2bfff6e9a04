"""What does a run do once it is its turn?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..engine.migrating import Held, Migrating
from .attempt import Attempt, Limits
from .comparison import Comparison
from .context import Context
from .events import Observer, StepEvent, Teller, tell
from .execution import Execution, row_for
from .hands import Hands, hands_for
from .history import History, Row, tail_of
from .options import Policies
from .scripts import Functions, Script
from .trace import Trace

_LOG = logging.getLogger("signals_peewee")


class Setup(NamedTuple):
    """What a runner was given, in the form that its runs use."""

    migrating: Migrating
    history: History
    schema: str | None
    contexts: Mapping[str, Context]
    limits: Limits
    policies: Policies
    observer: Observer | None
    trace: Callable[[str], Trace] | None = None
    """Gives, for a step by its "source:name", what is given its statements."""


class Turn:
    """A run that keeps every other run of this history out, or reads the history again in the transaction of each step.

    Args:
        setup: what the runner was given.
        comparison: scripts beside the history, as it was read when the turn came.
        rows: that history.
        held: tells whether the lock is still ours.
        stepwise: there is no lock around steps that are not atomic, so none of them can run in this turn.
    """

    def __init__(self, setup: Setup, comparison: Comparison, rows: list[Row], *, held: Held, stepwise: bool) -> None:
        self._setup = setup = setup._replace(history=setup.history.located())
        self._comparison = comparison
        self._rows = rows
        self._stepwise = stepwise
        attempt = Attempt(setup.migrating, setup.history, schema=setup.schema, limits=setup.limits, held=held)
        self._execution = Execution(
            setup.migrating, setup.history, rows, attempt=attempt, limits=setup.limits, equip=self._equipped
        )

    def apply(self, steps: Sequence[Script], loaded: Mapping[str, Functions], done: list[str]) -> bool:
        """Apply steps and add them to `done`; return False where somebody came in between."""
        for step in steps:
            if self._stepwise and not step.outline.atomic:
                return False
            if step in self._comparison.late and self._setup.policies.out_of_order == "warn":
                _LOG.warning("%s is applied after steps of its source with higher numbers", step.id)
            functions = loaded.get(step.id) or step.load()
            context = self._setup.contexts[step.source].recorded
            if not self._execution.up(step, functions, Teller(self._setup.observer, step.id, "up"), context):
                return False
            done.append(step.id)
        return True

    def revert(self, steps: Sequence[Script], loaded: Mapping[str, Functions], done: list[str]) -> bool:
        """Revert those of the steps that are applied and add them to `done`; return False as `apply` does."""
        rows = {row.id: row for row in self._comparison.rows}
        for step in steps:
            row = rows.get(step.id)
            if row is None:  # done, or reverted by another run meanwhile
                continue
            if not self._execution.down(step, loaded[step.id], Teller(self._setup.observer, step.id, "down"), row):
                return False
            done.append(step.id)
        return True

    def stamp(self, steps: Sequence[Script], done: list[str]) -> bool:
        """Record steps without running them, all or none, and add them to `done`; return False as `apply` does."""
        history, tail = self._setup.history, tail_of(self._rows)
        with self._setup.migrating.engine.write():
            if history.tail() != tail:
                return False
            for row in [row for row in self._rows if row.id in {step.id for step in steps}]:  # to be tried again
                history.remove(row)
            for step in steps:
                row = row_for(step, self._setup.contexts[step.source].recorded, self._rows, state="done")
                history.add(row)
                self._rows.append(row)
        for step in steps:
            tell(self._setup.observer, StepEvent("stamped", step.id))
            done.append(step.id)
        return True

    def _equipped(self, step: Script, teller: Teller, retry: bool) -> Hands:
        setup = self._setup
        return hands_for(
            step,
            teller,
            migrating=setup.migrating,
            schema=setup.schema,
            limits=setup.limits,
            context=setup.contexts[step.source],
            lint=setup.policies.lint,
            retry=retry,
            trace=setup.trace(step.id) if setup.trace else None,
        )
