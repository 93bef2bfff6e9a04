"""How does one row of a file become the arguments of `record`?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from peewee import SqliteDatabase

from ..schema.texts import repaired_text
from .columns import WORDS
from .csv_file import Row
from .plan import Plan


@dataclass(frozen=True)
class Refusal:
    """A row that cannot become a signal.

    Attributes:
        row: its number, as a spreadsheet counts.
        reason: what is wrong with this one.
        kind: the same without the value, so that reasons can be counted.
    """

    row: int
    reason: str
    kind: str


def converted(plan: Plan) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
    """Yield each row of a file with its number: the arguments of `record`, or why there are none.

    A row without an id of its own gets a `source_ref` from a hash of its mapped columns and from how many like it
    came before in the file. Those are counted in a temporary SQLite database, which spills to disk by itself.
    """
    seen = _Occurrences()
    try:
        for row in plan.file.rows():
            yield row.number, _converted(plan, row, seen)
    finally:
        seen.close()


def _converted(plan: Plan, row: Row, seen: _Occurrences) -> dict[str, Any] | Refusal:
    if row.refused:
        kind = "another number of cells than the header" if "where the header" in row.refused else row.refused
        return Refusal(row.number, row.refused, kind)
    cells = {argument: row.cells[place] for argument, place in plan.columns.items()}
    signal: dict[str, Any] = {argument: value for argument, cell in cells.items() if (value := cell.strip())}
    if not signal.get("verbatim"):
        reason = "the text is blank" if cells["verbatim"] else "the text is empty"
        return Refusal(row.number, reason, reason)
    signal = {"source": "upload", **plan.constants, **signal, "verbatim": cells["verbatim"]}
    for argument in WORDS:
        if argument in signal:
            signal[argument] = _word(signal[argument], plan.known[argument])
    if "occurred_at" in signal:
        try:
            signal["occurred_at"] = plan.dates.read(signal["occurred_at"])
        except (ValueError, OverflowError):
            kind = f"no date that {plan.dates.format!r} reads" if plan.dates.format else "no date that is read here"
            return Refusal(row.number, f"{cells['occurred_at']!r} is {kind}", kind)
    metadata: dict[str, Any] = {"sourceName": repaired_text(plan.file.path.name)}
    if "source_ref" in signal:
        metadata["externalId"] = signal["source_ref"]
    else:
        signal["source_ref"] = seen.ref({argument: row.cells[at] for argument, at in plan.identity.items()})
    if plan.keep:
        metadata["rawPayload"] = {plan.file.header[at] or f"@{at + 1}": row.cells[at] for at in plan.keep}
    return {**signal, "source_metadata": metadata}


def _word(cell: str, known: Any) -> str:
    """Return the word of a vocabulary that a cell means, whatever its case; a strange one as it is."""
    return cell if cell in known else next((word for word in known if word.casefold() == cell.casefold()), cell)


class _Occurrences:
    """How often each row without an id was seen. SQLite makes a file without a name temporary."""

    def __init__(self) -> None:
        self._counts = SqliteDatabase("file:", uri=True)
        self._counts.execute_sql("CREATE TABLE seen (hash BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")
        self._counts.begin()

    def ref(self, cells: dict[str, str]) -> str:
        """Return a reference that the same row, at the same occurrence, always gets."""
        mapped = json.dumps(sorted((name, cell) for name, cell in cells.items() if name != "source_ref"))
        digest = hashlib.sha256(mapped.encode()).digest()[:16]
        self._counts.execute_sql(
            "INSERT INTO seen VALUES (?, 1) ON CONFLICT (hash) DO UPDATE SET times = times + 1", (digest,)
        )
        (times,) = self._counts.execute_sql("SELECT times FROM seen WHERE hash = ?", (digest,)).fetchone()
        return f"csv:{digest.hex()}:{times}"

    def close(self) -> None:
        self._counts.close()
