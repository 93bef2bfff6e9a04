"""Which texts can both databases store?"""

from __future__ import annotations

import re

from ..errors import InvalidSignal

SOURCE_REF_LENGTH = 512
NAME_LENGTH = 200
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CHARACTERS = "text without NUL characters and lone surrogates"


def check_text(field: str, value: object, *, max_length: int | None = None, blank: bool = True) -> str:
    """Return `value` as it is: never trimmed, never normalised.

    Args:
        field: the name that an error gives.
        value: what should be a text.
        max_length: the number of characters (code points) that it may have.
        blank: whether it may be empty or white space alone.

    Raises:
        InvalidSignal: it is not a text, is blank or too long, or holds a character that Postgres cannot store.
    """
    if not isinstance(value, str):
        raise InvalidSignal(field, value, "a text")
    if not storable(value):
        found = _UNSTORABLE.search(value)
        raise InvalidSignal(field, value, f"{_CHARACTERS} (one stands at position {found.start() if found else 0})")
    if max_length is not None and len(value) > max_length:
        raise InvalidSignal(field, value, f"at most {max_length} characters, got {len(value)}")
    if not blank and (not value or value.isspace()):
        raise InvalidSignal(field, value, "words, not an empty or blank text")
    return value


def storable(text: str) -> bool:
    """Tell whether Postgres can store `text`; SQLite could store more, and is not asked to."""
    return (text.isascii() and "\0" not in text) or not _UNSTORABLE.search(text)


def repaired_text(text: str) -> str:
    """Return `text` with U+FFFD, the replacement character, for each character that cannot be stored."""
    return text if storable(text) else _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
