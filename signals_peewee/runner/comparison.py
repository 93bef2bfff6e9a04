"""Do the scripts and the history agree, and what is left to do?"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence

from ..errors import DatabaseAhead, EditedStep, LateStep, MissingStep, UnfinishedStep
from ..errors.advice import Advising, calling, passing
from .catalog import Catalog, identified
from .context import Context
from .failure import unfinished
from .history import Row
from .options import Policies
from .order import in_running_order, needed_for
from .scripts import Script

_LOG = logging.getLogger("signals_peewee")


class Comparison:
    """Scripts beside history. Rows of sources that this runner was not given are nobody's business here.

    Attributes:
        rows: the history of these sources in the order of application, without the rows of steps that are to be tried
            again.
        retries: those rows.
        pending: scripts that were never begun, by source.
        late: the pending ones with a lower number than an applied one of their source.
        edited: rows whose script has another text now.
        missing: rows whose script is gone.
        ahead: rows with higher numbers than this code knows.
        unfinished: rows that were begun and neither finished nor rolled back, of steps that this code knows: those of
            newer code are not for this code to wait for.
        half_reverted: rows of which that was said, and whose step is to be reverted again; of steps that this code
            knows.
    """

    def __init__(self, catalog: Catalog, rows: Sequence[Row]) -> None:
        self.catalog = catalog
        self._numbers: dict[str, int] = {}
        ours = [row for row in rows if row.source in catalog.by_source]
        self.rows = [row for row in ours if row.state != "retry"]
        self.retries = [row for row in ours if row.state == "retry"]
        recorded = {row.id: row for row in self.rows}
        self.pending = {name: [s for s in of if s.id not in recorded] for name, of in catalog.by_source.items()}
        self.late = [script for of in self.pending.values() for script in of if script.number < self._highest(script)]
        self.edited = [row for name, row in recorded.items() if _differs(row, catalog.by_id.get(name))]
        gone = [row for row in (*self.rows, *self.retries) if row.id not in catalog.by_id]
        self.ahead = [row for row in gone if number_of(row) > catalog.by_source[row.source][-1].number]
        self.missing = [row for row in gone if row not in self.ahead]
        self.unfinished = [row for row in self.rows if row.state in ("running", "reverting") and row not in self.ahead]
        self.half_reverted = [row for row in self.rows if row.state == "retry-down" and row not in self.ahead]

    def recorded_contexts(self) -> dict[str, str]:
        """Return what each source's last row says of its context; a source without rows is not in it."""
        return {row.source: row.context for row in (*self.retries, *self.rows)}

    def check_contexts(self, contexts: Mapping[str, Context]) -> None:
        """Refuse to go on with another context than the applied steps were given.

        Raises:
            ContextChanged: a source has another one.
        """
        for source, recorded in self.recorded_contexts().items():
            contexts[source].check(recorded)

    def check_applied(self) -> None:
        """Refuse to go on where the applied scripts are not there as they were.

        Raises:
            MissingStep: one is gone.
            EditedStep: one has another text.
        """
        for row in self.missing:
            if renamed := [script for script in self.pending[row.source] if script.number == number_of(row)]:
                place = renamed[0].path
                todo = f"if it is {place} now, give that its old name back: databases know the step by it; if that is "
                todo += "another step, restore this one"
            else:
                todo = "restore it"
            forget = ", or let it be forgotten with ", calling("repair", row.id, "forget")
            problem = f"step {row.id} was applied on {row.day}, and its script is gone; "
            raise MissingStep(ids(self.missing), Advising(problem, todo, *forget, _others(self.missing)))
        for row in self.edited:
            script = self.catalog.by_id[row.id]
            problem = (
                f"step {row.id} ({script.path}) was edited after it was applied on {row.day}: "
                f"checksum {row.checksum[:12]} is recorded, {script.checksum[:12]} is there; restore it and write a "
                "new one, or where the edit changes nothing, accept it with "
            )
            accept = calling("repair", row.id, "accept")
            raise EditedStep(ids(self.edited), Advising(problem, accept, _others(self.edited)))

    def check_finished(self, *, alone: bool = True) -> None:
        """Refuse to go on after a step of which only a person can tell what it left.

        Args:
            alone: the lock is held; without it, another run may be at work on the step at this moment.

        Raises:
            UnfinishedStep: there is one.
        """
        for row in self.unfinished:
            begun = f"begun to be applied on {row.day}"
            if row.state == "reverting":
                begun = f"applied on {row.day}, begun to be reverted"
            never = "never finished; " if alone else "is not finished; where no other run is at work on it now, "
            problem = f"step {row.id} was {begun} and {never}"
            raise UnfinishedStep(ids(self.unfinished), Advising(problem, unfinished(row.id)))

    def check_reverted(self) -> None:
        """Refuse to build on tables of which a half was taken back.

        Raises:
            UnfinishedStep: a step is to be reverted again.
        """
        for row in self.half_reverted:
            problem = f"step {row.id} was applied on {row.day}, reverted in part, and is to be reverted again with "
            by_hand = ", or say that you finished that by hand with ", calling("repair", row.id, "done")
            raise UnfinishedStep(ids(self.half_reverted), Advising(problem, calling("down", row.id), *by_hand))

    def to_apply(self, target: str | None, policies: Policies) -> list[Script]:
        """Return the steps that are to run, in their order.

        Raises:
            LateStep, DatabaseAhead: the policies say so.
            InvalidDependency, InvalidScript: a pending step cannot run.
            UnknownStep: there is no such target.
        """
        ordered = in_running_order(self.pending, {row.id for row in self.rows})
        if target is not None:
            asked = identified(target, list(self.catalog.by_id))
            found = [script for script in ordered if script.id == asked]
            ordered = needed_for(found[0], ordered) if found else []
        self._check_ahead(ordered, policies.on_ahead)
        self._check_late(ordered, policies.out_of_order)
        return ordered

    def to_revert(self, target: str | None, *, everything: bool) -> list[Script]:
        """Return the steps that are to be reverted, the last one applied first.

        Raises:
            UnknownStep: no step of that name was applied.
            DatabaseAhead: newer code applied one of them, and has its script.
        """
        rows = self.rows[::-1]
        if target is not None:
            asked = identified(target, ids(self.rows))
            rows = rows[: 1 + next(place for place, row in enumerate(rows) if row.id == asked)]
        elif not everything:
            rows = rows[:1]
        for row in rows:
            if row in self.ahead:
                problem = f"step {row.id} was applied by newer code, which has its script: revert it with that code"
                raise DatabaseAhead(ids(self.ahead), problem)
        return [self.catalog.by_id[row.id] for row in rows]

    def _check_ahead(self, pending: Sequence[Script], on_ahead: str) -> None:
        if not self.ahead:
            return
        newer = ", ".join(ids(self.ahead))
        problem = f"the database has had {newer}, which this code does not know: newer code changed it"
        if pending:
            names = ", ".join(script.id for script in pending)
            raise DatabaseAhead(ids(self.ahead), f"{problem}; {names} would run on top: run the newer code")
        if on_ahead == "error":
            raise DatabaseAhead(ids(self.ahead), f"{problem}; run the newer code, or pass on_ahead='warn'")
        _LOG.warning("%s", problem)

    def _check_late(self, pending: Sequence[Script], out_of_order: str) -> None:
        late = tuple(script for script in pending if script in self.late)
        if late and out_of_order == "error":
            names = ", ".join(f"{script.id} ({script.path})" for script in late)
            problem = f"{names} comes before steps that were applied already; give it a number behind them, or pass "
            allow = passing("out_of_order", "allow")
            raise LateStep(
                tuple(script.id for script in late), Advising(problem, allow, " where order does not matter")
            )

    def _highest(self, script: Script) -> int:
        if script.source not in self._numbers:
            numbers = [number_of(row) for row in self.rows if row.source == script.source]
            self._numbers[script.source] = max(numbers, default=-1)
        return self._numbers[script.source]


def _differs(row: Row, script: Script | None) -> bool:
    return script is not None and row.state == "done" and not script.agrees_with(row.checksum)


def _others(rows: Sequence[Row]) -> str:
    return f"; the same holds for {', '.join(ids(rows[1:]))}" if rows[1:] else ""


def ids(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return "source:name" of each row."""
    return tuple(row.id for row in rows)


def number_of(row: Row) -> int:
    """Return the number that a step's name begins with."""
    match = re.match(r"\d+", row.name)
    return int(match[0]) if match else 0
