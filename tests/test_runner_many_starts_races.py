"""Do sixteen replicas of a service that start at once all start, and does each step happen once? Again and again.

SIGNALS_TEST_ROUNDS says how often each of them is repeated: 20 times, where nothing else is said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database
from runner_kit import closing, exits_at_once, opened, write

from signals_peewee.runner import DirectorySource, MigrationRunner

ROUNDS = int(os.environ.get("SIGNALS_TEST_ROUNDS", "20"))
STARTS = 16

TABLE = """
    atomic = {atomic}


    def up(migrator, db):
        db.execute_sql("CREATE TABLE effects (step TEXT, before INTEGER)")


    def down(migrator, db):
        db.execute_sql("DROP TABLE effects")
"""
EFFECT = """
    atomic = {atomic}


    def up(migrator, db):
        db.execute_sql("INSERT INTO effects (step, before) SELECT '{name}', count(*) FROM effects")


    def down(migrator, db):
        db.execute_sql("DELETE FROM effects WHERE step = '{name}'")
"""
KINDS = {"atomic": (True, True, True), "not atomic": (False, False, False), "mixed": (True, False, True)}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def chain(folder: Path, kind: str) -> Path:
    first, second, third = KINDS[kind]
    return write(
        folder,
        _0001_table=TABLE.format(atomic=first),
        _0002_a=EFFECT.format(atomic=second, name="a"),
        _0003_b=EFFECT.format(atomic=third, name="b"),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_sixteen_starts_on_an_empty_database_and_on_one_with_a_pending_step(
    database: Database, url: str, tmp_path: Path, kind: str
) -> None:
    before, after = chain(tmp_path / "before", kind), chain(tmp_path / "after", kind)
    write(after, _0004_c=EFFECT.format(atomic=KINDS[kind][1], name="c"))
    for _ in range(ROUNDS):
        assert started(url, before) == ["app:0001_table", "app:0002_a", "app:0003_b"]
        assert started(url, after) == ["app:0004_c"]
        assert database.execute_sql("SELECT step, before FROM effects ORDER BY before").fetchall() == [
            ("a", 0),
            ("b", 1),
            ("c", 2),
        ]
        runner = MigrationRunner(opened(url), DirectorySource(after, name="app"))
        assert len(runner.down(all=True)) == 4
        database.execute_sql("DROP TABLE migration_history")


def started(url: str, folder: Path) -> list[str]:
    """Start them all at once, each a success, and return what they did between them."""
    exits = exits_at_once(STARTS, url, folder)
    assert [code for _, code in exits] == [0] * STARTS, exits
    return sorted(step for steps, _ in exits for step in steps)
