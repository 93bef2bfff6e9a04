"""Do the arguments of a runner make sense?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from numbers import Real
from typing import Literal, NamedTuple

from ..errors import InvalidOption
from .attempt import Limits
from .lint import LintMode

OutOfOrder = Literal["error", "warn", "allow"]
OnAhead = Literal["warn", "error"]
_SHORTEST = 0.001  # Postgres counts in milliseconds


class Policies(NamedTuple):
    """What to do where scripts and history differ, or a step does what may not be meant."""

    out_of_order: OutOfOrder
    on_ahead: OnAhead
    lint: LintMode


def checked_policies(out_of_order: OutOfOrder, on_ahead: OnAhead, lint: LintMode) -> Policies:
    """Return the policies.

    Raises:
        InvalidOption: one of them is none.
    """
    check("out_of_order", out_of_order, out_of_order in ("error", "warn", "allow"), "'error', 'warn' or 'allow'")
    check("on_ahead", on_ahead, on_ahead in ("warn", "error"), "'warn' or 'error'")
    check("lint", lint, lint in ("warn", "error", "off"), "'warn', 'error' or 'off'")
    return Policies(out_of_order, on_ahead, lint)


def checked_limits(lock_wait: float, lock_timeout: float) -> Limits:
    """Return the limits, of which no statement waits for longer than the whole run may: 0 is no limit to Postgres.

    Raises:
        InvalidOption: one of them is no time.
    """
    for name, value in (("lock_wait", lock_wait), ("lock_timeout", lock_timeout)):
        seconds = isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < 1_000_000
        check(name, value, seconds, "seconds, from 0 to 1,000,000")
    return Limits(float(lock_wait), max(_SHORTEST, min(float(lock_timeout or lock_wait), float(lock_wait))))


def checked_table(name: str) -> str:
    """Return the name of the history table.

    Raises:
        InvalidOption: it can be none on one database or the other.
    """
    fits = (
        isinstance(name, str)
        and 0 < len(name.encode("utf-8", "replace")) <= 63
        and "." not in name
        and "\0" not in name
    )
    check(
        "history_table",
        name,
        fits,
        "a table name of 1 to 63 bytes without a dot; the schema has an argument of its own",
    )
    return name


def refuse_unknown(function: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse options that there are not, as Python refuses an argument.

    Raises:
        TypeError: there is one among them.
    """
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            expected = f"did you mean {close[0]!r}?" if close else f"expected some of {', '.join(known)}"
            raise TypeError(f"{function}() got an unexpected option {name!r}; {expected}")


def check(name: str, value: object, fits: bool, expected: str) -> None:
    """Refuse an argument that does not fit.

    Raises:
        InvalidOption: it does not.
    """
    if not fits:
        raise InvalidOption(name, value, expected)
