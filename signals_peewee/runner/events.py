"""What does an observer of a run hear?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_LOG = logging.getLogger("signals_peewee")

Kind = Literal["started", "applied", "reverted", "stamped", "retrying", "failed"]


@dataclass(frozen=True)
class StepEvent:
    """Something that happened to one step.

    Attributes:
        kind: what happened.
        step: "source:name".
        direction: "up" or "down".
        attempt: 1, or more where the step was rolled back and run again because of what another session held.
        seconds: since the step was started first, waiting included.
        error: why it failed, or is tried again.
    """

    kind: Kind
    step: str
    direction: Literal["up", "down"] = "up"
    attempt: int = 1
    seconds: float = 0.0
    error: BaseException | None = None


Observer = Callable[[StepEvent], None]


def tell(observer: Observer | None, event: StepEvent) -> None:
    """Log an event and pass it on; what the observer raises is logged, and changes nothing about the run."""
    _LOG.info("%s %s (%s, %.3f s)", event.kind, event.step, event.direction, event.seconds)
    if observer is None:
        return
    try:
        observer(event)
    except Exception:  # noqa: BLE001  # an observer may raise anything
        _LOG.exception("on_event raised for %s", event)
