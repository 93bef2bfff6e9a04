"""How does the database stand to the scripts?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .comparison import Comparison
from .history import History, Row
from .order import in_running_order

StepState = Literal["applied", "pending", "late", "running", "reverting", "edited", "missing", "ahead"]
_STATES: Mapping[str, StepState] = {"running": "running", "reverting": "reverting", "retry-down": "reverting"}


@dataclass(frozen=True)
class StepStatus:
    """One step.

    Attributes:
        source: the source it comes from.
        name: its name there.
        state: "applied" or "pending"; "late": pending, with a lower number than an applied one; "running" or
            "reverting": begun and not finished, now or at all, or to be reverted again; "edited": applied, and its
            script has another text now; "missing": applied, and its script is gone; "ahead": applied by newer code
            than this.
        description: its docstring.
        position: its place in the order of application, or None.
        applied_at: when it was begun (UTC), or None.
        seconds: how long it took, or None.
    """

    source: str
    name: str
    state: StepState
    description: str
    position: int | None = None
    applied_at: datetime | None = None
    seconds: float | None = None

    @property
    def id(self) -> str:
        """The "source:name"."""
        return f"{self.source}:{self.name}"


@dataclass(frozen=True)
class Status:
    """Every step of the runner's sources: first the recorded ones in the order of application, then the pending ones.

    Attributes:
        steps: the steps.
        contexts: for every source with a recorded step, the recorded description of its context.
    """

    steps: tuple[StepStatus, ...]
    contexts: Mapping[str, Mapping[str, Any]]

    @property
    def pending(self) -> tuple[str, ...]:
        """The "source:name" of the steps that `up()` would run, in their order."""
        return tuple(step.id for step in self.steps if step.state in ("pending", "late"))

    @property
    def applied(self) -> tuple[str, ...]:
        """The "source:name" of the steps that the database has had, in the order of application."""
        return tuple(step.id for step in self.steps if step.state in ("applied", "edited", "missing", "ahead"))


def status_of(comparison: Comparison, history: History) -> Status:
    """Return the status, however bad it is."""
    recorded = [_recorded(comparison, row, history.instant(row)) for row in comparison.rows]
    pending = [
        StepStatus(
            script.source, script.name, "late" if script in comparison.late else "pending", script.outline.description
        )
        for script in in_running_order(comparison.pending, {row.id for row in comparison.rows})
    ]
    contexts = {source: json.loads(text) for source, text in comparison.recorded_contexts().items()}
    return Status((*recorded, *pending), contexts)


def _recorded(comparison: Comparison, row: Row, applied_at: datetime) -> StepStatus:
    state: StepState = _STATES.get(row.state, "applied")
    for name, rows in (("edited", comparison.edited), ("missing", comparison.missing), ("ahead", comparison.ahead)):
        if rows and row in rows and state == "applied":
            state = name  # type: ignore[assignment]
    return StepStatus(row.source, row.name, state, row.description, row.position, applied_at, row.seconds)
