"""Where do steps come from? From a folder or a package; `inline` and `entrypoints` have the other ways."""

from __future__ import annotations

import linecache
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import InvalidOption, InvalidSource
from .failure import called
from .offered import Models, offered
from .scripts import FileScript, Script

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from importlib.resources.abc import Traversable
    else:
        from importlib.abc import Traversable

_LOG = logging.getLogger("signals_peewee")
_NUMBERED = re.compile(r"(\d+).*")


class Source(Protocol):
    """Anything that can name itself and list its steps; each source has a namespace of its own in the history."""

    name: str
    """What its steps are recorded under, for ever."""

    def scripts(self) -> Sequence[Script]:
        """Read every step anew, in the order of their numbers.

        Raises:
            InvalidSource: it is missing, empty or numbered twice.
            InvalidScript: one of them is not UTF-8.
        """
        ...


class DirectorySource:
    """The `NNNN_name.py` of a folder.

    Args:
        path: the folder.
        name: what its steps are recorded under, for ever, wherever the folder moves to.
        models: the models that its steps make the tables of, or a function that returns them, for `check()`.

    Raises:
        InvalidOption: one of these makes no sense.
    """

    def __init__(self, path: str | os.PathLike[str], *, name: str, models: Models | None = None) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise InvalidOption("path", path, "the path of a folder: a text or a pathlib.Path")
        self.path = Path(path)
        self.name = checked_name(name)
        self.models = offered(models)

    def scripts(self) -> Sequence[Script]:
        """Read every script of the folder."""
        folder = str(self.path.absolute())
        try:
            if self.path.is_dir():
                return in_order(self.name, folder, _from_folder(self.name, folder))
            problem = "it is no folder" if self.path.exists() else "there is no such folder"
        except OSError as error:
            problem = f"it cannot be read: {error.strerror}: {error.filename}; let this process read it"
            raise InvalidSource(self.name, folder, problem) from error
        raise InvalidSource(self.name, folder, f"{problem}; correct the path")


class PackageSource:
    """The `NNNN_name.py` of an importable package, whether it is installed from a wheel, in a zip or editable.

    Args:
        package: its dotted name; it is imported, its scripts are not.
        name: what its steps are recorded under, for ever, wherever the package moves to.
        models: the models that its steps make the tables of, or a function that returns them, for `check()`.

    Raises:
        InvalidOption: one of these makes no sense.
    """

    def __init__(self, package: str, *, name: str, models: Models | None = None) -> None:
        if not isinstance(package, str):
            raise InvalidOption("package", package, 'the dotted name of a package, such as "app.migrations"')
        self.package = package
        self.name = checked_name(name)
        self.models = offered(models)

    def scripts(self) -> Sequence[Script]:
        """Read every script of the package."""
        try:
            folder = files(import_module(self.package))
        except (Exception, SystemExit) as error:  # whatever the modules of a package raise
            problem = f"it is not a package that can be imported: {called(error)}"
            raise InvalidSource(self.name, self.package, problem) from error
        if isinstance(folder, Path):
            return in_order(self.name, self.package, _from_folder(self.name, str(folder)))
        return in_order(self.name, self.package, _from_traversable(self.name, folder))


def in_order(source: str, path: str, scripts: Iterable[Script]) -> list[Script]:
    """Return a source's steps by their numbers.

    Raises:
        InvalidSource: there are none, or two have the same number.
    """
    ordered = sorted(scripts, key=lambda script: (script.number, script.name))
    if not ordered:
        raise InvalidSource(
            source, path, "it holds no step; a script is called NNNN_name.py: correct the path, or write one"
        )
    for one, other in pairwise(ordered):
        if one.number == other.number:
            raise InvalidSource(
                source, path, f"{one.name} and {other.name} have the same number; renumber the newer one"
            )
    return ordered


def checked_name(name: object) -> str:
    """Return the name of a source.

    Raises:
        InvalidOption: it is empty, or holds what a history or a message could not tell apart.
    """
    if not (isinstance(name, str) and re.fullmatch(r"[\w.\-]+", name)):
        raise InvalidOption("name", name, "a name of letters, digits, '_', '-' and '.'")
    return name


def _from_folder(source: str, folder: str) -> Iterator[Script]:
    with os.scandir(folder) as entries:
        numbered = [(entry, number) for entry in entries if (number := _number(source, entry.name)) is not None]
    for entry, number in numbered:
        if entry.is_file():
            # A Path, or a buffer, for each of 1,000 files would cost as much as reading them.
            with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123
                yield FileScript(source, entry.name[:-3], number, entry.path, file.read())


def _from_traversable(source: str, folder: Traversable) -> Iterator[Script]:
    for entry in folder.iterdir():
        if (number := _number(source, entry.name)) is not None and entry.is_file():
            script = FileScript(source, entry.name[:-3], number, str(entry), entry.read_bytes())
            # A traceback reads its lines from a file, and there is none. linecache keeps what has no time.
            linecache.cache[script.path] = (len(script.text), None, script.text.splitlines(True), script.path)
            yield script


def _number(source: str, file: str) -> int | None:
    """Return the number of a script, or None for a file that is none."""
    if not file.endswith(".py") or file.startswith("_"):
        return None
    if match := _NUMBERED.match(file):
        return int(match[1])
    _LOG.warning("source %r: %s is not run, because its name does not begin with a number", source, file)
    return None
