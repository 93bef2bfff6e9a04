"""Is what may not be meant named before it happens, and stopped where that is asked for?"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database, IntegerField
from runner_kit import columns, tables, write

from signals_peewee.engine.altering import findings_of_sql
from signals_peewee.errors import InvalidOption, InvalidScript, StepRefused
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, StepEvent


def make(migrator: Any, db: Database) -> None:
    migrator.execute_script(
        "CREATE TABLE books (id INTEGER PRIMARY KEY, pages INTEGER, title TEXT); INSERT INTO books VALUES (1, 2, 'x')"
    )


def drop_pages(migrator: Any, db: Database) -> None:
    migrator.migrate(migrator.add_column("books", "more", IntegerField(null=True)))
    migrator.migrate(migrator.drop_column("books", "pages"))


def empty(migrator: Any, db: Database) -> None:
    db.execute_sql("DELETE FROM books")


def source(*steps: Any) -> InlineSource:
    return InlineSource("app", [make, *steps])


def findings(heard: list[StepEvent]) -> list[tuple[str, str]]:
    return [(event.step, event.finding.name) for event in heard if event.finding]


def test_a_finding_is_told_and_logged_and_the_step_goes_on(database: Database, caplog: Any) -> None:
    heard: list[StepEvent] = []
    with caplog.at_level(logging.WARNING, "signals_peewee"):
        MigrationRunner(database, source(drop_pages, empty), on_event=heard.append).up()
    assert findings(heard) == [("app:0002_drop_pages", "drop:books.pages"), ("app:0003_empty", "delete:books")]
    assert [event.kind for event in heard if event.step == "app:0002_drop_pages"] == ["started", "finding", "applied"]
    assert all(event.message.startswith(event.finding.name) for event in heard if event.finding)
    assert "drop:books.pages" in caplog.text
    assert columns(database, "books") == ["id", "title", "more"]


def test_with_error_a_step_is_refused_before_the_operation_runs(database: Database) -> None:
    heard: list[StepEvent] = []
    runner = MigrationRunner(database, source(drop_pages), lint="error", on_event=heard.append)
    with pytest.raises(StepRefused, match=r'drop:books\.pages.* accept = \["drop:books\.pages"\]') as caught:
        runner.up()
    assert [finding.name for finding in caught.value.findings] == ["drop:books.pages"]
    assert caught.value.rolled_back
    assert columns(database, "books") == ["id", "pages", "title"]
    assert runner.status().pending == ("app:0002_drop_pages",)


def test_a_step_that_accepts_a_finding_by_name_runs(database: Database) -> None:
    heard: list[StepEvent] = []
    step = InlineStep(drop_pages, accept=["drop:books.pages"])
    MigrationRunner(database, source(step), lint="error", on_event=heard.append).up()
    assert findings(heard) == []
    assert columns(database, "books") == ["id", "title", "more"]


def test_a_script_accepts_in_words_that_are_read_without_running_it(database: Database, tmp_path: Path) -> None:
    text = """
        accept = ["drop:books"]


        def up(migrator, db):
            migrator.execute_script("CREATE TABLE books (id INTEGER)")
            migrator.migrate(migrator.drop_table("books"))
    """
    folder = write(tmp_path / "steps", _0001_drop=text)
    assert MigrationRunner(database, DirectorySource(folder, name="app"), lint="error").up() == ["app:0001_drop"]
    write(folder, _0002_bad='accept = "drop:books"\n\n\ndef up(m, d): ...\n')
    with pytest.raises(InvalidScript, match=r"0002_bad\.py:1\): accept must be a list of the names of findings"):
        MigrationRunner(database, DirectorySource(folder, name="app")).up()
    write(folder, _0002_bad='accept = [name for name in "ab"]\n\n\ndef up(m, d): ...\n')
    with pytest.raises(InvalidScript, match="accept is read without executing the script"):
        MigrationRunner(database, DirectorySource(folder, name="app")).up()


def test_off_looks_for_nothing(database: Database) -> None:
    heard: list[StepEvent] = []
    MigrationRunner(database, source(drop_pages, empty), lint="off", on_event=heard.append).up()
    assert findings(heard) == []


def test_what_a_step_executes_by_itself_is_found_and_undone(database: Database) -> None:
    with pytest.raises(StepRefused, match="delete:books") as caught:
        MigrationRunner(database, source(empty), lint="error").up()
    assert caught.value.rolled_back
    assert database.execute_sql("SELECT count(*) FROM books").fetchone() == (1,)


def test_a_step_that_swallows_the_refusal_is_refused_all_the_same(database: Database) -> None:
    def swallow(migrator: Any, db: Database) -> None:
        try:
            db.execute_sql("DELETE FROM books")
        except Exception:  # noqa: BLE001
            db.execute_sql("UPDATE books SET title = 'y' WHERE id = 1")

    with pytest.raises(StepRefused) as caught:
        MigrationRunner(database, source(swallow), lint="error").up()
    assert caught.value.rolled_back
    assert database.execute_sql("SELECT title FROM books").fetchall() == [("x",)]


def test_a_script_of_sql_is_looked_at_before_it_runs(database: Database) -> None:
    def by_script(migrator: Any, db: Database) -> None:
        migrator.execute_script("CREATE TABLE two (id INTEGER); DROP TABLE books;")

    def by_operation(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.sql("UPDATE books SET pages = 1"))

    for step, name in ((by_script, "drop:books"), (by_operation, "update:books")):
        with pytest.raises(StepRefused, match=name):
            MigrationRunner(database, source(step), lint="error").up()
    assert tables(database) == ["books"]


def test_what_was_accepted_and_never_happened_is_a_warning(database: Database, caplog: Any) -> None:
    step = InlineStep(drop_pages, accept=["drop:books.pages", "drop:books.typo"])
    with caplog.at_level(logging.WARNING, "signals_peewee"):
        MigrationRunner(database, source(step)).up()
    assert "app:0002_drop_pages accepts 'drop:books.typo', which it never did" in caplog.text
    assert "accepts 'drop:books.pages'" not in caplog.text


def test_a_mode_or_a_name_that_there_is_not_is_refused(database: Database) -> None:
    with pytest.raises(InvalidOption, match="lint"):
        MigrationRunner(database, source(), lint="loud")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="accept"):
        InlineSource("app", [InlineStep(make, accept=["books"])])
    with pytest.raises(InvalidOption, match="accept"):
        InlineSource("app", [InlineStep(make, accept="drop:books")])


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("DROP TABLE books", ["drop:books"]),
        ('drop table if exists "my ""books""" cascade', ['drop:my "books"']),
        ("DROP TABLE app.books", ["drop:books"]),
        ("DROP INDEX CONCURRENTLY IF EXISTS books_idx", ["drop:books_idx"]),
        ("DROP MATERIALIZED VIEW v", ["drop:v"]),
        ("ALTER TABLE books DROP COLUMN pages", ["drop:books.pages"]),
        ('ALTER TABLE ONLY "Books" DROP "a b"', ["drop:Books.a b"]),
        ("ALTER TABLE books DROP CONSTRAINT c", ["drop:books.c"]),
        ("ALTER TABLE books ALTER COLUMN pages DROP NOT NULL", []),
        ("ALTER TABLE books ADD COLUMN x TEXT", []),
        ("TRUNCATE TABLE books", ["delete:books"]),
        ("DELETE FROM books", ["delete:books"]),
        ("DELETE FROM books WHERE id = 1", []),
        ("-- DROP TABLE books\n/* DROP TABLE books */ SELECT 'DROP TABLE books; DELETE FROM books'", []),
        ("UPDATE books SET a = 'WHERE'", ["update:books"]),
        ("UPDATE books SET a = 1\nWHERE id = 1", []),
        ("/* note */ DELETE FROM books; DROP TABLE two;", ["delete:books", "drop:two"]),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = 1; DELETE FROM d; END; DROP TABLE e", ["drop:e"]),
        ("CREATE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM a; DROP TABLE b; END $$ LANGUAGE plpgsql", []),
        ("CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM a; DELETE FROM b; END", []),
        ("INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1", []),
        ("SELECT * FROM books FOR UPDATE", []),
        ("", []),
    ],
)
def test_destructive_sql_is_known_by_its_first_words(sql: str, names: list[str]) -> None:
    assert [finding.name for finding in findings_of_sql(sql)] == names


@given(st.text())
def test_no_text_is_too_odd_to_be_looked_at(text: str) -> None:
    findings_of_sql(text)
