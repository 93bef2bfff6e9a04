"""Does the first hour with steps of one's own go well: an empty folder, no database yet, a word that was mistyped?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peewee import Database
from playhouse.migrations import Runner
from runner_kit import BOOKS, PAGES, closing, columns, opened, tables, write

from signals_peewee.cli import main
from signals_peewee.runner import DirectorySource, MigrationRunner

Run = Callable[..., tuple[int, str, str]]
NEW = "sqlite:///new.db"
MODELS = """
from peewee import IntegerField, Model, TextField


class Book(Model):
    title = TextField()
    pages = IntegerField(default=0)

    class Meta:
        table_name = "books"
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "first_models.py").write_text(MODELS)
    yield from closing()
    sys.modules.pop("first_models", None)


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return write(tmp_path / "steps", _0001_books=BOOKS, _0002_pages=PAGES)


@pytest.fixture
def run_on(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(url: str, *argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--database", url, "migrate", *argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def run(run_on: Run, url: str) -> Run:
    return lambda *argv: run_on(url, *argv)


@pytest.mark.parametrize("empty", [True, False])
def test_the_first_step_is_drafted_into_a_folder_that_is_empty_or_not_there(
    run: Run, database: Database, tmp_path: Path, empty: bool
) -> None:
    database.connect()
    if empty:
        (tmp_path / "steps").mkdir()
    code, out, err = run("new", "books", "--source", "steps:app", "--models", "first_models")
    assert (code, out, err) == (0, "steps/0001_books.py\n", "" if empty else "made the folder steps\n")
    assert run("up", "--source", "steps:app")[0] == 0
    assert columns(database, "books") == ["id", "title", "pages"]
    assert run("check", "--source", "steps:app", "--models", "first_models")[0] == 0


def test_the_first_step_is_drafted_for_a_sqlite_file_that_is_not_there_yet(run_on: Run, tmp_path: Path) -> None:
    code, out, err = run_on(NEW, "new", "books", "--source", "steps:app", "--models", "first_models")
    assert (code, out) == (0, "steps/0001_books.py\n")
    assert err == "made the folder steps\nsqlite:///new.db is not there yet: this is for an empty database\n"
    assert not (tmp_path / "new.db").exists()
    assert run_on(NEW, "up", "--source", "steps:app")[0] == 0
    assert columns(opened(NEW), "books") == ["id", "title", "pages"]
    code, out, err = run_on(NEW, "new", "more", "--source", "steps:app", "--models", "first_models", "--json")
    assert (code, json.loads(out), err) == (0, {"path": None}, "")


def test_nothing_is_drafted_while_a_step_is_pending(run_on: Run, tmp_path: Path, steps: Path) -> None:
    draft = ["new", "more", "--source", "steps:app", "--models", "first_models"]
    code, out, err = run_on(NEW, *draft)
    assert (code, out) == (2, "")
    assert err == (
        "signals-peewee: --models first_models: expected no step that is pending, because app:0001_books, "
        "app:0002_pages may make what would be drafted again: apply first, with `signals-peewee --database "
        "sqlite:///new.db migrate up --source steps:app`\n"
    )
    assert not (tmp_path / "new.db").exists()
    run_on(NEW, "up", "0001_books", "--source", "steps:app")
    code, _, err = run_on(NEW, *draft)
    assert (code, "because app:0002_pages may" in err) == (2, True)
    run_on(NEW, "up", "--source", "steps:app")
    assert run_on(NEW, *draft) == (0, "nothing to write: the database agrees with the models\n", "")
    assert sorted(file.name for file in steps.glob("*.py")) == ["0001_books.py", "0002_pages.py"]


def test_a_folder_that_was_mistyped_is_not_made_where_the_history_knows_another(run: Run, steps: Path) -> None:
    run("up", "--source", "steps")
    code, _, err = run("new", "more", "--source", "stpes", "--models", "first_models")
    assert (code, "because the history knows steps and not stpes" in err) == (2, True)
    assert not steps.with_name("stpes").exists()


def test_nothing_is_drafted_where_the_steps_of_that_name_are_not(run: Run, steps: Path) -> None:
    run("up", "--source", "steps:shop")
    draft = ["new", "more", "--models", "first_models"]
    code, out, err = run(*draft, "--source", "stepy:shop")
    assert (code, out) == (2, "")
    assert err == (
        "signals-peewee: --source stepy:shop: expected the folder with the scripts that were applied as shop "
        "(0001_books and 1 more), and this one has none\n"
    )
    assert not steps.with_name("stepy").exists()
    (steps / "0001_books.py").unlink()
    code, _, err = run(*draft, "--source", "steps:shop")
    assert (code, "step shop:0001_books was applied on " in err, sorted(steps.glob("*.py"))) == (
        5, True, [steps / "0002_pages.py"],
    )  # fmt: skip


def test_a_plan_for_a_sqlite_file_that_is_not_there_yet_is_that_for_an_empty_one(
    run_on: Run, tmp_path: Path, steps: Path
) -> None:
    code, out, err = run_on(NEW, "plan", "--source", "steps:app")
    assert (code, out) == (0, "app:0001_books Books: the first table.\napp:0002_pages\n")
    assert err == "sqlite:///new.db is not there yet: this is for an empty database\n"
    code, out, err = run_on(NEW, "plan", "--rehearse", "--source", "steps:app", "--json")
    assert (code, err, len(json.loads(out)["steps"][0]["statements"])) == (0, "", 1)
    code, out, _ = run_on(NEW, "plan")
    assert (code, out.startswith("signals_peewee:0001_workspaces ")) == (0, True)
    for never in ("sqlite:///nowhere/new.db", f"{NEW}?mode=ro", f"{NEW}?mode=rw"):
        code, out, err = run_on(never, "plan", "--source", "steps:app")
        assert (code, out, "there is no SQLite file" in err) == (3, "", True)
    assert not (tmp_path / "new.db").exists()


def test_a_copy_that_is_not_there_is_named_and_not_made(run: Run, database: Database, tmp_path: Path) -> None:
    write(tmp_path / "steps", _0001_books=BOOKS)
    database.connect()
    code, out, err = run("plan", "--source", "steps:app", "--rehearse", "sqlite:///missing.db")
    assert (code, out) == (3, "")
    assert err == "signals-peewee: in the rehearsal, on the copy: there is no SQLite file missing.db\n"
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize("source", ["", ":app"])
@pytest.mark.parametrize("action", ["up", "new"])
def test_a_source_without_a_place_is_not_the_current_folder(
    run: Run, tmp_path: Path, steps: Path, source: str, action: str
) -> None:
    write(tmp_path, _0001_here=BOOKS)
    code, out, err = run(action, *(["more"] if action == "new" else []), "--source", source)
    assert (code, out) == (2, "")
    assert err == f'signals-peewee: --source "{source}": expected a folder or a package; the current folder is .\n'
    assert not (tmp_path / "0002_more.py").exists()


def test_what_playhouse_applied_is_not_run_again_but_taken_over(run: Run, database: Database, steps: Path) -> None:
    write(steps, _0001_books=BOOKS.replace("migrator.Model", "db.Model"))
    Runner(database, str(steps)).up()
    for action in ("up", "plan"):
        code, out, err = run(action, "--source", "steps:app")
        assert (code, out) == (5, "")
        assert "playhouse.migrations has applied 0001_books, 0002_pages to this database; take its history over" in err
        assert " migrate stamp --from-playhouse --source steps:app`, or where those were other steps, give " in err
    code, out, _ = run("status", "--source", "steps:app")
    assert code == 1
    assert out.splitlines()[-1].startswith("playhouse.migrations has applied 0001_books, 0002_pages to this ")
    assert run("stamp", "--from-playhouse", "--source", "steps:app")[0] == 0
    write(steps, _0003_more="def up(migrator, db): ...\n")
    assert run("up", "--source", "steps:app")[0] == 0


@pytest.mark.parametrize("source", ["steps:app", "steps"])
def test_what_playhouse_applied_does_not_run_again_where_one_of_its_scripts_is_gone(
    run: Run, database: Database, steps: Path, source: str
) -> None:
    data = "def up(migrator, db):\n    db.execute_sql('INSERT INTO people VALUES (1)')\n"
    write(steps, _0001_books=data, _0002_pages=data, _0003_gone="def up(migrator, db): ...\n")
    database.connect()
    database.execute_sql("CREATE TABLE people (id INTEGER)")
    theirs = Runner(database, str(steps))
    theirs.up()
    (steps / "0003_gone.py").unlink()
    write(steps, _0003_new="def up(migrator, db): ...\n")
    for action in ("up", "plan"):
        code, out, err = run(action, "--source", source)
        assert (code, out, "has applied 0001_books, 0002_pages to this database; take" in err) == (5, "", True)
    code, _, err = run("stamp", "--from-playhouse", "--source", source)
    forget = "DELETE FROM \"schema_migration\" WHERE name IN ('0003_gone')"
    assert (code, f"let playhouse forget it: {forget}; nothing was recorded" in err) == (5, True)
    database.execute_sql(forget)
    assert run("stamp", "--from-playhouse", "--source", source)[0] == 0
    assert run("up", "--source", source)[1].splitlines()[-1] == "1 step done, 0 pending"
    assert database.execute_sql("SELECT count(*) FROM people").fetchone() == (2,)


def test_other_steps_than_those_of_playhouse_are_run(run: Run, database: Database, steps: Path, tmp_path: Path) -> None:
    Runner(database, str(write(tmp_path / "theirs", _0001_theirs="def up(migrator, db): ...\n"))).up()
    assert run("up", "--source", "steps:app")[0] == 0
    assert "books" in tables(database)


def test_a_history_of_playhouse_that_is_not_there_is_said_to_be_missing(
    run: Run, database: Database, steps: Path
) -> None:
    database.connect()
    database.execute_sql("CREATE TABLE strange (id INTEGER)")
    for more, table in (([], "schema_migration"), (["--table", "strange"], "strange")):
        code, out, err = run("stamp", "--from-playhouse", *more, "--source", "steps:app")
        assert (code, out) == (2, "")
        assert err == (
            f"signals-peewee: --table {table}: expected a table that is there and in which playhouse.migrations "
            "keeps its history, schema_migration by default\n"
        )
    assert tables(database) == ["strange"]


def test_each_action_says_no_more_than_it_did(run: Run, database: Database, steps: Path) -> None:
    run("up", "0001_books", "--source", "steps:app")
    assert run("up", "0001_books", "--source", "steps:app")[1] == "nothing to do, 1 pending\n"
    assert run("stamp", "--source", "steps:app") == (
        0,
        "recorded  app:0002_pages\n1 step recorded as applied, 0 pending\n",
        "",
    )
    assert run("stamp", "--source", "steps:app")[1] == "nothing to record, 0 pending\n"
    assert run("repair", "0002_pages", "accept", "--source", "steps:app")[1] == (
        "1 step changed in the history, 0 pending\n"
    )
    assert columns(database, "books") == ["id", "title"]
    MigrationRunner(database, DirectorySource(steps, name="app")).repair("app:0002_pages", "accept")


def test_down_with_nothing_applied_says_that(run: Run, database: Database, steps: Path) -> None:
    database.connect()
    assert run("down", "--source", "steps:app") == (0, "nothing to take back, 2 pending\n", "")


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("ends", ["sys.exit(3)", "sys.exit('done')", "sys.exit()"])
def test_a_step_that_ends_the_program_has_failed(
    run: Run, database: Database, steps: Path, atomic: bool, ends: str
) -> None:
    write(
        steps,
        _0003_exit=f"""
            import sys

            atomic = {atomic}


            def up(migrator, db):
                db.execute_sql("CREATE TABLE half (id INTEGER)")
                {ends}
        """,
    )
    code, out, err = run("up", "--source", "steps:app")
    assert code == 5
    assert "applied   app:0002_pages" in out
    assert f"step app:0003_exit failed in up() at {steps / '0003_exit.py'}:8: SystemExit" in err
    assert ("everything it had done was rolled back" if atomic else "what it had done before stays") in err
    assert err.count("\n") == 1
    assert ("half" in tables(database)) is not atomic
    code, out, _ = run("status", "--source", "steps:app", "--json")
    assert [step["state"] for step in json.loads(out)["steps"]] == [
        "applied", "applied", "pending" if atomic else "running",
    ]  # fmt: skip


def test_a_script_that_ends_the_program_when_it_is_read_is_named(run: Run, database: Database, steps: Path) -> None:
    write(steps, _0003_exit="import sys\n\nsys.exit(3)\n\n\ndef up(migrator, db): ...\n")
    code, out, err = run("up", "--source", "steps:app")
    assert (code, out) == (5, "")
    assert "its module cannot be executed: SystemExit: 3; correct it; nothing was run" in err
    assert tables(database) == []


def test_models_that_end_the_program_are_named(run: Run, database: Database, steps: Path, tmp_path: Path) -> None:
    database.connect()
    (tmp_path / "ending_models.py").write_text("import sys\n\nsys.exit(3)\n")
    code, _, err = run("check", "--source", "steps:app", "--models", "ending_models")
    assert code == 2
    assert "a module that can be imported (SystemExit: 3)" in err


def test_a_package_in_the_current_folder_is_found_as_models_are(tmp_path: Path, steps: Path) -> None:
    package = write(tmp_path / "firstshop" / "steps", _0001_books=BOOKS)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    command = "import sys; from signals_peewee.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", "-c", command]
    flags = ["--database", NEW, "migrate", "up", "--source", "firstshop.steps:app"]
    paths = os.pathsep.join(path for path in sys.path if path and Path(path) != tmp_path)
    ran = subprocess.run(
        [*argv, *flags], env={**os.environ, "PYTHONPATH": paths}, check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == "1 step done, 0 pending"


def test_the_scheme_of_a_url_may_be_in_any_case(run_on: Run, tmp_path: Path, steps: Path) -> None:
    assert run_on("SQLITE:///new.db", "up", "--source", "steps:app")[0] == 0
    assert (tmp_path / "new.db").exists()
    code, _, err = run_on("SQLite:///other.db", "status", "--source", "steps:app")
    assert (code, "there is no SQLite file other.db" in err) == (3, True)


def test_the_help_says_where_things_are_looked_for_and_what_the_codes_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = []
    for argv in ([], ["migrate", "up"], ["migrate", "check"]):
        main([*argv, "--help"])
        said.append(" ".join(capsys.readouterr().out.split()))
    assert "cannot be reached, opened or written, its driver is missing, or its tables are not there" in said[0]
    assert "a package that is installed or in the current folder" in said[1]
    assert "a module, looked for in the current folder too" in said[2]
