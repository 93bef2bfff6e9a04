"""Which column of a file stands for which argument of `record`?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .csv_file import plain, shown_columns
from .errors import BadFile

FLAGS: Mapping[str, str] = {
    "verbatim": "--text",
    "source_ref": "--id",
    "occurred_at": "--date",
    "interpretation": "--interpretation-column",
    "source": "--source-column",
    "severity": "--severity-column",
    "frequency": "--frequency-column",
    "user_segment": "--segment-column",
}
"""The arguments of `record` that a column can stand for, and the flag that names the column."""

WORDS = ("source", "severity", "frequency")
"""Those that have a vocabulary."""

_GUESSES: Mapping[str, tuple[str, ...]] = {
    "verbatim": (
        "verbatim", "feedback", "comment", "comments", "feedback text", "comment text", "text", "message", "review",
        "quote", "answer", "response", "description", "body", "content",
    ),
    "source_ref": (
        "source ref", "id", "feedback id", "comment id", "ticket id", "issue id", "message id", "review id", "case id",
        "conversation id", "response id", "submission id", "ticket", "ticket number", "external id", "key", "uuid",
    ),
    "occurred_at": (
        "occurred at", "date", "datetime", "timestamp", "received", "received at", "received on", "submitted",
        "submitted at", "submitted on", "date submitted", "created", "created at", "created on", "created date",
        "date created", "sent", "sent at", "time",
    ),
    "interpretation": ("interpretation", "what it means"),
    "source": ("source", "channel"),
    "severity": ("severity", "impact", "priority"),
    "frequency": ("frequency", "how often"),
    "user_segment": ("user segment", "segment", "customer segment", "segment name"),
}  # fmt: skip


def named_columns(path: Path, header: Sequence[str], wanted: Mapping[str, str]) -> dict[str, int]:
    """Return the place of each column that was asked for by name.

    Args:
        wanted: names by argument of `record`: as the header has them, or without case, or `@3` for the third.

    Raises:
        BadFile: there is no such column, or several; the message lists those there are.
    """
    return {argument: _place(path, header, name, FLAGS.get(argument, "--keep")) for argument, name in wanted.items()}


def guessed_columns(header: Sequence[str], taken: Mapping[str, int], without: Sequence[str] = ()) -> dict[str, int]:
    """Return the place of each column whose name says what it holds, for the arguments that are not `taken`.

    Args:
        without: arguments for which nothing is to be guessed.
    """
    names = [re.sub(r"[\W_]+", " ", name).strip().casefold() for name in header]
    guessed: dict[str, int] = {}
    for argument, guesses in _GUESSES.items():
        if argument in taken or argument in without:
            continue
        places = [names.index(guess) for guess in guesses if names.count(guess) == 1]
        free = [place for place in places if place not in {*taken.values(), *guessed.values()}]
        if free:
            guessed[argument] = free[0]
    return guessed


def _place(path: Path, header: Sequence[str], name: str, flag: str) -> int:
    wanted = plain(name)
    exact = [at for at, column in enumerate(header) if wanted and column == wanted]
    alike = [at for at, column in enumerate(header) if wanted and column.casefold() == wanted.casefold()]
    for places in (exact, alike):
        if len(places) == 1:
            return places[0]
        if places:
            choice = " or ".join(f"@{at + 1}" for at in places)
            raise BadFile(path, f"{flag}: {len(places)} columns are called {name!r}; say which: {choice}")
    if re.fullmatch(r"@[1-9]\d{0,5}", wanted) and int(wanted[1:]) <= len(header):
        return int(wanted[1:]) - 1
    raise BadFile(path, f"{flag}: there is no column {name!r}; the columns are {shown_columns(header)}")
