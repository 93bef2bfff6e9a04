"""Is a run linear in its pending steps, and are two runs of one process nothing to each other?"""

from __future__ import annotations

import linecache
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peewee
import playhouse.migrate
import playhouse.reflection
import pytest
from peewee import Database, SqliteDatabase, TextField
from runner_kit import BOOKS, books, closed_later, closing, opened, tables, write

from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, migrate

NOTHING = "def up(migrator, db):\n    pass\n\n\ndef down(migrator, db):\n    pass\n"
FEW, MANY = 100, 1_000


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def seconds(call: Callable[[], Any]) -> float:
    """Return what a call costs this process, which what others do on the machine does not change much."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def hasty(file: Path) -> Database:
    """Return a database that does not wait for its disk."""
    return closed_later(SqliteDatabase(str(file), pragmas={"synchronous": "off", "journal_mode": "memory"}))


def scripts(folder: Path, steps: int, head: str = "") -> Path:
    return write(folder, **{f"_{number:04d}_step": head + NOTHING for number in range(1, steps + 1)})


def test_ten_times_as_many_pending_steps_cost_about_ten_times_as_much(tmp_path: Path) -> None:
    def costs(steps: int) -> list[float]:
        source = DirectorySource(scripts(tmp_path / f"{steps}", steps), name="app")
        runner = MigrationRunner(hasty(tmp_path / f"{steps}.db"), source)
        called = [runner.status, runner.plan, runner.up, runner.up, lambda: runner.down(all=True), runner.stamp]
        return [seconds(call) for call in called]

    few, many = costs(FEW), costs(MANY)
    # A quadratic part that costs as much as the rest at a hundred steps would make it 55 times.
    assert sum(many) < 30 * sum(few), (few, many)


def test_ten_times_as_many_dependencies_cost_about_ten_times_as_much(tmp_path: Path) -> None:
    def cost(steps: int) -> float:
        names = [f"s{number % 10}:{number // 10 + 1:04d}_nothing" for number in range(steps)]
        woven: list[list[InlineStep]] = [[] for _ in range(10)]
        for number in range(steps):  # each waits for the one before it, which is of another source
            woven[number % 10].append(InlineStep(nothing, depends_on=names[max(number - 1, 0) : number]))
        sources = [InlineSource(f"s{number}", woven[number]) for number in (3, 1, 4, 5, 9, 2, 6, 8, 7, 0)]
        runner = MigrationRunner(hasty(tmp_path / f"{steps}.db"), sources)
        assert [step.id for step in runner.plan().steps] == names
        return min(seconds(runner.plan) for _ in range(3))

    few, many = cost(FEW), cost(MANY)
    assert many < 30 * few, (few, many)


def nothing(migrator: Any, db: Database) -> None:
    """Do nothing."""


def test_an_old_replica_among_many_newer_steps_costs_no_more_than_they_are(tmp_path: Path) -> None:
    def cost(steps: int) -> float:
        folder = scripts(tmp_path / f"{steps}", steps)
        database = hasty(tmp_path / f"{steps}.db")
        MigrationRunner(database, DirectorySource(folder, name="app")).stamp()
        for path in sorted(folder.iterdir())[1:]:
            path.unlink()
        old = MigrationRunner(database, DirectorySource(folder, name="app"))
        assert old.up() == []
        return min(seconds(old.up) for _ in range(3))

    few, many = cost(FEW), cost(MANY)
    assert many < 30 * few, (few, many)


def test_two_runners_in_two_threads_on_two_databases_are_independent(database: Database, tmp_path: Path) -> None:
    other = opened(f"sqlite:///{tmp_path / 'other.db'}")
    meet, results = threading.Barrier(2), dict[str, Any]()

    def step(name: str) -> Callable[[Any, Database], None]:
        def make(migrator: Any, db: Database) -> None:
            meet.wait(30)  # both are inside their steps, each in a transaction of its own

            class Thing(migrator.Model):  # type: ignore[misc, name-defined]
                value = TextField(default=migrator.context["word"])

                class Meta:
                    table_name = name

            Thing.create_table(safe=False)
            meet.wait(30)
            Thing.create()
            meet.wait(30)

        return make

    def run(name: str, on: Database, atomic: bool) -> None:
        source = InlineSource(name, [InlineStep(step(name), atomic=atomic)])
        results[name] = migrate(on, source, context={name: {"word": f"of {name}"}})

    threads = [
        threading.Thread(target=run, args=("first", database, True)),
        threading.Thread(target=run, args=("second", other, False)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"first": ["first:0001_make"], "second": ["second:0001_make"]}
    for name, on in (("first", database), ("second", other)):
        assert tables(on) == [name]
        assert on.execute_sql(f"SELECT value FROM {name}").fetchall() == [(f"of {name}",)]


def test_a_run_leaves_nothing_behind_in_the_process(database: Database, tmp_path: Path) -> None:
    def everything() -> list[Any]:
        patched = [
            {name: value for name, value in vars(thing).items() if name != "_field_counter"}
            for module in (peewee, playhouse.migrate, playhouse.reflection)
            for thing in (module, *(found for found in vars(module).values() if isinstance(found, type)))
        ]
        modules = {name for name in sys.modules if not name.startswith(("signals_peewee", "playhouse"))}
        return [modules, [*sys.path], threading.active_count(), len(database.query_hooks), patched]

    MigrationRunner(database, books(tmp_path / "warm")).up()  # what is imported late is imported now
    MigrationRunner(database, books(tmp_path / "warm")).down(all=True)
    before, cached = everything(), set(linecache.cache)
    runner = MigrationRunner(database, books(tmp_path, _0003_fails=NOTHING.replace("pass", "raise KeyError")))
    with pytest.raises(Exception, match="0003_fails"):
        runner.up()
    runner.down(all=True)
    assert everything() == before
    assert {name for name in linecache.cache if "steps" in name} <= cached | {str(tmp_path / "steps" / "0003_fails.py")}


def test_what_one_step_leaves_in_its_module_the_next_does_not_find(database: Database, tmp_path: Path) -> None:
    leaves = f'import sys\n\nLEFT = "behind"\nassert __name__ not in sys.modules\n\n\n{NOTHING}'
    finds = f'assert "LEFT" not in globals()\n\n\n{NOTHING}'
    source = DirectorySource(write(tmp_path / "steps", _0001_books=BOOKS, _0002_a=leaves, _0003_b=finds), name="app")
    assert len(migrate(database, source)) == 3
