"""What does a script say of itself, without being executed?"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidScript


@dataclass(frozen=True)
class Outline:
    """What is known of a step before it runs.

    Attributes:
        description: its docstring.
        atomic: it is one transaction.
        depends_on: "source:name" of steps of other sources that come before it.
        reversible: it has a `down`.
        foreign_keys: on SQLite, foreign keys stay on while it runs.
        accept: the names of the findings that it accepts: "drop:books.pages".
    """

    description: str = ""
    atomic: bool = True
    depends_on: tuple[str, ...] = ()
    reversible: bool = False
    foreign_keys: bool = False
    accept: tuple[str, ...] = ()


def outline_of(text: str, *, step: str, path: str) -> Outline:
    """Read a script's docstring, which of `up` and `down` it has, and what it says of itself in words written out.

    Raises:
        InvalidScript: it does not parse, has no `up`, or computes what must be written out.
    """
    if "\0" in text:  # every Python has other words for it, and some do not say where it is
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidScript(step, path, line, "there is a NUL character in it; save it as UTF-8 text")
    try:
        tree = ast.parse(text, path)
    except SyntaxError as error:
        raise InvalidScript(step, path, error.lineno, f"it is not Python: {error.msg}; correct it") from error
    names = dict(_bindings(tree.body))
    if "up" not in names:
        raise InvalidScript(step, path, None, "it has no up(migrator, db); write one")
    words = _Words(names, step, path)
    return Outline(
        description=ast.get_docstring(tree) or "",
        atomic=words.flag("atomic", True),
        depends_on=words.texts("depends_on", is_step_id, '"source:name"'),
        reversible="down" in names,
        foreign_keys=words.flag("foreign_keys", False),
        accept=words.texts("accept", is_finding, 'the names of findings, such as "drop:books.pages"'),
    )


def before_down(data: bytes) -> bytes:
    """Return a script without the `down` that it ends with, or all of it where it ends with something else."""
    try:
        *others, last = ast.parse(data).body
    except (SyntaxError, ValueError):
        return data
    if not (isinstance(last, ast.FunctionDef) and last.name == "down") or "down" in dict(_bindings(others)):
        return data
    first = min([last.lineno, *(node.lineno for node in last.decorator_list)])
    return b"".join(data.splitlines(keepends=True)[: first - 1])


class _Words:
    """What a script says of itself, written out at its top level."""

    def __init__(self, names: dict[str, Any], step: str, path: str) -> None:
        self._names = names
        self._step = step
        self._path = path

    def flag(self, name: str, default: bool) -> bool:
        value = self._literal(name, default)
        if not isinstance(value, bool):
            raise self._invalid(name, "True or False")
        return value

    def texts(self, name: str, fits: Callable[[object], bool], expected: str) -> tuple[str, ...]:
        value = self._literal(name, ())
        if not (isinstance(value, (list, tuple)) and all(fits(item) for item in value)):
            raise self._invalid(name, f"a list of {expected}")
        return tuple(value)

    def _literal(self, name: str, default: Any) -> Any:
        # A function that happens to be called `accept` says nothing of the step.
        node = self._names.get(name)
        if node is None or isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            return default
        try:
            return ast.literal_eval(node)
        except ValueError:
            line = getattr(node, "lineno", None)
            problem = f"{name} is read without executing the script, so it must be written out"
            raise InvalidScript(self._step, self._path, line, problem) from None

    def _invalid(self, name: str, expected: str) -> InvalidScript:
        line = getattr(self._names[name], "lineno", None)
        return InvalidScript(self._step, self._path, line, f"{name} must be {expected}, written out")


def is_finding(item: object) -> bool:
    """Tell whether `item` has the form of a finding's name."""
    return isinstance(item, str) and re.fullmatch(r"[a-z-]+:.+", item, re.DOTALL) is not None


def is_step_id(item: object) -> bool:
    """Tell whether `item` has the form "source:name"."""
    return isinstance(item, str) and re.fullmatch(r"[^:\s]+:[^:\s]+", item) is not None


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Yield each name that a module binds at its top level, with the node that says where and to what."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name, node) for alias in node.names)
        else:
            for block in ("body", "orelse", "finalbody"):
                yield from _bindings(getattr(node, block, []))
