"""How does the next script come into a folder?"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InvalidSource
from ..runner import DirectorySource
from .errors import BadArgument, BadFile

_TEMPLATE = '''\
"""{title}."""


def up(migrator, db):
    """Make the change, with the operations of `migrator`."""
    raise RuntimeError("write what the step does")


def down(migrator, db):
    """Undo it, or remove this function where there is no way back."""
    raise RuntimeError("write how the step is undone")
'''


def write_script(source: DirectorySource, name: str, text: str) -> Path:
    """Write a script under the next number, and return its path.

    Args:
        source: the folder; it is made where it is missing.
        name: what the step does, in words or as a name.
        text: the script; "" for one that is to be filled in.

    Raises:
        BadArgument: the name has no letters or digits.
        BadFile: the folder cannot be written.
    """
    slug = re.sub(r"\W+", "_", name).strip("_").lower()
    if not slug:
        raise BadArgument("NAME", name, "a name with letters or digits")
    text = text or _TEMPLATE.format(title=slug.replace("_", " ").capitalize())
    path = source.path / f"{_highest(source) + 1:04d}_{slug}.py"
    try:
        source.path.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadFile(path, f"it cannot be written: {error.strerror or error}") from error
    return path


def has_steps(source: DirectorySource) -> bool:
    """Tell whether the folder is there and holds a script."""
    return source.path.is_dir() and any(source.path.glob("[0-9]*.py"))


def _highest(source: DirectorySource) -> int:
    if not has_steps(source):
        return 0
    try:
        return source.scripts()[-1].number
    except InvalidSource as error:
        raise BadFile(source.path, str(error)) from error
