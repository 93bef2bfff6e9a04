"""Does a document tell of this person?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..schema.texts import check_text

_NAMING = ("customerEmail", "interviewee", "rawPayload")
_WORDS = (
    "verbatim",
    "interpretation",
    "user_segment",
    "source_ref",
    "source_metadata",
    "ai_classification",
    "link_reason",
)
"""What an event tells in somebody's words; the rest of it are words of a vocabulary, keys, times and names of links."""


class Subject:
    """A person, by one text that stands for them: an email address, a name, the key of an account.

    It is matched exactly and whole, but for the case of letters: by Unicode's rules and not by a database's.

    Raises:
        InvalidSignal: the text is blank, or could not be stored.
    """

    def __init__(self, text: str) -> None:
        self._folded = check_text("subject", text, blank=False).casefold()

    def named_by(self, metadata: Any) -> bool:
        """Tell whether the metadata of a signal says that it is from this person."""
        return isinstance(metadata, Mapping) and self.stands_in([metadata.get(name) for name in _NAMING])

    def told_by(self, *sides: Any) -> bool:
        """Tell whether one of the sides of an event repeats it."""
        return any(self.stands_in([side.get(name) for name in _WORDS]) for side in sides if isinstance(side, Mapping))

    def taken_out(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return both sides of an event without the columns that repeat it; a link stays, and says no reason."""
        sides = {name: event[name] for name in ("before", "after")}
        told = [side for side in sides.values() if isinstance(side, Mapping)]
        repeating = {name for name in _WORDS if self.stands_in([side.get(name) for side in told])} - {"link_reason"}
        return {name: self._without(side, repeating) for name, side in sides.items()}

    def _without(self, side: Any, repeating: set[str]) -> Any:
        if not isinstance(side, Mapping):
            return side
        left = {name: value for name, value in side.items() if name not in repeating}
        return {**left, "link_reason": None} if self.stands_in(left.get("link_reason")) else left

    def stands_in(self, value: Any) -> bool:
        """Tell whether a value is this text, or holds it at any depth; the keys of objects do not count."""
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if isinstance(each, str):
                if each.casefold() == self._folded:
                    return True
            elif isinstance(each, Mapping):
                waiting.extend(each.values())
            elif isinstance(each, (list, tuple)):
                waiting.extend(each)
        return False


def said_by_item(metadata: Any, content: Any) -> list[Any]:
    """Return what an inbox item says in documents: its metadata, and its content where that is an object or a list."""
    if not isinstance(content, str) or not content.lstrip().startswith(("{", "[")):
        return [metadata]
    try:
        return [metadata, json.loads(content)]
    except (ValueError, RecursionError):
        return [metadata]
