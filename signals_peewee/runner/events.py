"""What does an observer of a run hear?"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..engine.altering import Finding

_LOG = logging.getLogger("signals_peewee")

Kind = Literal["started", "applied", "reverted", "stamped", "retrying", "failed", "finding", "skipped", "progress"]
Direction = Literal["up", "down"]
_LEVELS = {"finding": logging.WARNING, "progress": logging.DEBUG}


@dataclass(frozen=True)
class StepEvent:
    """Something that happened to one step.

    An observer hears "finding", "skipped" and "progress" while the step is at work, inside its transaction: it must
    leave the database alone then. Everything else it hears outside.

    Attributes:
        kind: what happened; "finding": an operation is about to do what somebody may not have meant; "skipped": the
            effect of an operation was there already; "progress": how far a long operation has come.
        step: "source:name".
        direction: "up" or "down".
        attempt: 1, or more where the step was rolled back and run again because of what another session held.
        seconds: since the step was started first, waiting included.
        error: why it failed, or is tried again.
        message: what there is to say of a "finding", "skipped" or "progress".
        finding: the finding.
        done: rows that are done.
        total: rows that there are, or None where that is unknown.
    """

    kind: Kind
    step: str
    direction: Direction = "up"
    attempt: int = 1
    seconds: float = 0.0
    error: BaseException | None = None
    message: str = ""
    finding: Finding | None = None
    done: int = 0
    total: int | None = None


Observer = Callable[[StepEvent], None]


class Teller:
    """Tells an observer of one step in one direction.

    Attributes:
        attempt: which try at it this is.
    """

    def __init__(self, observer: Observer | None, step: str, direction: Direction) -> None:
        self._observer = observer
        self._step = step
        self._direction: Direction = direction
        self._started = time.monotonic()
        self.attempt = 1

    def __call__(self, kind: Kind, **more: Any) -> None:
        """Tell of something; `more` are attributes of the event."""
        seconds = time.monotonic() - self._started
        tell(self._observer, StepEvent(kind, self._step, self._direction, self.attempt, seconds, **more))


def tell(observer: Observer | None, event: StepEvent) -> None:
    """Log an event and pass it on; what the observer raises is logged, and changes nothing about the run."""
    said = f": {event.message}" if event.message else ""
    level = _LEVELS.get(event.kind, logging.INFO)
    _LOG.log(level, "%s %s (%s, %.3f s)%s", event.kind, event.step, event.direction, event.seconds, said)
    if observer is None:
        return
    try:
        observer(event)
    except Exception:  # noqa: BLE001  # an observer may raise anything
        _LOG.exception("on_event raised for %s", event)
