"""Do rows get their values once, in batches, whatever comes between?"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import SQL, IntegerField, IntegrityError, JSONField, SqliteDatabase, TextField, fn, sqlite3
from rebuild_kit import change, rows
from runner_kit import PROCESSES

from signals_peewee.engine.altering import AddColumn, Backfill, RenameColumn

TABLES = {
    "plain": "CREATE TABLE t (a INT, filled TEXT)",
    "alias": "CREATE TABLE t (a INTEGER PRIMARY KEY, filled TEXT)",
    "shadowed": "CREATE TABLE t (a INT, rowid TEXT, filled TEXT)",
    "keyed": (
        "CREATE TABLE t (a INT, b TEXT DEFAULT 'x' COLLATE NOCASE, filled TEXT, PRIMARY KEY (b DESC, a)) WITHOUT ROWID"
    ),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """An empty file, in WAL mode as a service has it."""
    database = SqliteDatabase(tmp_path / "fill.db", pragmas={"journal_mode": "wal"})
    database.connect()
    yield database
    database.close()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
@given(
    filled=st.lists(st.booleans(), max_size=30), batch=st.integers(1, 7), value=st.sampled_from(["x", SQL("'x'"), None])
)
def test_only_rows_without_a_value_get_one(table: str, filled: list[bool], batch: int, value: Any) -> None:
    database = SqliteDatabase(":memory:")
    database.connect()
    database.execute_sql(table)
    for number, one in enumerate(filled):
        database.execute_sql("INSERT INTO t (a, filled) VALUES (?, ?)", (number, "before" if one else None))
    told: list[tuple[int, int | None]] = []
    made = (lambda row: f"x{row['a']}"[:1]) if value is None else value
    change(database, Backfill("t", "filled", made, batch_size=batch), atomic=False, tell=lambda *of: told.append(of))
    assert [row[0] for row in rows(database, "SELECT filled FROM t ORDER BY a")] == [
        "before" if one else "x" for one in filled
    ]
    missing = filled.count(False)
    assert [done for done, _ in told] == [*range(batch, missing, batch), *([missing] if missing else [])]
    assert {total for _, total in told} <= {missing}
    database.close()


def test_each_batch_is_a_transaction_unless_the_step_is_one(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INT)")
    for _ in range(5):
        database.execute_sql("INSERT INTO t VALUES (NULL)")
    inside: list[bool] = []
    told = {"tell": lambda *of: inside.append(database.connection().in_transaction)}
    change(database, Backfill("t", "a", 1, batch_size=2), atomic=False, **told)
    database.execute_sql("UPDATE t SET a = NULL")
    change(database, Backfill("t", "a", 1, batch_size=2), atomic=True, **told)
    assert inside == [False, False, False, True, True, True]


@pytest.mark.parametrize(("value", "locked"), [(SQL("see()"), 200), (lambda row: row["id"], 100)])
def test_the_lock_is_given_away_within_a_batch(database: SqliteDatabase, value: Any, locked: int) -> None:
    database.execute_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
    for _ in range(1_500):
        database.execute_sql("INSERT INTO t DEFAULT VALUES")
    other = SqliteDatabase(database.database, timeout=0)
    seen: list[int] = []

    @database.func("see")
    def see() -> int:
        seen.append(rows(other, "SELECT count(a) FROM t")[0][0])
        return 1

    database.execute_sql("CREATE TEMP TRIGGER watch AFTER UPDATE ON t BEGIN SELECT see(); END")
    change(database, Backfill("t", "a", value, batch_size=1_000), atomic=False)
    other.close()
    assert sorted(set(seen)) == [*range(0, 1_500, locked)]


def test_a_condition_says_which_rows(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INT)")
    for number in range(6):
        database.execute_sql("INSERT INTO t VALUES (?)", (number,))
    change(database, Backfill("t", "a", SQL("a * ?", [10]), where=SQL("a > ?", [3]), batch_size=1))
    assert rows(database, "SELECT a FROM t") == [(0,), (1,), (2,), (3,), (40,), (50,)]


@pytest.mark.parametrize("value", [lambda row: None if row["b"] == 2 else 1, SQL("nullif(b, 2)"), None])
def test_a_value_of_null_is_an_error_and_not_an_endless_loop(database: SqliteDatabase, value: Any) -> None:
    database.execute_sql("CREATE TABLE t (a INT, b INT)")
    database.execute_sql("INSERT INTO t (b) VALUES (1), (2), (3)")
    with pytest.raises(ValueError, match=r"the value for t.a is NULL in the row where \(rowid\) is \([12],\)"):
        change(database, Backfill("t", "a", value, batch_size=1), atomic=False)


@pytest.mark.parametrize("value", [7, lambda row: 7])
def test_a_constraint_that_would_replace_rows_replaces_none(database: SqliteDatabase, value: Any) -> None:
    database.execute_sql("CREATE TABLE t (a INT UNIQUE ON CONFLICT REPLACE)")
    database.execute_sql("INSERT INTO t VALUES (NULL), (NULL)")
    with pytest.raises(IntegrityError, match="UNIQUE"):
        change(database, Backfill("t", "a", value))
    assert rows(database, "SELECT a FROM t") == [(None,), (None,)]


def test_an_error_of_the_function_is_the_error(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INT)")
    database.execute_sql("INSERT INTO t VALUES (NULL)")
    with pytest.raises(ZeroDivisionError):
        change(database, Backfill("t", "a", lambda row: 1 // 0))


def test_rows_that_nothing_tells_apart_and_batches_of_none_are_refused(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (rowid INT, oid INT, _rowid_ INT, a INT)")
    with pytest.raises(ValueError, match="nothing tells the rows of 't' apart"):
        change(database, Backfill("t", "a", 1))
    with pytest.raises(ValueError, match="a batch has at least 1 row, not 0"):
        change(database, Backfill("t", "a", 1, batch_size=0))


def test_a_column_with_a_function_as_default_is_finished_by_a_second_run(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    for _ in range(12_000):
        database.execute_sql("INSERT INTO t DEFAULT VALUES")
    calls = iter(range(100_000))

    def failing() -> int:
        number = next(calls)
        if number == 7_000:
            raise ZeroDivisionError
        return number

    adding = AddColumn("t", "number", IntegerField(default=failing, unique=True))
    with pytest.raises(ZeroDivisionError):
        change(database, adding, atomic=False, native=False)
    assert rows(database, "SELECT count(number), max(number) FROM t") == [(7_000, 6_999)]
    change(database, adding, atomic=False, native=False)
    assert rows(database, "SELECT count(number), count(DISTINCT number) FROM t") == [(12_000, 12_000)]
    assert rows(database, "SELECT max(number) FROM t WHERE a <= 7000") == [(6_999,)]
    assert rows(database, "SELECT \"notnull\" FROM pragma_table_info('t') WHERE name = 'number'") == [(1,)]
    with pytest.raises(ValueError, match="has a column 'number' already"):
        change(database, adding)
    with pytest.raises(ValueError, match="has a column 'number' already"):
        change(database, AddColumn("t", "number", TextField(default="constant")), atomic=False)


def _filling(path: str, pipe: str) -> None:
    database = SqliteDatabase(path)
    database.connect()

    def killed_in_the_third_batch(row: Any) -> str:
        if row["a"] == 3_000:
            Path(pipe).write_text("here")
            signal.pause()
        return f"first {row['a']}"

    change(database, Backfill("t", "filled", killed_in_the_third_batch, batch_size=1_000), atomic=False)


def test_after_kill_9_the_next_run_touches_no_row_that_has_a_value(database: SqliteDatabase, tmp_path: Path) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, filled TEXT)")
    for _ in range(4_000):
        database.execute_sql("INSERT INTO t (filled) VALUES (NULL)")
    os.mkfifo(tmp_path / "pipe")
    process = PROCESSES.Process(target=_filling, args=(str(database.database), str(tmp_path / "pipe")))
    process.start()
    assert (tmp_path / "pipe").read_text() == "here"
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert rows(database, "SELECT count(filled) FROM t") == [(2_900,)]
    change(database, Backfill("t", "filled", lambda row: f"second {row['a']}", batch_size=1_000), atomic=False)
    assert rows(database, "SELECT count(*) FROM t WHERE filled = 'first ' || a AND a <= 2900") == [(2_900,)]
    assert rows(database, "SELECT count(*) FROM t WHERE filled = 'second ' || a AND a > 2900") == [(1_100,)]


def test_a_column_that_was_renamed_is_filled_under_its_new_name(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INT)")
    database.execute_sql("INSERT INTO t VALUES (NULL)")
    change(database, RenameColumn("t", "a", "b-2"), Backfill("t", "b-2", len))
    assert rows(database, 'SELECT "b-2" FROM t') == [(1,)]


def test_nobody_waits_while_values_are_made_and_a_row_that_changes_gets_the_value_of_what_it_became(
    database: SqliteDatabase,
) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, said TEXT, filled TEXT)")
    database.execute_sql("INSERT INTO t (a, said) VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')")
    other = SqliteDatabase(database.database, timeout=0)
    called: list[str] = []

    def said(row: dict[str, Any]) -> str:
        called.append(row["said"])
        if called == ["one"]:
            other.execute_sql("UPDATE t SET said = 'deux' WHERE a = 2")
            other.execute_sql("DELETE FROM t WHERE a = 3")
            other.execute_sql("INSERT INTO t VALUES (0, 'zero', NULL), (9, 'nine', 'theirs')")
        return str(row["said"])

    change(database, Backfill("t", "filled", said), atomic=False)
    other.close()
    filled = [(0, "zero"), (1, "one"), (2, "deux"), (4, "four"), (9, "theirs")]
    assert rows(database, "SELECT a, filled FROM t ORDER BY a") == filled
    assert called == ["one", "two", "three", "four", "deux", "zero"]


@pytest.mark.parametrize("value", ["x", lambda row: "x"])
def test_a_trigger_that_takes_values_away_ends_in_an_error(database: SqliteDatabase, value: Any) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, filled TEXT)")
    database.execute_sql("INSERT INTO t (a) VALUES (1), (2), (3)")
    database.execute_sql(
        "CREATE TRIGGER one AFTER UPDATE ON t WHEN new.filled IS NOT NULL "
        "BEGIN UPDATE t SET filled = NULL WHERE a <> new.a; END"
    )
    with pytest.raises(ValueError, match=r'where \("a"\) is \(1,\) is NULL again whenever filled was filled'):
        change(database, Backfill("t", "filled", value, batch_size=1), atomic=False)


def test_others_that_write_rows_for_ever_do_not_keep_it_going_for_ever(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, filled TEXT)")
    database.execute_sql("INSERT INTO t (a) VALUES (1000)")
    other = SqliteDatabase(database.database, timeout=0)

    def value(row: dict[str, Any]) -> str:
        other.execute_sql("INSERT INTO t (a) VALUES (?)", (row["a"] - 1,))
        return "x"

    change(database, Backfill("t", "filled", value), atomic=False)
    other.close()
    assert rows(database, "SELECT count(*), count(filled) FROM t") == [(11, 10)]


def test_a_row_whose_number_becomes_a_float_gets_the_value_of_what_it_became(database: SqliteDatabase) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, said, filled TEXT)")
    database.execute_sql("INSERT INTO t (said) VALUES (1)")
    other = SqliteDatabase(database.database, timeout=0)

    def value(row: dict[str, Any]) -> str:
        if isinstance(row["said"], int):
            other.execute_sql("UPDATE t SET said = 1.0")
        return str(row["said"])

    change(database, Backfill("t", "filled", value), atomic=False)
    other.close()
    assert rows(database, "SELECT filled FROM t") == [("1.0",)]


class Vague:
    """Neither hashed nor compared, as an array of numbers."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: bytes) -> None:
        self.text = text.decode()

    def __eq__(self, other: object) -> bool:
        raise ValueError("neither true nor false")


@pytest.mark.parametrize("made", [json.loads, Vague])
def test_columns_that_the_host_converts_are_converted(tmp_path: Path, made: Any) -> None:
    sqlite3.register_converter("converted", made)
    database = SqliteDatabase(str(tmp_path / "converted.db"), detect_types=sqlite3.PARSE_DECLTYPES)
    database.connect()
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, said converted, filled TEXT)")
    database.execute_sql("""INSERT INTO t (said) VALUES ('{"x": 1}'), ('[]')""")
    change(database, Backfill("t", "filled", lambda row: type(row["said"]).__name__), atomic=False)
    names = ["dict", "list"] if made is json.loads else ["Vague", "Vague"]
    assert rows(database, "SELECT filled FROM t ORDER BY a") == [(name,) for name in names]
    database.close()


@pytest.mark.parametrize("atomic", [False, True])
def test_a_function_may_make_what_sql_makes_of_a_value(database: SqliteDatabase, atomic: bool) -> None:
    database.execute_sql("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    database.execute_sql("INSERT INTO t VALUES (1), (2)")
    noted = AddColumn("t", "noted", JSONField(default=lambda: {"it's": ["100%", None]}))
    said = AddColumn("t", "said", TextField(default=lambda: fn.upper("x?y")))
    change(database, noted, said, atomic=atomic)
    assert rows(database, "SELECT noted, said FROM t") == [('{"it\'s":["100%",null]}', "X?Y")] * 2
