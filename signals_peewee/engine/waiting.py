"""How long does one wait for what somebody else holds?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

_SHORTEST = 0.001  # Postgres counts in milliseconds, and 0 is no limit to it


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


class Tries:
    """A wait that several tries share, each of which waits itself for a part of it.

    Args:
        wait: seconds that it may take in all, from when the first of them began to wait.
    """

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._end: float | None = None
        self._pause = 0.01

    @property
    def left(self) -> float:
        """The seconds that a try may wait: what is left, a millisecond at least."""
        return max(_SHORTEST, self._wait if self._end is None else self._end - time.monotonic())

    def again(self, waited: float) -> bool:
        """Sleep after a try that waited in vain; return False where nothing is left for another one.

        Args:
            waited: how many seconds the try waited; what it did before was no wait.
        """
        if self._end is None:
            self._end = time.monotonic() - waited + self._wait
        left = self._end - time.monotonic()
        if left >= _SHORTEST:
            # Never to the end: what a try would find free there, it finds free when it has waited for it.
            time.sleep(min(self._pause * random.uniform(0.5, 1.5), left / 2))  # noqa: S311
            self._pause = min(self._pause * 2, 0.5)
        return self._end - time.monotonic() >= _SHORTEST
