"""Which JSON documents hang on a signal, and which can both databases store?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, TypedDict

from ..errors import InvalidSignal
from .texts import check_text, repaired_text

MAX_DEPTH = 200
EXPONENT_FROM = 1e16
"""From here on Python writes a float as 5.2e+16, which jsonb keeps as the integer of those digits, another number."""


class SourceMetadata(TypedDict, total=False):
    """Where a signal came from. Unknown keys are kept; the known ones keep the spelling of the original system."""

    sourceUrl: str
    sourceName: str
    externalId: str
    webhookId: str
    webhookName: str
    videoUrl: str
    videoPlatform: str
    videoTimestamp: str
    channelId: str
    channelName: str
    messageTs: str
    threadTs: str
    ticketId: str
    ticketStatus: str
    customerEmail: str
    interviewDate: str
    interviewee: str
    rawPayload: Any


class ProjectMatch(TypedDict, total=False):
    """A project that a classifier proposed."""

    projectId: str
    projectName: str
    confidence: float
    matchReason: str


class AIClassification(TypedDict, total=False):
    """What a classifier said of a signal."""

    classifiedAt: str
    projectMatches: list[ProjectMatch]
    isNewInitiative: bool
    suggestedInitiativeName: str
    clusterId: str
    clusterName: str


class EventDocument(TypedDict, total=False):
    """One side of what an event changed, in JSON's own types: times as ISO text in UTC, a UUID key as its text.

    The columns of a signal stand under their own names; a link that came or went under these:
    project, persona or tag (what was linked), link_reason, confidence, linked_at, linked_by.
    A merge adds merged (the key of the duplicate) and projects, personas and tags: the links that it copied, each
    name with the key of the copy.
    """

    verbatim: str
    interpretation: str | None
    severity: str | None
    frequency: str | None
    user_segment: str | None
    source: str
    source_ref: str | None
    source_metadata: Any
    ai_classification: Any
    status: str
    inbox_item_id: Any
    merged_into_id: str | None
    occurred_at: str
    processed_at: str | None
    project: Any
    persona: str
    tag: str
    link_reason: str | None
    confidence: float | None
    linked_at: str
    linked_by: Any
    merged: str
    projects: dict[str, str]
    personas: dict[str, str]
    tags: dict[str, str]


def encode(field: str, value: object, *, depth: int = 1) -> str:
    """Return a document as JSON text.

    Args:
        field: the name that an error gives.
        value: a dict.
        depth: the level at which it begins; 0 where it holds documents, each of which may have all the levels.

    Raises:
        InvalidSignal: it is not an object, or something in it cannot be stored; the error gives the path to it.
    """
    if not isinstance(value, dict):
        raise InvalidSignal(field, value, "a dict, stored as a JSON object")
    return _plain(value, depth) or _dumps(_checked(field, value, depth, repair=False))


def check_json(field: str, value: Any) -> Any:
    """Return anything that JSON can hold, as both databases store it; see `encode`."""
    return _checked(field, value, 1, repair=False) if _plain(value) is None else value


def _plain(value: object, depth: int = 1) -> str | None:
    """The text of what can plainly be stored; None where each part has to be looked at."""
    try:
        text = _dumps(value) if _plain_keys(value, depth) else None
        return text if text is not None and text.encode() and "\\u0000" not in text else None
    except (TypeError, ValueError, RecursionError):
        return None


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def repaired_document(field: str, value: object) -> dict[str, Any]:
    """Return a copy in which unstorable characters are U+FFFD, and NaN and infinities are null.

    Raises:
        InvalidSignal: something in it is no JSON at all, or nested too deeply.
    """
    if not isinstance(value, dict):
        raise InvalidSignal(field, value, "a dict, stored as a JSON object")
    copy: dict[str, Any] = _checked(field, value, 1, repair=True)
    return copy


def _plain_keys(value: object, depth: int) -> bool:
    if isinstance(value, (dict, list, tuple)) and depth > MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return all(type(key) is str for key in value) and _plain_items(value.values(), depth)
    if isinstance(value, (list, tuple)):
        return _plain_items(value, depth)
    return not isinstance(value, float) or -EXPONENT_FROM < value < EXPONENT_FROM


def _plain_items(items: Iterable[object], depth: int) -> bool:
    return all(type(item) is str or _plain_keys(item, depth + 1) for item in items)


def _checked(path: str, value: Any, depth: int, *, repair: bool) -> Any:
    if isinstance(value, (dict, list, tuple)) and depth > MAX_DEPTH:
        raise InvalidSignal(path, value, f"a document of at most {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return _object(path, value, depth, repair=repair)
    if isinstance(value, (list, tuple)):
        return [_checked(f"{path}[{at}]", item, depth + 1, repair=repair) for at, item in enumerate(value)]
    if isinstance(value, str):
        return _text(path, value, repair)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _number(path, value, repair)
    raise InvalidSignal(path, value, "what JSON can hold: text, number, true, false, null, list or dict")


def _object(path: str, value: dict[Any, Any], depth: int, *, repair: bool) -> dict[str, Any]:
    checked = {
        _text(f"{path} key", key, repair): _checked(f"{path}.{key}", item, depth + 1, repair=repair)
        for key, item in value.items()
    }
    if len(checked) < len(value):
        raise InvalidSignal(path, list(value), "keys that are still different once they are repaired")
    return checked


def _text(path: str, value: Any, repair: bool) -> str:
    return repaired_text(value) if repair and isinstance(value, str) else check_text(path, value)


def _number(path: str, value: int | float, repair: bool) -> int | float | None:
    if isinstance(value, int):
        try:
            str(value)
        except ValueError as error:
            raise InvalidSignal(path, value, "an integer that Python can print") from error
        return value
    if math.isfinite(value):
        return int(value) if abs(value) >= EXPONENT_FROM else value
    if repair:
        return None
    raise InvalidSignal(path, value, "a finite number")
