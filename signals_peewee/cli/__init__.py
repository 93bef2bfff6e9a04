"""The command line: a translator that parses, calls one public function, prints, and returns an exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from io import TextIOWrapper

from ..errors import (
    DatabaseUnavailable,
    InvalidSource,
    MigrationError,
    MissingDriver,
    NotFound,
    NotMigrated,
    SignalsError,
    UnknownStep,
)
from .advice import worded
from .commands import COMMANDS
from .dates import Dates
from .errors import BadArgument, BadFile, Interrupted, WouldBeRefused
from .importing import import_csv
from .parser import PROGRAM, parser
from .reports import ImportReport

__all__ = ["BadArgument", "BadFile", "Dates", "ImportReport", "import_csv", "main"]

_CODES: Sequence[tuple[type[BaseException], int]] = (
    (NotMigrated, 3),
    (MissingDriver, 3),
    (DatabaseUnavailable, 3),
    (NotFound, 4),
    (UnknownStep, 2),
    (InvalidSource, 2),
    (MigrationError, 5),
    (WouldBeRefused, 5),
    (SignalsError, 2),
    (BrokenPipeError, 141),
    (OSError, 74),
    (Interrupted, 130),
    (KeyboardInterrupt, 130),
)
"""The exit code of each kind of failure; the first kind that fits."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what failed is one line on the standard error.

    Args:
        argv: the arguments after the program's name; by default the process's own.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # feedback comes in every script; terminals do not
    try:
        flags = parser().parse_args(argv)
    except SystemExit as finished:  # argparse has said what there was to say
        return int(finished.code or 0)
    try:
        return COMMANDS[flags.command](flags)
    except (SignalsError, OSError, Interrupted, KeyboardInterrupt) as error:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        if (said := _said(error, flags)) is not None:
            print(f"{PROGRAM}: {' '.join(said.split())}", file=sys.stderr)
        return code


def _said(error: BaseException, flags: Namespace) -> str | None:
    """Return what is to be said of a failure: nothing where what reads the output has gone, as `head` does."""
    if isinstance(error, OSError) and not isinstance(error, SignalsError):
        # Python would fail to write once more, and complain of it, when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        gone = isinstance(error, BrokenPipeError)
        return None if gone else f"the output cannot be written: {error.strerror or error}"
    return worded(error, flags) or "interrupted"
