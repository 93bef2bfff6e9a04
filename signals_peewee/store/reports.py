"""What does recording answer?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import InvalidSignal, NotFound, Refused
from ..schema import Signal

Outcome = Literal["created", "unchanged", "updated", "conflict"]
OnExisting = Literal["keep", "update"]
_NOTHING: Mapping[str, tuple[Any, Any]] = {}


@dataclass(frozen=True)
class Recorded:
    """What became of one `record`.

    Attributes:
        signal: the row as it now stands in the database (its embedding is not read).
        outcome: "created"; "unchanged": it was there and says the same; "updated": it was there and was filled or
            overwritten; "conflict": it was there and says something else, and nothing was written.
        differences: for each column that was changed, or that a conflict left alone: (what was stored, what was given).
    """

    signal: Signal
    outcome: Outcome
    differences: Mapping[str, tuple[Any, Any]] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True)
class Rejection:
    """A row that `record_many` did not store.

    Attributes:
        row_number: its place in what was given, counted from 1.
        reason: one line: what was given and what was expected.
        field: the argument or document path at fault.
        value: what was given there.
        expected: what would have been accepted.
    """

    row_number: int
    reason: str
    field: str
    value: Any
    expected: str


def rejection(row_number: int, error: InvalidSignal | NotFound) -> Rejection:
    """Return the rejection of a row for what an error says of it."""
    return Rejection(row_number, str(error), error.field, error.value, error.expected)


OnError = Literal["collect", "raise"] | Callable[[Rejection], object]


@dataclass(frozen=True)
class IngestReport:
    """What became of the rows of one `record_many`: the five counts add up to their number.

    Attributes:
        rejections: the first of those rejected, in their order; `rejected` counts them all.
    """

    created: int = 0
    unchanged: int = 0
    updated: int = 0
    conflicts: int = 0
    rejected: int = 0
    rejections: tuple[Rejection, ...] = ()


class RejectedRow(InvalidSignal):
    """A row made `record_many(on_error="raise")` stop: its batch was not stored, the batches before it were.

    Or it made `from_inbox` refuse all of the rows: nothing was stored.

    Attributes:
        row_number: its place in what was given, counted from 1.
    """

    def __init__(self, rejection: Rejection) -> None:
        self.row_number = rejection.row_number
        Refused.__init__(self, rejection.field, rejection.value, rejection.expected)
        self.args = (f"row {rejection.row_number}: {rejection.reason}",)
