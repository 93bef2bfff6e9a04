"""What does a script say of itself, without being executed?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
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
    """

    description: str = ""
    atomic: bool = True
    depends_on: tuple[str, ...] = ()
    reversible: bool = False


def outline_of(text: str, *, step: str, path: str) -> Outline:
    """Read a script's docstring, `atomic`, `depends_on` and which of `up` and `down` it has.

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
    atomic = _literal(names.get("atomic"), True, step, path)
    if not isinstance(atomic, bool):
        raise InvalidScript(
            step, path, getattr(names["atomic"], "lineno", None), "atomic must be True or False, written out"
        )
    return Outline(
        description=ast.get_docstring(tree) or "",
        atomic=atomic,
        depends_on=_dependencies(names, step, path),
        reversible="down" in names,
    )


def _dependencies(names: dict[str, Any], step: str, path: str) -> tuple[str, ...]:
    written = _literal(names.get("depends_on"), [], step, path)
    if not (isinstance(written, (list, tuple)) and all(is_step_id(item) for item in written)):
        line = names["depends_on"].lineno
        raise InvalidScript(step, path, line, 'depends_on must be a list of "source:name", written out')
    return tuple(written)


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


def _literal(node: ast.AST | None, default: Any, step: str, path: str) -> Any:
    if node is None:
        return default
    try:
        return ast.literal_eval(node)
    except ValueError:
        line = getattr(node, "lineno", None)
        problem = "atomic and depends_on are read without executing the script, so they must be written out"
        raise InvalidScript(step, path, line, problem) from None
