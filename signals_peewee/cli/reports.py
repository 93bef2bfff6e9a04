"""What became of a file?"""

from __future__ import annotations

from bisect import insort
from dataclasses import asdict, dataclass, field
from typing import Any

NAMED_REJECTIONS = 10
OUTCOMES = ("created", "unchanged", "updated", "conflicts", "rejected")
_MANY_REASONS = 100


@dataclass(frozen=True, order=True)
class RejectedRow:
    """A row that was not stored.

    Attributes:
        row: its number, as a spreadsheet counts.
        reason: what is wrong with it.
    """

    row: int
    reason: str


@dataclass
class ImportReport:
    """What became of a file: the counts add up to its rows.

    Attributes:
        file: its name.
        columns: the name of the column that stands for each argument of `record`.
        notes: what was guessed and then left, in a sentence each.
        dry_run: nothing was stored: what `storable` says could be, and the counts of what was are zero.
        reasons: how many rows were rejected for each reason.
        rejections: the first of them.
    """

    file: str
    columns: dict[str, str]
    notes: list[str]
    dry_run: bool = False
    rows: int = 0
    storable: int = 0
    created: int = 0
    unchanged: int = 0
    updated: int = 0
    conflicts: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rejections: list[RejectedRow] = field(default_factory=list)

    def reject(self, row: int, reason: str, kind: str) -> None:
        """Count a rejected row, and keep it if it is one of the first; `kind` is the reason without its value."""
        self.rejected += 1
        if kind not in self.reasons and len(self.reasons) >= _MANY_REASONS:
            kind = "other reasons"
        self.reasons[kind] = self.reasons.get(kind, 0) + 1
        insort(self.rejections, RejectedRow(row, reason))
        del self.rejections[NAMED_REJECTIONS:]

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        left_out = OUTCOMES[:-1] if self.dry_run else ("storable",)
        return {name: value for name, value in asdict(self).items() if name not in left_out}
