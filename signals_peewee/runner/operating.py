"""How is one operation of a step carried out, so that it does what it says or is an error?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import PeeweeException

from ..engine.altering import AddColumn, Altering, Backfill, Change, RunSql, findings_of_sql
from ..errors import LockTimeout, NothingChanged, OperationRefused, UnfitRows
from .effects import is_moot, is_resumable, is_there, is_visible, shape_of
from .events import Teller
from .lint import Lint, Unaccepted
from .looking import Look, operation_of
from .requirements import check_before
from .trace import Trace, changes_something, only_reads


class Operator:
    """Carries out the operations of one step.

    Args:
        altering: what the database does for it.
        teller: hears of what is skipped.
        lint: hears of what somebody may not have meant.
        schema: where the step's tables are.
        retry: the step was begun before, so that a part of it may be there already.
        trace: is given what the step executes.

    Attributes:
        working: an operation is being carried out, as against SQL of the step's own.
        touched: the step has sent something that may have changed the database.
        silent: the step has sent nothing of its own, not even a query, which may call what changes something.
    """

    def __init__(
        self,
        altering: Altering,
        teller: Teller,
        lint: Lint,
        *,
        schema: str | None,
        retry: bool,
        trace: Trace | None = None,
    ) -> None:
        self._altering = altering
        self._teller = teller
        self._lint = lint
        self._look = Look(altering.inspector, schema)
        self._retry = retry
        self._trace = trace
        self._thread = threading.get_ident()
        self._refused: Unaccepted | None = None
        self._undone: BaseException | None = None
        self._wrote = False
        self.working = False
        self.touched = False
        self.silent = True

    def run(self, change: Change, *, safe: bool = False) -> None:
        """Carry a change out.

        Args:
            change: what to do.
            safe: where its effect is there already, there is nothing to do.

        Raises:
            OperationRefused: it does not fit what is there.
            NothingChanged: it ran, and its effect is not there.
            ValueError: the database cannot do it.
        """
        with self._at_work(), self._altering.bounded(change):
            change = self._look.kept(change)
            lenient = safe or self._retry
            if lenient and self._is_done(change):
                self._skip(change)
                return
            check_before(change, self._look, lenient)
            if self._lint.looks:
                self._lint.hear(self._findings(change))
            before = shape_of(change, self._look)
            with self._touching(change):
                self._altering.apply(change)
            self._check_effect(change, before, lenient)

    def _is_done(self, change: Change) -> bool:
        if not self._retry:
            return is_there(change, self._look)
        if not self._altering.conduct.atomic and is_resumable(change):
            return False
        return is_there(change, self._look) or is_moot(change, self._look)

    def execute_script(self, sql: str) -> None:
        """Execute several statements without ending the transaction."""
        with self._at_work():
            if self._lint.looks:
                self._lint.hear(findings_of_sql(sql))
            self.touched = True
            trace, self._trace = self._trace, None  # one database runs it whole, the other statement by statement
            try:
                self._altering.migrating.execute_script(sql)
            finally:
                self._trace = trace
            if trace:
                trace.add(sql, ())

    def left_nothing(self, error: BaseException) -> bool:
        """Tell whether the step, which failed with this error, has changed nothing, as far as it was heard."""
        refused = isinstance(error, (OperationRefused, Unaccepted)) or error is self._undone
        return not self.touched and (refused or self.silent)

    @contextmanager
    def _touching(self, change: Change) -> Iterator[None]:
        """Note that the step changes something, unless an error takes all of the change back."""
        before, self.touched, self._wrote = self.touched, True, False
        try:
            yield
        except Exception as error:
            if self._takes_back(change, error):
                self.touched, self._undone = before, error
            raise

    def _takes_back(self, change: Change, error: Exception) -> bool:
        if isinstance(error, UnfitRows):
            # The batches of these are committed, one after the other; what else there is comes together or not at all.
            return not (self._wrote and isinstance(change, (AddColumn, Backfill)))
        if self._wrote or getattr(change, "concurrently", False):  # which refuses a lock in the middle, too
            return False
        if isinstance(error, (LockTimeout, ValueError)):
            return True
        busy = isinstance(error, PeeweeException) and self._altering.migrating.is_busy(error)
        return busy and not isinstance(change, RunSql)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what the step executes by itself, which cannot be stopped before but can be rolled back after."""
        hooks = self._altering.database.query_hooks
        self._refused = None
        hooks.append(self._heard)
        try:
            yield
        finally:
            hooks.remove(self._heard)
        if self._refused is not None:  # the step caught it, and went on
            raise self._refused

    def _heard(self, event: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        if not self.working:
            self.silent = False
            self.touched = self.touched or not only_reads(event.sql)
        if event.exception is not None:
            return
        self._wrote = self._wrote or changes_something(event.sql)
        if self._trace:
            (self._trace.add_from_operation if self.working else self._trace.add)(event.sql, event.params)
        if self.working:
            return
        if self._lint.looks and (findings := findings_of_sql(str(event.sql))):
            try:
                self._lint.hear(findings, before=self._altering.conduct.atomic)
            except Unaccepted as error:
                self._refused = error
                raise

    def _findings(self, change: Change) -> Any:
        return findings_of_sql(change.sql) if isinstance(change, RunSql) else self._altering.findings(change)

    def _check_effect(self, change: Change, before: object, lenient: bool) -> None:
        if before is not None and shape_of(change, self._look) == before:
            if not lenient:
                problem = "what it asks for was there already; say safe=True where that may be so"
                raise NothingChanged(operation_of(change), change.subject, problem)
            self._skip(change)
        elif before is None and is_visible(change) and not is_there(change, self._look):
            raise NothingChanged(
                operation_of(change), change.subject, "its effect is not in the catalog of the database"
            )

    def _skip(self, change: Change) -> None:
        self._teller("skipped", message=f"{operation_of(change)} {change.subject} was skipped: its effect is there")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        within, self.working = self.working, True
        try:
            yield
        finally:
            self.working = within
