"""What does a file hold, seen once from end to end before anything is stored?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .columns import FLAGS, WORDS, guessed_columns, named_columns
from .csv_file import CsvFile
from .dates import AmbiguousDate, Dates
from .errors import BadFile

Vocabulary = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Plan:
    """How the rows of one file become signals.

    Attributes:
        file: opened.
        columns: the place of the column for each argument of `record`.
        identity: the same before a guess was dropped for its words, which further rows may change.
        constants: what stands for a blank cell, or for a column that there is not.
        keep: the places of further columns to keep.
        dates: how dates are written.
        known: the words of each vocabulary.
        rows: how many there are.
        notes: what was guessed and then left, in a sentence each.
    """

    file: CsvFile
    columns: Mapping[str, int]
    identity: Mapping[str, int]
    constants: Mapping[str, str]
    keep: Sequence[int]
    dates: Dates
    known: Vocabulary
    rows: int = 0
    notes: Sequence[str] = ()

    def named(self) -> dict[str, str]:
        """Return the name of the column for each argument of `record`, or its number where it has none."""
        return {argument: self.file.header[at] or f"@{at + 1}" for argument, at in self.columns.items()}


def planned(
    file: CsvFile,
    *,
    columns: Mapping[str, str],
    constants: Mapping[str, str],
    keep: Iterable[str],
    guess: bool,
    dates: Dates,
    known: Vocabulary,
) -> Plan:
    """Read a whole file and return how it is to be imported.

    Reading it all first means that a file in another encoding, or one that was cut off, stores nothing.

    Args:
        file: opened.
        columns: names of columns, by argument of `record`.
        guess: whether the other columns are guessed from the header.

    Raises:
        BadFile: it cannot be read to its end, lacks a column, or its dates can be read in two ways.
    """
    header, path = file.header, file.path
    named = named_columns(path, header, columns)
    guessed = guessed_columns(header, named, without=tuple(constants)) if guess else {}
    kept = _kept(file, keep)
    if "verbatim" not in {**named, **guessed}:
        columns_there = ", ".join(repr(name) for name in header[:12] if name) + (", …" if len(header) > 12 else "")
        raise BadFile(path, f"no column is known to hold the text; name it with --text (there are {columns_there})")
    identity = {**named, **guessed}
    survey = _surveyed(file, {**named, **guessed}, guessed, dates, known)
    notes = []
    for argument, (word, strange, all_words) in survey.words.items():
        if 2 * strange > all_words:
            notes.append(
                f"column {header[guessed.pop(argument)]!r} is not read as {argument}: {word!r} is none of "
                f"{', '.join(known[argument])}; name it with {FLAGS[argument]} to insist"
            )
    if survey.turned:
        (cell, many), other = survey.turned, "month" if dates.order == "day" else "day"
        notes.append(
            f"{many:,} dates, such as {cell!r}, can only be read {other} first: "
            f"--{dates.order}-first may be wrong for others too"
        )
    return Plan(file, {**named, **guessed}, identity, dict(constants), kept, dates, known, survey.rows, notes)


@dataclass
class _Survey:
    """What the first reading finds.

    Attributes:
        rows: how many there are.
        words: for each guessed vocabulary, a strange word or None, the number of strange ones, and of all.
        turned: a date that is read against the order that was said, and the number of such dates.
    """

    rows: int = 0
    words: dict[str, tuple[str | None, int, int]] = field(default_factory=dict)
    turned: tuple[str, int] | None = None


def _surveyed(
    file: CsvFile, columns: Mapping[str, int], guessed: Iterable[str], dates: Dates, known: Vocabulary
) -> _Survey:
    guesses = [
        (argument, columns[argument], frozenset(map(str.casefold, known[argument])))
        for argument in WORDS
        if argument in guessed
    ]
    survey, date = _Survey(), columns.get("occurred_at")
    for row in file.rows():
        survey.rows += 1
        if row.refused:
            continue
        if date is not None and dates.format is None:
            _survey_date(survey, file, row.cells[date].strip(), date, dates)
        for argument, place, words in guesses:
            if word := row.cells[place].strip():
                strange, many, all_words = survey.words.get(argument, (None, 0, 0))
                is_strange = word.casefold() not in words
                survey.words[argument] = (strange or (word if is_strange else None), many + is_strange, all_words + 1)
    return survey


def _survey_date(survey: _Survey, file: CsvFile, cell: str, date: int, dates: Dates) -> None:
    if dates.is_other_way_round(cell):
        survey.turned = (cell, 1) if survey.turned is None else (survey.turned[0], survey.turned[1] + 1)
    if dates.order is not None:
        return
    try:
        dates.read(cell)
    except AmbiguousDate as error:
        problem = f"has dates like {cell!r}: say --day-first, --month-first or --date-format"
        raise BadFile(file.path, f"column {file.header[date]!r} {problem}") from error
    except (ValueError, OverflowError):
        pass


def _kept(file: CsvFile, keep: Iterable[str]) -> list[int]:
    return [named_columns(file.path, file.header, {"kept": name})["kept"] for name in keep]
