"""Which words may stand in a column that has a vocabulary?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from ..errors import InvalidOption, InvalidSignal

Severity = Literal["critical", "high", "medium", "low"]
Frequency = Literal["common", "occasional", "rare"]
Source = Literal["webhook", "upload", "paste", "video", "slack", "pylon", "email", "interview", "other"]
Status = Literal["new", "reviewed", "linked", "archived"]
ProjectStatus = Literal["active", "archived"]
InboxType = Literal["transcript", "document", "signal", "feedback"]
InboxStatus = Literal["pending", "processing", "assigned", "dismissed"]
EventKind = Literal[
    "updated",
    "status_set",
    "archived",
    "restored",
    "project_linked",
    "project_unlinked",
    "persona_linked",
    "persona_unlinked",
    "tagged",
    "untagged",
    "merged",
    "absorbed",
    "unmerged",
    "released",
    "processed",
]

DEFAULTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "severity": get_args(Severity),
        "frequency": get_args(Frequency),
        "source": get_args(Source),
        "status": get_args(Status),
        "project_status": get_args(ProjectStatus),
        "inbox_type": get_args(InboxType),
        "inbox_status": get_args(InboxStatus),
        "event_kind": get_args(EventKind),
    }
)
MAX_LENGTH = 64


class Vocabularies:
    """The words that one store knows: the library's own, and those that its host registers on top.

    Args:
        more: for each vocabulary, the words to add: `{"source": ["discord"]}`.

    Raises:
        InvalidOption: there is no such vocabulary, or a word is not a short, printable text.
    """

    def __init__(self, more: Mapping[str, Iterable[str]] | None = None) -> None:
        if more is not None and not isinstance(more, Mapping):
            raise InvalidOption("vocabularies", more, "a mapping from vocabularies to words: {'source': ['discord']}")
        words = dict(DEFAULTS)
        for name, added in (more or {}).items():
            if name not in words:
                raise InvalidOption("vocabularies", name, f"one of {', '.join(DEFAULTS)}")
            if isinstance(added, str):
                raise InvalidOption(f"vocabularies[{name!r}]", added, "a list of words, not one text")
            words[name] = tuple(dict.fromkeys((*words[name], *(_word(name, word) for word in added))))
        self._words = words

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._words[name]


def check_word(field: str, value: object, known: Iterable[str]) -> str:
    """Return `value`, which is one of the `known` words.

    Raises:
        InvalidSignal: it is not; the error lists the known ones.
    """
    if isinstance(value, str) and value in known:
        return value
    raise InvalidSignal(field, value, f"one of {', '.join(known)}")


def _word(name: str, word: object) -> str:
    if isinstance(word, str) and 0 < len(word) <= MAX_LENGTH and word.isprintable() and word == word.strip():
        return word
    raise InvalidOption(f"vocabularies[{name!r}]", word, f"a printable word of 1 to {MAX_LENGTH} characters")
