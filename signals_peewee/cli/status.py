"""How do the steps stand, and what is to be done about it?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..errors import HistoryMismatch
from ..errors.advice import Advising
from ..runner import MigrationRunner, Status
from ..runner.failure import unfinished
from . import output
from .advice import command, spelled, worded
from .output import DONE, LOOK, show_result


def show_status(flags: Namespace, runner: MigrationRunner) -> int:
    """List the steps and their states, and what to do next."""
    status = runner.status()
    steps = [
        {"step": step.id, "state": step.state, "applied_at": step.applied_at, "description": step.description}
        for step in status.steps
    ]
    result = {"steps": steps, "pending": list(status.pending)}
    show_result(flags, result, lambda _: f"{_listed(steps)}\n{_next(flags, runner, status)}")
    return DONE if all(step.state in ("applied", "ahead") for step in status.steps) else LOOK


def left_by_interrupt(flags: Namespace, runner: MigrationRunner) -> str:
    """Return what Ctrl-C has left of a run."""
    begun = [step.id for step in runner.status().steps if step.state in ("running", "reverting")]
    if not begun:
        return "interrupted; the steps named above are kept, the one at work was rolled back"
    kept = f"interrupted; the steps named above are kept, and so is what {', '.join(begun)} has done: "
    return spelled(Advising(kept, unfinished(begun[0])), flags)


def _listed(steps: Iterable[Mapping[str, Any]]) -> str:
    rows = [(step["step"], step["state"], _when(step), step["description"]) for step in steps]
    return output.table(("step", "state", "applied (UTC)", "what it does"), rows)


def _when(step: Mapping[str, Any]) -> str:
    applied: datetime | None = step["applied_at"]
    return "-" if applied is None or step["state"] == "running" else output.moment(applied)


def _next(flags: Namespace, runner: MigrationRunner, status: Status) -> str:
    """Return what `up` would say, where it would refuse to run, or how to run it."""
    try:
        runner.plan()
    except HistoryMismatch as error:
        return worded(error, flags).removesuffix("; no further step was run")
    if not status.pending:
        return "nothing is pending"
    return f"{len(status.pending)} pending: run {command(flags)}"
