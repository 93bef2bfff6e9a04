"""How often is a table gone through again for rows that came while it was filled?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

_MOST = 10
_SAME = 5


class Passes:
    """Ends what might go on for ever: others may write rows faster than they are filled, a trigger may empty them."""

    def __init__(self) -> None:
        self._ends: list[tuple[Any, ...]] = []  # an array in a key has no hash

    def more(self, ended: tuple[Any, ...], refuse: Callable[[tuple[Any, ...]], NoReturn]) -> bool:
        """Tell whether to go through again.

        Args:
            ended: the last row of the pass's first batch, by its key: one that was filled does not come again.
            refuse: is called for a row that did, and raises.
        """
        self._ends.append(ended)
        if self._ends.count(ended) == _SAME:
            refuse(ended)
        return len(self._ends) < _MOST
