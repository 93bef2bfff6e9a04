"""What if a step that is not atomic did not come to its end, and is to run again?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from peewee import Check, Database, IntegerField, OperationalError, PostgresqlDatabase, TextField
from runner_kit import WAIT_HERE, closing, columns, killed_inside, opened, write

from signals_peewee.engine.introspection import inspector_for
from signals_peewee.errors import DatabaseAhead, MissingStep, StepFailed, UnfinishedStep
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, StepEvent

MIXED = """
    from peewee import IntegerField, TextField
{here}

    atomic = False


    def up(migrator, db):
        migrator.migrate(migrator.add_column("books", "pages", IntegerField(null=True)))
        migrator.migrate(migrator.rename_column("books", "title", "name"))
        migrator.migrate(migrator.add_index("books", ("pages",)))
        wait_here()
        migrator.migrate(migrator.drop_column("books", "old"))
        migrator.migrate(migrator.backfill("books", "pages", 7))


    def down(migrator, db):
        migrator.migrate(migrator.add_column("books", "old", IntegerField(default=3)))
        migrator.migrate(migrator.drop_index("books", "books_pages"))
        wait_here()
        migrator.migrate(migrator.rename_column("books", "name", "title"))
        migrator.migrate(migrator.drop_column("books", "pages"))
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Path:
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, old INTEGER)")
    database.execute_sql("INSERT INTO books VALUES (1, 'one', 1), (2, 'two', 2)")
    database.close()
    here = "\n".join(f"    {line}" if line else "" for line in WAIT_HERE.splitlines())
    return write(tmp_path / "steps", _0001_mixed=MIXED.format(here=here))


def runner_on(database: Database, folder: Path, heard: list[StepEvent] | None = None) -> MigrationRunner:
    on_event = None if heard is None else heard.append
    return MigrationRunner(database, DirectorySource(folder, name="app"), on_event=on_event)


def skipped(heard: list[StepEvent]) -> list[str]:
    return [event.message.partition(" was skipped")[0] for event in heard if event.kind == "skipped"]


def contents(database: Database) -> list[Any]:
    found: list[Any] = database.execute_sql("SELECT * FROM books ORDER BY id").fetchall()
    return found


def test_after_kill_9_and_repair_retry_what_was_done_is_skipped_and_told(
    database: Database, url: str, folder: Path
) -> None:
    killed_inside(url, folder)
    heard: list[StepEvent] = []
    runner = runner_on(database, folder, heard)
    with pytest.raises(UnfinishedStep):
        runner.up()
    assert runner.repair("app:0001_mixed", "retry") == ["app:0001_mixed"]
    status = runner.status()
    assert (status.pending, status.applied) == (("app:0001_mixed",), ())
    assert runner.up() == ["app:0001_mixed"]
    assert skipped(heard) == ["add_column books.pages", "rename_column books.title", "add_index books.books_pages"]
    assert columns(database, "books") == ["id", "name", "pages"]
    assert contents(database) == [(1, "one", 7), (2, "two", 7)]
    assert [step.state for step in runner.status().steps] == ["applied"]
    assert runner.up() == []


def test_a_down_that_was_killed_goes_on_after_retry(database: Database, url: str, folder: Path) -> None:
    heard: list[StepEvent] = []
    runner = runner_on(database, folder, heard)
    (folder / "go").touch()
    runner.up()
    killed_inside(url, folder, "down")
    runner.repair("app:0001_mixed", "retry")
    assert runner.down() == ["app:0001_mixed"]
    assert skipped(heard) == ["add_column books.old", "drop_index books.books_pages"]
    assert contents(database) == [(1, "one", 3), (2, "two", 3)]
    assert (runner.status().applied, runner.status().pending) == ((), ("app:0001_mixed",))
    assert runner.up() == ["app:0001_mixed"]


def test_over_tables_that_are_half_reverted_nothing_is_said_to_be_well(
    database: Database, url: str, folder: Path
) -> None:
    runner = runner_on(database, folder)
    (folder / "go").touch()
    runner.up()
    killed_inside(url, folder, "down")
    runner.repair("app:0001_mixed", "retry")
    half = contents(database)
    (step,) = runner.status().steps
    assert (step.state, runner.status().applied, runner.status().pending) == ("reverting", (), ())
    write(folder, _0002_more="def up(migrator, db):\n    pass\n")
    calls = [runner.up, runner.plan, runner.stamp, lambda: runner.up("0001_mixed"), lambda: runner.plan("0001_mixed")]
    for call in calls:
        with pytest.raises(UnfinishedStep) as caught:
            call()
        assert caught.value.steps == ("app:0001_mixed",)
        assert re.sub(r"\d{4}-\d\d-\d\d", "DAY", str(caught.value)) == (
            "step app:0001_mixed was applied on DAY, reverted in part, and is to be reverted again with "
            "runner.down('app:0001_mixed'), or say that you finished that by hand with "
            "runner.repair('app:0001_mixed', 'done'); no further step was run"
        )
    assert contents(database) == half
    assert runner.down("app:0001_mixed") == ["app:0001_mixed"]
    assert runner.up() == ["app:0001_mixed", "app:0002_more"]


def test_a_down_that_was_killed_twice_is_begun_again_each_time(database: Database, url: str, folder: Path) -> None:
    runner = runner_on(database, folder)
    (folder / "go").touch()
    runner.up()
    for _ in range(2):
        killed_inside(url, folder, "down")
        with pytest.raises(UnfinishedStep, match=r"was applied on \S+, begun to be reverted and never finished"):
            runner.down()
        runner.repair("app:0001_mixed", "retry")
    assert runner.down() == ["app:0001_mixed"]
    assert columns(database, "books") == ["id", "title", "old"]


def test_a_down_that_failed_half_way_may_be_corrected_before_it_runs_again(database: Database, tmp_path: Path) -> None:
    step = """
        atomic = False


        def up(migrator, db):
            db.execute_sql("CREATE TABLE one (id INTEGER)")


        def down(migrator, db):
            db.execute_sql("CREATE TABLE two (id INTEGER)")
            db.execute_sql("DROP TABEL one")
    """
    folder = write(tmp_path / "steps", _0001_one=step)
    runner = runner_on(database, folder)
    runner.up()
    with pytest.raises(StepFailed, match="TABEL"):
        runner.down()
    runner.repair("0001_one", "retry")
    write(folder, _0001_one=step.replace("TABEL", "TABLE").replace("TABLE two", "TABLE IF NOT EXISTS two"))
    with pytest.raises(UnfinishedStep, match="is to be reverted again"):
        runner.up()
    assert runner.down() == ["app:0001_one"]
    assert database.get_tables() == ["migration_history", "two"]


def test_what_is_half_reverted_by_newer_code_is_left_to_it(database: Database) -> None:
    def first(migrator: Any, db: Database) -> None: ...

    def broken(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE one (id INTEGER)")
        raise KeyError("broken")

    newer = InlineSource("app", [first, InlineStep(first, broken, atomic=False)])
    runner = MigrationRunner(database, newer)
    runner.up()
    with pytest.raises(StepFailed, match="broken"):
        runner.down()
    runner.repair("0002_first", "retry")
    assert MigrationRunner(database, InlineSource("app", [first])).up() == []


def test_only_the_run_after_retry_skips(database: Database) -> None:
    def add(migrator: Any, db: Database) -> None:
        db.execute_sql("INSERT INTO one VALUES ('x')")
        migrator.migrate(migrator.add_column("one", "a", TextField(null=True)))

    database.execute_sql("CREATE TABLE one (a TEXT)")
    runner = MigrationRunner(database, InlineSource("app", [InlineStep(add, atomic=False)]))
    with pytest.raises(StepFailed, match="the column is there already"):
        runner.up()
    runner.repair("0001_add", "retry")
    assert runner.up() == ["app:0001_add"]
    with pytest.raises(StepFailed, match="the column is there already"):
        MigrationRunner(database, InlineSource("other", [add])).up()


def test_a_retry_can_be_told_to_be_done_or_stamped_or_left_to_newer_code(database: Database) -> None:
    def broken(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE IF NOT EXISTS one (id INTEGER)")
        raise KeyError("broken")

    source = InlineSource("app", [InlineStep(broken, atomic=False)])
    runner = MigrationRunner(database, source)
    for _ in range(2):
        with pytest.raises(Exception, match="broken"):
            runner.up()
        runner.repair("app:0001_broken", "retry")
    assert runner.repair("app:0001_broken", "retry") == ["app:0001_broken"]
    assert runner.stamp() == ["app:0001_broken"]
    assert runner.status().applied == ("app:0001_broken",)


def test_what_is_to_be_tried_again_and_has_lost_its_script_is_missed(database: Database) -> None:
    def broken(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE IF NOT EXISTS one (id INTEGER)")
        raise KeyError("broken")

    def first(migrator: Any, db: Database) -> None: ...

    runner = MigrationRunner(database, InlineSource("app", [first, InlineStep(broken, atomic=False)]))
    with pytest.raises(Exception, match="broken"):
        runner.up()
    runner.repair("0002_broken", "retry")
    runner = MigrationRunner(database, InlineSource("app", [first]))
    assert runner.up() == []
    renamed = MigrationRunner(database, InlineSource("app", [first, first, first]))
    with pytest.raises((MissingStep, DatabaseAhead), match="0002_broken"):
        renamed.up()
    assert renamed.repair("0002_broken", "forget") == ["app:0002_broken"]
    assert renamed.up() == ["app:0002_first", "app:0003_first"]


def test_a_table_that_is_gone_took_its_columns_and_indexes_along(database: Database) -> None:
    failing = [True]

    def drop(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.drop_index("one", "one_a"), migrator.drop_column("one", "b"))
        migrator.migrate(migrator.drop_table("one"))
        if failing.pop():
            failing.append(False)
            raise KeyError("broken")

    database.execute_sql("CREATE TABLE one (a INTEGER, b INTEGER)")
    database.execute_sql("CREATE INDEX one_a ON one (a)")
    heard: list[StepEvent] = []
    runner = MigrationRunner(database, InlineSource("app", [InlineStep(drop, atomic=False)]), on_event=heard.append)
    with pytest.raises(Exception, match="broken"):
        runner.up()
    runner.repair("0001_drop", "retry")
    assert runner.up() == ["app:0001_drop"]
    assert skipped(heard) == ["drop_index one.one_a", "drop_column one.b", "drop_table one"]


def test_an_index_that_a_failed_concurrent_build_left_is_not_taken_for_one(postgres_url: str) -> None:
    database = opened(postgres_url)
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, isbn TEXT)")
    database.execute_sql("INSERT INTO books VALUES (1, 'x'), (2, 'x')")

    by_hand = [True]

    def index(migrator: Any, db: Database) -> None:
        if by_hand.pop():
            by_hand.append(False)
            db.execute_sql("CREATE UNIQUE INDEX CONCURRENTLY books_isbn ON books (isbn)")
        migrator.migrate(migrator.add_index("books", ("isbn",), True, concurrently=True))

    heard: list[StepEvent] = []
    source = InlineSource("app", [InlineStep(index, atomic=False)])
    runner = MigrationRunner(database, source, on_event=heard.append)
    with pytest.raises(Exception, match="books_isbn"):
        runner.up()
    database.execute_sql("DELETE FROM books WHERE id = 2")
    runner.repair("0001_index", "retry")
    assert runner.up() == ["app:0001_index"]
    assert skipped(heard) == []
    table = inspector_for(database).table("books")
    assert table is not None
    assert [(index.name, index.valid) for index in table.indexes] == [("books_isbn", True)]


@pytest.mark.parametrize("null", [False, True])
def test_a_column_that_is_half_filled_is_filled_on_a_retry(database: Database, null: bool) -> None:
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY)")
    for number in range(10):
        database.execute_sql(f"INSERT INTO books VALUES ({number})")
    made: list[str] = []

    def slug() -> str:
        if len(made) == 5:
            made.append("failed")
            raise KeyError("broken")
        made.append("made")
        return f"slug {len(made)}"

    def add(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.add_column("books", "slug", TextField(default=slug, null=null)))

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(add, atomic=False)]))
    with pytest.raises(Exception, match="broken"):
        runner.up()
    runner.repair("0001_add", "retry")
    assert runner.up() == ["app:0001_add"]
    (filled,) = database.execute_sql("SELECT count(DISTINCT slug) FROM books").fetchone()
    assert filled == 10


def test_a_column_that_was_filled_in_part_is_filled_to_its_end_on_a_retry(database: Database) -> None:
    database.execute_sql("CREATE TABLE loans (id INTEGER PRIMARY KEY)")
    database.execute_sql("INSERT INTO loans (id) VALUES (1), (2), (3)")
    broken = [True]

    def value() -> int:
        if broken[0]:
            raise OSError("the power went")
        return 7

    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.add_column("loans", "days", IntegerField(null=True, default=value)))

    runner = MigrationRunner(database, InlineSource("loans", [InlineStep(step, atomic=False)]))
    with pytest.raises(StepFailed):
        runner.up()
    broken.clear()
    broken.append(False)
    runner.repair("loans:0001_step", "retry")
    assert runner.up() == ["loans:0001_step"]
    assert database.execute_sql("SELECT days FROM loans").fetchall() == [(7,), (7,), (7,)]


@pytest.mark.parametrize("lint", ["warn", "error"])
def test_a_step_whose_first_operation_is_refused_was_not_begun(database: Database, lint: Any) -> None:
    operation = ["rename_column", "two"]

    def rename(migrator: Any, db: Database) -> None:
        db.execute_sql("SELECT 1").fetchall()
        migrator.migrate(migrator.rename_column("one", operation[-1], "b"))

    database.execute_sql("CREATE TABLE one (a TEXT, two TEXT)")
    if lint == "warn":
        operation.append("nothing")
    step = InlineStep(rename, lambda migrator, db: migrator.migrate(migrator.drop_table("One")), atomic=False)
    source = InlineSource("app", [step])
    for _ in range(2):  # and not "it was begun and never finished" at the second start
        with pytest.raises(StepFailed, match="correct it and run it again") as caught:
            MigrationRunner(database, source, lint=lint).up()
        assert caught.value.rolled_back
    assert MigrationRunner(database, source).status().pending == ("app:0001_rename",)
    operation[-1] = "two"
    assert MigrationRunner(database, source).up() == ["app:0001_rename"]
    for _ in range(2):
        with pytest.raises(StepFailed, match="there is no table 'One'; there is 'one'"):
            MigrationRunner(database, source).down()
    assert MigrationRunner(database, source).status().applied == ("app:0001_rename",)


def as_integer(migrator: Any) -> str | None:
    return "title::integer" if isinstance(migrator.database, PostgresqlDatabase) else None


@pytest.mark.parametrize(
    "operation",
    [
        lambda migrator: migrator.alter_column_type("books", "title", IntegerField(), cast=as_integer(migrator)),
        lambda migrator: migrator.add_not_null("books", "title"),
        lambda migrator: migrator.add_constraint("books", "read", Check("old > 100")),
        lambda migrator: migrator.add_unique("books", "old"),
        lambda migrator: migrator.add_foreign_key_constraint("books", "old", "books", "id"),
        lambda migrator: migrator.add_index("books", ["old"], True),
        lambda migrator: migrator.add_index("books", ["old"], True, concurrently=True),
    ],
    ids=["type", "not null", "check", "unique", "foreign key", "index", "index, concurrently"],
)
def test_a_step_whose_first_operation_is_refused_for_its_rows_has_nothing_to_repair(
    database: Database, operation: Any
) -> None:
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title VARCHAR(9), old INTEGER)")
    database.execute_sql("INSERT INTO books VALUES (1, 'one', 7), (2, NULL, 7)")

    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(operation(migrator))

    def catalog() -> Any:
        return inspector_for(database).table("books")

    before = catalog()
    runner = MigrationRunner(database, InlineSource("app", [InlineStep(step, atomic=False)]))
    for _ in range(2):
        text = "UnfitRows: .*; everything it had done was rolled back; correct it and run it again"
        with pytest.raises(StepFailed, match=text) as caught:
            runner.up()
        assert caught.value.rolled_back
        assert (state_of(runner), catalog()) == (["pending"], before)

    database.execute_sql("DELETE FROM books")
    assert runner.up() == ["app:0001_step"]
    assert catalog() != before


def test_a_step_whose_first_operation_cannot_be_done_has_nothing_to_repair(postgres_url: str) -> None:
    database = opened(postgres_url)  # SQLite finds out by renaming the column for a moment
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT)")
    database.execute_sql("CREATE VIEW titles AS SELECT title FROM books")

    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.drop_column("books", "title"))

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(step, atomic=False)]))
    with pytest.raises(StepFailed, match="books.title is used by view .*; correct it and run it again"):
        runner.up()
    assert state_of(runner) == ["pending"]
    database.execute_sql("DROP VIEW titles")
    assert runner.up() == ["app:0001_step"]


def test_an_operation_that_is_refused_for_its_rows_after_another_one_or_a_batch_leaves_the_step_unfinished(
    database: Database,
) -> None:
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT)")
    database.execute_sql("INSERT INTO books VALUES (1, NULL), (2, NULL)")

    def second(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.rename_column("books", "title", "name"), migrator.add_not_null("books", "name"))

    def batch(migrator: Any, db: Database) -> None:
        values = {1: "one", 2: None}
        migrator.migrate(migrator.backfill("books", "name", lambda row: values[row["id"]], batch_size=1))

    for name, function in {"second": second, "batch": batch}.items():
        runner = MigrationRunner(database, InlineSource(name, [InlineStep(function, atomic=False)]))
        with pytest.raises(StepFailed, match="(UnfitRows|ValueError): .*; what it had done before stays; look"):
            runner.up()
        assert state_of(runner) == ["running"]
    assert contents(database) == [(1, "one"), (2, None)]


def test_a_step_whose_first_operation_gets_no_lock_has_nothing_to_repair(
    database: Database, url: str, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT)")
    holder, held, begin = opened(url), [True], database.begin

    def begin_or_let_go(*arguments: Any, **options: Any) -> None:
        try:
            begin(*arguments, **options)
        except OperationalError:  # SQLite's writer would not let the row of the history be taken back either
            holder.rollback()
            raise

    def rename(migrator: Any, db: Database) -> None:
        if held[0]:
            holder.begin()
            holder.execute_sql("UPDATE books SET title = title")
        migrator.migrate(migrator.rename_column("books", "title", "name"))

    monkeypatch.setattr(database, "begin", begin_or_let_go)
    runner = MigrationRunner(database, InlineSource("app", [InlineStep(rename, atomic=False)]), lock_wait=0.1)
    for _ in range(2):
        with pytest.raises(StepFailed, match="; see to that and run it again") as caught:
            runner.up()
        if engine_name == "postgres":
            holder.rollback()
        assert caught.value.rolled_back
        assert not re.search("half done|stays|repair", str(caught.value))
        assert (state_of(runner), columns(database, "books")) == (["pending"], ["id", "title"])
    held[0] = False
    assert runner.up() == ["app:0001_rename"]


def test_a_later_operation_that_gets_no_lock_does_not_say_that_nothing_is_left(postgres_url: str) -> None:
    database, holder = opened(postgres_url), opened(postgres_url)
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT)")

    def two(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.rename_column("books", "title", "name"))
        holder.begin()
        holder.execute_sql("SELECT * FROM books")
        migrator.migrate(migrator.drop_column("books", "name"))

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(two, atomic=False)]), lock_wait=0.1)
    with pytest.raises(StepFailed) as caught:
        runner.up()
    holder.rollback()
    said = re.sub(r"backend .*?\)", "SOMEBODY", str(caught.value).partition("LockTimeout: ")[2])
    assert said == (
        'table \'books\', held by SOMEBODY, was not free within 0.1 s in \'ALTER TABLE "public"."books" DROP COLUMN '
        '"name"\'; what it had done before stays; look at what it left, then let it run again with '
        "runner.repair('app:0001_two', 'retry'), or say that you finished it by hand with "
        "runner.repair('app:0001_two', 'done')"
    )
    assert state_of(runner) == ["running"]


def test_an_operation_that_got_only_its_first_lock_leaves_the_step_unfinished(postgres_url: str) -> None:
    """NOT NULL comes in three short transactions, the first of which adds a CHECK."""
    database, holder = opened(postgres_url), opened(postgres_url)
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT)")

    def hold(event: Any) -> None:
        if "VALIDATE CONSTRAINT" in event.sql and not holder.in_transaction():
            holder.begin()
            holder.execute_sql("SELECT * FROM books")

    def refuse(migrator: Any, db: Database) -> None:
        db.query_hooks.append(hold)
        migrator.migrate(migrator.add_not_null("books", "title"))

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(refuse, atomic=False)]), lock_wait=0.1)
    with pytest.raises(StepFailed, match=r"was not free within 0\.1 s in .*; what it had done before stays"):
        runner.up()
    holder.rollback()
    assert state_of(runner) == ["running"]
    runner.repair("0001_refuse", "retry")
    holder.begin = holder.execute_sql = lambda *_: None  # type: ignore[assignment, method-assign]
    assert runner.up() == ["app:0001_refuse"]


def test_a_step_that_did_something_before_it_was_refused_is_unfinished(database: Database) -> None:
    def by_hand(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE one (a TEXT)")
        migrator.migrate(migrator.drop_column("one", "b"))

    def by_operation(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.sql("CREATE TABLE two (a TEXT)"), migrator.drop_column("two", "b"))

    def by_script(migrator: Any, db: Database) -> None:
        migrator.execute_script("CREATE TABLE three (a TEXT)")
        migrator.migrate(migrator.drop_column("three", "b"))

    for number, function in enumerate([by_hand, by_operation, by_script]):
        runner = MigrationRunner(database, InlineSource(f"app{number}", [InlineStep(function, atomic=False)]))
        with pytest.raises(StepFailed, match="there is no column 'b'") as caught:
            runner.up()
        assert not caught.value.rolled_back
        with pytest.raises(UnfinishedStep):
            runner.up()


def state_of(runner: MigrationRunner) -> list[str]:
    return [step.state for step in runner.status().steps]


@pytest.mark.parametrize("operation", ["nothing", "cannot be written", "looks around"])
def test_a_step_that_fails_before_its_first_statement_is_tried_again(database: Database, operation: str) -> None:
    database.execute_sql("CREATE TABLE one (id INTEGER PRIMARY KEY)")
    broken = [True]

    def step(migrator: Any, db: Database) -> None:
        if broken[0] and operation == "cannot be written":
            migrator.migrate(migrator.add_column("one", "a", TextField()))  # NOT NULL, and no default
        if broken[0] and operation == "looks around":
            migrator.migrate(migrator.rename_column("one", None, "b"))
        if broken[0]:
            raise KeyError("broken")
        db.execute_sql("DROP TABLE one")

    source = InlineSource("app", [InlineStep(step, step, atomic=False)])
    runner = MigrationRunner(database, source)
    for _ in range(2):
        with pytest.raises(StepFailed) as caught:
            runner.up()
        text = "; it had sent no statement that changes anything, so nothing was changed; correct it and run it again"
        assert str(caught.value).endswith(text)
        assert caught.value.rolled_back
        assert (state_of(runner), database.get_tables()) == (["pending"], ["migration_history", "one"])
    broken[0] = False
    assert runner.up() == ["app:0001_step"]
    broken[0] = True
    for _ in range(2):
        with pytest.raises(StepFailed, match="so nothing was changed; correct it and run it again"):
            runner.down()
        assert state_of(runner) == ["applied"]
    broken[0] = False
    database.execute_sql("CREATE TABLE one (id INTEGER PRIMARY KEY)")
    assert runner.down() == ["app:0001_step"]


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE one (id INTEGER)", "CREATE TABEL one (id INTEGER)", "SELECT 1", "WITH a AS (SELECT 1) SELECT 1"],
)
def test_a_step_that_fails_after_its_first_statement_is_unfinished(database: Database, statement: str) -> None:
    """Even a query may call a function that changes something."""

    def step(migrator: Any, db: Database) -> None:
        db.execute_sql(statement)
        raise KeyError("broken")

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(step, atomic=False)]))
    with pytest.raises(StepFailed, match="what it had done before stays; look at what it left"):
        runner.up()
    assert state_of(runner) == ["running"]
    with pytest.raises(UnfinishedStep):
        runner.up()


def test_a_step_that_fails_in_a_model_or_a_script_is_unfinished(database: Database) -> None:
    def by_model(migrator: Any, db: Database) -> None:
        class One(migrator.Model):  # type: ignore[misc, name-defined]
            pass

        One.create_table(safe=False)
        raise KeyError("broken")

    def by_script(migrator: Any, db: Database) -> None:
        migrator.execute_script("CREATE TABLE two (id INTEGER)")
        raise KeyError("broken")

    def by_operation(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.sql("CREATE TABLE three (id INTEGER)"))
        raise KeyError("broken")

    for number, function in enumerate([by_model, by_script, by_operation]):
        runner = MigrationRunner(database, InlineSource(f"app{number}", [InlineStep(function, atomic=False)]))
        with pytest.raises(StepFailed, match="what it had done before stays"):
            runner.up()
        assert state_of(runner) == ["running"]


@pytest.mark.parametrize("ending", ["raised", "came back"])
def test_a_transaction_that_a_step_began_and_did_not_use_is_rolled_back(database: Database, ending: str) -> None:
    def step(migrator: Any, db: Database) -> None:
        db.begin()
        if ending == "raised":
            raise KeyError("broken")

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(step, atomic=False)]))
    with pytest.raises(StepFailed):
        runner.up()
    assert state_of(runner) == ["pending" if ending == "raised" else "running"]
    assert not database.in_transaction()


def test_a_retry_that_fails_before_its_first_statement_stays_one(database: Database) -> None:
    done: list[str] = []

    def step(migrator: Any, db: Database) -> None:
        if not done:
            done.append(str(db.execute_sql("CREATE TABLE one (id INTEGER)")))
        raise KeyError("broken")

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(step, step, atomic=False)]))
    with pytest.raises(StepFailed, match="what it had done before stays"):
        runner.up()
    runner.repair("0001_step", "retry")
    with pytest.raises(StepFailed, match="nothing was changed"):
        runner.up()
    (state,) = database.execute_sql("SELECT state FROM migration_history").fetchone()
    assert state == "retry"


def test_a_retry_that_is_refused_stays_one(database: Database) -> None:
    wrong = ["nothing"]

    def half(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.add_column("one", "b", TextField(null=True)))
        migrator.migrate(migrator.add_not_null("one", wrong[-1]))

    database.execute_sql("CREATE TABLE one (id INTEGER, a TEXT)")
    runner = MigrationRunner(database, InlineSource("app", [InlineStep(half, atomic=False)]))
    with pytest.raises(StepFailed):
        runner.up()
    runner.repair("0001_half", "retry")
    with pytest.raises(StepFailed, match="correct it and run it again"):
        runner.up()
    wrong[-1] = "a"
    assert runner.up() == ["app:0001_half"]
    assert columns(database, "one") == ["id", "a", "b"]


def test_the_day_on_which_a_step_was_begun_is_said_in_utc(postgres_url: str) -> None:
    def broken(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE half (id INTEGER)")
        raise ZeroDivisionError

    database = opened(postgres_url)
    now = datetime.now(timezone.utc)
    database.execute_sql(f"SET TIME ZONE '{'Pacific/Kiritimati' if now.hour >= 10 else 'Etc/GMT+12'}'")
    assert database.execute_sql("SELECT now()").fetchone()[0].date() != now.date()
    runner = MigrationRunner(database, InlineSource("app", [InlineStep(broken, atomic=False)]))
    with pytest.raises(StepFailed):
        runner.up()
    with pytest.raises(UnfinishedStep, match=f"was begun to be applied on {now.date()}"):
        runner.up()
