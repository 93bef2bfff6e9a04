"""May this be recorded? What a row has to be, before any SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..errors import InvalidSignal, NotFound
from ..schema import Models
from ..schema.documents import encode, repaired_document
from ..schema.fields import check_time
from ..schema.hosts import key_of
from ..schema.texts import SOURCE_REF_LENGTH, check_text, repaired_text
from ..schema.vocabularies import check_word

NAMES = (
    "verbatim",
    "source",
    "source_ref",
    "occurred_at",
    "interpretation",
    "severity",
    "frequency",
    "user_segment",
    "source_metadata",
    "inbox_item_id",
)
"""The arguments of `record`, each the name of a column."""
TEXTS = ("verbatim", "source_ref", "interpretation", "user_segment")
WORDS = ("source", "severity", "frequency")
DOCUMENTS = ("source_metadata", "ai_classification")
_ALWAYS = ("verbatim", "source")
_KNOWN = frozenset(NAMES)


class Checks:
    """The rules of one store, whose vocabularies and host keys they depend on."""

    def __init__(self, models: Models) -> None:
        fields: Any = models.Signal._meta.columns
        self.words: dict[str, tuple[str, ...]] = {name: fields[name].known for name in WORDS}
        self._inbox_item = fields["inbox_item_id"]
        self._inbox_model = models.InboxItem

    def row(self, given: object, *, repair: bool) -> dict[str, Any]:
        """Return the arguments of one `record` as its columns: time in UTC, document as JSON text; None for not given.

        Args:
            given: a mapping.
            repair: replace what cannot be stored instead of refusing it.

        Raises:
            InvalidSignal: something cannot be stored, is missing or has no such name.
            NotFound: the inbox item's key cannot be one.
        """
        row = _arguments(given)
        for name, value in row.items():
            if value is not None or name in _ALWAYS:
                row[name] = self.column(name, value, repair=repair)
        return row

    def column(self, name: str, value: Any, *, repair: bool = False) -> Any:
        """Return one argument, which is given, as its column; see `row`."""
        if name in TEXTS:
            return _text(name, value, repair)
        if name in WORDS:
            return plain(check_word(name, value, self.words[name]))
        if name in DOCUMENTS:
            return document(name, value, repair)
        return instant(value) if name == "occurred_at" else self.inbox_key(value)

    def inbox_key(self, value: Any) -> Any:
        """Return the key of an inbox item (given as such, or as its row) as the column holds it.

        Raises:
            NotFound: it can be no such key.
        """
        key = key_of(self._inbox_model, value)
        if key is None:
            raise strange_item(value)
        return self._inbox_item.db_value(key)


def _arguments(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidSignal("row", given, f"a mapping with verbatim and source, from {', '.join(NAMES)}")
    for name in given:
        if name not in _KNOWN:
            raise InvalidSignal(str(name), given[name], f"no such key; the known ones are {', '.join(NAMES)}")
    return {name: given.get(name) for name in NAMES}


def strange_item(value: object) -> NotFound:
    """Return the error for an inbox item that is none of this workspace."""
    return NotFound("inbox item", value, "the id of an inbox item of this workspace")


def _text(name: str, value: object, repair: bool) -> str:
    if repair and isinstance(value, str):
        value = repaired_text(value)
    if name == "verbatim":
        return plain(check_text(name, value, blank=False))
    if name != "source_ref":
        return plain(check_text(name, value))
    if value == "":
        raise InvalidSignal(name, value, f"1 to {SOURCE_REF_LENGTH} characters, or None where there is none")
    return plain(check_text(name, value, max_length=SOURCE_REF_LENGTH))


def plain(text: str) -> str:
    """Return a text as a `str` and no subclass of it, such as an enum's member, which each driver takes differently."""
    return text if type(text) is str else str.__str__(text)


def instant(value: object) -> datetime:
    """Return a time as UTC and as a `datetime` and no subclass, such as one with nanoseconds.

    Raises:
        InvalidSignal: see `check_time`.
    """
    at = check_time("occurred_at", value)
    if type(at) is datetime:
        return at
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, timezone.utc)


def document(name: str, value: object, repair: bool) -> str:
    """Return a document as JSON text.

    Raises:
        InvalidSignal: see `encode`.
    """
    return encode(name, repaired_document(name, value) if repair else value)
