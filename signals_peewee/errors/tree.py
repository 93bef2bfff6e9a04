"""What can go wrong with a store: the root of every error, and what it says of what it was given."""

from __future__ import annotations

import reprlib
from typing import Any


class SignalsError(Exception):
    """The root of the tree: `except SignalsError` catches whatever the library raises on purpose.

    Every one pickles, so that it comes out of a process pool as it was raised there.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args), self.__dict__


class NotFound(SignalsError, LookupError):
    """What was named does not exist, or belongs to another workspace, which reads the same.

    Attributes:
        field: what was looked for: "signal", "project", "workspace", …
        value: the id or name that was given.
        expected: what would have been found.
    """

    def __init__(self, field: str, value: object, expected: str | None = None) -> None:
        self.field = field
        self.value = value
        self.expected = expected or f"the id of a {field} of this workspace"
        super().__init__(f"{field} {shown(value)} was not found; expected {self.expected}")


class Refused(SignalsError, ValueError):
    """An input that was refused before anything was written.

    Attributes:
        field: the argument, column or document path that is at fault.
        value: what was given.
        expected: what would have been accepted.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(f"{field}: got {shown(value)}, expected {expected}")


class InvalidSignal(Refused):
    """A value that a signal, or something linked to it, cannot hold."""


class InvalidMerge(Refused):
    """Signals that cannot be merged, or one that is not: `expected` says what to do instead."""


class InvalidFilter(Refused):
    """A filter, sort, limit or include that does not exist or cannot be combined."""


class InvalidCursor(Refused):
    """A page cursor that is malformed, or was made for another filter, sort or workspace."""


class InvalidHosts(Refused):
    """A model that cannot play the role it was plugged into."""


class InvalidOption(Refused):
    """An argument of a store, a runner or a database URL that makes no sense."""


class HostsChanged(InvalidHosts):
    """The tables were built for other host models than the ones this store was given."""


class DatabaseUnavailable(SignalsError, ConnectionError):
    """The database could not be reached, opened or written: wrong URL, server down, read-only file, full disk."""


class MissingDriver(SignalsError, ImportError):
    """The Python driver of this database is not installed."""


class NotMigrated(SignalsError, RuntimeError):
    """The tables are missing or older than the code: call `store.migrate()`."""


class LostRace(SignalsError, RuntimeError):
    """The database gave up because of what somebody else did meanwhile: repeat the whole transaction.

    Outside a transaction of the host's the library has repeated the call itself before it raises this.
    """


class TransactionAborted(SignalsError, RuntimeError):
    """A statement before this call failed, and Postgres takes nothing more in that transaction: roll it back."""


def _remade(kind: type[SignalsError], args: tuple[Any, ...]) -> SignalsError:
    solid: Any = kind
    while solid.__module__ != "builtins":  # an OSError and a RuntimeError are made differently
        solid = solid.__base__
    error: SignalsError = solid.__new__(kind, *args)
    error.args = args
    return error


class _Shown(reprlib.Repr):
    """Short, and never deeper than it needs to be."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 1000 else f"<an integer of {x.bit_length()} bits>"


def shown(value: object) -> str:
    """Return `value` as a message shows it: its repr, cut where it is long or deep."""
    return _SHOWN.repr(value)


_SHOWN = _Shown()
