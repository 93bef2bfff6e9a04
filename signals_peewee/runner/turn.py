"""What does a run do once it is its turn?"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..engine.migrating import Held, Migrating
from .attempt import Attempt, Limits
from .comparison import Comparison
from .context import Context
from .events import Observer, StepEvent, tell
from .execution import Execution, row_for
from .history import History, Row, tail_of
from .migrator import StepMigrator, migrator_for
from .options import Policies
from .scripts import Functions, Script

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
            setup.migrating, setup.history, rows, attempt=attempt, limits=setup.limits, observer=setup.observer
        )
        self._migrators: dict[str, StepMigrator] = {}

    def apply(self, steps: Sequence[Script], loaded: Mapping[str, Functions], done: list[str]) -> bool:
        """Apply steps and add them to `done`; return False where somebody came in between."""
        for step in steps:
            if self._stepwise and not step.outline.atomic:
                return False
            if step in self._comparison.late and self._setup.policies.out_of_order == "warn":
                _LOG.warning("%s is applied after steps of its source with higher numbers", step.id)
            functions = loaded.get(step.id) or step.load()
            context = self._setup.contexts[step.source].recorded
            if not self._execution.up(step, functions, self._migrator(step), context):
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
            if not self._execution.down(step, loaded[step.id], self._migrator(step), row):
                return False
            done.append(step.id)
        return True

    def stamp(self, steps: Sequence[Script], done: list[str]) -> bool:
        """Record steps without running them, all or none, and add them to `done`; return False as `apply` does."""
        history, tail = self._setup.history, tail_of(self._rows)
        with self._setup.migrating.engine.write():
            if history.tail() != tail:
                return False
            for step in steps:
                row = row_for(step, self._setup.contexts[step.source].recorded, self._rows, state="done")
                history.add(row)
                self._rows.append(row)
        for step in steps:
            tell(self._setup.observer, StepEvent("stamped", step.id))
            done.append(step.id)
        return True

    def _migrator(self, step: Script) -> StepMigrator:
        """Return what the steps of this one's source hold in their hands, one for the run."""
        if step.source not in self._migrators:
            setup = self._setup
            self._migrators[step.source] = migrator_for(setup.migrating, setup.schema, setup.contexts[step.source])
        return self._migrators[step.source]
