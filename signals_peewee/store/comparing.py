"""What does it mean to record again what is stored already?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .reports import OnExisting, Outcome

COMPARED = (
    "verbatim",
    "occurred_at",
    "interpretation",
    "severity",
    "frequency",
    "user_segment",
    "inbox_item_id",
)
"""Columns in which two tellings of the same thing have to agree."""
METADATA = "source_metadata"
"""Filled where it is empty and never compared: retries of a webhook differ in it."""


class Comparison(NamedTuple):
    """What a second recording comes to, and the columns in which it differs: (what is stored, what is given)."""

    outcome: Outcome
    differences: dict[str, tuple[Any, Any]]


def compare(stored: Mapping[str, Any], given: Mapping[str, Any], on_existing: OnExisting) -> Comparison:
    """Compare a row with what is given for it, where None is not given.

    Args:
        stored: the columns of the row as Python values.
        given: the same for the arguments of `record`.
        on_existing: "keep" what is stored and fill what is empty, or "update" it to what is given.
    """
    differences = {
        name: (stored[name], given[name])
        for name in COMPARED
        if given[name] is not None and stored[name] != given[name]
    }
    before, document = stored[METADATA], given[METADATA]
    if document is not None and (before is None or (on_existing == "update" and not same_json(before, document))):
        differences[METADATA] = (before, document)
    if not differences:
        return Comparison("unchanged", differences)
    if on_existing == "update" or all(before is None for before, _ in differences.values()):
        return Comparison("updated", differences)
    return Comparison("conflict", differences)


def same_json(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1 is 1.0, and is not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
