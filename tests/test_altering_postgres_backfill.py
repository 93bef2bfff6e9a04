"""Does every row of a Postgres table get its value, of whatever type, whoever changes rows while it is filled?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from peewee import SQL, BlobField, Database, TextField, Value, fn
from playhouse.migrate import SchemaMigrator
from runner_kit import closing, opened, statements

from signals_peewee.engine.altering import AddColumn, Backfill, Conduct, altering_for
from signals_peewee.engine.migrating import migrating_for
from signals_peewee.errors import UnfitRows

ROWS = 25


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def books(postgres_url: str) -> Database:
    database = opened(postgres_url)
    database.execute_sql("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, code TEXT)")
    database.execute_sql(f"INSERT INTO books SELECT n, 't' || n FROM generate_series(1, {ROWS}) n")
    return database


def fill(database: Database, change: AddColumn | Backfill, *, atomic: bool = False) -> list[tuple[int, int | None]]:
    """Fill, and return how far it said that it had come."""
    told: list[tuple[int, int | None]] = []
    conduct = Conduct(atomic=atomic, tell=lambda done, total: told.append((done, total)))
    with database.atomic() if atomic else nullcontext():
        altering_for(migrating_for(database), SchemaMigrator.from_database(database), conduct).apply(change)
    return told


def rows(database: Database, sql: str) -> list[Any]:
    return database.execute_sql(sql).fetchall()


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("value", ["x", SQL("title"), lambda row: row["title"]], ids=["plain", "SQL", "function"])
def test_every_row_is_filled_and_told_of_once(books: Database, value: Any, atomic: bool) -> None:
    books.execute_sql("UPDATE books SET code = 'there' WHERE id = 3")
    told = fill(books, Backfill("books", "code", value, batch_size=10), atomic=atomic)
    assert told == [(10, 24), (20, 24), (24, 24)]
    filled = "'x'" if isinstance(value, str) else "title"
    assert rows(books, f"SELECT id FROM books WHERE code IS DISTINCT FROM {filled}") == [(3,)]


@pytest.mark.parametrize("where", [None, SQL("code IS NULL OR code <> title")])
def test_a_row_that_changes_while_its_value_is_made_gets_the_value_of_what_it_became(
    books: Database, postgres_url: str, where: Any
) -> None:
    other, called = opened(postgres_url), []

    def title(row: dict[str, Any]) -> Any:
        called.append(row["id"])
        if row["id"] == 7 and called.count(7) == 1:
            other.execute_sql("UPDATE books SET title = 'changed' WHERE id IN (7, 12)")
            other.execute_sql("DELETE FROM books WHERE id = 8")
        return row["title"]

    told = fill(books, Backfill("books", "code", title, where, batch_size=10))
    assert rows(books, "SELECT id, title, code FROM books WHERE code IS DISTINCT FROM title") == []
    assert rows(books, "SELECT code FROM books WHERE id IN (7, 12)") == [("changed",), ("changed",)]
    assert {key: called.count(key) for key in called if called.count(key) > 1} == {7: 2}  # 12 is of a later batch
    assert [done for done, _ in told] == [9, 19, 24]


def test_a_row_that_is_filled_by_somebody_else_meanwhile_keeps_that(books: Database, postgres_url: str) -> None:
    other = opened(postgres_url)

    def mine(row: dict[str, Any]) -> str:
        if row["id"] == 1:
            other.execute_sql("UPDATE books SET code = 'theirs' WHERE id = 2")
        return "mine"

    fill(books, Backfill("books", "code", mine))
    assert rows(books, "SELECT id FROM books WHERE code <> 'mine'") == [(2,)]


def test_rows_are_not_locked_while_values_are_made(books: Database, postgres_url: str) -> None:
    other = opened(postgres_url)
    other.execute_sql("SET lock_timeout = '1s'")
    touched: set[int] = set()

    def value(row: dict[str, Any]) -> str:
        if row["id"] not in touched:
            touched.add(row["id"])
            other.execute_sql("UPDATE books SET title = title || '!' WHERE id = %s", (row["id"],))
        return "x"

    fill(books, Backfill("books", "code", value, batch_size=10))
    assert rows(books, "SELECT count(*) FROM books WHERE code = 'x'") == [(ROWS,)]


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("integer", [1, 2]),
        ("bigint", [2**40, -1]),
        ("numeric(10, 2)", [Decimal("1.50"), 2]),
        ("double precision", [1, 2.5]),
        ("boolean", [True, False]),
        ("varchar(20)", ["{a,b}", "qu\"o'te, \\ and NULL"]),
        ("text", ["NULL", ""]),
        ("bytea", [b"\x00\xff", b""]),
        ("timestamptz", [datetime(2026, 7, 1, tzinfo=timezone.utc), datetime(1999, 1, 1, tzinfo=timezone.utc)]),
        ("text[]", [["a", "b"], []]),
        ("jsonb", ['{"a": [1, 2]}', "null"]),
    ],
)
def test_values_of_every_type_arrive_as_they_were_given(books: Database, type_: str, values: list[Any]) -> None:
    books.execute_sql(f"ALTER TABLE books ADD given {type_}")
    fill(books, Backfill("books", "given", lambda row: values[row["id"] % 2], batch_size=10))
    for odd, value in enumerate(values):
        cast = "CAST(%s AS " + type_ + ")"
        wrong = books.execute_sql(
            f"SELECT count(*) FROM books WHERE id %% 2 = {odd} AND given IS DISTINCT FROM {cast}", (value,)
        )
        assert wrong.fetchone() == (0,)


def test_arrays_are_sent_where_values_are_of_one_type(books: Database) -> None:
    with statements(books) as said:
        fill(books, Backfill("books", "code", lambda row: "x"))
    assert [sql for sql in said if "unnest" in sql and sql.startswith("UPDATE")]


@pytest.mark.parametrize("value", ["x", lambda row: f"{row['a']}{row['b']}"], ids=["plain", "function"])
@pytest.mark.parametrize("partitioned", [False, True])
def test_a_key_of_several_columns_with_odd_names(postgres_url: str, partitioned: bool, value: Any) -> None:
    database = opened(postgres_url)
    database.execute_sql(
        'CREATE TABLE "odd t" (a TEXT, b INTEGER, "n" TEXT, PRIMARY KEY (a, b))'
        + (" PARTITION BY HASH (a)" if partitioned else "")
    )
    for rest in range(2) if partitioned else ():
        database.execute_sql(
            f'CREATE TABLE "part {rest}" PARTITION OF "odd t" FOR VALUES WITH (MODULUS 2, REMAINDER {rest})'
        )
    database.execute_sql("""INSERT INTO "odd t" SELECT 'a' || n / 3, n FROM generate_series(1, 25) n""")
    fill(database, Backfill("odd t", "n", value, batch_size=4))
    expected = "'x'" if isinstance(value, str) else "a || b"
    assert rows(database, f'SELECT count(*) FROM "odd t" WHERE n = {expected}') == [(25,)]


@pytest.mark.parametrize("value", [None, Value(None), lambda row: None if row["id"] == 13 else "x"])
def test_a_value_that_is_null_is_refused_by_the_row(books: Database, value: Any) -> None:
    with pytest.raises(UnfitRows, match=r"where \(id\) is \((1|13),\)"):
        fill(books, Backfill("books", "code", value, batch_size=10))


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        ("text", ["a", "b"], "{a,b}"),
        ("tags", ["a", "b"], "{a,b}"),
        ("pair", "(1,x)", "(1,x)"),
        ("positive", 7, "7"),
        ("mood", "fine", "fine"),
        ("box", "(3,4),(1,2)", "(3,4),(1,2)"),
        ("int4range", "[1,3)", "[1,3)"),
    ],
)
@pytest.mark.parametrize("as_key", [False, True])
def test_values_that_come_apart_in_an_array_are_not_sent_as_one(
    postgres_url: str, type_: str, value: Any, written: str, as_key: bool
) -> None:
    database = opened(postgres_url)
    database.execute_sql("CREATE DOMAIN tags AS text[]")
    database.execute_sql("CREATE DOMAIN positive AS integer CHECK (value > 0)")
    database.execute_sql("CREATE TYPE pair AS (x integer, y text)")
    database.execute_sql("CREATE TYPE mood AS ENUM ('fine', 'bad')")
    key = ", PRIMARY KEY (id, given)" if as_key and type_ != "box" else ", PRIMARY KEY (id)"
    database.execute_sql(f"CREATE TABLE t (id INTEGER, given {type_}, code TEXT{key})")
    default = f"'{written}'" if as_key else "NULL"
    database.execute_sql(f"INSERT INTO t SELECT n, {default}, NULL FROM generate_series(1, 5) n")
    if as_key:
        fill(database, Backfill("t", "code", lambda row: f"c{row['id']}", batch_size=2))
        assert rows(database, "SELECT id FROM t WHERE code <> 'c' || id OR code IS NULL") == []
    else:
        fill(database, Backfill("t", "given", lambda row: None if row["id"] == 3 else value, SQL("TRUE"), batch_size=3))
        assert rows(database, "SELECT given::text FROM t ORDER BY id") == [
            (written,),
            (written,),
            (None,),
            (written,),
            (written,),
        ]


def test_many_rows_that_change_meanwhile_are_read_again_some_at_a_time(postgres_url: str) -> None:
    database, other = opened(postgres_url), opened(postgres_url)
    database.execute_sql("CREATE TABLE t (a INTEGER, b INTEGER, said TEXT, code TEXT, PRIMARY KEY (a, b))")
    database.execute_sql("INSERT INTO t SELECT n %% 7, n, 'x' FROM generate_series(1, 35000) n")
    changed: list[Any] = []

    def said(row: dict[str, Any]) -> Any:
        if not changed:
            changed.append(other.execute_sql("UPDATE t SET said = 'changed'"))
        return row["said"]

    assert fill(database, Backfill("t", "code", said, batch_size=40_000)) == [(35_000, 35_000)]
    assert rows(database, "SELECT DISTINCT code FROM t") == [("changed",)]


@pytest.mark.parametrize("value", ["x", SQL("title"), lambda row: "x"], ids=["plain", "SQL", "function"])
@pytest.mark.parametrize("keyless", [False, True])
@pytest.mark.parametrize(
    "trigger",
    [
        "AFTER UPDATE ON books FOR EACH ROW WHEN (NEW.code IS NOT NULL) EXECUTE FUNCTION emptied()",
        "BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION kept()",
    ],
)
def test_a_trigger_that_takes_values_away_ends_in_an_error(
    books: Database, trigger: str, keyless: bool, value: Any
) -> None:
    if keyless:
        books.execute_sql("ALTER TABLE books DROP CONSTRAINT books_pkey")
    empty = "UPDATE books SET code = NULL WHERE id = NEW.id AND id > 20; RETURN NULL"
    for name, body in (("emptied", empty), ("kept", "RETURN NULL")):
        books.execute_sql(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    books.execute_sql(f"CREATE TRIGGER taking {trigger}")
    with pytest.raises(UnfitRows, match="is NULL again whenever it was filled"):
        fill(books, Backfill("books", "code", value, batch_size=10))


def test_others_that_write_rows_for_ever_do_not_keep_it_going_for_ever(books: Database, postgres_url: str) -> None:
    other = opened(postgres_url)

    def value(row: dict[str, Any]) -> str:
        other.execute_sql("INSERT INTO books (id) VALUES (%s)", (-row["id"] if row["id"] > 0 else row["id"] - ROWS,))
        return "x"

    fill(books, Backfill("books", "code", value))
    assert rows(books, "SELECT count(*), count(code) FROM books") == [(11 * ROWS, 10 * ROWS)]


@pytest.mark.parametrize("atomic", [False, True])
def test_a_function_may_make_what_sql_makes_of_a_value(books: Database, atomic: bool) -> None:
    from playhouse.postgres_ext import BinaryJSONField

    fill(books, AddColumn("books", "noted", BinaryJSONField(default=lambda: {"it's": ["100%", None]})), atomic=atomic)
    fill(books, AddColumn("books", "said", TextField(default=lambda: fn.upper("x%?y"))), atomic=atomic)
    fill(books, AddColumn("books", "raw", BlobField(default=lambda: fn.decode("00ff", "hex"))), atomic=atomic)
    found = rows(books, "SELECT DISTINCT noted::text, said, encode(raw, 'hex') FROM books")
    assert found == [('{"it\'s": ["100%", null]}', "X%?Y", "00ff")]


@pytest.mark.parametrize("value", ["x", lambda row: "x"], ids=["plain", "function"])
@pytest.mark.parametrize(
    ("type_", "keys"),
    [
        ("jsonb", ['{"a": 1}', "[1, 2]", "3"]),
        ("timestamp", ["infinity", "2020-01-01", "-infinity"]),
        ("date", ["0044-03-15 BC", "2020-01-01", "infinity"]),
        ("numeric", ["Infinity", "NaN", "1.50"]),
        ("interval", ["1 mon", "30 days 1 second"]),
        ("bytea", ["\\x00ff", "\\x"]),
        ("mood", ["fine", "bad"]),
        ("pair", ['(1,"a b")', "(1,)"]),
    ],
)
def test_a_key_of_every_type_finds_its_row_again(postgres_url: str, type_: str, keys: list[str], value: Any) -> None:
    database = opened(postgres_url)
    database.execute_sql("CREATE TYPE mood AS ENUM ('fine', 'bad')")
    database.execute_sql("CREATE TYPE pair AS (x integer, y text)")
    database.execute_sql(f"CREATE TABLE t (id {type_} PRIMARY KEY, code TEXT)")
    for key in keys:
        database.execute_sql("INSERT INTO t (id) VALUES (%s)", (key,))
    if callable(value):  # which is given what the driver can read
        database.execute_sql("DELETE FROM t WHERE id::text ~ 'infinity|BC'")
    fill(database, Backfill("t", "code", value, batch_size=1))
    assert rows(database, "SELECT DISTINCT code FROM t") == [("x",)]


@pytest.mark.parametrize("value", [lambda row: row["title"], SQL("books.title")], ids=["function", "SQL"])
@pytest.mark.parametrize("key", [" PRIMARY KEY", ""], ids=["key", "no key"])
@pytest.mark.parametrize("atomic", [False, True])
def test_tables_that_inherit_are_filled_each_by_its_own_rows(
    postgres_url: str, key: str, value: Any, atomic: bool
) -> None:
    database = opened(postgres_url)
    database.execute_sql(f"CREATE TABLE books (id INTEGER{key}, title TEXT, code TEXT)")
    database.execute_sql("CREATE TABLE comics () INHERITS (books)")
    database.execute_sql("CREATE TABLE manga (UNIQUE (id)) INHERITS (comics)")
    with database.atomic():  # of one version, as far as xmin tells
        for name in ("books", "comics", "manga"):
            database.execute_sql(f"INSERT INTO {name} SELECT n, '{name} ' || n FROM generate_series(1, 5) n")
    told = fill(database, Backfill("books", "code", value, SQL("books.id <> 3"), batch_size=3), atomic=atomic)
    assert told[-1] == (12, 12)
    assert rows(database, "SELECT title FROM books WHERE code IS DISTINCT FROM title ORDER BY 1") == [
        ("books 3",),
        ("comics 3",),
        ("manga 3",),
    ]


def test_rows_that_the_role_may_not_see_are_no_reason_to_leave_them_out(books: Database) -> None:
    books.execute_sql("ALTER TABLE books ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    fill(books, Backfill("books", "code", "seen"))  # a superuser sees everything
    role = f"tenant_of_{books.database}"
    books.execute_sql(f"CREATE ROLE {role}")
    try:
        books.execute_sql(f"GRANT ALL ON books TO {role}")
        books.execute_sql(f"SET ROLE {role}")
        with pytest.raises(ValueError, match=f"row-level security of table 'books' may hide rows from role '{role}'"):
            fill(books, Backfill("books", "code", "x", where=SQL("TRUE")))
    finally:
        books.execute_sql("RESET ROLE")
        books.execute_sql(f"DROP OWNED BY {role}")
        books.execute_sql(f"DROP ROLE {role}")
    assert rows(books, "SELECT DISTINCT code FROM books") == [("seen",)]


@pytest.mark.parametrize(
    ("value", "said"), [("sad", 'invalid input value for enum mood: "sad"'), (lambda row: "sad", "what is filled in")]
)
def test_a_value_of_another_type_is_not_said_to_be_a_row(books: Database, value: Any, said: str) -> None:
    books.execute_sql("CREATE TYPE mood AS ENUM ('fine', 'bad')")
    books.execute_sql("ALTER TABLE books ADD COLUMN mood mood")
    with pytest.raises(UnfitRows, match=f"books: what is filled in does not fit: .*{said}|{said} does not fit"):
        fill(books, Backfill("books", "mood", value))


@pytest.mark.parametrize("key", [" PRIMARY KEY", ""], ids=["key", "no key"])
@pytest.mark.parametrize("value", ["x", lambda row: "x"], ids=["plain", "function"])
def test_a_trigger_that_keeps_every_row_as_it_is_ends_in_an_error(postgres_url: str, key: str, value: Any) -> None:
    database = opened(postgres_url)
    database.execute_sql(f"CREATE TABLE t (id INTEGER{key}, code TEXT)")
    database.execute_sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    database.execute_sql("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    database.execute_sql("CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION keep()")
    with pytest.raises(UnfitRows, match="none of 2 rows got its value: a trigger, or a rule, keeps it from them"):
        fill(database, Backfill("t", "code", value, SQL("code <> 'x'")))
