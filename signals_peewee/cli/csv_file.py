"""Which rows does a CSV file hold? Read as a stream, in memory that does not grow with the file."""

from __future__ import annotations

import csv
import io
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path

from .errors import BadFile

DELIMITERS = (",", ";", "\t", "|")
MAX_CELL = 16 * 1024 * 1024
_SAMPLE_ROWS = 20
_FATAL = {
    "unexpected end": "a quote opened there is never closed",
    "field limit": f"a cell of more than {MAX_CELL:,} characters: is a quote opened there and never closed?",
}
_NUL = "a NUL character, which no database stores"


@dataclass(frozen=True)
class Row:
    """One record.

    Attributes:
        number: as a spreadsheet counts, so the first record under a header of one row is 2.
        cells: one for each column, exactly as they stand in the file.
        refused: why the record cannot be read as a row of this file, or None.
    """

    number: int
    cells: Sequence[str]
    refused: str | None = None


@dataclass(frozen=True)
class CsvFile:
    """A CSV file and how to read it. Nothing is kept open between two readings.

    Args:
        path: a regular file: it is read more than once.
        encoding: a byte-order mark is skipped with the default one.
        delimiter: one character; None finds out from the first rows.
        header_rows: how many rows the header has. Names are joined downwards, an empty cell of an upper row
            taking the last name on its left, as survey tools write them.
    """

    path: Path
    encoding: str = "utf-8-sig"
    delimiter: str | None = None
    header_rows: int = 1
    header: tuple[str, ...] = field(default=(), init=False)

    def opened(self) -> CsvFile:
        """Return the same file with its delimiter and header found out.

        Raises:
            BadFile: it is no readable CSV file with a header; the message is one line that says what to do.
        """
        _check_regular(self.path)
        found = replace(self, delimiter=self.delimiter or self._guessed_delimiter())
        with _Text(self) as text:
            rows = list(islice(found._records(text), self.header_rows))
        for row in rows:
            if row.refused == _NUL:
                raise BadFile(self.path, "has NUL characters in its header: is it UTF-16? try --encoding utf-16")
            if row.refused:
                raise BadFile(self.path, f"row {row.number}, in the header: {row.refused}")
        header = _joined([row.cells for row in rows])
        if len(rows) < self.header_rows or not any(header):
            raise BadFile(self.path, "is empty: its first row must name the columns")
        object.__setattr__(found, "header", header)
        return found

    def rows(self) -> Iterator[Row]:
        """Read the records under the header; wholly empty lines are passed over.

        Raises:
            BadFile: from some place on it cannot be read: another encoding, a quote that is never closed.
        """
        width = len(self.header)
        with _Text(self) as text:
            for row in islice(self._records(text), self.header_rows, None):
                if row.refused or len(row.cells) == width:
                    yield row
                else:
                    yield replace(row, refused=f"{_cells(len(row.cells))} where the header has {width}")

    def _records(self, text: _Text, *, strict: bool = True) -> Iterator[Row]:
        # The limit is the process's and not the reader's; it is raised and never lowered, as another thread may read.
        csv.field_size_limit(max(MAX_CELL, csv.field_size_limit()))
        reader = csv.reader(text, delimiter=self.delimiter or ",", strict=strict)
        for number in count(1):
            text.nul, start = False, text.line + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                for sign, problem in _FATAL.items():
                    if sign in str(error):
                        raise BadFile(self.path, f"row {number} (line {start}): {problem}") from error
                yield Row(number, (), _NUL if text.nul else f"broken quotes: {error}")
                continue
            if cells or text.nul:
                yield Row(number, cells, _NUL if text.nul else None)

    def _guessed_delimiter(self) -> str:
        """Return the delimiter that gives the first rows the most columns, and the same number of them."""

        def score(delimiter: str) -> tuple[float, int]:
            trial = replace(self, delimiter=delimiter)
            with _Text(self) as text:
                widths = [len(row.cells) for row in islice(trial._records(text, strict=False), _SAMPLE_ROWS)]
            if not widths or widths[0] < 2:
                return 0.0, 0
            return Counter(widths)[widths[0]] / len(widths), widths[0]

        return max(DELIMITERS, key=score)


class _Text:
    """The lines of a file for `csv.reader`, without NULs (which it refuses before Python 3.11), and where it is."""

    def __init__(self, file: CsvFile) -> None:
        self.path, self.encoding = file.path, file.encoding
        self.line = 0
        self.nul = False

    def __enter__(self) -> _Text:
        try:
            self._bytes = _Counted(io.FileIO(self.path))
            self._text = io.TextIOWrapper(self._bytes, encoding=self.encoding, newline="")
        except OSError as error:
            raise BadFile(self.path, f"cannot be read: {error.strerror}") from error
        except LookupError as error:
            self._bytes.close()
            raise BadFile(self.path, f"--encoding {self.encoding} is not known: try utf-8, utf-16 or cp1252") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def __iter__(self) -> Iterator[str]:
        while True:
            try:
                line = self._text.readline(MAX_CELL)
            except UnicodeError as error:
                raise BadFile(self.path, self._undecodable(error)) from error
            except OSError as error:
                raise BadFile(self.path, f"cannot be read: {error.strerror}") from error
            if not line:
                return
            self.line += 1
            if len(line) == MAX_CELL and line[-1] not in "\r\n":
                raise BadFile(self.path, f"line {self.line} has more than {MAX_CELL:,} characters: is it a CSV file?")
            if "\0" in line:
                self.nul = True
                line = line.replace("\0", "")
            yield line

    def _undecodable(self, error: UnicodeError) -> str:
        shown = "utf-8" if self.encoding == "utf-8-sig" else self.encoding
        if not isinstance(error, UnicodeDecodeError):
            return f"is not {shown}: {error}"
        at = self._bytes.delivered - len(error.object) + error.start
        with self.path.open("rb") as beginning:
            utf16 = beginning.read(2) in (b"\xff\xfe", b"\xfe\xff")
        other = "utf-16" if utf16 else "cp1252" if shown.startswith("utf") else "utf-8"
        return f"is not {shown}: byte {at:,} (0x{error.object[error.start]:02x}) cannot be read; try --encoding {other}"


class _Counted(io.BufferedReader):
    """A binary file that knows how many bytes it has handed out; the decoder's errors count from the last of them."""

    delivered = 0

    def read1(self, size: int = -1, /) -> bytes:
        data = super().read1(size)
        self.delivered += len(data)
        return data

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.delivered += len(data or b"")
        return data


def _check_regular(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise BadFile(path, "does not exist") from error
    except (OSError, ValueError) as error:
        raise BadFile(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise BadFile(path, "is a directory: name the CSV file in it")
    if not stat.S_ISREG(found.st_mode):
        raise BadFile(path, "is not a regular file: it is read more than once, so save it to a file first")


def _joined(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return one name a column from the rows of a header, white space (no-break spaces, newlines) made plain."""
    width = max(map(len, rows), default=0)
    names = [""] * width
    for at, cells in enumerate(rows):
        upper, last = at < len(rows) - 1, ""
        for column, cell in enumerate([*cells, *[""] * (width - len(cells))]):
            last = plain(cell) or (last if upper else "")
            names[column] = " / ".join(filter(None, (names[column], last)))
    return tuple(names)


def plain(name: str) -> str:
    """Return a name with every run of white space as one space, and none at its ends."""
    return " ".join(name.split())


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def shown_columns(header: Sequence[str]) -> str:
    """Return the columns as an error lists them: names, with `@number` where a name is missing or not the only one."""
    often = Counter(map(str.casefold, header))
    names = [
        repr(name) if name and often[name.casefold()] == 1 else f"@{at} ({name!r})" if name else f"@{at}"
        for at, name in enumerate(header, 1)
    ]
    return ", ".join(names if len(names) <= 40 else [*names[:40], f"… and {len(names) - 40} more"])
