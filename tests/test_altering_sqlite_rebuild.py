"""What does a rebuilt SQLite table still have? Everything that playhouse's rebuild is known to lose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import IntegerField, IntegrityError, SqliteDatabase, TextField
from rebuild_catalog import picture
from rebuild_kit import altering, change, rows, statement, step

from signals_peewee.engine.altering import (
    AddColumn,
    AddColumnDefault,
    AddNotNull,
    AlterColumnType,
    DropColumn,
    DropConstraint,
    DropNotNull,
)
from signals_peewee.engine.altering.sqlite.compare import compare_rows, compare_tables, objects, same_objects
from signals_peewee.engine.altering.sqlite.table import table_now
from signals_peewee.errors import TableDiffers


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """An empty file, with foreign keys on, as a service has them."""
    database = SqliteDatabase(tmp_path / "rebuild.db", pragmas={"foreign_keys": 1})
    database.connect()
    yield database
    database.close()


def made(database: SqliteDatabase, *statements: str) -> None:
    for sql in statements:
        database.execute_sql(sql)


def test_children_are_not_deleted_by_cascade(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a INT)",
        "CREATE TABLE c (p_id INT REFERENCES p ON DELETE CASCADE, self INT REFERENCES p (id) ON UPDATE SET NULL)",
        "INSERT INTO p VALUES (1, 1)",
        "INSERT INTO c VALUES (1, 1)",
    )
    change(database, AddNotNull("p", "a"), native=False)
    assert rows(database, "SELECT * FROM c") == [(1, 1)]
    assert statement(database, "c").endswith("REFERENCES p (id) ON UPDATE SET NULL)")
    database.execute_sql("DELETE FROM p")
    assert rows(database, "SELECT * FROM c") == []


def test_a_rebuild_is_refused_while_foreign_keys_are_on(database: SqliteDatabase) -> None:
    made(database, "CREATE TABLE p (id INTEGER PRIMARY KEY, a INT)")
    with pytest.raises(ValueError, match="'p' has to be rebuilt, and foreign keys are on"), database.atomic():
        altering(database, native=False, foreign_keys=True).apply(AddNotNull("p", "a"))


def test_odd_names_keep_their_values(database: SqliteDatabase) -> None:
    made(
        database,
        'CREATE TABLE "a table" (id INTEGER PRIMARY KEY, "a-2" INT, [b c] TEXT, `d``e` TEXT, "select" INT, "🎉" INT)',
        "INSERT INTO \"a table\" VALUES (1, 2, 'three', 'four', 5, 6)",
    )
    change(database, AddNotNull("a table", "a-2"), AddNotNull("a table", "🎉"), native=False)
    assert rows(database, 'SELECT * FROM "a table"') == [(1, 2, "three", "four", 5, 6)]


def test_triggers_strict_without_rowid_and_the_counter_stay(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE log (said TEXT)",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT) STRICT",
        "CREATE TABLE keyed (k TEXT PRIMARY KEY, a INT) STRICT, WITHOUT ROWID",
        "CREATE TRIGGER one AFTER INSERT ON counted BEGIN INSERT INTO log VALUES ('one'); END",
        "CREATE TRIGGER two AFTER INSERT ON counted BEGIN INSERT INTO log VALUES ('two'); END",
        "CREATE TEMP TRIGGER three AFTER INSERT ON main.counted BEGIN INSERT INTO log VALUES ('three'); END",
        "INSERT INTO counted VALUES (1, 1), (50, 1)",
        "DELETE FROM counted WHERE id = 50",
        "DELETE FROM log",
        "INSERT INTO keyed VALUES ('x', 1)",
    )
    change(database, AddNotNull("counted", "a"), AddNotNull("keyed", "a"), native=False)
    made(database, "INSERT INTO counted (a) VALUES (2)")
    assert rows(database, "SELECT id FROM counted") == [(1,), (51,)]
    assert {said for (said,) in rows(database, "SELECT said FROM log")} == {"one", "two", "three"}
    assert statement(database, "counted").endswith(" STRICT")
    assert statement(database, "keyed").endswith(" STRICT, WITHOUT ROWID")
    with pytest.raises(IntegrityError):
        made(database, "INSERT INTO counted (a) VALUES ('text')")


def test_defaults_comments_parentheses_and_generated_columns_stay_to_the_letter(database: SqliteDatabase) -> None:
    sql = """CREATE TABLE "t" ( -- what it is: (a, "t")
    id INTEGER PRIMARY KEY,
    a TEXT DEFAULT 'a  b', /* two blanks */
    b DECIMAL(10, 2) DEFAULT (1 + (2)) CHECK (b IN (1, 2, (3)) OR b > (0)),
    c TEXT DEFAULT 'it''s, -- (',
    d GENERATED ALWAYS AS (a || ')'), e AS (b * 2) STORED,
    CHECK ((a <> 'x') AND (b <> (5))) CONSTRAINT k UNIQUE (a, b)
    -- the end
)"""
    made(database, sql, "INSERT INTO t (id) VALUES (1)")
    change(database, AddNotNull("t", "c"), native=False)
    assert statement(database, "t") == sql.replace("c TEXT DEFAULT", "c TEXT NOT NULL DEFAULT")
    assert rows(database, "SELECT * FROM t") == [(1, "a  b", 3, "it's, -- (", "a  b)", 6)]
    change(database, DropNotNull("t", "c"), native=False)
    assert statement(database, "t") == sql


def test_a_table_may_say_its_own_name_in_a_check(database: SqliteDatabase) -> None:
    made(
        database,
        'CREATE TABLE t (a INT CHECK (t.a > 0), b TEXT, CHECK ([T].a < 9 AND "t" . a <> 5))',
        "INSERT INTO t (a) VALUES (1)",
    )
    change(database, AddNotNull("t", "a"), native=False)
    assert statement(database, "t").endswith(" (a INT NOT NULL CHECK (a > 0), b TEXT, CHECK (a < 9 AND  a <> 5))")
    assert rows(database, "SELECT * FROM t") == [(1, None)]


def test_views_and_triggers_that_name_the_table_are_in_nobodys_way(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE t (a INT, b INT)",
        "INSERT INTO t VALUES (1, 2)",
        "CREATE VIEW v AS SELECT a, b FROM t",
        "CREATE VIEW w AS SELECT * FROM v",
        "CREATE VIEW broken AS SELECT * FROM nowhere",
        "CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (NEW.a, NEW.b); END",
        "CREATE TABLE other (a INT)",
        "CREATE TRIGGER o AFTER INSERT ON other BEGIN UPDATE t SET b = NEW.a; END",
    )
    before = objects(database).rows
    change(database, AddNotNull("t", "a"), native=False)
    after = objects(database).rows
    assert {key: sql for key, sql in after.items() if key != ("table", "t")} == {
        key: sql for key, sql in before.items() if key != ("table", "t")
    }
    made(database, "INSERT INTO v VALUES (3, 4)", "INSERT INTO other VALUES (9)")
    assert rows(database, "SELECT * FROM w") == [(1, 9), (3, 9)]
    assert rows(database, "PRAGMA legacy_alter_table") == [(0,)]


def test_what_is_in_the_way_is_named_before_anything_happens(database: SqliteDatabase) -> None:
    made(database, "CREATE TABLE t (a INT)", "CREATE TABLE T__rebuilt__ (a INT)", "INSERT INTO t__rebuilt__ VALUES (7)")
    with pytest.raises(ValueError, match="there is something of that name: look into it and drop it"):
        change(database, AddNotNull("t", "a"), native=False)
    assert rows(database, "SELECT a FROM t__rebuilt__") == [(7,)]


def test_rowids_with_gaps_and_under_every_name_stay(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE plain (a INT)",
        "CREATE TABLE shadowed (rowid TEXT, oid TEXT, a INT)",
        "CREATE TABLE hidden (rowid TEXT, oid TEXT, _rowid_ TEXT, a INT)",
        "CREATE TABLE reversed (id INTEGER PRIMARY KEY DESC, a INT)",
        "INSERT INTO plain (rowid, a) VALUES (7, 1), (-3, 2), (900, 3)",
        "INSERT INTO shadowed (_rowid_, rowid, oid, a) VALUES (7, 'x', 'y', 1), (70, 'z', 'y', 2)",
        "INSERT INTO hidden VALUES ('x', 'y', 'z', 1), ('x', 'y', 'z', 1), ('a', 'b', 'c', 2)",
        "INSERT INTO reversed (rowid, id, a) VALUES (5, 1, 1), (4, 2, 2)",
    )
    before = picture(database).content
    for table in before:
        change(database, AddNotNull(table, "a"), native=False)
    assert picture(database).content == before
    change(database, AddColumn("plain", "rowid", TextField(default="taken")), native=False)
    assert rows(database, "SELECT oid, rowid FROM plain") == [(-3, "taken"), (7, "taken"), (900, "taken")]


def test_values_keep_their_types(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE t (a, b BLOB, c TEXT COLLATE NOCASE, d NUMERIC, e INT)",
        "INSERT INTO t VALUES (1, 1.0, 'A', 1.5, 1), (1.0, 1, 'a', '1.50x', 1), ('1', x'31', 'Ä', 9e99, 1)",
    )
    before = picture(database).content
    change(database, AddNotNull("t", "e"), native=False)
    assert picture(database).content == before


def test_constraints_that_would_skip_a_row_skip_none(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE t (a INT NOT NULL ON CONFLICT IGNORE, b TEXT UNIQUE ON CONFLICT REPLACE, c INT)",
        "INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)",
    )
    change(database, AddNotNull("t", "c"), native=False)
    assert rows(database, "SELECT * FROM t") == [(1, "x", 1), (2, "y", 2)]


def test_indexes_of_every_kind_and_their_statistics_stay(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE t (a INT, b TEXT, c INT UNIQUE)",
        "CREATE INDEX partial ON t (a) WHERE b IS NOT 'x, )'",
        "CREATE INDEX descending ON t (a DESC, b COLLATE NOCASE)",
        'CREATE UNIQUE INDEX "an expression" ON t (lower(b), length(b))',
        "INSERT INTO t VALUES (1, 'x', 1), (1, 'y', 2), (2, 'z', 3)",
        "ANALYZE",
    )
    before = picture(database)
    change(database, AddNotNull("t", "a"), native=False)
    after = picture(database)
    assert (after.indexes, after.statistics) == (before.indexes, before.statistics)
    assert len(after.statistics) == 4


def test_other_orphans_do_not_stop_it_and_new_ones_do(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE p (id TEXT PRIMARY KEY)",
        "CREATE TABLE c (p_id TEXT REFERENCES p, a INT)",
        "PRAGMA foreign_keys = 0",
        "INSERT INTO c VALUES ('gone', 1)",
        "PRAGMA foreign_keys = 1",
    )
    change(database, AddNotNull("c", "a"), native=False)
    made(database, "INSERT INTO p VALUES ('x')", "INSERT INTO c VALUES ('x', 2)")
    with pytest.raises(IntegrityError, match="1 rows of 'c' point at no row of 'p'"):
        change(database, AlterColumnType("c", "p_id", TextField(), cast="p_id || '!'"))
    assert rows(database, "SELECT p_id FROM c") == [("gone",), ("x",)]


def test_one_of_many_constraints_goes_and_the_others_stay(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE t (a INT CONSTRAINT one NOT NULL CONSTRAINT two CHECK (a > 0) DEFAULT'x'UNIQUE, "
        'CONSTRAINT three CHECK (a > 1) CONSTRAINT four UNIQUE (a), CONSTRAINT "fi ve" CHECK (a > 2))',
    )
    for name in ("one", "three", "fi ve", "two"):
        change(database, DropConstraint("t", name), native=False)
    assert statement(database, "t") == "CREATE TABLE \"t\" (a INT DEFAULT'x'UNIQUE, CONSTRAINT four UNIQUE (a))"


def test_an_error_in_a_step_leaves_the_tables_that_it_rebuilt_as_they_were(database: SqliteDatabase) -> None:
    made(database, "CREATE TABLE t (a INT)", "CREATE INDEX i ON t (a)", "INSERT INTO t (a) VALUES (1)")
    before = picture_without_statistics(database)
    with pytest.raises(ZeroDivisionError), step(database, native=False) as sqlite:
        sqlite.apply(AddNotNull("t", "a"))
        sqlite.apply(AddColumnDefault("t", "a", 5))
        assert "NOT NULL" in statement(database, "t")
        raise ZeroDivisionError
    assert picture_without_statistics(database) == before


def picture_without_statistics(database: SqliteDatabase) -> Any:
    return objects(database), rows(database, "SELECT rowid, * FROM t")


def test_a_step_that_is_not_atomic_rebuilds_in_a_transaction_of_its_own(database: SqliteDatabase) -> None:
    made(database, "CREATE TABLE t (a INT)", "INSERT INTO t (a) VALUES (1)")
    with step(database, native=False, atomic=False) as sqlite:
        sqlite.apply(AddNotNull("t", "a"))
        assert not database.connection().in_transaction
    assert statement(database, "t") == 'CREATE TABLE "t" (a INT NOT NULL)'


DIFFERENCES = [
    "INSERT INTO two (rowid, a, b) VALUES (9, 1, 'x')",
    "DELETE FROM two WHERE a = 1",
    "UPDATE two SET b = 'A' WHERE b = 'a'",
    "UPDATE two SET c = 1 WHERE c = 1.0",
    "UPDATE two SET c = NULL WHERE c = 1.0",
    "UPDATE two SET c = x'61' WHERE c = 'a'",
    "UPDATE two SET rowid = 77 WHERE a = 1",
]


@pytest.mark.parametrize("difference", DIFFERENCES)
@pytest.mark.parametrize("suffix", ["", " WITHOUT ROWID"])
def test_a_row_that_differs_is_seen(database: SqliteDatabase, difference: str, suffix: str) -> None:
    for name in ("one", "two"):
        key = "PRIMARY KEY" if suffix else ""
        made(
            database,
            f"CREATE TABLE {name} (a TEXT {key}, b TEXT COLLATE NOCASE, c){suffix}",
            f"INSERT INTO {name} VALUES (1, 'a', 1.0), (2, 'B', 'a')",
        )
    one, two = table_now(database, "one"), table_now(database, "two")
    compare_rows(database, one, two, frozenset())
    if suffix:
        difference = difference.replace("(rowid, a, b) VALUES (9, 1,", "(a, b) VALUES (9,").replace(
            "rowid = 77", "a = 77"
        )
    made(database, difference)
    with pytest.raises(TableDiffers, match="of 2 rows"):
        compare_rows(database, one, two, frozenset())


OTHERS = [
    "CREATE TABLE u (a INT NOT NULL, b TEXT DEFAULT 'x' UNIQUE REFERENCES p)",
    "CREATE TABLE u (a INT, b TEXT DEFAULT 'y' UNIQUE REFERENCES p)",
    "CREATE TABLE u (a INT, b TEXT DEFAULT 'x' REFERENCES p)",
    "CREATE TABLE u (a INT, b TEXT DEFAULT 'x' UNIQUE REFERENCES p ON DELETE CASCADE)",
    "CREATE TABLE u (a INT, b TEXT DEFAULT 'x' UNIQUE REFERENCES p) STRICT",
    "CREATE TABLE u (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x' UNIQUE REFERENCES p)",
    "CREATE TABLE u (b TEXT DEFAULT 'x' UNIQUE REFERENCES p, a INT)",
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_definition_that_differs_is_seen(database: SqliteDatabase, other: str) -> None:
    made(database, "CREATE TABLE t (a INT, b TEXT DEFAULT 'x' UNIQUE REFERENCES p)", other)
    with pytest.raises(TableDiffers, match="were .* and are now"):
        compare_tables(table_now(database, "t"), table_now(database, "u"), frozenset())


def test_an_object_that_differs_is_seen(database: SqliteDatabase) -> None:
    made(database, "CREATE TABLE t (a INT)", "CREATE INDEX i ON t (a)")
    before = objects(database)
    made(database, "DROP INDEX i", "CREATE INDEX i ON t (a DESC)", "CREATE VIEW v AS SELECT 1")
    with pytest.raises(TableDiffers, match=r"^index i, view v: .* nothing was changed: report it"):
        same_objects(before, objects(database))


def test_a_column_of_many_kinds_is_dropped_without_a_loss(database: SqliteDatabase) -> None:
    made(
        database,
        'CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, gone TEXT UNIQUE, a INT, "b-2" INT AS (a + 1)) STRICT',
        "CREATE INDEX gone_too ON p (gone)",
        "CREATE INDEX stays ON p (a)",
        "INSERT INTO p VALUES (3, 'x', 4), (9, 'y', 5)",
        "DELETE FROM p WHERE id = 9",
    )
    change(database, DropColumn("p", "gone"))
    assert rows(database, "SELECT * FROM p") == [(3, 4, 5)]
    assert statement(database, "p") == (
        'CREATE TABLE "p" (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT, "b-2" INT AS (a + 1)) STRICT'
    )
    assert rows(database, "SELECT name FROM sqlite_master WHERE type = 'index'") == [("stays",)]
    assert rows(database, "SELECT seq FROM sqlite_sequence") == [(9,)]


@pytest.mark.parametrize("comment", ["/* one, two */", "-- one, two\n"])
def test_a_column_beside_a_comment_is_dropped_and_the_comment_stays(database: SqliteDatabase, comment: str) -> None:
    made(database, f"CREATE TABLE t (a INT, {comment} b INT)", "INSERT INTO t VALUES (1, 2)")
    change(database, DropColumn("t", "b"))
    assert comment in statement(database, "t")
    assert rows(database, "SELECT * FROM t") == [(1,)]


def test_the_oldest_type_of_key_cannot_change(database: SqliteDatabase) -> None:
    made(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE u (id INT PRIMARY KEY)",
        "CREATE TABLE w (id TEXT PRIMARY KEY) WITHOUT ROWID",
    )
    for table, field in (("t", TextField()), ("u", IntegerField()), ("w", IntegerField())):
        with pytest.raises(ValueError, match="what the rows are kept by"):
            change(database, AlterColumnType(table, "id", field))
