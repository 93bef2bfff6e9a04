"""What is left of a step whose process was killed, and how does the next start go on?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from runner_kit import WAIT_HERE, killed_inside, tables, write

from signals_peewee.errors import InvalidOption, StepFailed, UnfinishedStep
from signals_peewee.runner import DirectorySource, MigrationRunner

TWO_TABLES = (
    WAIT_HERE
    + """

atomic = {atomic}


def up(migrator, db):
    db.execute_sql("CREATE TABLE one (id INTEGER)")
    wait_here()
    db.execute_sql("CREATE TABLE two (id INTEGER)")


def down(migrator, db):
    db.execute_sql("DROP TABLE two")
    wait_here()
    db.execute_sql("DROP TABLE one")
"""
)


@pytest.fixture
def atomic(tmp_path: Path) -> Path:
    return write(tmp_path / "steps", _0001_tables=TWO_TABLES.format(atomic=True))


@pytest.fixture
def not_atomic(tmp_path: Path) -> Path:
    return write(tmp_path / "steps", _0001_tables=TWO_TABLES.format(atomic=False))


def runner_on(database: Database, folder: Path) -> MigrationRunner:
    return MigrationRunner(database, DirectorySource(folder, name="app"), lock_wait=10.0)


def test_after_kill_9_in_a_step_nothing_is_left_and_the_next_start_finishes(
    database: Database, url: str, atomic: Path
) -> None:
    killed_inside(url, atomic)
    runner = runner_on(database, atomic)
    assert runner.up() == ["app:0001_tables"]
    assert tables(database) == ["one", "two"]


def test_after_kill_9_in_a_down_the_step_is_still_applied(database: Database, url: str, atomic: Path) -> None:
    runner = runner_on(database, atomic)
    (atomic / "go").touch()
    runner.up()
    killed_inside(url, atomic, "down")
    assert runner.status().applied == ("app:0001_tables",)
    assert tables(database) == ["one", "two"]
    assert runner.down() == ["app:0001_tables"]
    assert tables(database) == []


def test_after_kill_9_in_a_step_that_is_not_atomic_the_next_start_names_it(
    database: Database, url: str, not_atomic: Path
) -> None:
    killed_inside(url, not_atomic)
    runner = runner_on(database, not_atomic)
    with pytest.raises(UnfinishedStep, match=r"app:0001_tables was begun to be applied .* 'retry'.* 'done'") as caught:
        runner.up()
    assert caught.value.steps == ("app:0001_tables",)
    assert tables(database) == ["one"]
    assert [step.state for step in runner.status().steps] == ["running"]


def test_an_unfinished_step_runs_again_after_repair_retry(database: Database, url: str, not_atomic: Path) -> None:
    killed_inside(url, not_atomic)
    runner = runner_on(database, not_atomic)
    database.execute_sql("DROP TABLE one")
    assert runner.repair("app:0001_tables", "retry") == ["app:0001_tables"]
    assert runner.up() == ["app:0001_tables"]
    assert tables(database) == ["one", "two"]


def test_an_unfinished_step_counts_as_applied_after_repair_done(database: Database, url: str, not_atomic: Path) -> None:
    killed_inside(url, not_atomic)
    runner = runner_on(database, not_atomic)
    database.execute_sql("CREATE TABLE two (id INTEGER)")
    assert runner.repair("0001_tables", "done") == ["app:0001_tables"]
    assert runner.up() == []
    assert runner.status().applied == ("app:0001_tables",)


@pytest.mark.parametrize(("action", "state"), [("retry", "reverting"), ("done", "pending")])
def test_a_down_that_was_killed_is_repaired_either_way(
    database: Database, url: str, not_atomic: Path, action: Any, state: str
) -> None:
    runner = runner_on(database, not_atomic)
    (not_atomic / "go").touch()
    runner.up()
    killed_inside(url, not_atomic, "down")
    with pytest.raises(UnfinishedStep, match="begun to be reverted"):
        runner.down()
    runner.repair("app:0001_tables", action)
    assert [step.state for step in runner.status().steps] == [state]


def test_a_down_that_was_undone_by_hand_is_recorded_as_applied(database: Database, url: str, not_atomic: Path) -> None:
    runner = runner_on(database, not_atomic)
    (not_atomic / "go").touch()
    runner.up()
    killed_inside(url, not_atomic, "down")
    database.execute_sql("CREATE TABLE two (id INTEGER)")
    runner.repair("app:0001_tables", "done")
    assert runner.stamp("app:0001_tables") == ["app:0001_tables"]
    assert runner.status().applied == ("app:0001_tables",)
    assert tables(database) == ["one", "two"]


def test_repair_refuses_what_does_not_fit_the_state(database: Database, atomic: Path) -> None:
    (atomic / "go").touch()
    runner = runner_on(database, atomic)
    runner.up()
    with pytest.raises(InvalidOption, match="is finished"):
        runner.repair("app:0001_tables", "retry")
    with pytest.raises(InvalidOption, match="is finished"):
        runner.repair("app:0001_tables", "done")


def test_a_step_that_was_begun_and_never_finished_is_not_forgotten_and_no_plan_goes_past_it(
    database: Database, url: str, not_atomic: Path
) -> None:
    killed_inside(url, not_atomic)
    runner = runner_on(database, not_atomic)
    with pytest.raises(InvalidOption, match="expected 'retry' or 'done', because app:0001_tables was begun and never"):
        runner.repair("app:0001_tables", "forget")
    said = r"begun to be applied on \S+ and is not finished; where no other run is at work on it now, look at what it "
    with pytest.raises(UnfinishedStep, match=f"step app:0001_tables was {said}left") as caught:
        runner.plan()
    assert caught.value.steps == ("app:0001_tables",)
    runner.repair("app:0001_tables", "retry")
    assert [step.id for step in runner.plan().steps] == ["app:0001_tables"]
    with pytest.raises(InvalidOption, match="'retry' or 'done'"):
        runner.repair("app:0001_tables", "forget")


def test_an_error_between_two_statements_leaves_nothing_and_a_rerun_finishes(
    database: Database, tmp_path: Path
) -> None:
    folder = write(
        tmp_path / "steps",
        _0001_tables="""
            def up(migrator, db):
                db.execute_sql("CREATE TABLE one (id INTEGER)")
                db.execute_sql("CREATE TABEL two (id INTEGER)")
        """,
    )
    runner = runner_on(database, folder)
    with pytest.raises(StepFailed) as caught:
        runner.up()
    error = caught.value
    assert (error.step, error.direction, error.line, error.statement, error.rolled_back) == (
        "app:0001_tables",
        "up",
        3,
        "CREATE TABEL two (id INTEGER)",
        True,
    )
    assert error.path == str(folder / "0001_tables.py")
    assert error.__cause__ is not None
    assert "everything it had done was rolled back; correct it and run it again" in str(error)
    assert tables(database) == []
    path = folder / "0001_tables.py"
    path.write_text(path.read_text().replace("TABEL", "TABLE"))
    assert runner.up() == ["app:0001_tables"]
    assert tables(database) == ["one", "two"]


def test_an_error_in_a_step_that_is_not_atomic_says_that_its_change_stays(database: Database, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "steps",
        _0001_tables="""
            atomic = False

            def up(migrator, db):
                db.execute_sql("CREATE TABLE one (id INTEGER)")
                raise KeyError("no such thing")
        """,
    )
    runner = runner_on(database, folder)
    with pytest.raises(StepFailed, match="what it had done before stays; look at what it left") as caught:
        runner.up()
    assert (caught.value.line, caught.value.statement, caught.value.rolled_back) == (5, None, False)
    assert isinstance(caught.value.__cause__, KeyError)
    assert tables(database) == ["one"]
    with pytest.raises(UnfinishedStep):
        runner.up()


def test_the_steps_before_a_failed_one_stay_applied(database: Database, tmp_path: Path) -> None:
    good = 'def up(migrator, db):\n    db.execute_sql("CREATE TABLE one (id INTEGER)")\n'
    folder = write(tmp_path / "steps", _0001_good=good, _0002_bad="def up(migrator, db):\n    1 / 0\n")
    runner = runner_on(database, folder)
    with pytest.raises(StepFailed, match=r"app:0002_bad failed in up\(\) at .*0002_bad.py:2: ZeroDivisionError"):
        runner.up()
    assert runner.status().applied == ("app:0001_good",)
    assert runner.status().pending == ("app:0002_bad",)
