"""How does a run wait for others, and does it make others wait?"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from runner_kit import books, closing, columns, opened, tables, write

from signals_peewee.errors import DatabaseUnavailable, LockTimeout, MigrationError, StepFailed
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, StepEvent, migrate

OPEN_STEP = "atomic = False\n\n\ndef up(migrator, db):\n    pass\n"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def add_column(migrator: Any, db: Database) -> None:
    db.execute_sql("ALTER TABLE books ADD COLUMN more INTEGER")


def while_running(url: str, step: Any, meanwhile: Any, **options: Any) -> list[Any]:
    """Run a step in a thread, do something while it is inside its change, and return what the thread returned."""
    inside, go, results = threading.Event(), threading.Event(), list[Any]()

    def paused(migrator: Any, db: Database) -> None:
        inside.set()
        assert go.wait(30)
        step(migrator, db)

    def run() -> None:
        try:
            source = InlineSource("slow", [InlineStep(paused, atomic=options.pop("atomic", True))])
            results.append(migrate(opened(url), source, **options))
        except Exception as error:  # noqa: BLE001
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(30)
    try:
        meanwhile()
    finally:
        go.set()
        thread.join()
    return results


def nothing(migrator: Any, db: Database) -> None:
    """Do nothing."""


def test_waiting_for_another_run_ends_and_names_the_holder(
    database: Database, url: str, engine_name: str, tmp_path: Path
) -> None:
    def meanwhile() -> None:
        source = DirectorySource(write(tmp_path / "steps", _0001_open=OPEN_STEP), name="app")
        begun = time.monotonic()
        with pytest.raises(LockTimeout, match="was not free within 0.3 s; held by") as caught:
            migrate(database, source, lock_wait=0.3)
        assert 0.3 <= time.monotonic() - begun < 5
        assert caught.value.waited == 0.3
        holder = f"process {os.getpid()} on" if engine_name == "sqlite" else "backend "
        assert str(caught.value.holder).startswith(holder)

    assert while_running(url, nothing, meanwhile, atomic=False) == [["slow:0001_paused"]]


def test_nothing_to_do_does_not_wait_for_another_run(database: Database, url: str, tmp_path: Path) -> None:
    migrate(database, books(tmp_path))

    def meanwhile() -> None:
        begun = time.monotonic()
        assert migrate(database, books(tmp_path)) == []
        assert time.monotonic() - begun < 2

    assert while_running(url, nothing, meanwhile, atomic=False) == [["slow:0001_paused"]]


def test_an_atomic_step_on_sqlite_waits_no_longer_than_it_may(sqlite_url: str, tmp_path: Path) -> None:
    migrate(opened(sqlite_url), books(tmp_path))

    def meanwhile() -> None:
        with pytest.raises(LockTimeout, match="app:0003_open"):
            source = books(tmp_path, _0003_open=OPEN_STEP.replace("False", "True"))
            migrate(opened(sqlite_url), source, lock_wait=0.3)

    assert while_running(sqlite_url, nothing, meanwhile) == [["slow:0001_paused"]]


def test_the_lock_is_free_after_a_step_that_failed(database: Database, url: str) -> None:
    def fail(migrator: Any, db: Database) -> None:
        raise KeyError("no")

    database.connect(reuse_if_open=True)
    with pytest.raises(StepFailed):
        migrate(database, InlineSource("app", [InlineStep(fail, atomic=False)]))
    assert migrate(opened(url), InlineSource("other", [InlineStep(nothing, atomic=False)]), lock_wait=0.0) == [
        "other:0001_nothing"
    ]


def test_no_lock_file_is_left_beside_a_sqlite_database(sqlite_url: str, tmp_path: Path) -> None:
    seen: list[str] = []

    def look(migrator: Any, db: Database) -> None:
        seen.extend(path.name for path in tmp_path.glob("*-migrating"))

    migrate(opened(sqlite_url), InlineSource("app", [look, InlineStep(look, atomic=False)]))
    assert seen == ["signals.db-migrating"] * 2
    assert list(tmp_path.glob("*-migrating")) == []
    migrate(opened(sqlite_url), InlineSource("atomic", [look]))
    assert seen == ["signals.db-migrating"] * 2


def test_a_long_reader_makes_a_step_try_again_and_nobody_queue_behind_it(postgres_url: str, tmp_path: Path) -> None:
    migrate(opened(postgres_url), books(tmp_path))
    reader, other, heard = opened(postgres_url), opened(postgres_url), list[str]()
    reader.begin()
    reader.execute_sql("SELECT * FROM books")

    def observe(event: StepEvent) -> None:
        heard.append(event.kind)
        if event.kind != "retrying":
            return
        other.execute_sql("SET lock_timeout = '1ms'")
        assert other.execute_sql("SELECT count(*) FROM books").fetchone() == (0,)
        if heard.count("retrying") == 2:
            reader.rollback()

    source = InlineSource("more", [add_column])
    assert migrate(opened(postgres_url), source, lock_timeout=0.05, on_event=observe) == ["more:0001_add_column"]
    assert heard == ["started", "retrying", "retrying", "applied"]
    assert columns(other, "books") == ["id", "title", "pages", "more"]


def test_a_reader_that_does_not_go_is_named_and_the_step_rolled_back(postgres_url: str, tmp_path: Path) -> None:
    migrate(opened(postgres_url), books(tmp_path))
    reader = opened(postgres_url)
    reader.connect()
    reader.execute_sql("SET application_name = 'weekly report'")
    reader.begin()
    reader.execute_sql("SELECT * FROM books")

    def two(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE two (id INTEGER)")
        add_column(migrator, db)

    runner = MigrationRunner(opened(postgres_url), InlineSource("more", [two]), lock_timeout=0.02, lock_wait=0.2)
    with pytest.raises(LockTimeout, match="what step more:0001_two changes.*weekly report.*idle in transaction"):
        runner.up()
    assert tables(reader) == ["books"]
    reader.rollback()
    assert runner.up() == ["more:0001_two"]


@pytest.mark.parametrize("lock_timeout", [0, 0.0001, 3600])
@pytest.mark.parametrize("by", ["statement", "operation", "operation of a step that is not atomic"])
@pytest.mark.parametrize("lock_wait", [0, 0.4])
def test_no_statement_waits_for_longer_than_the_run_may_whatever_its_own_limit(
    postgres_url: str, tmp_path: Path, lock_timeout: float, by: str, lock_wait: float
) -> None:
    migrate(opened(postgres_url), books(tmp_path))
    holder = opened(postgres_url)
    holder.begin()
    holder.execute_sql("LOCK TABLE books IN ACCESS SHARE MODE")

    def by_operation(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.drop_column("books", "pages"))

    step = InlineStep(add_column if by == "statement" else by_operation, atomic="not atomic" not in by)
    runner = MigrationRunner(
        opened(postgres_url), InlineSource("more", [step]), lock_timeout=lock_timeout, lock_wait=lock_wait
    )
    begun = time.monotonic()
    with pytest.raises((LockTimeout, StepFailed), match=rf"held by backend .*{lock_wait:g} s|{lock_wait:g} s; held by"):
        runner.up()
    assert lock_wait <= time.monotonic() - begun < 5
    assert columns(holder, "books") == ["id", "title", "pages"]
    holder.rollback()
    assert runner.up() == [f"more:0001_{step.up.__name__}"]


@pytest.mark.parametrize("lock_timeout", [0, 0.4, 1.2])
@pytest.mark.parametrize("by", ["statement", "operation", "sql of a step that is not atomic", "operation of one"])
def test_the_tries_of_a_step_wait_no_longer_together_than_the_run_may(
    postgres_url: str, tmp_path: Path, lock_timeout: float, by: str
) -> None:
    migrate(opened(postgres_url), books(tmp_path))
    holder = opened(postgres_url)
    holder.begin()
    holder.execute_sql("SELECT * FROM books")

    def by_operation(migrator: Any, db: Database) -> None:
        sql = migrator.sql("ALTER TABLE books DROP COLUMN pages")
        migrator.migrate(sql if by.startswith("sql") else migrator.drop_column("books", "pages"))

    atomic = by in ("statement", "operation")
    source = InlineSource("more", [InlineStep(add_column if by == "statement" else by_operation, atomic=atomic)])
    begun = time.monotonic()
    with pytest.raises(MigrationError, match=r"held by backend .*was not free within 1\.5 s|1\.5 s; held by backend"):
        migrate(opened(postgres_url), source, lock_timeout=lock_timeout, lock_wait=1.5)
    assert 1.4 < time.monotonic() - begun < 1.6 * 1.5
    assert columns(holder, "books") == ["id", "title", "pages"]


def test_work_that_comes_before_a_wait_is_not_taken_for_one(postgres_url: str, tmp_path: Path) -> None:
    migrate(opened(postgres_url), books(tmp_path))
    holder, heard = opened(postgres_url), list[str]()
    holder.begin()
    holder.execute_sql("SELECT * FROM books")

    def work(migrator: Any, db: Database) -> None:
        db.execute_sql("SELECT pg_sleep(0.6)")
        add_column(migrator, db)

    def observe(event: StepEvent) -> None:
        heard.append(event.kind)
        if event.kind == "retrying":
            holder.rollback()

    migrate(opened(postgres_url), InlineSource("more", [work]), lock_timeout=0.05, lock_wait=0.5, on_event=observe)
    assert heard == ["started", "retrying", "applied"]


def test_a_deadlock_makes_a_step_try_again(postgres_url: str, tmp_path: Path) -> None:
    database, other = opened(postgres_url), opened(postgres_url)
    database.execute_sql("CREATE TABLE a (id INTEGER)")
    database.execute_sql("CREATE TABLE b (id INTEGER)")
    attempts: list[int] = []
    blocked: list[threading.Thread] = []

    def take_b_then_a() -> None:
        other.execute_sql("SET deadlock_timeout = '1h'")  # the step is to be the one that is given up
        with other.atomic():
            other.execute_sql("LOCK TABLE b")
            waiting.set()
            other.execute_sql("LOCK TABLE a")
        other.close()

    waiting = threading.Event()

    def lock_both(migrator: Any, db: Database) -> None:
        attempts.append(1)
        db.execute_sql("SET LOCAL deadlock_timeout = '10ms'")
        db.execute_sql("LOCK TABLE a")
        if len(attempts) == 1:
            blocked.append(threading.Thread(target=take_b_then_a))
            blocked[0].start()
            assert waiting.wait(30)
            watcher = opened(postgres_url)
            while not watcher.execute_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
                pass
            watcher.close()
        db.execute_sql("LOCK TABLE b")

    assert migrate(database, InlineSource("app", [lock_both]), lock_timeout=0.0) == ["app:0001_lock_both"]
    assert len(attempts) == 2
    blocked[0].join()


def test_a_step_that_is_not_atomic_is_not_tried_again_and_may_wait(postgres_url: str) -> None:
    def show(migrator: Any, db: Database) -> None:
        seen.append(db.execute_sql("SHOW lock_timeout").fetchone()[0])

    seen: list[str] = []
    migrate(opened(postgres_url), InlineSource("app", [show, InlineStep(show, atomic=False)]), lock_timeout=1.5)
    assert seen == ["1500ms", "0"]


def test_a_step_does_not_run_on_a_session_that_does_not_hold_the_lock(postgres_url: str) -> None:
    database = opened(postgres_url)

    def release(migrator: Any, db: Database) -> None:
        db.execute_sql("SELECT pg_advisory_unlock_all()")

    def never(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE never (id INTEGER)")

    with pytest.raises(MigrationError, match="app:0002_never was not begun: .* does not hold the migration lock"):
        migrate(database, InlineSource("app", [release, never]))
    assert tables(database) == []
    assert migrate(database, InlineSource("app", [release])) == []


def test_a_server_that_ends_the_session_in_a_step_that_is_not_atomic_leaves_it_unfinished(postgres_url: str) -> None:
    database, killer = opened(postgres_url), opened(postgres_url)

    def killed(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE one (id INTEGER)")
        (pid,) = db.execute_sql("SELECT pg_backend_pid()").fetchone()
        killer.execute_sql("SELECT pg_terminate_backend(%s)", (pid,))
        db.execute_sql("CREATE TABLE two (id INTEGER)")

    with pytest.raises(StepFailed, match="what it had done before stays"):
        migrate(database, InlineSource("app", [InlineStep(killed, atomic=False)]))
    assert tables(killer) == ["one"]
    (step,) = MigrationRunner(killer, InlineSource("app", [InlineStep(killed, atomic=False)])).status().steps
    assert step.state == "running"


def test_a_server_that_ends_the_session_in_a_step_leaves_nothing(postgres_url: str, tmp_path: Path) -> None:
    database, killer = opened(postgres_url), opened(postgres_url)

    def killed(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE one (id INTEGER)")
        (pid,) = db.execute_sql("SELECT pg_backend_pid()").fetchone()
        killer.execute_sql("SELECT pg_terminate_backend(%s)", (pid,))
        db.execute_sql("CREATE TABLE two (id INTEGER)")

    with pytest.raises((StepFailed, DatabaseUnavailable), match="terminating connection|closed") as caught:
        migrate(database, InlineSource("app", [killed]))
    assert isinstance(caught.value, StepFailed)
    assert caught.value.rolled_back
    assert tables(killer) == []
    assert MigrationRunner(killer, InlineSource("app", [killed])).status().pending == ("app:0001_killed",)


def test_a_session_whose_client_was_killed_ends_within_a_second(postgres_url: str) -> None:
    database = opened(postgres_url)

    def look(migrator: Any, db: Database) -> None:
        assert db.execute_sql("SHOW client_connection_check_interval").fetchone() == ("1s",)

    database.connect()
    migrate(database, InlineSource("app", [InlineStep(look, atomic=False)]))
    assert database.execute_sql("SHOW client_connection_check_interval").fetchone() == ("0",)


def test_a_busy_sqlite_file_is_waited_for_when_the_history_is_read(sqlite_url: str, tmp_path: Path) -> None:
    migrate(opened(sqlite_url), books(tmp_path))
    holder, database = opened(sqlite_url), opened(sqlite_url)
    holder.begin("EXCLUSIVE")
    database.connect()
    database.execute_sql("PRAGMA busy_timeout = 10")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        migrate(database, books(tmp_path), lock_wait=0.1)
    holder.rollback()
    assert migrate(database, books(tmp_path), lock_wait=0.1) == []


@pytest.mark.parametrize("change", ["add_not_null", "add_unique", "drop_column", "backfill"])
def test_a_look_at_a_table_that_is_locked_ends_as_every_wait_does(postgres_url: str, change: str) -> None:
    """The catalog asks for the table itself, to write the default of a column."""
    other, database = opened(postgres_url), opened(postgres_url)
    other.execute_sql("CREATE TABLE books (id SERIAL PRIMARY KEY, pages INTEGER)")

    def step(migrator: Any, db: Database) -> None:
        more = (7,) if change == "backfill" else ()
        migrator.migrate(getattr(migrator, change)("books", "pages", *more))

    source = InlineSource("app", [InlineStep(step, atomic=False)])
    with other.atomic():
        other.execute_sql("LOCK TABLE books IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(
            StepFailed, match=r"table 'books', held by backend .*, was not free within 0\.3 s"
        ) as caught:
            migrate(database, source, lock_wait=0.3)
    assert isinstance(caught.value.__cause__, LockTimeout)
    assert database.execute_sql("SHOW lock_timeout").fetchone() == ("0",)
    assert migrate(database, source) == ["app:0001_step"]
