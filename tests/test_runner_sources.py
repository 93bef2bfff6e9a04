"""Where do steps come from, and which sources are refused before anything is touched?"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from runner_kit import BOOKS, PAGES, books, closing, opened, tables, write

from signals_peewee.errors import InvalidOption, InvalidScript, InvalidSource, StepFailed
from signals_peewee.runner import (
    DirectorySource,
    EntryPointSource,
    InlineSource,
    InlineStep,
    MigrationRunner,
    PackageSource,
    entry_point_sources,
    migrate,
)

PACKAGES = ("shop", "shopzip")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def database(sqlite_url: str) -> Database:
    """Where steps come from does not depend on the engine."""
    return opened(sqlite_url)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    importlib.invalidate_caches()


def nothing(migrator: Any, db: Database) -> None: ...


def package(folder: Path, name: str, **scripts: str) -> Path:
    write(folder / name, ___init__="")
    (folder / name / "__init__.py").touch()
    write(folder / name / "steps", **scripts)
    (folder / name / "steps" / "__init__.py").touch()
    return folder / name


def zipped(folder: Path, name: str, **scripts: str) -> Path:
    root = package(folder / "unzipped", name, **scripts)
    archive = folder / f"{name}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.rglob("*.py")):
            file.write(path, path.relative_to(root.parent))
    sys.path.insert(0, str(archive))
    return archive


def test_a_folder_is_a_source(database: Database, tmp_path: Path) -> None:
    assert migrate(database, books(tmp_path)) == ["app:0001_books", "app:0002_pages"]
    assert tables(database) == ["books"]


def test_a_package_is_a_source(database: Database, tmp_path: Path) -> None:
    package(tmp_path, "shop", _0001_books=BOOKS, _0002_pages=PAGES)
    assert migrate(database, PackageSource("shop.steps", name="shop")) == ["shop:0001_books", "shop:0002_pages"]


def test_a_package_in_a_zip_is_a_source_and_its_tracebacks_show_the_line(database: Database, tmp_path: Path) -> None:
    failing = "def up(migrator, db):\n    raise KeyError('from the zip')\n"
    archive = zipped(tmp_path, "shopzip", _0001_books=BOOKS, _0002_fails=failing)
    runner = MigrationRunner(database, PackageSource("shopzip.steps", name="shop"))
    try:
        with pytest.raises(StepFailed) as caught:
            runner.up()
    finally:
        sys.path.remove(str(archive))
    assert caught.value.path == str(archive / "shopzip" / "steps" / "0002_fails.py")
    assert caught.value.line == 2
    assert caught.value.__cause__ is not None
    shown = "".join(traceback.format_exception(caught.value.__cause__))
    assert "raise KeyError('from the zip')" in shown
    assert tables(database) == ["books"]


def test_functions_are_a_source(database: Database) -> None:
    def create_users(migrator: Any, db: Database) -> None:
        """Users."""
        db.execute_sql("CREATE TABLE users (id INTEGER)")

    def drop_users(migrator: Any, db: Database) -> None:
        db.execute_sql("DROP TABLE users")

    source = InlineSource("app", [InlineStep(create_users, drop_users)])
    runner = MigrationRunner(database, source)
    (step,) = runner.plan().steps
    assert (step.id, step.description, step.reversible) == ("app:0001_create_users", "Users.", True)
    assert runner.up() == ["app:0001_create_users"]
    assert runner.down() == ["app:0001_create_users"]
    assert tables(database) == []


def installed(folder: Path, *entries: str) -> None:
    info = folder / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[signals_peewee.migrations]\n" + "\n".join(entries) + "\n")


def test_an_entry_point_is_a_source(database: Database, tmp_path: Path) -> None:
    root = package(tmp_path, "shop", _0001_books=BOOKS)
    (root / "setup.py").write_text(
        "from signals_peewee.runner import InlineSource\n"
        "def nothing(migrator, db): pass\n"
        "def made(): return InlineSource('made', [nothing])\n"
        "ready = InlineSource('ready', [nothing])\n"
    )
    installed(tmp_path, "shop = shop.steps", "made = shop.setup:made", "ready = shop.setup:ready")
    assert migrate(database, EntryPointSource("shop")) == ["shop:0001_books"]
    assert [source.name for source in entry_point_sources()] == ["made", "ready", "shop"]
    assert migrate(database, *entry_point_sources()) == ["made:0001_nothing", "ready:0001_nothing"]


def test_libraries_in_wheels_that_nobody_unpacked_depend_on_each_other(database: Database, tmp_path: Path) -> None:
    pages = PAGES.replace("def up", 'depends_on = ["shop:0001_books"]\n\n\n    def up', 1)
    for name, steps in (("shop", {"_0001_books": BOOKS}), ("shopzip", {"_0001_pages": pages})):
        archive = zipped(tmp_path, name, **steps)
        with zipfile.ZipFile(archive, "a") as wheel:
            wheel.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
            wheel.writestr(
                f"{name}-1.dist-info/entry_points.txt", f"[signals_peewee.migrations]\n{name} = {name}.steps\n"
            )
    sources = entry_point_sources()
    assert [source.name for source in sources] == ["shop", "shopzip"]
    assert migrate(database, *sources[::-1]) == ["shop:0001_books", "shopzip:0001_pages"]
    assert MigrationRunner(database, sources).down(all=True) == ["shopzip:0001_pages", "shop:0001_books"]
    assert tables(database) == []


def test_an_entry_point_that_is_not_there_names_those_that_are(tmp_path: Path, database: Database) -> None:
    installed(tmp_path, "shop = shop.steps")
    with pytest.raises(InvalidSource, match="source 'store'.*there are: shop"):
        migrate(database, EntryPointSource("store"))


def test_an_entry_point_that_gives_no_source_says_so(tmp_path: Path, database: Database) -> None:
    package(tmp_path, "shop")
    installed(tmp_path, "shop = shop.steps:nothing")
    with pytest.raises(InvalidSource, match=r"shop.steps:nothing.*gives no source"):
        migrate(database, EntryPointSource("shop"))


def test_two_sources_may_have_steps_of_the_same_name(database: Database, tmp_path: Path) -> None:
    def initial(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE one (id INTEGER)")

    def other(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE two (id INTEGER)")

    other.__name__ = "initial"
    assert migrate(database, InlineSource("a", [initial]), InlineSource("b", [other])) == [
        "a:0001_initial",
        "b:0001_initial",
    ]
    assert tables(database) == ["one", "two"]


def test_a_runner_knows_nothing_of_the_other_sources_in_its_history(database: Database, tmp_path: Path) -> None:
    one = DirectorySource(write(tmp_path / "one", _0001_books=BOOKS, _0002_pages=PAGES), name="one")

    def make(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE two (id INTEGER)")

    migrate(database, one)
    runner = MigrationRunner(database, InlineSource("two", [make]))
    assert runner.status().applied == ()
    assert runner.up() == ["two:0001_make"]
    assert migrate(database, one) == []
    assert MigrationRunner(database, one).down() == ["one:0002_pages"]


def refused(database: Database, source: Any, message: str, error: type[Exception] = InvalidSource) -> None:
    with pytest.raises(error, match=message):
        migrate(database, source)
    assert database.is_closed() or error is InvalidScript


def test_a_mistyped_folder_is_an_error_before_connecting(tmp_path: Path, database: Database) -> None:
    refused(
        database,
        DirectorySource(tmp_path / "migratoins", name="app"),
        r"source 'app' \(.*migratoins\): there is no such",
    )


def test_an_empty_folder_is_an_error(tmp_path: Path, database: Database) -> None:
    folder = write(tmp_path / "steps", ___init__="")
    refused(database, DirectorySource(folder, name="app"), "it holds no step; a script is called NNNN_name.py")


def test_a_package_that_cannot_be_imported_is_an_error(database: Database) -> None:
    refused(
        database,
        PackageSource("no.such.package", name="app"),
        r"source 'app' \(no.such.package\).*No module named 'no'",
    )


def test_one_number_twice_is_an_error(tmp_path: Path, database: Database) -> None:
    refused(database, books(tmp_path, _0002_other=PAGES), "0002_other and 0002_pages have the same number")
    refused(database, books(tmp_path, _2_other=PAGES), "same number")


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path, database: Database) -> None:
    source = books(tmp_path)
    (tmp_path / "steps" / "0003_latin.py").write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(InvalidScript, match=r"app:0003_latin \(.*0003_latin.py:2\): it is not UTF-8 \(byte 0xe9\)"):
        migrate(database, source)
    assert database.is_closed()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("def up(migrator, db)\n    pass\n", 1, "it is not Python: expected ':'"),
        ("def upp(migrator, db):\n    pass\n", None, r"it has no up\(migrator, db\)"),
        ("def up(m, d): pass\n\natomic = 1 > 2\n", 3, "must be written out"),
        ("def up(m, d): pass\natomic = 'no'\n", 2, "atomic must be True or False"),
        ("def up(m, d): pass\ndepends_on = 'a:b'\n", 2, 'depends_on must be a list of "source:name"'),
        ("def up(m, d): pass\ndepends_on = ['0001_x']\n", 2, 'depends_on must be a list of "source:name"'),
        ("import no_such_module\ndef up(m, d): pass\n", 1, "cannot be executed: ModuleNotFoundError"),
        ("up = 1\n", None, "must be functions"),
    ],
)
def test_a_script_that_cannot_run_is_an_error_with_its_line_and_nothing_runs(
    tmp_path: Path, database: Database, text: str, line: int | None, message: str
) -> None:
    source = books(tmp_path)
    (tmp_path / "steps" / "0003_bad.py").write_text(text)
    with pytest.raises(InvalidScript, match=message) as caught:
        migrate(database, source)
    assert (caught.value.step, caught.value.line) == ("app:0003_bad", line)
    assert caught.value.path == str(tmp_path / "steps" / "0003_bad.py")
    assert database.get_tables() == []


def test_an_applied_script_is_read_but_never_executed_again(tmp_path: Path, database: Database) -> None:
    write(
        tmp_path / "steps",
        _0001_counts="""
            from pathlib import Path

            Path(__file__).with_suffix(".ran").touch(exist_ok=False)


            def up(migrator, db):
                pass
        """,
    )
    source = DirectorySource(tmp_path / "steps", name="app")
    assert migrate(database, source) == ["app:0001_counts"]
    runner = MigrationRunner(database, source)
    assert runner.up() == []
    assert runner.status().pending == ()
    assert runner.plan().steps == ()


def test_a_file_without_a_number_is_skipped_with_a_warning(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(migrate(database, books(tmp_path, _O003_typo=PAGES, __helper=""))) == 2
    assert "O003_typo.py is not run, because its name does not begin with a number" in caplog.text
    assert "helper" not in caplog.text


@pytest.mark.parametrize(
    "sources", ["migrations", [], [Path("x")], [DirectorySource("a", name="a"), DirectorySource("b", name="a")]]
)
def test_what_is_no_source_is_refused(database: Database, sources: Any) -> None:
    with pytest.raises(InvalidOption, match="^sources: got"):
        MigrationRunner(database, sources)


@pytest.mark.parametrize("name", ["", "a:b", "a b", None])
def test_a_name_that_messages_could_not_tell_apart_is_refused(name: Any) -> None:
    with pytest.raises(InvalidOption, match="^name: got"):
        DirectorySource("steps", name=name)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DirectorySource(None, name="app"), "path: got None, expected the path of a folder"),
        (lambda: DirectorySource(b"steps", name="app"), "path: got b'steps', expected the path of a folder"),
        (lambda: PackageSource(None, name="app"), "package: got None, expected the dotted name of a package"),
        (lambda: PackageSource(pytest, name="app"), "package: got <module 'pytest'"),
        (lambda: InlineSource("app", nothing), "steps: got <function nothing"),
        (lambda: InlineSource("app", None), "steps: got None, expected a list of functions of (migrator, db), or"),
        (lambda: InlineSource("app", {"first": nothing}), "steps: got {'first': <function"),
        (lambda: InlineSource("app", "nothing"), "steps: got 'nothing', expected a list of functions"),
        (lambda: InlineSource("app", [InlineStep(nothing, atomic="no")]), "atomic: got 'no', expected True or False"),
        (lambda: InlineSource("app", [InlineStep(nothing, atomic=None)]), "atomic: got None, expected True or False"),
        (lambda: InlineSource("app", [InlineStep(nothing, foreign_keys=1)]), "foreign_keys: got 1, expected True or F"),
        (lambda: InlineSource("app", [InlineStep(nothing, depends_on=None)]), "depends_on: got None, expected a list"),
        (lambda: InlineSource("app", [InlineStep(nothing, accept=5)]), "accept: got 5, expected a list of the names"),
    ],
)  # fmt: skip
def test_an_argument_of_a_source_that_makes_no_sense_is_refused(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        make()
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lock_timout", "migrate() got an unexpected option 'lock_timout'; did you mean 'lock_timeout'?"),
        ("foo", "migrate() got an unexpected option 'foo'; expected some of history_table, schema, lock_wait, "),
    ],
)
def test_an_option_that_there_is_not_is_named(database: Database, tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        migrate(database, books(tmp_path), **{name: 1})
    assert str(caught.value).startswith(said)
    with pytest.raises(TypeError, match=rf"^MigrationRunner\.__init__\(\) got an unexpected keyword argument '{name}'"):
        MigrationRunner(database, books(tmp_path), **{name: 1})


def test_sources_in_a_list_are_told_to_come_without_it(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="expected sources without the list, each an argument of its own"):
        migrate(database, [books(tmp_path)])  # type: ignore[arg-type]
    assert migrate(database, books(tmp_path)) == ["app:0001_books", "app:0002_pages"]


@pytest.mark.parametrize(
    "options",
    [
        {"history_table": ""},
        {"history_table": "a.b"},
        {"history_table": "x" * 64},
        {"lock_wait": -1},
        {"lock_wait": float("nan")},
        {"lock_timeout": "2s"},
        {"out_of_order": "ignore"},
        {"on_ahead": "allow"},
        {"context": {"other": {}}},
        {"context": ["app"]},
        {"on_event": "print"},
        {"context": {"app": {"key": object()}}},
    ],
)
def test_options_that_make_no_sense_are_refused(database: Database, tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=f"^{next(iter(options))}"):
        MigrationRunner(database, books(tmp_path), **options)
