"""Does a message on the command line advise what can be typed there, and does it run?"""

from __future__ import annotations

import pickle
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peewee import Database
from playhouse.migrations import Runner
from runner_kit import BOOKS, PAGES, closing, tables, write

from signals_peewee.cli import main
from signals_peewee.engine.urls import without_password
from signals_peewee.errors import LateStep, MissingStep
from signals_peewee.errors.advice import Advising, calling, passing
from signals_peewee.runner import DirectorySource, MigrationRunner

Run = Callable[..., tuple[int, str, str]]
NOTHING = "def up(migrator, db): ...\n"
HALF = """
    atomic = False


    def up(migrator, db):
        db.execute_sql("CREATE TABLE half (id INTEGER)")
        1 / 0
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield from closing()


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return write(tmp_path / "steps", _0001_books=BOOKS, _0003_pages=PAGES)


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--database", url, "migrate", *argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def follow(url: str, capsys: pytest.CaptureFixture[str]) -> Callable[[str], int]:
    """Run the first command that a message advises; only a password, which is not shown, is put back."""

    def follow(message: str) -> int:
        found = re.search("`signals-peewee ([^`]+)`", message)
        assert found, message
        words = [url if word == without_password(url) else word for word in shlex.split(found[1])]
        return main(words)

    return follow


def test_an_edited_step_is_accepted_by_the_command_that_is_advised(run: Run, steps: Path, follow) -> None:
    run("up", "--source", "steps:app", "--history-table", "mine")
    (steps / "0001_books.py").write_text((steps / "0001_books.py").read_text() + "# edited\n")
    code, _, err = run("up", "--source", "steps:app", "--history-table", "mine")
    assert code == 5
    assert "where the edit changes nothing, accept it with `signals-peewee --database " in err
    assert " migrate repair app:0001_books accept --source steps:app --history-table mine`; no further" in err
    assert follow(err) == 0
    assert run("up", "--source", "steps:app", "--history-table", "mine")[0] == 0


def test_a_step_that_is_gone_is_forgotten_by_the_command_that_is_advised(run: Run, steps: Path, follow) -> None:
    run("up", "--source", "steps:app")
    (steps / "0001_books.py").unlink()
    code, _, err = run("up", "--source", "steps:app")
    assert code == 5
    assert "let it be forgotten with `signals-peewee " in err
    assert follow(err) == 0
    assert run("up", "--source", "steps:app")[0] == 0


def test_a_step_that_was_not_finished_is_tried_again_by_the_command_that_is_advised(
    run: Run, steps: Path, follow
) -> None:
    write(steps, _0004_half=HALF)
    _, _, failed = run("up", "--source", "steps:app")
    code, _, err = run("up", "--source", "steps:app")
    assert code == 5
    for said in (failed, err):
        assert "look at what it left, then let it run again with `signals-peewee " in said
        assert " migrate repair app:0004_half retry --source steps:app`, or say that you finished it by hand " in said
        assert " migrate repair app:0004_half done --source steps:app`" in said
        assert "runner." not in said
    assert follow(err) == 0
    assert "was begun to be" not in run("up", "--source", "steps:app")[2]


def test_a_late_step_is_applied_with_the_flag_that_is_advised(run: Run, database: Database, steps: Path) -> None:
    run("up", "--source", "steps:app")
    write(steps, _0002_late="def up(migrator, db):\n    db.execute_sql('CREATE TABLE late (id INTEGER)')\n")
    code, _, err = run("up", "--source", "steps:app")
    assert code == 5
    assert "give it a number behind them, or pass --out-of-order allow where order does not matter" in err
    assert run("up", "--source", "steps:app", "--out-of-order", "allow")[0] == 0
    assert tables(database) == ["books", "late"]


def test_a_script_that_playhouse_left_out_is_adopted_around_with_the_flag_that_is_advised(
    run: Run, database: Database, steps: Path
) -> None:
    write(steps, _0001_books=BOOKS.replace("migrator.Model", "db.Model"), _0002_nothing=NOTHING)
    theirs = Runner(database, str(steps))
    theirs.up()
    theirs.History.delete().where(theirs.History.name == "0002_nothing").execute()
    flags = ["stamp", "--from-playhouse", "--source", "steps:app"]
    code, _, err = run(*flags)
    assert code == 5
    assert "renumber it, or pass --out-of-order warn; nothing was recorded" in err
    assert run(*flags, "--out-of-order", "warn")[0] == 0


def test_a_table_that_is_no_history_is_avoided_by_the_flag_that_is_advised(
    run: Run, database: Database, steps: Path
) -> None:
    database.execute_sql("CREATE TABLE migration_history (id INTEGER)")
    code, _, err = run("up", "--source", "steps:app")
    assert code == 5
    assert "it was not touched: pass --history-table …, a name that nothing else uses" in err
    assert run("up", "--source", "steps:app", "--history-table", "mine")[0] == 0


def test_another_context_is_for_the_code_that_passes_it(run: Run, database: Database, steps: Path) -> None:
    source = DirectorySource(steps, name="app")
    MigrationRunner(database, source, context={"app": {"user": "people"}}).up()
    code, _, err = run("up", "--source", "steps:app")
    assert code == 5
    assert "run it from the code that passes what it was, or move the tables over by hand" in err


def test_arguments_are_called_by_their_flags(run: Run, database: Database, steps: Path, engine_name: str) -> None:
    run("up", "0001_books", "--source", "steps:app")
    for argv, said in (
        (["up", "--lock-wait", "-1"], "signals-peewee: --lock-wait -1.0: expected seconds, from 0 to 1,000,000\n"),
        (["up", "--history-table", "a.b"], "signals-peewee: --history-table a.b: expected a table name"),
        (["repair", "0001_books", "retry"], "signals-peewee: ACTION retry: expected 'accept' or 'forget', because "),
        (["check"], "signals-peewee: --source steps:app: expected --models beside it"),
        (["stamp", "--from-playhouse", "--source", "more"], "--source steps:app more: expected the one whose scripts"),
    ):
        code, _, err = (
            run(*argv, "--source", "steps:app")
            if argv[0] != "stamp"
            else run("stamp", "--source", "steps:app", *argv[1:])
        )
        assert code == 2
        assert said in err
    if engine_name == "sqlite":
        code, _, err = run("up", "--schema", "x", "--source", "steps:app")
        assert (code, err.partition(",")[0]) == (2, "signals-peewee: --schema x: expected none on SQLite")
    else:
        code, _, err = run("plan", "--rehearse", "--source", "steps:app")
        assert (code, err.partition(":")[2].partition(": pg")[0]) == (2, " --rehearse: expected the URL of a copy")


def test_a_step_that_playhouse_has_applied_is_taken_over_by_the_command_that_is_advised(
    run: Run, database: Database, steps: Path, follow
) -> None:
    write(steps, _0001_books=BOOKS.replace("migrator.Model", "db.Model"))
    theirs = Runner(database, str(steps))
    theirs.up()
    code, _, err = run("up", "--source", "steps:app")
    assert (code, "take its history over with `signals-peewee" in err) == (5, True)
    assert follow(err) == 0
    assert run("up", "--source", "steps:app")[1] == "nothing to do, 0 pending\n"


def test_tables_that_are_missing_are_made_by_the_command_that_is_advised(
    url: str, database: Database, capsys: pytest.CaptureFixture[str], follow
) -> None:
    database.connect()
    database.execute_sql("CREATE TABLE other (id INTEGER)")
    assert main(["--database", url, "list"]) == 3
    err = capsys.readouterr().err
    assert "is pending" in err or "are pending" in err or "missing" in err
    assert "store.migrate" not in err
    assert follow(err) == 0
    assert main(["--database", url, "list", "--workspace", "none"]) == 4


def test_a_file_that_is_not_there_is_made_by_the_command_that_is_advised(
    tmp_path: Path, steps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--database", "sqlite:///n.db", "list", "--source", "email"]) == 3
    made = "there is no SQLite file n.db: name one with --database, or make it with `signals-peewee --database "
    assert capsys.readouterr().err == f"signals-peewee: {made}sqlite:///n.db migrate up`\n"
    assert main(["--database", "sqlite:///n.db", "migrate", "status", "--source", "steps:app"]) == 3
    assert capsys.readouterr().err == f"signals-peewee: {made}sqlite:///n.db migrate up --source steps:app`\n"
    assert not (tmp_path / "n.db").exists()


@pytest.mark.parametrize(("gone", "words"), [(True, "forget"), (False, "accept")])
def test_status_advises_what_up_does(run: Run, steps: Path, follow, gone: bool, words: str) -> None:
    run("up", "--source", "steps:app")
    if gone:
        (steps / "0001_books.py").unlink()
    else:
        (steps / "0001_books.py").write_text((steps / "0001_books.py").read_text() + "# edited\n")
    write(steps, _0004_more=NOTHING)
    code, out, _ = run("status", "--source", "steps:app")
    said = out.splitlines()[-1]
    assert (code, said.startswith("step app:0001_books "), "pending" in said) == (1, True, False)
    assert f" migrate repair app:0001_books {words} --source steps:app`" in said
    assert "no further step" not in said
    assert follow(said) == 0
    assert run("status", "--source", "steps:app")[1].splitlines()[-1].startswith("1 pending: run ")


def test_status_advises_to_go_on_with_a_down_that_is_to_be_tried_again(run: Run, steps: Path, follow) -> None:
    down = "\n\ndef down(migrator, db):\n    db.execute_sql('CREATE TABLE half (id INTEGER)')\n    1 / 0\n"
    write(steps, _0004_half=f"atomic = False\n\n\n{NOTHING}{down}")
    run("up", "--source", "steps:app")
    assert run("down", "--source", "steps:app")[0] == 5
    assert follow(run("status", "--source", "steps:app")[1]) == 0  # repair … retry
    write(steps, _0004_half=f"atomic = False\n\n\n{NOTHING}{down.replace('1 / 0', 'pass').replace('half', 'other')}")
    said = run("status", "--source", "steps:app")[1].splitlines()[-1]
    assert "is to be reverted again with `signals-peewee " in said
    assert " migrate down app:0004_half --source steps:app`" in said
    assert follow(said) == 0
    assert run("status", "--source", "steps:app")[1].splitlines()[-1].startswith("1 pending: run ")


def test_in_python_the_same_messages_advise_python(database: Database, steps: Path) -> None:
    MigrationRunner(database, DirectorySource(steps, name="app")).up()
    (steps / "0001_books.py").unlink()
    with pytest.raises(MissingStep, match=r"forgotten with runner\.repair\('app:0001_books', 'forget'\)") as caught:
        MigrationRunner(database, DirectorySource(steps, name="app")).up()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy.args[0], Advising)
    assert copy.args[0].worded(lambda advice: f"<{advice.about} {advice.arguments}>") == str(copy).replace(
        "runner.repair('app:0001_books', 'forget')", "<repair ('app:0001_books', 'forget')>"
    )
    write(steps, _0001_books=BOOKS, _0002_late=NOTHING)
    with pytest.raises(LateStep, match="out_of_order='allow'"):
        MigrationRunner(database, DirectorySource(steps, name="app")).up()


def test_a_message_in_a_message_keeps_its_advice() -> None:
    inner = Advising("call ", calling("repair", "a:1", "done"), " now")
    whole = Advising("well: ", inner, "; or pass ", passing("lint", "off"))
    assert whole == "well: call runner.repair('a:1', 'done') now; or pass lint='off'"
    assert whole.worded(lambda advice: advice.about) == "well: call repair now; or pass lint"


def test_what_is_advised_to_pass_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """Every `passing(…)` of the library names an argument that `migrate` has a flag for."""
    library = Path(__file__).resolve().parents[1] / "signals_peewee"
    found = {name for file in library.rglob("*.py") for name in re.findall(r'passing\("(\w+)"', file.read_text())}
    assert found == {"out_of_order", "history_table"}
    main(["migrate", "--help"])
    shown = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')} " in shown for name in found)
