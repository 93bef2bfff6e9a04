"""What does a service call, so that its tables are what its code expects?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from peewee import Database, Model

from ..errors import DriftFound, IrreversibleStep
from .adopting import TABLE, Adoption, check_adopted
from .catalog import Catalog
from .comparison import Comparison
from .drift import drift_of
from .history import Row
from .offered import models_of, offers
from .options import check, refuse_unknown
from .plan import Plan, plan_of
from .rehearsal import Copy, Listener, check_copy, check_histories, copy_of, on_the_copy
from .repair import ACTIONS, Action, repair
from .scripts import Functions, Script
from .sources import Source
from .standing import Standing
from .turn import Turn


class MigrationRunner(Standing):
    """Runs the steps of some sources on one database, each once, whoever starts at the same time.

    A thread without an open connection gets one for the length of a call; an open one is used and left open.

    Args:
        database: a Peewee database, SQLite or Postgres, or a proxy of one.
        sources: one source or a sequence of them.
        history_table: where applied steps are recorded.
        schema: on Postgres, the schema that the steps work in and the history is in; made where it is missing.
        lock_wait: seconds to wait for another run, or for what a step changes, before giving up.
        lock_timeout: on Postgres, seconds that a statement of an atomic step may wait for its locks, and make
            others wait behind it, before the step is rolled back and tried again; 0 for as long as `lock_wait`, which
            is the most in any case.
        out_of_order: what to do where a step is pending although a later one of its source was applied.
        on_ahead: what to do where newer code has changed the database and nothing is pending; where something is
            pending it is always an error.
        lint: what to do about an operation that may not be meant (a drop, a rename, a rewrite of a whole table, …) and
            that its step does not accept by name: "warn" logs and tells it, "error" refuses the step before the
            operation runs, "off" does not look.
        on_event: is called with a StepEvent before and after each step, outside its transaction, and while it is at
            work with what its operations find, skip, and how far they have come.
        context: for each source, by its name, what its steps find in `migrator.context`: plain data and Model classes.

    Raises:
        InvalidOption: one of these makes no sense.
    """

    def plan(self, target: str | None = None, *, rehearse_on: Copy | None = None) -> Plan:
        """Return what `up(target)` would run now; nothing is written, and without a rehearsal nothing executed.

        Args:
            target: as in `up`.
            rehearse_on: a copy of the database, as a URL or a Peewee database, on which the steps are run, so that the
                plan has their SQL, their findings and the time they took; on SQLite True makes a copy for the while.

        Raises:
            HistoryMismatch: `up` would refuse, its children say why; or the copy has had other steps.
            InvalidOption: what is given is no copy, or the database itself.
            MigrationError: a step failed on the copy.
        """
        catalog = Catalog(self._sources)
        with self._session.open(to_change=False):
            rows = self._session.read()
            comparison = self._compared(catalog, rows)
            steps = self._to_run(comparison, target)
            comparison.check_finished(alone=False)
            if rehearse_on is None:
                return plan_of(steps)
            with on_the_copy(rehearse_on), copy_of(self._setup.migrating, rehearse_on) as copy:
                return plan_of(steps, self._rehearsed(copy, rows, target).heard)

    def _to_run(self, comparison: Comparison, target: str | None) -> list[Script]:
        check_adopted(self._setup.migrating, self._setup.schema, comparison)
        return self._to_apply(comparison, target)

    def _rehearsed(self, copy: Database, rows: list[Row] | None, target: str | None) -> Listener:
        listener = Listener()
        runner = MigrationRunner(copy, self._sources, **self._options, on_event=listener.hear)
        runner._setup = runner._setup._replace(trace=listener.trace)
        check_copy(self._setup.migrating, runner._setup.migrating)
        check_histories(rows, runner._session.looked())
        runner.up(target)
        return listener

    def up(self, target: str | None = None) -> list[str]:
        """Apply the pending steps and return their "source:name"; with nothing to do it costs one SELECT.

        Args:
            target: apply no more than this step and what must come before it.

        Raises:
            HistoryMismatch: scripts and history do not agree; its children say how.
            StepFailed: a step failed; the steps before it stay applied.
            LockTimeout: another run, or what a step changes, was not free in time.
            OpenTransaction: it was called inside a transaction.
        """
        loaded: dict[str, Functions] = {}

        def chosen(comparison: Comparison) -> list[Script]:
            steps = self._to_run(comparison, target)
            loaded.update({step.id: step.load() for step in steps if step.id not in loaded})
            return steps

        return self._in_turns(chosen, lambda turn, steps, done: turn.apply(steps, loaded, done))

    def stamp(self, target: str | None = None, *, models: Iterable[type[Model]] | None = None) -> list[str]:
        """Record the pending steps as applied without running them, and return their "source:name".

        For a database that has its tables already, from another tool or by hand. Whether it really has is looked at
        where there are models to compare it with: those given here or, without a target, those that the sources offer.

        Args:
            target: record no more than this step and what must come before it.
            models: Peewee models that say what the database is now.

        Raises:
            DriftFound: it is not what the models say; nothing was recorded.
            HistoryMismatch, LockTimeout, OpenTransaction: as in `up`.
        """
        compared = models is not None or (target is None and offers(self._sources))
        chosen = models_of(models, self._sources) if compared else None

        def work(turn: Turn, steps: list[Script], done: list[str]) -> bool:
            if chosen is not None and (drift := drift_of(self._setup.migrating, self._setup.schema, chosen)):
                raise DriftFound(drift)
            return turn.stamp(steps, done)

        return self._in_turns(lambda comparison: self._to_apply(comparison, target), work)

    def adopt(self, table: str = TABLE, *, source: str | None = None) -> list[str]:
        """Record what `playhouse.migrations` applied, without running it, and return the "source:name" of the new rows.

        Its own table stays as it is; a second call finds nothing to do.

        Args:
            table: where playhouse keeps its history, in the schema of this runner.
            source: the name of the source whose scripts it ran, where there are several.

        Raises:
            InvalidOption: there is no such table or source.
            MissingStep: playhouse applied a script that the source has not.
            LateStep: it left out a script that comes before one it applied, and `out_of_order` is "error".
            HistoryMismatch, LockTimeout, OpenTransaction: as in `up`.
        """
        names = [each.name for each in self._sources]
        check("source", source, source in names if source else len(names) == 1, f"one of {', '.join(names)}")
        allow_late = self._setup.policies.out_of_order != "error"
        adoption = Adoption(
            self._setup.migrating, self._setup.schema, table, source=source or names[0], allow_late=allow_late
        )
        return self._in_turns(adoption.steps, Turn.stamp)

    def down(self, target: str | None = None, *, all: bool = False) -> list[str]:
        """Revert steps in the reverse order of their application, and return their "source:name".

        Args:
            target: revert every step back through this one; without it, the last step alone.
            all: revert every step of these sources.

        Raises:
            IrreversibleStep: one of them has no `down`; nothing was reverted.
            HistoryMismatch, StepFailed, LockTimeout, OpenTransaction: as in `up`.
        """
        check("all", all, isinstance(all, bool) and not (all and target is not None), "a target or all=True, not both")
        loaded: dict[str, Functions] = {}

        def chosen(comparison: Comparison) -> list[Script]:
            comparison.check_applied()
            if not loaded:  # what else was applied meanwhile was not asked for
                steps = comparison.to_revert(target, everything=all)
                loaded.update({step.id: _reversible(step) for step in steps})
            return [comparison.catalog.by_id[row.id] for row in comparison.rows[::-1] if row.id in loaded]

        return self._in_turns(chosen, lambda turn, steps, done: turn.revert(steps, loaded, done))

    def repair(self, step: str, action: Action) -> list[str]:
        """Tell the history what only a person can know; return "source:name" of the steps whose rows changed.

        Args:
            step: "source:name", or for "accept" also the name of a source: all of its steps, and its context.
            action: for a step that was begun and never finished, "retry" lets it run again (the next `up`, or where it
                was being reverted the next `down`, and until then `up` refuses to run), and "done" says that it was
                finished by hand; "accept" takes an applied script as it is now for the one that was applied; "forget"
                removes a step that is finished, or whose script is gone; where the script is there, the step is pending
                then, and the next `up` runs it. Nothing is run, and no table but the history is changed.

        Raises:
            UnknownStep: the history has no such step.
            InvalidOption: the action does not fit the state that the step is in.
            LockTimeout: a run is going on.
        """
        check("action", action, action in ACTIONS, ", ".join(map(repr, ACTIONS)))
        catalog = Catalog(self._sources)
        with self._session.open(to_change=True):
            rows = self._session.read()
            if rows is None:
                return repair(self._setup, Comparison(catalog, []), step, action)
            with self._session.in_turn(stepwise=False), self._setup.migrating.engine.write():
                return repair(self._setup, Comparison(catalog, self._session.read() or []), step, action)

    def _in_turns(
        self, chosen: Callable[[Comparison], list[Script]], work: Callable[[Turn, list[Script], list[str]], bool]
    ) -> list[str]:
        """Do the work on the chosen steps, which are chosen again when the turn comes; return what was done."""
        catalog = Catalog(self._sources)
        done: list[str] = []
        with self._session.open(to_change=True):
            rows = self._session.read()
            comparison = self._compared(catalog, rows)
            while (steps := chosen(comparison)) or comparison.unfinished:
                stepwise = not comparison.unfinished and all(step.outline.atomic for step in steps)
                with self._session.in_turn(stepwise=stepwise) as held:
                    rows = self._session.prepared(exists=rows is not None)
                    comparison = self._compared(catalog, rows)
                    comparison.check_finished()
                    turn = Turn(self._setup, comparison, rows, held=held, stepwise=stepwise)
                    if work(turn, chosen(comparison), done):
                        break
                comparison = self._compared(catalog, self._session.read())
        return done


# Python names the function where an argument is missing or unknown; nobody has heard of the class it is inherited from.
Standing.__init__.__qualname__ = f"{MigrationRunner.__qualname__}.__init__"
_OPTIONS = tuple(inspect.signature(MigrationRunner).parameters)[2:]


def migrate(database: Any, *sources: Source, **options: Any) -> list[str]:
    """Apply every pending step of these sources and return their "source:name": what a service calls when it starts.

    Args:
        database: a Peewee database, SQLite or Postgres, or a proxy of one.
        sources: where the steps come from.
        options: those of MigrationRunner.

    Raises:
        MigrationError: its children say what; see `MigrationRunner.up`.
        InvalidOption: an option makes no sense, or the sources are in a list.
        TypeError: there is no such option.
    """
    refuse_unknown("migrate", options, _OPTIONS)
    listed = any(isinstance(source, (list, tuple)) for source in sources)
    check("sources", sources, not listed, "sources without the list, each an argument of its own")
    return MigrationRunner(database, sources, **options).up()


def _reversible(step: Script) -> Functions:
    if not step.outline.reversible:
        raise IrreversibleStep(step.id, step.path)
    return step.load()
