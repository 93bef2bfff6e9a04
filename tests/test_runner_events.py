"""What does an observer hear while a step is at work, and can it get in its way?"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from peewee import SQL, Database, TextField
from runner_kit import closing, columns

from signals_peewee.cli.output import Progress
from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner, StepEvent

ROWS = 25


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def books(database: Database) -> Database:
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, old INTEGER)")
    for number in range(ROWS):
        database.execute_sql(f"INSERT INTO books VALUES ({number}, {number})")
    return database


def fill(migrator: Any, db: Database) -> None:
    """One operation of each kind that tells something."""
    migrator.migrate(
        migrator.add_column("books", "id", TextField(null=True), safe=True),
        migrator.add_column("books", "slug", TextField(null=True)),
        migrator.backfill("books", "slug", lambda row: f"book {row['id']}", batch_size=10),
        migrator.drop_column("books", "old"),
    )


@pytest.mark.parametrize("atomic", [True, False])
def test_an_observer_hears_of_skipping_progress_and_findings_in_their_order(books: Database, atomic: bool) -> None:
    heard: list[StepEvent] = []
    source = InlineSource("app", [InlineStep(fill, atomic=atomic)])
    MigrationRunner(books, source, on_event=heard.append).up()
    kinds = list(dict.fromkeys(event.kind for event in heard))
    assert kinds == ["started", "skipped", "progress", "finding", "applied"]
    assert {(event.step, event.direction, event.attempt) for event in heard} == {("app:0001_fill", "up", 1)}
    progress = [event for event in heard if event.kind == "progress"]
    assert progress[-1].done == ROWS
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert {event.total for event in progress} <= {ROWS, None}
    seconds = [event.seconds for event in heard]
    assert seconds == sorted(seconds)
    (skipped,) = (event for event in heard if event.kind == "skipped")
    assert skipped.message == "add_column books.id was skipped: its effect is there"
    (finding,) = (event.finding for event in heard if event.kind == "finding")
    assert finding is not None
    assert (finding.code, finding.subject) == ("drop", "books.old")


@pytest.mark.parametrize("atomic", [True, False])
def test_an_observer_that_raises_while_the_step_is_at_work_is_logged_and_changes_nothing(
    books: Database, caplog: Any, atomic: bool
) -> None:
    def raise_something(event: StepEvent) -> None:
        raise KeyError(event.kind)

    source = InlineSource("app", [InlineStep(fill, atomic=atomic)])
    with caplog.at_level(logging.ERROR, "signals_peewee"):
        assert MigrationRunner(books, source, on_event=raise_something).up() == ["app:0001_fill"]
    assert columns(books, "books") == ["id", "slug"]
    said = [record.message for record in caplog.records if record.message.startswith("on_event raised")]
    assert {kind for kind in ("skipped", "progress", "finding") for text in said if kind in text} == {
        "skipped",
        "progress",
        "finding",
    }


def test_a_progress_bar_is_an_observer(books: Database) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    bar = Progress(screen)

    def draw(event: StepEvent) -> None:
        if event.kind == "progress":
            bar(event.done, event.total or event.done)
        elif event.kind == "applied":
            bar.finish()

    MigrationRunner(books, InlineSource("app", [InlineStep(fill, atomic=False)]), on_event=draw).up()
    assert f"100%  {ROWS} of {ROWS} rows" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_findings_are_told_once_for_an_attempt_however_many_operations_have_them(books: Database) -> None:
    def twice(migrator: Any, db: Database) -> None:
        for _ in range(2):
            migrator.migrate(migrator.sql("UPDATE books SET old = 1"))
        db.execute_sql("UPDATE books SET old = 2")
        migrator.migrate(migrator.backfill("books", "old", 3, where=SQL("old <> 3")))

    heard: list[StepEvent] = []
    MigrationRunner(books, InlineSource("app", [twice]), on_event=heard.append).up()
    assert [event.finding.name for event in heard if event.finding and event.finding.subject == "books"] == [
        "update:books"
    ]
