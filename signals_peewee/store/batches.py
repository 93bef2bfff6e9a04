"""How do rows without end become signals, a batch at a time?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple

from peewee import IntegrityError

from ..errors import InvalidSignal, NotFound
from .calls import attempt
from .checking import strange_item
from .checking_columns import Doubtful, as_columns, with_documents
from .columns import Batch, taken, transposed
from .reports import IngestReport, OnError, OnExisting, RejectedRow, Rejection, rejection
from .writing import Writer


class Checked(NamedTuple):
    """The rows of a batch that may be stored, with the number of each, and those that may not."""

    columns: Batch
    numbers: Sequence[int]
    rejections: list[Rejection]


@dataclass
class Ingest:
    """One call of `record_many`: what it was asked, and what it has counted so far."""

    writer: Writer
    workspace: Any
    on_existing: OnExisting
    on_error: OnError
    repair: bool
    max_rejected: int
    outcomes: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    expected: Literal["stored", "new", "mixed"] = "stored"

    def run(
        self, rows: Iterable[Mapping[str, Any]], batch_size: int, on_progress: Callable[[int], object] | None
    ) -> IngestReport:
        """Take the rows a batch at a time until there are none."""
        iterator, done = iter(rows), 0
        while batch := list(islice(iterator, batch_size)):
            checked = self._checked(batch, done + 1)
            checked = attempt(self.writer.engine, partial(self._without_strange_items, checked, batch, done + 1))
            self._reject(checked.rejections)
            while checked.numbers:
                try:
                    self.outcomes += attempt(self.writer.engine, partial(self._stored, checked.columns))
                    break
                except IntegrityError:
                    checked = self._after_deletion(checked, batch, done + 1)
            done += len(batch)
            if on_progress is not None:
                on_progress(done)
        return self._report()

    def _checked(self, batch: Sequence[Any], start: int) -> Checked:
        try:
            return Checked(as_columns(batch, self.writer.checks), range(start, start + len(batch)), [])
        except Doubtful:
            pass
        rows, numbers, rejections = [], [], []
        for number, given in enumerate(batch, start):
            try:
                rows.append(self.writer.checks.row(given, repair=self.repair))
                numbers.append(number)
            except (InvalidSignal, NotFound) as error:  # noqa: PERF203
                rejections.append(rejection(number, error))
        return Checked(transposed(rows), numbers, rejections)

    def _without_strange_items(self, checked: Checked, batch: Sequence[Any], start: int) -> Checked:
        """Reject the rows whose inbox item is none of this workspace."""
        keys = checked.columns.get("inbox_item_id")
        if keys is None:
            return checked
        strange = self.writer.unknown_items(self.workspace, (key for key in keys if key is not None))
        if not strange:
            return checked
        good = [at for at, key in enumerate(keys) if key not in strange]
        numbers = [number for number, key in zip(checked.numbers, keys, strict=True) if key in strange]
        rejections = [rejection(number, strange_item(batch[number - start]["inbox_item_id"])) for number in numbers]
        both = sorted([*checked.rejections, *rejections], key=lambda rejection: rejection.row_number)
        return Checked(taken(checked.columns, good), [checked.numbers[at] for at in good], both)

    def _after_deletion(self, checked: Checked, batch: Sequence[Any], start: int) -> Checked:
        """Leave out the rows whose inbox item was deleted after it was looked up.

        Raises:
            NotFound: it is the workspace that was deleted.
            IntegrityError: neither was.
        """
        attempt(self.writer.engine, partial(self.writer.check_workspace, self.workspace))
        left = self._without_strange_items(checked._replace(rejections=[]), batch, start)
        if not left.rejections:
            raise  # noqa: PLE0704 - the IntegrityError that is being looked into
        self._reject(left.rejections)
        return left

    def _reject(self, rejections: list[Rejection]) -> None:
        for each in rejections:
            if self.on_error == "raise":
                raise RejectedRow(each)
            if callable(self.on_error):
                self.on_error(each)
            self.outcomes["rejected"] += 1
            if len(self.rejections) < self.max_rejected:
                self.rejections.append(each)

    def _stored(self, columns: Batch) -> Counter[str]:
        rows = len(columns["verbatim"])
        if self.on_existing == "update":
            columns = with_documents(columns)
        if self.expected == "stored":
            # What is stored alike needs no lock, and no insert that comes to nothing.
            places = self.writer.unknown(self.workspace, columns, self.on_existing)
            if not places:
                return Counter(unchanged=rows)
            columns = taken(columns, places)
        columns = with_documents(columns)
        with self.writer.engine.write():
            likely_new = self.expected == "new"
            outcomes = self.writer.write(self.workspace, columns, self.on_existing, likely_new=likely_new)
        outcomes["unchanged"] += rows - len(columns["verbatim"])
        created = outcomes["created"]
        self.expected = "new" if created == rows else "mixed" if created * 2 > rows else "stored"
        return outcomes

    def _report(self) -> IngestReport:
        return IngestReport(
            created=self.outcomes["created"],
            unchanged=self.outcomes["unchanged"],
            updated=self.outcomes["updated"],
            conflicts=self.outcomes["conflict"],
            rejected=self.outcomes["rejected"],
            rejections=tuple(self.rejections),
        )
