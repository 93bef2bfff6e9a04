"""What is shipped, and what does importing it do?"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".hypothesis", ".tox", ".venv", "*_cache", "*.egg-info", "build", "dist", "__pycache__", "*.db*"
)
NEEDED = ("peewee", "playhouse", "nanoid")

BUILD_EDITABLE = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"

APPLY_STEPS = """
import json, sqlite3, signals_peewee
with signals_peewee.open_store("sqlite:///signals.db", migrate=False) as store:
    store.migrate()
(count,) = sqlite3.connect("signals.db").execute("SELECT count(*) FROM migration_history").fetchone()
print(json.dumps([signals_peewee.__file__, count]))
"""

TIME_IMPORTS = """
import importlib, sys, time
started = time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
print(time.perf_counter() - started)
"""

WATCH_IMPORT = """
import importlib, json, logging, os, sys, threading
for name in sys.argv[1:]:
    importlib.import_module(name)
before = {name.split(".")[0] for name in sys.modules}
events, reads = [], []

def audit(event, args):
    writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or event in ("sqlite3.connect", "subprocess.Popen", "os.mkdir") or event.startswith("socket."):
        events.append([event, str(args)])

def read(environ, key, plain=type(os.environ).__getitem__):
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] in ("os", "_collections_abc"):
        frame = frame.f_back
    if frame.f_globals["__name__"].startswith("signals_peewee"):
        reads.append(key)
    return plain(environ, key)

type(os.environ).__getitem__ = read
sys.addaudithook(audit)
import signals_peewee, signals_peewee.cli, signals_peewee.runner, signals_peewee.store

brought = {name.split(".")[0] for name in sys.modules} - before - sys.stdlib_module_names
print(json.dumps({
    "modules": sorted(name for name in brought if not name.startswith("_sysconfigdata")),
    "events": events,
    "environment": reads,
    "threads": threading.active_count(),
    "handlers": [type(handler).__name__ for handler in logging.getLogger("signals_peewee").handlers],
    "root handlers": len(logging.getLogger().handlers),
}))
"""

pytestmark = pytest.mark.xdist_group("package")


@dataclass(frozen=True)
class Shipped:
    """A copy of the source, and what was built from it."""

    source: Path
    sdist: Path
    wheel: Path


def run(*command: str | Path, cwd: Path, path: tuple[Path, ...] = ()) -> str:
    """Run a command that sees nothing of this checkout, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIGNALS_"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source: Path, out: Path, *what: str) -> Path:
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *what, cwd=source)
    (wheel,) = out.glob("*.whl")
    return wheel


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def sources(folder: str) -> Iterator[str]:
    """The files of a folder of this checkout, as paths inside it."""
    for file in (ROOT / folder).rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield str(file.relative_to(ROOT))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    folder = tmp_path_factory.mktemp("shipped")
    source = shutil.copytree(ROOT, folder / "source", ignore=NOT_SOURCE)
    wheel = build(source, folder)
    (sdist,) = folder.glob("*.tar.gz")
    return Shipped(source, sdist, wheel)


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the library needs and no more: no driver, no tool."""
    folder = tmp_path_factory.mktemp("needed")
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / name)
        else:
            shutil.copy(origin, folder)
    return folder


@pytest.fixture(scope="module")
def python_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a virtual environment with the given wheels in it, and returns its Python."""

    def make(*wheels: Path) -> Path:
        folder = tmp_path_factory.mktemp("venv")
        venv.create(folder, symlinks=True)
        python = folder / "bin" / "python"
        if wheels:
            run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", *wheels, cwd=folder)
        return python

    return make


@pytest.fixture(scope="module")
def installed(shipped: Shipped, python_with: Callable[..., Path]) -> Path:
    """The Python of an environment that the wheel was installed into."""
    return python_with(shipped.wheel)


def apply_steps(python: Path, cwd: Path, *path: Path) -> Path:
    """Apply every step to a new database, and return the folder that the library was imported from."""
    file, applied = json.loads(run(python, "-c", APPLY_STEPS, cwd=cwd, path=path))
    assert applied == len(list(ROOT.glob("migrations/[0-9]*.py"))) > 0
    return Path(file).parents[1]


def test_the_wheel_holds_every_module_and_step_once_and_nothing_else(shipped: Shipped) -> None:
    steps = [f"signals_peewee/{step}" for step in sources("migrations")]
    assert contents(shipped.wheel) == sorted([*sources("signals_peewee"), *steps])
    assert "signals_peewee/py.typed" in contents(shipped.wheel)


def test_a_step_that_a_former_build_left_behind_is_not_shipped(shipped: Shipped, tmp_path: Path) -> None:
    left = shipped.source / "build" / "lib" / "signals_peewee" / "migrations"
    left.mkdir(parents=True)
    (left / "9999_renamed.py").touch()
    assert contents(build(shipped.source, tmp_path, "--wheel")) == contents(shipped.wheel)


def test_the_sdist_holds_what_it_takes_to_test_it(shipped: Shipped) -> None:
    with tarfile.open(shipped.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("benchmarks", "docs", "examples", "tests"):
        assert names >= set(sources(folder))
    assert names >= {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "tox.ini", ".ci/run"}


def test_steps_are_found_in_an_installed_wheel(installed: Path, needed: Path, tmp_path: Path) -> None:
    assert apply_steps(installed, tmp_path, needed).name == "site-packages"


def test_steps_are_found_in_a_zip(
    shipped: Shipped, needed: Path, python_with: Callable[..., Path], tmp_path: Path
) -> None:
    assert apply_steps(python_with(), tmp_path, shipped.wheel, needed) == shipped.wheel


def test_steps_are_found_in_an_editable_install(
    shipped: Shipped, needed: Path, python_with: Callable[..., Path], tmp_path: Path
) -> None:
    run(sys.executable, "-c", BUILD_EDITABLE, tmp_path, cwd=shipped.source)
    assert apply_steps(python_with(*tmp_path.glob("*.whl")), tmp_path, needed) == shipped.source


def test_steps_are_found_in_a_bare_checkout(
    shipped: Shipped, needed: Path, python_with: Callable[..., Path], tmp_path: Path
) -> None:
    assert apply_steps(python_with(), tmp_path, shipped.source, needed) == shipped.source


def test_the_command_is_installed(installed: Path, needed: Path, tmp_path: Path) -> None:
    by_name = run(installed.with_name("signals-peewee"), "--help", cwd=tmp_path, path=(needed,))
    as_module = run(installed, "-m", "signals_peewee", "--help", cwd=tmp_path, path=(needed,))
    assert by_name == as_module != ""


def test_importing_touches_nothing_outside_the_library(shipped: Shipped, tmp_path: Path) -> None:
    command = (sys.executable, "-B", "-c", WATCH_IMPORT, *NEEDED)
    assert json.loads(run(*command, cwd=tmp_path, path=(shipped.wheel,))) == {
        "modules": ["signals_peewee"],
        "events": [],
        "environment": [],
        "threads": 1,
        "handlers": ["NullHandler"],
        "root handlers": 0,
    }


def test_importing_costs_little_more_than_importing_peewee(installed: Path, needed: Path, tmp_path: Path) -> None:
    def seconds(*modules: str) -> float:
        return float(run(installed, "-c", TIME_IMPORTS, *modules, cwd=tmp_path, path=(needed,)))

    # A room is loaded when it is first used, so the store is measured too; the first round only warms the caches.
    rounds = [(seconds("signals_peewee"), seconds("signals_peewee.store"), seconds(*NEEDED)) for _ in range(16)][1:]
    package, store, theirs = (min(column) for column in zip(*rounds, strict=True))
    assert package <= 1.3 * theirs
    assert store <= 2.5 * theirs
