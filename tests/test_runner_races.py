"""What happens when a service starts many times at once? Every start succeeds, and each step runs once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database
from runner_kit import BOOKS, at_once, books, closing, opened, write

from signals_peewee.runner import MigrationRunner

LOG = """
    def up(migrator, db):
        db.execute_sql("CREATE TABLE log (step TEXT)")
"""
ONCE = """
    atomic = {atomic}


    def up(migrator, db):
        db.execute_sql("INSERT INTO log (step) SELECT '{name}' || count(*) FROM log")
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def runs_in(database: Database) -> list[str]:
    return sorted(step for (step,) in database.execute_sql("SELECT step FROM log").fetchall())


@pytest.mark.parametrize("atomic", [True, False])
def test_eight_processes_on_an_empty_database_apply_each_step_once(
    database: Database, url: str, tmp_path: Path, atomic: bool
) -> None:
    folder = write(
        tmp_path / "steps",
        _0001_log=LOG,
        _0002_a=ONCE.format(name="a", atomic=atomic),
        _0003_b=ONCE.format(name="b", atomic=True),
    )
    results = at_once(8, url, folder)
    assert all(isinstance(result, list) for result in results), results
    assert sorted(step for result in results for step in result) == ["app:0001_log", "app:0002_a", "app:0003_b"]
    assert runs_in(database) == ["a0", "b1"]


@pytest.mark.parametrize("atomic", [True, False])
def test_eight_processes_with_one_pending_step_apply_it_once(
    database: Database, url: str, tmp_path: Path, atomic: bool
) -> None:
    folder = write(tmp_path / "steps", _0001_log=LOG)
    assert at_once(1, url, folder) == [["app:0001_log"]]
    write(folder, _0002_a=ONCE.format(name="a", atomic=atomic))
    results = at_once(8, url, folder)
    assert sorted(results, key=len) == [[]] * 7 + [["app:0002_a"]]
    assert runs_in(database) == ["a0"]


def test_eight_processes_with_nothing_pending_do_nothing(url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "steps", _0001_log=LOG)
    at_once(1, url, folder)
    assert at_once(8, url, folder) == [[]] * 8


@pytest.mark.parametrize("atomic", [True, False])
def test_threads_of_one_process_apply_each_step_once(
    database: Database, url: str, tmp_path: Path, atomic: bool
) -> None:
    source = books(tmp_path, _0003_log=LOG, _0004_a=ONCE.format(name="a", atomic=atomic))
    barrier, results = threading.Barrier(6), list[object]()

    def start() -> None:
        own = opened(url)
        runner = MigrationRunner(own, source)
        barrier.wait(60)
        try:
            results.append(runner.up())
        except Exception as error:  # noqa: BLE001
            results.append(repr(error))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(result, list) for result in results), results
    assert sorted(step for result in results for step in result) == [  # type: ignore[attr-defined]
        "app:0001_books",
        "app:0002_pages",
        "app:0003_log",
        "app:0004_a",
    ]
    assert runs_in(database) == ["a0"]


def test_one_runner_in_two_threads_is_two_runs(database: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(database, books(tmp_path))
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(runner.up())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(step for result in results for step in result) == ["app:0001_books", "app:0002_pages"]


def test_runs_of_different_histories_do_not_wait_for_each_other(postgres_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "steps", _0001_books=BOOKS)
    one, other = opened(postgres_url), opened(postgres_url)
    nested: list[list[str]] = []

    def inside(event: object) -> None:
        if not nested:
            nested.append([])
            nested[0] = MigrationRunner(other, books(tmp_path / "other"), schema="tenant_b", lock_wait=0.0).up()

    from signals_peewee.runner import DirectorySource

    MigrationRunner(one, DirectorySource(folder, name="app"), schema="tenant_a", on_event=inside).up()
    assert nested == [["app:0001_books", "app:0002_pages"]]
