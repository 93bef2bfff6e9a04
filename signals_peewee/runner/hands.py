"""What does one step work with, in one direction?"""

from __future__ import annotations

from typing import NamedTuple

from playhouse.migrate import SchemaMigrator

from ..engine.altering import Conduct, altering_for
from ..engine.migrating import Migrating
from .attempt import Limits
from .context import Context
from .events import Teller
from .lint import Lint, LintMode
from .migrator import StepMigrator, migrator_for
from .operating import Operator
from .scripts import Script
from .trace import Trace


class Hands(NamedTuple):
    """The migrator of a step, and what carries its operations out."""

    step: Script
    migrator: StepMigrator
    operator: Operator
    lint: Lint

    def finished(self) -> None:
        """Look back, now that the step is applied."""
        if not self.step.outline.reversible:  # else the rest may be accepted for its `down`
            self.lint.warn_of_unheard(self.step.id)


def hands_for(
    step: Script,
    teller: Teller,
    *,
    migrating: Migrating,
    schema: str | None,
    limits: Limits,
    context: Context,
    lint: LintMode,
    retry: bool,
    trace: Trace | None,
) -> Hands:
    """Return what a step works with.

    Args:
        step: which step.
        teller: hears of what its operations do.
        migrating: what the engine does around it.
        schema: where its tables are.
        limits: how long it may wait.
        context: what the host gives its source.
        lint: what to do about findings.
        retry: it was begun before.
        trace: is given its statements.
    """
    outline = step.outline
    conduct = Conduct(
        atomic=outline.atomic,
        schema=schema,
        lock_wait=limits.lock_wait,
        lock_timeout=limits.lock_timeout,
        foreign_keys=outline.foreign_keys,
        tell=lambda done, total: teller("progress", message=_counted(done, total), done=done, total=total),
    )
    plain = SchemaMigrator.from_database(migrating.database, schema=schema)
    listener = Lint(lint, outline.accept, teller)
    operator = Operator(
        altering_for(migrating, plain, conduct), teller, listener, schema=schema, retry=retry, trace=trace
    )
    return Hands(step, migrator_for(migrating, schema, context, operator), operator, listener)


def _counted(done: int, total: int | None) -> str:
    return f"{done:,} rows" if total is None else f"{done:,} of {total:,} rows"
