"""What do new values change in a signal that is stored, and how is that told?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..schema import EventDocument
from .changing import as_told, told
from .columns import Row
from .comparing import same_json

EMBEDDED = ("embedding", "embedding_model", "embedding_hash")
"""What is made of a verbatim, and emptied when that changes."""
Differences = Mapping[str, tuple[Any, Any]]
"""For each column that differs: (what is stored, what is given), as Python values."""


@dataclass
class Amendment:
    """What one call changes in a signal, however many of its rows have a say in it.

    Attributes:
        stored: the row as it was locked, and then as it becomes, in Python values.
        columns: what changes, as columns hold it.
    """

    stored: Row
    columns: Row = field(default_factory=dict)
    _before: Row = field(default_factory=dict)

    def add(self, differences: Differences, given: Row) -> None:
        """Take in the differences of one more row, which is given as columns hold it."""
        for name, (before, after) in differences.items():
            self._before.setdefault(name, before)
            self.stored[name] = after
            self.columns[name] = given[name]
            if same_json(self._before[name], after):  # an earlier row changed it, and this one changes it back
                del self._before[name], self.columns[name]

    def sides(self) -> tuple[str, str]:
        """Return both sides of the event."""
        return sides({name: (before, self.stored[name]) for name, before in self._before.items()})

    def emptied(self) -> Row:
        """Return what has to be emptied."""
        return emptied(self.columns)


def emptied(changes: Mapping[str, Any]) -> Row:
    """Return the columns, each None, that are stale after these changes."""
    return dict.fromkeys(EMBEDDED) if "verbatim" in changes else {}


def sides(differences: Differences) -> tuple[str, str]:
    """Return differences as both sides of an event."""
    before = {name: as_told(old) for name, (old, _) in differences.items()}
    after = {name: as_told(new) for name, (_, new) in differences.items()}
    return told(cast("EventDocument", before)), told(cast("EventDocument", after))
