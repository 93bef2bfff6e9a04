"""How is a result shown? Plain text for people, JSON for programs, and progress for a terminal alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
import unicodedata
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Any, TextIO

WIDTH = 100
DONE, LOOK = 0, 1
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def show_result(flags: Namespace, result: Mapping[str, Any], as_text: Callable[[Mapping[str, Any]], str]) -> None:
    """Print a result: as JSON where `--json` asks for it, else as text."""
    print(as_json(result) if flags.json else as_text(result), flush=True)


def note(flags: Namespace, text: str) -> None:
    """Say something beside the result, to people alone."""
    if not flags.json:
        print(text, file=sys.stderr, flush=True)


def as_json(value: object) -> str:
    """Return `value` as one JSON text; times are ISO 8601 in UTC, ending in Z."""
    plain = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not plain, indent=2, default=_json_value)


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def safe(text: str) -> str:
    """Return a text without the characters that would drive a terminal, so that feedback can only be read."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str, width: int) -> str:
    """Return a text in one line of at most `width` columns, wide characters counted as two."""
    line = " ".join(safe(text).split())
    used = 0
    for at, character in enumerate(line):
        used += columns_of(character)
        if used > width or (used == width and at + 1 < len(line)):
            return line[:at].rstrip() + "…"
    return line


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    none = sum(bool(unicodedata.combining(each)) or each in "\u200d\ufe0f" for each in text)
    return len(text) + wide - none


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """Return rows as aligned columns within the width of the terminal; the last column is cut to fit.

    Args:
        right: the places of the columns whose values stand at the right, as numbers do.
    """
    lines = [list(heads), *([one_line(cell, WIDTH) for cell in row] for row in rows)]
    widths = [max(columns_of(line[at]) for line in lines) for at in range(len(heads))]
    rest = max(20, terminal_width() - sum(widths[:-1]) - 2 * (len(heads) - 1))
    shown = []
    for line in lines:
        *first, last = line
        padded = [_padded(cell, widths[at], at in right) for at, cell in enumerate(first)]
        end = len(heads) - 1
        padded.append(_padded(last, min(widths[end], rest), True) if end in right else one_line(last, rest))
        shown.append("  ".join(padded).rstrip())
    return "\n".join(shown)


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * max(0, width - columns_of(cell))
    return space + cell if right else cell + space


def terminal_width() -> int:
    """Return the width to write for: the terminal's, and 100 columns where there is none."""
    return max(40, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout and sys.stdout.isatty() else WIDTH


def moment(value: datetime) -> str:
    """Return a time as a list shows it: UTC, to the minute."""
    return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M")


def pairs(values: Mapping[str, object]) -> str:
    """Return names and values, one a line; numbers stand at the right, the lines of a long text are indented."""
    width = max(map(len, values), default=0)
    lines = []
    for name, value in values.items():
        if isinstance(value, int):
            lines.append(f"{name:<{width}}  {value:>9,}")
            continue
        text = safe(str(value)).split("\n")
        lines.append(f"{name:<{width}}  {text[0]}")
        lines.extend(f"{'':<{width}}  {more}".rstrip() for more in text[1:])
    return "\n".join(lines)


class Progress:
    """A bar on a terminal; elsewhere nothing at all."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.shown = self.stream is not None and self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.next = 0.0
        self.drawn = False
        self.done = 0

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` rows are done, at most ten times a second."""
        self.done = done
        now = time.monotonic()
        if not self.shown or (now < self.next and done < total):
            return
        self.next = now + 0.1
        part = min(1.0, done / total if total else 1.0)
        filled = int(part * 30)
        self.stream.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {part:4.0%}  {done:,} of {total:,} rows ")
        self.stream.flush()
        self.drawn = True

    def finish(self) -> None:
        """Take the bar away, so that what follows begins on a line of its own."""
        if self.drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self.drawn = False
