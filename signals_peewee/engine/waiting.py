"""How long does one wait for what somebody else holds?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator


def pauses(wait: float, *, shortest: float = 0.01, longest: float = 0.5) -> Iterator[float]:
    """Sleep between tries, longer each time, and yield the seconds since the first; end once `wait` seconds are over.

    The lengths are random, so that those who were stopped together do not come back together.
    """
    begun = time.monotonic()
    pause = shortest
    while (gone := time.monotonic() - begun) < wait:
        time.sleep(min(pause * random.uniform(0.5, 1.5), wait - gone))  # noqa: S311
        yield time.monotonic() - begun
        pause = min(pause * 2, longest)


def obtained(attempt: Callable[[], bool], wait: float) -> bool:
    """Call `attempt` until it returns True; return False once `wait` seconds are over."""
    return attempt() or any(attempt() for _ in pauses(wait))
