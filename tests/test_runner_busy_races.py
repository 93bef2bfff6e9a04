"""What if a database is in use: by other starts, by readers that do not go, by clients that are gone?"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from runner_kit import (
    BOOKS,
    PROCESSES,
    WAIT_HERE,
    books,
    closing,
    columns,
    exits_at_once,
    killed_inside,
    opened,
    statements,
    tables,
    write,
)
from wire import relayed

from signals_peewee.errors import StepFailed, UnfinishedStep
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, StepEvent, migrate

CONCURRENT = """
    atomic = False


    def up(migrator, db):
        db.execute_sql('CREATE INDEX CONCURRENTLY books_title ON books (title)')
"""
ALTER = """
    atomic = {atomic}


    def up(migrator, db):
        db.execute_sql("ALTER TABLE books ADD COLUMN more INTEGER")
"""
TABLE = (
    WAIT_HERE
    + """

atomic = {atomic}


def up(migrator, db):
    wait_here()
    db.execute_sql("CREATE TABLE one (id INTEGER)")
"""
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Ask until it is so, which is an error where it takes too long."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
    return found


def sessions(database: Database, condition: str) -> list[int]:
    """Return the other sessions of this database of which a condition holds."""
    sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
    return [pid for (pid,) in database.execute_sql(f"{sql}{condition}").fetchall()]


def in_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """Begin a call in a thread, and return what waits for its result or its error."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> Any:
        thread.join(60)
        return results[0]

    return result


def test_those_who_wait_do_not_stop_the_one_that_builds_a_concurrent_index(postgres_url: str, tmp_path: Path) -> None:
    watcher, snapshot = opened(postgres_url), opened(postgres_url)
    migrate(watcher, books(tmp_path))
    # A snapshot that the index waits for keeps its builder busy until all the others wait for the lock.
    snapshot.execute_sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
    snapshot.execute_sql("SELECT count(*) FROM books")
    folder = write(tmp_path / "steps", _0003_index=CONCURRENT)
    started = in_thread(lambda: exits_at_once(8, postgres_url, folder, lock_wait=60.0))
    until(lambda: sessions(watcher, "query LIKE 'CREATE INDEX%%' AND wait_event_type = 'Lock'"))
    until(lambda: len(sessions(watcher, "query LIKE '%%pg_try_advisory_lock%%' AND state = 'idle'")) == 7)
    assert sessions(watcher, "query LIKE '%%pg_try_advisory_lock%%' AND backend_xmin IS NOT NULL") == []
    snapshot.execute_sql("ROLLBACK")
    assert sorted(started()) == [([], 0)] * 7 + [(["app:0003_index"], 0)]
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'books_title'::regclass"
    assert watcher.execute_sql(valid).fetchone() == (True,)


@pytest.mark.parametrize("atomic", [True, False])
def test_an_old_replica_that_starts_in_the_middle_of_a_deploy_serves(
    database: Database, url: str, tmp_path: Path, atomic: bool
) -> None:
    old = DirectorySource(write(tmp_path / "old", _0001_books=BOOKS), name="app")
    new = write(tmp_path / "new", _0001_books=BOOKS, _0002_one=TABLE.format(atomic=atomic))
    migrate(database, old)

    def meanwhile() -> None:
        begun = time.monotonic()
        assert MigrationRunner(opened(url), old, lock_wait=20.0).up() == []
        assert time.monotonic() - begun < 5

    killed_inside(url, new, meanwhile=meanwhile)
    meanwhile()  # and after a deploy that broke off
    runner = MigrationRunner(opened(url), DirectorySource(new, name="app"))
    if not atomic:
        runner.repair("app:0002_one", "retry")
    assert runner.up() == ["app:0002_one"]
    meanwhile()  # and after one that did not


@pytest.mark.parametrize("atomic", [True, False])
def test_when_the_one_that_runs_is_killed_those_who_wait_go_on_at_once(
    database: Database, url: str, tmp_path: Path, atomic: bool
) -> None:
    folder = write(tmp_path / "steps", _0001_books=BOOKS)
    migrate(database, DirectorySource(folder, name="app"))
    write(folder, _0002_one=TABLE.format(atomic=atomic))
    ends: list[float] = []
    waiting: list[Callable[[], Any]] = []

    def wait() -> Any:
        try:
            return MigrationRunner(waiter, DirectorySource(folder, name="app"), lock_wait=50.0).up()
        finally:
            ends.append(time.monotonic())

    def meanwhile() -> None:
        with statements(waiter) as heard:
            waiting.append(in_thread(wait))
            until(lambda: any("migration_history" in sql for sql in heard))
        assert not ends

    waiter = opened(url)
    killed_inside(url, folder, meanwhile=meanwhile)
    killed = time.monotonic()
    result = waiting[0]()
    assert ends[0] - killed < 5
    if atomic:
        assert result == ["app:0002_one"]
        assert tables(database) == ["books", "one"]
    else:
        assert isinstance(result, UnfinishedStep)
        assert result.steps == ("app:0002_one",)


def test_other_readers_wait_no_longer_than_the_lock_timeout_for_a_step_that_waits_for_one(
    postgres_url: str, tmp_path: Path
) -> None:
    timeout, slack = 0.2, 1.0
    migrate(opened(postgres_url), books(tmp_path))
    long, reader = opened(postgres_url), opened(postgres_url)
    long.begin()
    long.execute_sql("SELECT count(*) FROM books")
    stalls: list[float] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            begun = time.monotonic()
            reader.execute_sql("SELECT count(*) FROM books")
            stalls.append(time.monotonic() - begun)
        reader.close()

    def observe(event: StepEvent) -> None:
        if event.kind == "retrying" and event.attempt == 5:
            long.rollback()

    reading = in_thread(read)
    source = DirectorySource(write(tmp_path / "steps", _0003_more=ALTER.format(atomic=True)), name="app")
    applied = MigrationRunner(opened(postgres_url), source, lock_timeout=timeout, on_event=observe).up()
    over.set()
    reading()
    assert applied == ["app:0003_more"]
    assert timeout / 2 < max(stalls) < timeout + slack  # it did queue behind the step, and not for long


@pytest.mark.parametrize("atomic", [True, False])
def test_a_statement_that_waits_when_its_client_is_killed_changes_nothing_later(
    postgres_url: str, tmp_path: Path, atomic: bool
) -> None:
    source = books(tmp_path)
    holder, watcher = opened(postgres_url), opened(postgres_url)
    migrate(watcher, source)
    write(tmp_path / "steps", _0003_more=ALTER.format(atomic=atomic))
    holder.begin()
    holder.execute_sql("SELECT count(*) FROM books")
    process = PROCESSES.Process(target=_run_in_one_go, args=(postgres_url, tmp_path / "steps"))
    process.start()
    until(lambda: sessions(watcher, "query LIKE 'ALTER TABLE%%' AND wait_event_type = 'Lock'"))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    until(lambda: not sessions(watcher, "query LIKE 'ALTER TABLE%%'"), 10)
    holder.rollback()
    assert columns(watcher, "books") == ["id", "title", "pages"]
    if not atomic:
        with pytest.raises(UnfinishedStep, match="app:0003_more"):
            migrate(watcher, source)
        MigrationRunner(watcher, source).repair("app:0003_more", "retry")
    assert migrate(watcher, source) == ["app:0003_more"]
    assert columns(watcher, "books") == ["id", "title", "pages", "more"]


def _run_in_one_go(url: str, folder: Path) -> None:
    MigrationRunner(opened(url), DirectorySource(folder, name="app"), lock_timeout=0.0).up()


def two(migrator: Any, db: Database) -> None:
    db.execute_sql("CREATE TABLE one (id INTEGER)")
    db.execute_sql("CREATE TABLE two (id INTEGER)")


@pytest.mark.parametrize("at", ["BEGIN", "CREATE TABLE two", "RELEASE", "UPDATE", "COMMIT"])
def test_a_line_that_breaks_in_a_step_leaves_nothing_and_the_same_runner_goes_on(postgres_url: str, at: str) -> None:
    owner = opened(postgres_url)
    with tempfile.TemporaryDirectory() as folder, relayed(postgres_url, Path(folder)) as relay:
        runner = MigrationRunner(opened(relay.url), InlineSource("app", [two]))
        with_history = InlineSource("other", [InlineStep(lambda migrator, db: None)])
        migrate(owner, with_history)
        relay.on_statement = lambda statement: relay.cut() if statement.startswith(at) else None
        with pytest.raises(Exception, match="app:0001_two") as caught:
            runner.up()
        if isinstance(caught.value, StepFailed):
            assert caught.value.rolled_back is (None if at == "COMMIT" else True)
        assert tables(owner) == []
        relay.on_statement = lambda statement: None
        assert runner.up() == ["app:0001_two"]
    assert tables(owner) == ["one", "two"]


def test_a_line_that_breaks_after_the_commit_was_sent_is_not_called_a_rollback(postgres_url: str) -> None:
    owner = opened(postgres_url)
    committed = "SELECT count(*) FROM pg_tables WHERE tablename = 'two'"
    with tempfile.TemporaryDirectory() as folder, relayed(postgres_url, Path(folder)) as relay:
        runner = MigrationRunner(opened(relay.url), InlineSource("app", [two]))

        def deaf(statement: str) -> None:
            if statement == "COMMIT" and any("CREATE TABLE two" in sent for sent in relay.statements):
                relay.swallow_replies = True
                threading.Thread(target=cut_when_committed).start()

        def cut_when_committed() -> None:
            watcher = opened(postgres_url)
            until(lambda: watcher.execute_sql(committed).fetchone() == (1,))
            relay.cut()
            watcher.close()

        relay.on_statement = deaf
        with pytest.raises(StepFailed, match="only the history can tell whether it was") as caught:
            runner.up()
        assert caught.value.rolled_back is None
    assert tables(owner) == ["one", "two"]
    assert MigrationRunner(owner, InlineSource("app", [two])).status().applied == ("app:0001_two",)
