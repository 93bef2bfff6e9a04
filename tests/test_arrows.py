"""Who imports whom? As the table says, and whatever the form of the import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "signals_peewee"
FILES = sorted(LIBRARY.rglob("*.py"))
STEPS = sorted(ROOT.glob("migrations/*.py"))

# A room may import itself and the rooms beside its name; `signals_peewee` stands for the public names.
MAY_IMPORT = {
    "errors": set(),
    "engine": {"errors"},
    "schema": {"errors", "engine"},
    "runner": {"errors", "engine"},
    "store": {"errors", "engine", "schema", "runner"},
    "signals_peewee": {"errors", "engine", "schema", "runner", "store"},
    "cli": {"signals_peewee", "errors", "engine", "schema", "runner", "store"},
    "__main__": {"cli"},
    "testing": {"signals_peewee", "errors", "engine", "schema", "runner", "store"},
}
A_STEP_MAY_IMPORT = ("__future__.", "peewee.", "playhouse.", "signals_peewee.runner.operations.")
DRIVERS = {"sqlite3", "psycopg", "psycopg2", "psycopg_pool"}
ENGINE = re.compile(r"(Sqlite|Postgresql)\w*Database$")


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Every module and name that a module of `package` imports, in full: `a.b` for `from .b import c` is `a.b.c`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                yield from (".".join(filter(None, [*above, node.module, alias.name])) for alias in node.names)
            case ast.Call(func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module")):
                yield from (str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant))


def room(name: str) -> str | None:
    """The room of an imported name: its first part inside the library, or the library itself for a public name."""
    top, *inside = name.split(".")
    if top != "signals_peewee":
        return None
    if inside and ((LIBRARY / inside[0]).is_dir() or (LIBRARY / f"{inside[0]}.py").is_file()):
        return inside[0]
    return top


def place(file: Path) -> tuple[str, str]:
    """The package that a file's relative imports start from, and the file's room."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1]), parts[0] if parts[1:] == ("__init__",) else parts[1]


def upward(source: str, file: Path) -> set[str]:
    """The imports that the table does not allow the room of `file`."""
    package, own = place(file)
    found = {name: room(name) for name in imports(ast.parse(source), package)}
    return {name for name, other in found.items() if other and other != own and other not in MAY_IMPORT[own]}


def engine_checks(source: str) -> set[str]:
    """The drivers that a source imports, and the database classes that it tests for."""
    tree = ast.parse(source)
    drivers = {name for name in imports(tree, "") if name.split(".")[0] in DRIVERS}
    return drivers | {
        name
        for test in ast.walk(tree)
        if asks_class(test)
        for name in map(named, ast.walk(test))
        if ENGINE.search(name)
    }


def asks_class(node: ast.AST) -> bool:
    """Whether a node asks for the class of something."""
    return isinstance(node, ast.MatchClass) or (
        isinstance(node, ast.Call) and named(node.func) in {"isinstance", "issubclass"}
    )


def named(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_a_room_imports_only_what_lies_below_it() -> None:
    found = {file: upward(file.read_text(), file) for file in FILES}
    assert {str(file.relative_to(ROOT)): names for file, names in found.items() if names} == {}


def test_a_step_imports_only_peewee_and_the_runners_operations() -> None:
    for step in STEPS:
        for name in imports(ast.parse(step.read_text()), "migrations"):
            assert f"{name}.".startswith(A_STEP_MAY_IMPORT), step.name


def test_only_the_engines_know_which_database_it_is() -> None:
    found = {file: engine_checks(file.read_text()) for file in FILES + STEPS if place(file)[1] != "engine"}
    assert {str(file.relative_to(ROOT)): names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import signals_peewee.store.filters",
        "from signals_peewee import store",
        "from signals_peewee import open_store",
        "from .. import store",
        "from ..store.filters import SignalFilter",
        "if TYPE_CHECKING:\n    from ..store import Workspace",
        "def late():\n    from ..store import Workspace",
        "importlib.import_module('signals_peewee.store')",
    ],
)
def test_an_import_upward_is_seen_in_every_form(source: str) -> None:
    assert upward(source, LIBRARY / "engine" / "sqlite.py")


@pytest.mark.parametrize(
    "source",
    [
        "import sqlite3 as driver",
        "from psycopg2.extras import execute_values",
        "isinstance(database, peewee.SqliteDatabase)",
        "isinstance(database, (int, PostgresqlDatabase))",
        "match database:\n    case PooledPostgresqlDatabase(): pass",
    ],
)
def test_a_check_of_the_engine_is_seen_in_every_form(source: str) -> None:
    assert engine_checks(source)
