"""Is the history of playhouse.migrations taken over whole, or not at all?"""

from __future__ import annotations

from pathlib import Path

import pytest
from peewee import Database
from playhouse.migrations import Runner
from runner_kit import BOOKS, PAGES, columns, write

from signals_peewee.errors import InvalidOption, LateStep, MissingStep, NotAdopted
from signals_peewee.runner import DirectorySource, InlineSource, MigrationRunner

LAST = "def up(migrator, db):\n    db.execute_sql('CREATE TABLE last (id INTEGER)')\n"
PLAIN = BOOKS.replace("migrator.Model", "db.Model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "migrations", _0001_books=PLAIN, _0002_pages=PAGES, _0003_last=LAST)


def ours(database: Database, folder: Path) -> MigrationRunner:
    return MigrationRunner(database, DirectorySource(folder, name="app"))


def test_what_playhouse_applied_is_recorded_and_the_rest_applied(database: Database, folder: Path) -> None:
    Runner(database, str(folder)).up("0002_pages")
    runner = ours(database, folder)
    assert runner.adopt() == ["app:0001_books", "app:0002_pages"]
    assert runner.adopt() == []
    assert runner.up() == ["app:0003_last"]
    assert [step.state for step in runner.status().steps] == ["applied"] * 3
    assert columns(database, "books") == ["id", "title", "pages"]


def test_a_script_that_is_gone_is_named_and_nothing_recorded(database: Database, folder: Path) -> None:
    Runner(database, str(folder)).up()
    (folder / "0002_pages.py").rename(folder / "0002_sheets.py")
    runner = ours(database, folder)
    with pytest.raises(
        MissingStep, match="applied 0002_pages, and source 'app' has no such script; restore it"
    ) as caught:
        runner.adopt()
    assert caught.value.steps == ("app:0002_pages",)
    assert runner.status().applied == ()


def test_a_script_that_playhouse_left_out_is_named(database: Database, folder: Path) -> None:
    theirs = Runner(database, str(folder))
    theirs.up()
    theirs.History.delete().where(theirs.History.name == "0002_pages").execute()
    with pytest.raises(LateStep, match="has not applied 0002_pages, but later scripts"):
        ours(database, folder).adopt()
    lenient = MigrationRunner(database, DirectorySource(folder, name="app"), out_of_order="allow")
    assert lenient.adopt() == ["app:0001_books", "app:0003_last"]


def test_there_has_to_be_such_a_history(database: Database, folder: Path) -> None:
    database.execute_sql("CREATE TABLE other (id INTEGER)")
    for table in ("schema_migration", "other"):
        said = f"got '{table}', expected a table that is there .*, schema_migration by default"
        with pytest.raises(InvalidOption, match=said):
            ours(database, folder).adopt(table)
    Runner(database, str(folder), table_name="steps").up()
    assert ours(database, folder).adopt("steps") == ["app:0001_books", "app:0002_pages", "app:0003_last"]


def test_what_playhouse_applied_does_not_run_again_before_its_history_is_taken_over(
    database: Database, folder: Path
) -> None:
    with database.atomic():  # no table of playhouse's: a look for it must not spoil the transaction
        assert ours(database, folder).plan()
        assert database.execute_sql("SELECT 1").fetchone() == (1,)
    Runner(database, str(folder)).up("0002_pages")
    runner = ours(database, folder)
    said = r"^playhouse.migrations has applied 0001_books, 0002_pages to this database; .* with runner\.adopt\(\), or "
    for call in (runner.up, runner.plan, lambda: runner.up("0003_last")):
        with pytest.raises(NotAdopted, match=said) as caught:
            call()
        assert caught.value.steps == ("app:0001_books", "app:0002_pages")
    with database.atomic():
        with pytest.raises(NotAdopted):
            runner.plan()
        assert database.execute_sql("SELECT 1").fetchone() == (1,)
    assert columns(database, "books") == ["id", "title", "pages"]
    runner.adopt()
    assert runner.up() == ["app:0003_last"]


def test_of_several_sources_one_is_named(database: Database, folder: Path) -> None:
    Runner(database, str(folder)).up()
    runner = MigrationRunner(
        database, [DirectorySource(folder, name="app"), InlineSource("other", [lambda m, db: None])]
    )
    with pytest.raises(InvalidOption, match="one of app, other"):
        runner.adopt()
    assert len(runner.adopt(source="app")) == 3
