"""What can be wrong with a file, or with the way it was asked for? One line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import Refused, SignalsError


class BadFile(Refused):
    """A file that cannot be read as CSV, or a column that it does not have.

    Attributes:
        value: the path.
        expected: what is wrong with it, as a sentence's end.
    """

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__("file", str(path), problem)
        self.args = (f"{path}: {problem}",)


class BadArgument(Refused):
    """A flag whose value makes no sense.

    Attributes:
        field: the flag.
    """

    def __init__(self, flag: str, value: object, expected: str) -> None:
        super().__init__(flag, value, expected)
        self.args = (f"{f'{flag} {value}'.rstrip()}: expected {expected}",)


class WouldBeRefused(SignalsError):
    """Steps that `up` would refuse, because a rehearsal found what they have not accepted.

    Args:
        up: the command that would refuse them.
        refused: the names of their findings, by "source:name".
    """

    def __init__(self, up: str, refused: Mapping[str, Sequence[str]]) -> None:
        steps = ", ".join(f"{step} ({', '.join(dict.fromkeys(names))})" for step, names in refused.items())
        super().__init__(f"{up} would refuse {steps}: write it in another way, or accept by its name what is meant")


class Interrupted(Exception):
    """Ctrl-C, with what to say about what was kept."""
