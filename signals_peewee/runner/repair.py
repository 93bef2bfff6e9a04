"""What can a person tell the history, that no program can find out?"""

from __future__ import annotations

from typing import Literal

from ..errors import InvalidOption
from .catalog import identified
from .comparison import Comparison, ids
from .history import History, Row
from .turn import Setup

Action = Literal["retry", "done", "accept", "forget"]
ACTIONS: tuple[Action, ...] = ("retry", "done", "accept", "forget")


def repair(setup: Setup, comparison: Comparison, asked: str, action: Action) -> list[str]:
    """Change what the history says of a step, or of every step of a source, and return their "source:name".

    Raises:
        UnknownStep: there is no such step in it.
        InvalidOption: the action does not fit the state that the step is in.
    """
    if action == "accept":
        rows = [row for row in comparison.rows if row.source == asked] or [_row(comparison, asked)]
        for row in rows:
            _accept(setup, comparison, row, with_context=asked == row.source)
        return list(ids(rows))
    row = _row(comparison, asked)
    if action == "forget":
        _forget(setup.history, comparison, row)
    else:
        _settle(setup.history, row, action)
    return [row.id]


def _accept(setup: Setup, comparison: Comparison, row: Row, *, with_context: bool) -> None:
    script = comparison.catalog.by_id.get(row.id)
    changes = {"checksum": script.checksum} if script and script.checksum else {}
    if with_context:
        changes["context"] = setup.contexts[row.source].recorded
    if changes:
        setup.history.update(row, **changes)


def _forget(history: History, comparison: Comparison, row: Row) -> None:
    if row.state != "done" and row.id in comparison.catalog.by_id:
        raise InvalidOption("action", "forget", f"'retry' or 'done', because {row.id} was begun and never finished")
    history.remove(row)


def _settle(history: History, row: Row, action: Action) -> None:
    """What is to run again is pending, or waits for `down` where it was to be reverted; what it has done is skipped."""
    if row.state == "done":
        raise InvalidOption("action", action, f"'accept' or 'forget', because {row.id} is finished")
    applying = row.state in ("running", "retry")
    if action == "retry":
        history.update(row, state="retry" if applying else "retry-down")
    elif applying:
        history.update(row, state="done")
    else:
        history.remove(row)


def _row(comparison: Comparison, asked: str) -> Row:
    rows = [*comparison.rows, *comparison.retries]
    step = identified(asked, ids(rows))
    return next(row for row in rows if row.id == step)
