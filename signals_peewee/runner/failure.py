"""How did a step fail, what is left of it, and what is to be done?"""

from __future__ import annotations

import re
from typing import Literal

from peewee import PeeweeException

from ..engine.base import Engine
from ..engine.migrating import TransactionState
from ..errors import DatabaseUnavailable, LockTimeout, StepFailed, StepRefused, TransactionEnded, UnfitRows
from ..errors.advice import Advising, calling
from .lint import Unaccepted
from .scripts import Script, line_in
from .statements import Failures

Left = Literal["nothing", "something", "everything", "unknown"]
"""What is in the database of a step that failed; unknown where the connection broke as it was being committed."""


class Busy(Exception):  # a signal between two functions, not an error that anybody sees
    """What the step needed was held by another session; it was rolled back and can be tried again."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Ended(Exception):
    """An atomic step came back without the transaction it was given.

    Attributes:
        state: what it came back in: "none": outside of any transaction; "open": in another one; "aborted": in one that
            can only be rolled back.
    """

    def __init__(self, state: TransactionState) -> None:
        self.state = state


def not_begun(step: Script, error: BaseException, engine: Engine) -> BaseException:
    """Return the error that names the step of which nothing was done, because the database was not to be had."""
    known = engine.explain(error)
    if not isinstance(known, DatabaseUnavailable):
        return error
    return DatabaseUnavailable(f"step {step.id} was not begun, so nothing of it is left: {known}")


def failure_of(
    step: Script, direction: str, error: BaseException, failures: Failures, engine: Engine, *, left: Left
) -> StepFailed:
    """Return the error that says all that is known.

    Args:
        step: which step.
        direction: "up" or "down".
        error: what ended it.
        failures: the statements that failed meanwhile.
        engine: explains what a driver says.
        left: what is left of it.
    """
    cause = _cause(error)
    ended = (left == "something" and step.outline.atomic) or (isinstance(error, Ended) and error.state != "aborted")
    refused = isinstance(error, Unaccepted) and not ended
    kind = TransactionEnded if ended else StepRefused if refused else StepFailed
    failure = kind(
        step.id,
        _problem(step, error, cause),
        direction=direction,
        path=step.path,
        line=line_in(step.path, cause) if cause else None,
        statement=failures.behind(cause),
        rolled_back=None if left == "unknown" else left == "nothing",
        sent=left != "nothing" or step.outline.atomic or isinstance(cause, (LockTimeout, UnfitRows)),
        next_action=_next(step, left, outside=cause is not None and _is_outside(cause, engine)),
    )
    if isinstance(failure, StepRefused) and isinstance(error, Unaccepted):
        failure.findings = error.findings
    return failure


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ if isinstance(error, Ended) else error


def _problem(step: Script, error: BaseException, cause: BaseException | None) -> str:
    what = called(cause) if cause else ""
    if isinstance(error, Unaccepted):
        return str(error)
    if not isinstance(error, Ended):
        return what
    if error.state == "aborted":
        aborted = "it went on after a statement had failed, which aborts a transaction"
        return f"{aborted} ({what})" if what else aborted
    ended = "it committed or rolled back the transaction that was to hold its change and its row in the history"
    if not step.outline.atomic:
        ended = "it left a transaction open, which was rolled back"
    return f"{ended} ({what})" if what else ended


def called(error: BaseException) -> str:
    """Return what an error is and says, in one line."""
    return ": ".join(filter(None, (type(error).__name__, said(error))))


def said(error: BaseException) -> str:
    """Return what an error says in one line, without Postgres's picture of the statement, which is named in full."""
    # Of a lock that an operation did not get the failure says itself what is left, which may be half of the step.
    text = error.problem if isinstance(error, LockTimeout) else str(error)
    lines = (line.strip() for line in text.splitlines())
    return "; ".join(line for line in lines if line.strip("^") and not re.match(r"LINE \d+: ", line))


def _is_outside(cause: BaseException, engine: Engine) -> bool:
    """Tell whether the script is not at fault: a table was held, the disk is full, the database is gone."""
    if isinstance(cause, LockTimeout):
        return True
    return isinstance(cause, PeeweeException) and isinstance(engine.explain(cause), DatabaseUnavailable)


def _next(step: Script, left: Left, *, outside: bool) -> str:
    if left == "nothing":
        return "see to that and run it again" if outside else "correct it and run it again"
    if left == "unknown":
        return "run it again: if it was, it is recorded as applied, and does not run twice"
    if left == "everything":
        return "it failed after its transaction was committed, so nothing of it is missing, and the history says so"
    return unfinished(step.id)


def unfinished(step: str) -> Advising:
    """Return what is to be done about a step of which only a person can tell what it left."""
    retry, done = calling("repair", step, "retry"), calling("repair", step, "done")
    return Advising(
        "look at what it left, then let it run again with ", retry, ", or say that you finished it by hand with ", done
    )
