"""Can a service use the command line for its own tables, without a line of code and without the library's?"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peewee import Database
from playhouse.migrations import Runner
from runner_kit import BOOKS, PAGES, closing, columns, tables, write

from signals_peewee.cli import main
from signals_peewee.engine.urls import without_password
from signals_peewee.runner import DirectorySource, MigrationRunner

Run = Callable[..., tuple[int, str, str]]
MODELS = """
from peewee import IntegerField, Model, TextField


class Base(Model):
    class Meta:
        legacy_table_names = False


class Book(Base):
    title = TextField()
    pages = IntegerField(default=0)

    class Meta:
        table_name = "books"


BOTH = [Book]
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield from closing()
    sys.modules.pop("shop_models", None)


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return write(tmp_path / "steps", _0001_books=BOOKS, _0002_pages=PAGES)


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--database", url, "migrate", *argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_folder_of_steps_goes_up_and_down_and_makes_no_table_of_the_librarys(
    run: Run, database: Database, steps: Path
) -> None:
    code, out, _ = run("up", "--source", "steps:app")
    assert (code, out.splitlines()[-1]) == (0, "2 steps done, 0 pending")
    assert tables(database) == ["books"]
    assert run("status", "--source", "steps:app")[0] == 0
    assert run("down", "--all", "--source", "steps:app")[0] == 0
    assert tables(database) == []
    assert run("--source", "steps:app")[0] == 0  # `migrate` alone is `up`
    assert columns(database, "books") == ["id", "title", "pages"]


def test_status_gates_a_deploy(run: Run, steps: Path) -> None:
    run("up", "0001_books", "--source", "steps:app")
    code, out, _ = run("status", "--source", "steps:app", "--json")
    assert code == 1
    assert json.loads(out)["pending"] == ["app:0002_pages"]


def test_a_package_is_a_source_too(run: Run, database: Database, tmp_path: Path) -> None:
    write(tmp_path / "shop_steps", ___init__="", _0001_books=BOOKS)
    assert run("up", "--source", "shop_steps:app")[0] == 0
    assert MigrationRunner(database, DirectorySource("shop_steps", name="app")).up() == []


def test_several_sources_run_in_the_order_of_their_dependencies(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "one", _0001_pages=PAGES.replace("def up", 'depends_on = ["two:0001_books"]\n\n\n    def up', 1))
    write(tmp_path / "two", _0001_books=BOOKS)
    code, out, _ = run("up", "--source", "./one", "--source", "./two", "--json")
    assert (code, json.loads(out)["changed"]) == (0, ["two:0001_books", "one:0001_pages"])


def test_a_guessed_name_that_the_history_does_not_know_is_refused(run: Run, database: Database, steps: Path) -> None:
    MigrationRunner(database, DirectorySource(steps, name="shop")).up()
    code, _, err = run("up", "--source", "steps")
    assert code == 2
    assert err == (
        "signals-peewee: --source steps: expected WHERE:NAME, with a name, because the history knows shop and not "
        "steps\n"
    )
    assert run("status", "--source", "steps:shop")[0] == 0


def test_a_name_under_which_the_same_scripts_were_not_applied_is_refused(
    run: Run, url: str, database: Database, steps: Path, tmp_path: Path
) -> None:
    MigrationRunner(database, DirectorySource(steps, name="shop")).up()
    code, _, err = run("up", "--source", "steps:shpo")
    assert code == 2
    shown = shlex.quote(without_password(url))
    assert err == (
        "signals-peewee: --source steps:shpo: expected steps:shop, because 0001_books was applied under that name; "
        f"`signals-peewee --database {shown} migrate stamp --source steps:shpo` records the steps under another one\n"
    )
    write(tmp_path / "more", _0001_more="def up(migrator, db): ...\n")
    code, out, _ = run("up", "--source", "steps:shop", "--source", "more:more", "--json")  # a second one may be new
    assert (code, json.loads(out)["changed"]) == (0, ["more:0001_more"])


def test_plan_shows_and_rehearses(run: Run, database: Database, steps: Path, engine_name: str) -> None:
    database.execute_sql("SELECT 1")  # there is a file: a command that looks makes none
    code, out, _ = run("plan", "--source", "steps:app")
    assert (code, out) == (0, "app:0001_books Books: the first table.\napp:0002_pages\n")
    code, out, err = run("plan", "--rehearse", "--source", "steps:app")
    if engine_name == "postgres":
        assert code == 2
        assert "the URL of a copy" in err
    else:
        assert code == 0
        assert 'CREATE TABLE "books"' in out
    assert tables(database) == []


def test_new_writes_the_next_script_and_never_over_another(run: Run, steps: Path) -> None:
    code, out, _ = run("new", "Add e-mails!", "--source", "steps:app")
    assert (code, out) == (0, "steps/0003_add_e_mails.py\n")
    assert (steps / "0003_add_e_mails.py").read_text().startswith('"""Add e mails."""\n')
    assert run("new", "Add e-mails!", "--source", "steps:app")[1] == "steps/0004_add_e_mails.py\n"
    code, _, err = run("up", "--source", "steps:app")
    assert code == 5
    assert "write what the step does" in err
    assert run("new", "first", "--source", "empty/folder:app")[1] == "empty/folder/0001_first.py\n"


def test_new_needs_a_folder(run: Run) -> None:
    code, _, err = run("new", "x")
    assert code == 2
    assert err == "signals-peewee: --source: expected the one folder that the script is to be written to\n"


def test_a_database_is_checked_against_models_and_a_script_drafted_from_them(
    run: Run, tmp_path: Path, steps: Path
) -> None:
    (tmp_path / "shop_models.py").write_text(MODELS)
    run("up", "0001_books", "--source", "steps:app")
    code, out, _ = run("check", "--source", "steps:app", "--models", "shop_models")
    assert code == 1
    assert "pages" in out
    (steps / "0002_pages.py").unlink()
    assert run("new", "pages", "--source", "steps:app", "--models", "shop_models:BOTH")[1] == "steps/0002_pages.py\n"
    assert run("up", "--source", "steps:app")[0] == 0
    code, out, _ = run("new", "more", "--source", "steps:app", "--models", "shop_models")
    assert (code, out) == (0, "nothing to write: the database agrees with the models\n")
    for models in ("shop_models:Book", "shop_models:BOTH"):
        assert run("check", "--source", "steps:app", "--models", models) == (0, "no difference\n", "")


def test_the_librarys_own_tables_are_checked_without_naming_models(run: Run) -> None:
    run()
    code, out, _ = run("check", "--json")
    assert (code, json.loads(out)) == (0, {"differences": []})


def test_stamp_with_models_records_only_what_is_true(run: Run, database: Database, tmp_path: Path, steps: Path) -> None:
    (tmp_path / "shop_models.py").write_text(MODELS)
    database.execute_sql("SELECT 1")
    code, _, err = run("stamp", "--source", "steps:app", "--models", "shop_models")
    assert code == 5
    assert "books" in err
    assert run("status", "--source", "steps:app")[0] == 1
    MigrationRunner(database, DirectorySource(steps, name="other")).up()
    assert run("stamp", "--source", "steps:app", "--models", "shop_models")[0] == 0
    assert run("status", "--source", "steps:app")[0] == 0


def test_the_history_of_playhouse_is_taken_over(run: Run, database: Database, steps: Path) -> None:
    (steps / "0001_books.py").write_text((steps / "0001_books.py").read_text().replace("migrator.Model", "db.Model"))
    Runner(database, str(steps)).up()
    code, out, _ = run("stamp", "--from-playhouse", "--source", "steps:app")
    assert (code, out) == (
        0,
        "recorded  app:0001_books\nrecorded  app:0002_pages\n2 steps recorded as applied, 0 pending\n",
    )
    assert run("stamp", "--from-playhouse", "--source", "steps:app") == (0, "nothing to record, 0 pending\n", "")


def test_an_edited_step_is_repaired(run: Run, steps: Path) -> None:
    run("up", "--source", "steps:app")
    (steps / "0001_books.py").write_text((steps / "0001_books.py").read_text() + "# edited\n")
    assert run("up", "--source", "steps:app")[0] == 5
    assert run("repair", "0001_books", "accept", "--source", "steps:app")[0] == 0
    assert run("up", "--source", "steps:app")[0] == 0


def test_a_rehearsal_with_lint_is_a_gate(sqlite_url: str, steps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drop = "def up(migrator, db):\n    migrator.migrate(migrator.drop_table('books'))\n"
    migrate = ["--database", sqlite_url, "migrate", "--source", "steps:app"]
    assert main([*migrate, "up"]) == 0
    write(steps, _0003_drop=drop, _0004_more="def up(migrator, db): ...\n")
    for lint, expected in {"warn": 0, "off": 0, "error": 5}.items():
        capsys.readouterr()
        assert main([*migrate, "plan", "--rehearse", "--lint", lint]) == expected
        said = capsys.readouterr()
        assert "    ! drop:books: " in said.out
        assert "app:0004_more" in said.out
        refused = "migrate up --lint error --source steps:app` would refuse app:0003_drop (drop:books): write it in"
        assert (refused in said.err) is (lint == "error")
    assert main([*migrate, "plan", "--lint", "error"]) == 0  # which does not know what the steps do
    write(steps, _0003_drop=f'accept = ["drop:books"]\n\n\n{drop}')
    assert main([*migrate, "plan", "--rehearse", "--lint", "error"]) == 0
    assert main([*migrate, "up", "--lint", "error"]) == 0


def test_lint_stops_what_is_not_accepted(run: Run, database: Database, steps: Path) -> None:
    write(steps, _0003_drop="def up(migrator, db):\n    migrator.migrate(migrator.drop_table('books'))\n")
    code, _, err = run("up", "--lint", "error", "--source", "steps:app")
    assert code == 5
    assert 'accept = ["drop:books"]' in err
    assert tables(database) == ["books"]
    code, out, _ = run("up", "--source", "steps:app")
    assert code == 0
    assert "finding   app:0003_drop  drop:books: " in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["up", "--source", "nowhere/steps"], "there is no such folder"),
        (["up", "--source", "stpes"], "a folder that is there, or a package that can be imported"),
        (["up", "--source", "./stpes"], "there is no such folder"),
        (["up", "--source", "no_such_package.migrations"], "it is not a package that can be imported"),
        (["up", "--source", "empty"], "it holds no step"),
        (["up", "--source", "a_file.py"], "it is no folder"),
        (["up", "--source", "failing_package"], "it is not a package that can be imported: ZeroDivisionError: "),
        (["up", "--source", "steps:a b"], "a name of letters, digits"),
        (["check", "--source", "steps:app", "--models", "nothing_here"], "a module that can be imported"),
        (["down", "0001_books", "--all", "--source", "steps:app"], "to stand with no step"),
        (["stamp", "--table", "x", "--source", "steps:app"], "--from-playhouse beside it"),
        (["repair", "0001_books", "explode", "--source", "steps:app"], "invalid choice"),
        (["up", "--lock-wait", "-1", "--source", "steps:app"], "seconds, from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, database: Database, steps: Path, argv: list[str], said: str) -> None:
    database.connect(reuse_if_open=True)
    (steps.parent / "empty").mkdir()
    (steps.parent / "a_file.py").touch()
    (steps.parent / "failing_package.py").write_text("1 / 0\n")
    code, out, err = run(*argv)
    assert code == 2
    assert said in err
    assert out == ""
    assert tables(database) == []


def test_a_place_without_steps_is_named_before_a_name_that_the_history_does_not_know(
    run: Run, steps: Path, tmp_path: Path
) -> None:
    assert run("up", "--source", "steps")[0] == 0
    (tmp_path / "empty").mkdir()
    for wrong, said in {"stpes": "a folder that is there", "empty": "it holds no step"}.items():
        code, _, err = run("up", "--source", wrong)
        assert code == 2
        assert said in err


@pytest.mark.parametrize("action", ["up", "status", "plan"])
def test_a_database_that_cannot_be_reached_and_a_driver_that_is_missing_are_one_line(
    steps: Path, postgres_driver: None, action: str
) -> None:
    hidden = "import sys; sys.modules.update(psycopg2=None, psycopg=None)\n"
    run = "import sys; from signals_peewee.cli import main; sys.exit(main(sys.argv[1:]))"
    flags = ["--database", "postgresql://u@127.0.0.1:1/x", "migrate", action, "--source", "steps"]
    for code, said in (("", "port 1 failed"), (hidden, "pip install 'signals-peewee[postgres]'")):
        command = [sys.executable, "-c", f"{code}{run}", *flags]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (3, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


INTERRUPTED = """
    atomic = False


    def up(migrator, db):
        db.execute_sql("CREATE TABLE half (id INTEGER)")
        raise KeyboardInterrupt
"""


def test_what_a_step_that_is_not_atomic_has_done_is_not_called_rolled_back(run: Run, steps: Path) -> None:
    write(steps, _0003_half=INTERRUPTED)
    code, out, err = run("up", "--source", "steps:app")
    assert code == 130
    assert "so is what app:0003_half has done: look at what it left, then let it run again with `signals-peewee " in err
    assert " migrate repair app:0003_half retry --source steps:app`, or say that you finished it by hand with " in err
    assert "applied   app:0002_pages" in out
    code, out, _ = run("status", "--source", "steps:app")
    assert code == 1
    *_, listed, said = out.splitlines()
    assert listed.split() == ["app:0003_half", "running", "-"]
    assert said.startswith("step app:0003_half was begun to be applied on ")
    assert said.endswith(" migrate repair app:0003_half done --source steps:app`")


def test_a_script_is_not_written_beside_the_package_that_was_meant(run: Run, tmp_path: Path) -> None:
    package = write(tmp_path / "shop_package" / "migrations", _0001_books=BOOKS)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    code, _, err = run("new", "more", "--source", "shop_package.migrations:app")
    assert code == 2
    assert "expected the folder of the package: shop_package/migrations:app\n" in err
    assert not (tmp_path / "shop_package.migrations").exists()
    assert run("new", "more", "--source", "shop_package/migrations:app")[0] == 0
    assert (package / "0002_more.py").exists()


def test_a_step_that_is_atomic_is_rolled_back_when_it_is_interrupted(run: Run, database: Database, steps: Path) -> None:
    write(steps, _0003_half=INTERRUPTED.replace("atomic = False", ""))
    code, _, err = run("up", "--source", "steps:app")
    assert (code, "the one at work was rolled back" in err) == (130, True)
    assert tables(database) == ["books"]


def test_the_advice_of_status_names_the_same_database_and_source(
    run: Run, url: str, database: Database, steps: Path
) -> None:
    database.connect()  # which makes the file
    _, out, _ = run("status", "--source", "steps:app")
    shown = shlex.quote(without_password(url))
    assert out.splitlines()[-1] == f"2 pending: run `signals-peewee --database {shown} migrate --source steps:app`"


def test_a_command_that_looks_makes_no_file(tmp_path: Path, steps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("status", "down", "check"):
        more = ["--models", "shop_models"] if action == "check" else []
        (tmp_path / "shop_models.py").write_text(MODELS)
        code = main(["--database", "sqlite:///none.db", "migrate", action, *more, "--source", "steps:app"])
        assert code == 3
        assert "there is no SQLite file" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()
