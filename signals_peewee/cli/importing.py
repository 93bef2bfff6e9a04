"""How does a CSV file become signals of a workspace?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase

from ..errors import InvalidSignal
from ..schema.vocabularies import DEFAULTS
from ..store import SignalStore, Workspace
from ..store.checking import Checks
from ..store.reports import OnExisting, Rejection
from .cells import Refusal, converted
from .columns import FLAGS, WORDS
from .csv_file import CsvFile
from .dates import Dates
from .errors import BadArgument
from .plan import Plan, Vocabulary, planned
from .reports import ImportReport

_ANY_DATES = Dates()
OnProgress = Callable[[int, int], object]


def plan_csv(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    keep: Iterable[str] = (),
    guess: bool = True,
    dates: Dates = _ANY_DATES,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    header_rows: int = 1,
    known: Vocabulary = DEFAULTS,
) -> Plan:
    """Read a CSV file from end to end and return how it is to be imported; nothing is stored.

    Args:
        path: a regular file.
        columns: for arguments of `record`, the name of the column, or `@3` for the third.
        constants: for `source`, `severity`, `frequency` and `user_segment`, what stands for a blank cell or a missing
            column. The source is "upload" by default.
        keep: names of further columns, to be kept in `source_metadata["rawPayload"]`.
        guess: find out the other columns from the header.
        dates: how dates are written.
        encoding: a codec of Python.
        delimiter: one character; None finds it out.
        header_rows: how many rows the header has.
        known: the words of each vocabulary.

    Raises:
        BadFile: it cannot be read to its end, or lacks a column.
        BadArgument: a constant is no word of its vocabulary, or a name none that `record` has.
    """
    for name in (*(columns or {}), *(constants or {})):
        if name not in FLAGS:
            raise BadArgument("columns and constants", name, f"some of {', '.join(FLAGS)}")
    for argument, word in (constants or {}).items():
        if argument in WORDS and word not in known[argument]:
            raise BadArgument(f"--{argument}", word, f"one of {', '.join(known[argument])}")
    return planned(
        CsvFile(Path(path), encoding, delimiter, header_rows).opened(),
        columns=columns or {},
        constants=constants or {},
        keep=keep,
        guess=guess,
        dates=dates,
        known=known,
    )


def import_csv(
    workspace: Workspace,
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    keep: Iterable[str] = (),
    guess: bool = True,
    dates: Dates = _ANY_DATES,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    header_rows: int = 1,
    on_existing: OnExisting = "keep",
    on_progress: OnProgress | None = None,
) -> ImportReport:
    """Store the feedback of a CSV file in a workspace, in constant memory; doing it again changes nothing.

    Args:
        workspace: where to.
        path: a regular file; it is read twice, and nothing is stored of one that cannot be read to its end.
        columns, constants, keep, guess, dates, encoding, delimiter, header_rows: see `plan_csv`.
        on_existing: "update" overwrites stored signals that say something else; "keep" counts them as conflicts.
        on_progress: called after each batch with the number of rows that are done, and of all.

    Raises:
        BadFile: it cannot be read, or lacks a column.
        BadArgument: a constant is no word of its vocabulary.
    """
    plan = plan_csv(
        path,
        columns=columns,
        constants=constants,
        keep=keep,
        guess=guess,
        dates=dates,
        encoding=encoding,
        delimiter=delimiter,
        header_rows=header_rows,
        known=Checks(workspace.models).words,
    )
    return import_plan(workspace, plan, on_existing=on_existing, on_progress=on_progress)


def import_plan(
    workspace: Workspace, plan: Plan, *, on_existing: OnExisting = "keep", on_progress: OnProgress | None = None
) -> ImportReport:
    """Store the rows of a file that was planned; see `import_csv`."""
    reading = _Reading(plan, on_progress)
    stored = workspace.record_many(
        reading.signals(), on_existing=on_existing, on_progress=reading.done, on_error=reading.reject, max_rejected=0
    )
    reading.end()
    report = reading.report
    report.created, report.unchanged = stored.created, stored.unchanged
    report.updated, report.conflicts = stored.updated, stored.conflicts
    return report


def check_plan(plan: Plan, *, on_progress: OnProgress | None = None) -> ImportReport:
    """Check the rows of a file that was planned as storing them would; no database is asked."""
    reading = _Reading(plan, on_progress)
    reading.report.dry_run = True
    checks = Checks(SignalStore(SqliteDatabase(":memory:")).models)
    for at, signal in enumerate(reading.signals(), 1):
        try:
            checks.row(signal, repair=False)
        except InvalidSignal as error:
            reading.reject(Rejection(at, str(error), error.field, error.value, error.expected))
        reading.done(at)
    reading.end()
    reading.report.storable = plan.rows - reading.report.rejected
    return reading.report


class _Reading:
    """The rows of a file on their way: which of them the store has in hand, and what was refused so far."""

    def __init__(self, plan: Plan, on_progress: OnProgress | None) -> None:
        self.plan = plan
        self.report = ImportReport(plan.file.path.name, plan.named(), list(plan.notes), rows=plan.rows)
        self._on_progress = on_progress
        self._rows = 0
        self._before = 0
        self._in_hand: list[int] = []

    def signals(self) -> Iterator[dict[str, Any]]:
        """Yield the arguments of `record` for each row that gives some; count the others as rejected."""
        for number, signal in converted(self.plan):
            self._rows += 1
            if isinstance(signal, Refusal):
                self.report.reject(number, signal.reason, signal.kind)
            else:
                self._in_hand.append(number)
                yield signal

    def reject(self, rejection: Rejection) -> None:
        """Count a row that the store refused; its place there is counted from the first that was yielded."""
        number = self._in_hand[rejection.row_number - self._before - 1]
        self.report.reject(number, rejection.reason, f"{rejection.field}: expected {rejection.expected}")

    def done(self, yielded: int) -> None:
        """Forget the numbers of rows that are done."""
        self._before = yielded
        self._in_hand.clear()
        if self._on_progress is not None:
            self._on_progress(self._rows, self.plan.rows)

    def end(self) -> None:
        """Tell that all rows are done, also those after the last that could be stored."""
        if self._on_progress is not None:
            self._on_progress(self.plan.rows, self.plan.rows)
