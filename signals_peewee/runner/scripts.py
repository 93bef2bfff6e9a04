"""What is one step, as its source gives it: what can be known of it without running it, and how is it run?"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

from ..errors import InvalidScript
from .outline import Outline, before_down, outline_of

Function = Callable[[Any, Any], object]

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"[ \t]*(?:\r\n|\r|\n)|[ \t]+\Z")


class Functions(NamedTuple):
    """What a step does; `down` is None where it cannot be reverted."""

    up: Function
    down: Function | None


class Script(ABC):
    """One step of a source.

    Attributes:
        source: the name of its source.
        name: what it is called there, for ever.
        number: its place in its source.
        path: where it was read, for messages.
        id: "source:name", which is what the step is called in messages, targets and dependencies.
    """

    def __init__(self, source: str, name: str, number: int, path: str) -> None:
        self.source = source
        self.name = name
        self.number = number
        self.path = path
        self.id = f"{source}:{name}"

    @cached_property
    def checksum(self) -> str:
        """The hash of its normalised text; "" where it has none, which agrees with everything."""
        return self.read_checksum()

    def agrees_with(self, checksum: str) -> bool:
        """Tell whether it is the script that had this checksum when it was applied, but for a `down` written since."""
        return not checksum or self.checksum in ("", checksum)

    @cached_property
    def outline(self) -> Outline:
        """What it says of itself, read without running it, at the first time of asking.

        Raises:
            InvalidScript: it does not parse, or has no `up`.
        """
        return self.read_outline()

    @abstractmethod
    def read_outline(self) -> Outline:
        """Return what it says of itself."""

    @abstractmethod
    def read_checksum(self) -> str:
        """Return the hash of its normalised text, or "" where it has none."""

    @abstractmethod
    def load(self) -> Functions:
        """Return what it does, for which a script's module is executed.

        Raises:
            InvalidScript: the module raised an error.
        """

    def __repr__(self) -> str:
        return f"<Script {self.id}>"


class FileScript(Script):
    """A step that is written in a file, which is executed from the very bytes that were hashed."""

    def __init__(self, source: str, name: str, number: int, path: str, data: bytes) -> None:
        super().__init__(source, name, number, path)
        self._data = data
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            problem = f"it is not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8"
            raise InvalidScript(self.id, path, line, problem) from error

    @property
    def text(self) -> str:
        """What Python executes."""
        return self._data.removeprefix(_BOM).decode("utf-8")

    def read_checksum(self) -> str:
        return _hash(normalised(self._data))

    def agrees_with(self, checksum: str) -> bool:
        # Most files are normal already, and to find that out costs more than to hash them.
        if _hash(self._data) == checksum or super().agrees_with(checksum):
            return True
        return _hash(normalised(before_down(normalised(self._data)))) == checksum

    def read_outline(self) -> Outline:
        return outline_of(self.text, step=self.id, path=self.path)

    def load(self) -> Functions:
        module = ModuleType(self.name)
        module.__file__ = self.path
        try:
            exec(compile(self.text, self.path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        except (Exception, SystemExit) as error:
            problem = f"its module cannot be executed: {type(error).__name__}: {error}; correct it"
            raise InvalidScript(self.id, self.path, line_in(self.path, error), problem) from error
        up, down = module.__dict__.get("up"), module.__dict__.get("down")
        if not callable(up) or not (down is None or callable(down)):
            raise InvalidScript(self.id, self.path, None, "up and down must be functions of (migrator, db)")
        return Functions(up, down)


def normalised(data: bytes) -> bytes:
    """Return a script as it is hashed: without byte order mark, trailing blanks and the line ends of a platform."""
    data = _LINE_END.sub(lambda end: b"\n" if end[0].strip(b" \t") else b"", data.removeprefix(_BOM))
    return data.rstrip(b"\n") + b"\n"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def line_in(path: str, error: BaseException) -> int | None:
    """Return the line of the file at `path` that an error passed through last."""
    line, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
