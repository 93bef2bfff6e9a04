"""What is left of a rebuild whose process was killed at any of its statements?"""

from __future__ import annotations

import os
import shutil
import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from peewee import IntegerField, SqliteDatabase, TextField
from rebuild_catalog import Picture, picture
from rebuild_kit import change
from runner_kit import PROCESSES

from signals_peewee.engine.altering import AddColumn, AddNotNull, Change, DropColumn

TABLE = (
    "CREATE TABLE log (said TEXT)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, \"a-2\" TEXT DEFAULT 'a  b', b INT, c TEXT UNIQUE) STRICT",
    "CREATE INDEX i ON t (b DESC) WHERE b > 1",
    "CREATE TABLE child (t_id INT REFERENCES t ON DELETE CASCADE)",
    "CREATE VIEW v AS SELECT * FROM t",
    "INSERT INTO t (b, c) VALUES (1, 'x'), (2, 'y'), (3, 'z')",
    "INSERT INTO child SELECT id FROM t",
    "DELETE FROM t WHERE b = 3",
    "CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO log VALUES (OLD.b); END",
    "ANALYZE",
)
CHANGES: dict[str, tuple[Change, ...]] = {
    "rebuild": (AddNotNull("t", "b"),),
    "two rebuilds": (AddNotNull("t", "b"), DropColumn("t", "c")),
    "a default that is called": (AddColumn("t", "d", IntegerField(default=lambda: 7, index=True)),),
    "an index and a column": (AddColumn("t", "e", TextField(default="x", unique=False, index=True)),),
}


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A file with tables and rows, closed."""
    database = opened(tmp_path / "start.db")
    for sql in TABLE:
        database.execute_sql(sql)
    database.close()
    return tmp_path / "start.db"


def opened(path: Path) -> SqliteDatabase:
    database = SqliteDatabase(path, pragmas={"foreign_keys": 1})
    database.connect()
    return database


def _killed_at_each_statement(start: Path, name: str) -> None:
    """Carry out a change on one copy after the other, each in a process that kills itself one statement later."""
    at, status = 0, signal.SIGKILL
    while status == signal.SIGKILL:
        at += 1
        copy = start.with_name(f"copy {at:03}.db")
        shutil.copy(start, copy)
        child = os.fork()
        if not child:
            _killed(copy, name, at)
            os._exit(0)
        _, status = os.waitpid(child, 0)
    assert status == 0


def _killed(path: Path, name: str, at: int) -> None:
    """Carry out a change, and kill the process right after one of its statements."""
    database, statements = opened(path), count(1)

    def hook(event: Any) -> None:
        if next(statements) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    database.query_hooks.append(hook)
    change(database, *CHANGES[name], native=False)
    database.close()


@pytest.mark.parametrize("name", CHANGES)
def test_after_kill_9_at_any_statement_nothing_is_lost_and_a_second_run_finishes(start: Path, name: str) -> None:
    process = PROCESSES.Process(target=_killed_at_each_statement, args=(start, name))
    process.start()
    process.join()
    assert process.exitcode == 0
    *copies, whole = [pictured(path) for path in sorted(start.parent.glob("copy *.db"))]
    before = pictured(start)
    assert len(copies) > 20
    assert before != whole
    assert copies == [before] * copies.count(before) + [whole] * copies.count(whole)
    for path in sorted(start.parent.glob("copy *.db"))[: copies.count(before)]:
        database = opened(path)
        change(database, *CHANGES[name], native=False)
        assert picture(database) == whole
        database.close()


def pictured(path: Path) -> Picture:
    database = opened(path)
    try:
        return picture(database)
    finally:
        database.close()
