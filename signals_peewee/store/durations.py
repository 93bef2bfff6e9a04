"""How long is that? A duration is a number of seconds or a timedelta."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..errors import InvalidOption, Refused

_LONGEST = 365_000 * 86_400
"""Seconds, a thousand years: from today it leads to no time that a column cannot hold."""


def check_duration(name: str, value: Any, *, zero: bool = False, refused: type[Refused] = InvalidOption) -> timedelta:
    """Return a duration; one of more than a thousand years is cut to that.

    Args:
        name: the name that an error gives.
        value: seconds, or a timedelta.
        zero: whether it may be nothing at all.
        refused: the error.

    Raises:
        Refused: it is neither, not finite, or too short.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if number and (0 < seconds < float("inf") or (zero and seconds == 0)):
        return timedelta(seconds=min(seconds, _LONGEST))
    least = "0 or more" if zero else "more than 0"
    raise refused(name, value, f"seconds or a timedelta, {least} and finite")
