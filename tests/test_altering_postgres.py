"""Do operations on Postgres do what they say, while others read and write, and go on where they were killed?"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import (
    SQL,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Check,
    Database,
    DateField,
    DateTimeField,
    DecimalField,
    DoubleField,
    IntegerField,
    JSONField,
    TextField,
    UUIDField,
)
from playhouse.migrate import SchemaMigrator
from runner_kit import PROCESSES, closing, opened

from signals_peewee.engine.altering import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Altering,
    Backfill,
    Change,
    Conduct,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropIndex,
    DropTable,
    RenameTable,
    RunSql,
    altering_for,
)
from signals_peewee.engine.introspection import Table, inspector_for
from signals_peewee.engine.migrating import migrating_for
from signals_peewee.errors import LockTimeout, UnfitRows

ROWS = 3000


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def shop(postgres_url: str) -> Database:
    """Books with authors, more of them than nobody would notice."""
    database = opened(postgres_url)
    database.execute_sql("CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT)")
    database.execute_sql("CREATE TABLE books (id SERIAL PRIMARY KEY, author_id INTEGER, title TEXT, isbn VARCHAR(20))")
    database.execute_sql("INSERT INTO authors VALUES (1, 'ann'), (2, 'bob')")
    database.execute_sql(
        f"INSERT INTO books (author_id, title, isbn) SELECT 1, 't' || n, 'i' || n FROM generate_series(1, {ROWS}) n"
    )
    return database


def altering(database: Database, **conduct: Any) -> Altering:
    return altering_for(migrating_for(database), SchemaMigrator.from_database(database), Conduct(**conduct))


def online(database: Database, *changes: Change, **conduct: Any) -> None:
    """Carry changes out as a step does that is not atomic."""
    for change in changes:
        altering(database, atomic=False, **conduct).apply(change)


def table(database: Database, name: str = "books") -> Table:
    found = inspector_for(database).table(name)
    assert found is not None
    return found


def one(database: Database, sql: str) -> Any:
    return database.execute_sql(sql).fetchone()[0]


def findings(database: Database, change: Change, *, atomic: bool = True) -> list[str]:
    return [finding.name for finding in altering(database, atomic=atomic).findings(change)]


# What becomes of a default

FIELDS: dict[str, tuple[Callable[..., Any], st.SearchStrategy[Any]]] = {
    "text": (TextField, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    "char": (lambda **more: CharField(300, **more), st.text(st.characters(codec="ascii", exclude_characters="\0"))),
    "integer": (IntegerField, st.integers(-(2**31), 2**31 - 1)),
    "bigint": (BigIntegerField, st.integers(-(2**63), 2**63 - 1)),
    "double": (DoubleField, st.floats(allow_nan=False)),
    "decimal": (lambda **more: DecimalField(20, 4, **more), st.decimals(-999, 999, places=4)),
    "bool": (BooleanField, st.booleans()),
    "blob": (BlobField, st.binary()),
    "date": (DateField, st.dates(date(1, 1, 1))),
    "time": (DateTimeField, st.datetimes()),
    "uuid": (UUIDField, st.uuids()),
    "json": (JSONField, st.dictionaries(st.text("abc%'\"\\", max_size=5), st.integers() | st.text("ab'\\%"))),
}


@pytest.mark.parametrize("kind", FIELDS)
@given(data=st.data())
def test_a_constant_default_is_what_rows_have_and_get(shop: Database, kind: str, data: st.DataObject) -> None:
    make, values = FIELDS[kind]
    value = data.draw(values)
    if isinstance(value, str) and value.endswith((")", "'")):
        value += "."
    field = make(default=value)
    field.column_name = field.name = "new"
    altering(shop).apply(AddColumn("authors", "new", field))
    try:
        shop.execute_sql("INSERT INTO authors (id, name) VALUES (3, 'eve')")
        found = [field.python_value(row[0]) for row in shop.execute_sql("SELECT new FROM authors").fetchall()]
        plain = [bytes(each) if isinstance(each, memoryview) else each for each in found]
        assert plain == [value] * 3
        assert type(plain[0]) in (type(value), Decimal, UUID)
    finally:
        shop.execute_sql("DELETE FROM authors WHERE id = 3")
        shop.execute_sql("ALTER TABLE authors DROP COLUMN new")


def test_a_constant_default_costs_no_row_a_change_and_stays(shop: Database) -> None:
    before = one(shop, "SELECT pg_relation_filenode('books')")
    altering(shop).apply(AddColumn("books", "pages", IntegerField(default=7)))
    assert one(shop, "SELECT pg_relation_filenode('books')") == before
    column = table(shop).column("pages")
    assert column is not None
    assert (column.null, column.default) == (False, "7")
    shop.execute_sql("INSERT INTO books (title) VALUES ('by old code')")
    assert one(shop, "SELECT count(*) FROM books WHERE pages = 7") == ROWS + 1


def test_a_default_that_playhouse_would_take_for_sql_is_refused(shop: Database) -> None:
    from signals_peewee.engine.altering import AddColumnDefault

    with pytest.raises(ValueError, match=r"write SQL\('now\(\)'\)"):
        altering(shop).apply(AddColumnDefault("books", "title", "now()"))


# Operations that others can live with


def test_constraints_are_validated_apart_and_named_helpers_go(shop: Database) -> None:
    online(
        shop,
        AddNotNull("books", "title"),
        AddConstraint("books", "books_title", Check("length(title) > 0")),
        AddForeignKey("books", "books_author", "author_id", "authors", "id", on_delete="CASCADE"),
        AddUnique("books", "books_isbn", ("isbn",)),
        AddIndex("books", "books_by_title", ("title",), concurrently=True),
    )
    found = table(shop)
    assert not found.column("title").null  # type: ignore[union-attr]
    assert [(check.name, check.validated) for check in found.checks] == [("books_title", True)]
    assert [(key.name, key.on_delete, key.validated) for key in found.foreign_keys] == [
        ("books_author", "CASCADE", True)
    ]
    assert [unique.name for unique in found.uniques] == ["books_isbn"]
    assert [(index.name, index.valid) for index in found.indexes] == [("books_by_title", True)]
    online(shop, DropIndex("books", "books_by_title", concurrently=True), DropConstraint("books", "books_title"))
    assert table(shop).indexes == ()


@pytest.mark.parametrize("atomic", [True, False])
def test_rows_that_do_not_fit_are_named_and_nothing_is_left(shop: Database, atomic: bool) -> None:
    shop.execute_sql("UPDATE books SET title = NULL WHERE id = 5")
    shop.execute_sql("UPDATE books SET isbn = 'i1' WHERE id = 6")
    shop.execute_sql("UPDATE books SET author_id = 9 WHERE id = 7")
    before = table(shop)
    unfit: list[tuple[Change, str]] = [
        (AddNotNull("books", "title"), "1 rows have NULL there"),
        (AddConstraint("books", "c", Check("title <> 't9'")), "1 rows do not satisfy CHECK 'c'"),
        (AddUnique("books", "u", ("isbn",)), "1 values are there more than once"),
        (AddForeignKey("books", "f", "author_id", "authors", "id"), "1 rows point at no row of 'authors'"),
    ]
    for change, said in unfit:
        with pytest.raises(UnfitRows, match=said):
            altering(shop, atomic=atomic).apply(change)
        assert table(shop) == before


def test_a_concurrent_index_is_none_of_an_atomic_step(shop: Database) -> None:
    for change in (AddIndex("books", "i", ("title",), concurrently=True), DropIndex("books", "i", concurrently=True)):
        with pytest.raises(ValueError, match="atomic = False"):
            altering(shop).apply(change)


def test_a_concurrent_index_with_doubles_leaves_no_invalid_one(shop: Database) -> None:
    shop.execute_sql("UPDATE books SET isbn = 'i1' WHERE id = 6")
    with pytest.raises(UnfitRows, match=r"1 values are there more than once \(i1\)"):
        online(shop, AddIndex("books", "by_isbn", ("isbn",), unique=True, concurrently=True))
    assert one(shop, "SELECT count(*) FROM pg_class WHERE relname = 'by_isbn'") == 0


def test_an_invalid_index_that_a_killed_build_left_is_built_anew(shop: Database, postgres_url: str) -> None:
    other = opened(postgres_url)
    with held(other, "UPDATE books SET title = 'x' WHERE id = 1 RETURNING id"):  # a build waits for who writes
        process = PROCESSES.Process(target=_build, args=(postgres_url,))
        process.start()
        await_(lambda: one(shop, "SELECT count(*) FROM pg_class WHERE relname = 'by_title'") == 1)
        os.kill(process.pid or 0, 9)
        process.join()
        await_(lambda: not one(shop, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%'"))
    assert not table(shop).index("by_title").valid  # type: ignore[union-attr]
    online(shop, AddIndex("books", "by_title", ("title",), concurrently=True))
    assert table(shop).index("by_title").valid  # type: ignore[union-attr]


def _build(url: str) -> None:
    database = opened(url)
    database.execute_sql("SET client_connection_check_interval = '100ms'")
    online(database, AddIndex("books", "by_title", ("title",), concurrently=True))


@pytest.mark.parametrize(
    "adding",
    [AddColumn("books", "pages", IntegerField(null=True)), RunSql("", "ALTER TABLE books ADD COLUMN pages INTEGER")],
    ids=["operation", "sql"],
)
def test_a_long_reader_stalls_no_other_and_the_operation_comes_through(
    shop: Database, postgres_url: str, adding: Change
) -> None:
    reader, other = opened(postgres_url), opened(postgres_url)
    done = threading.Event()

    def change() -> None:
        own = opened(postgres_url)
        online(own, adding, lock_timeout=0.2)
        own.close()
        done.set()

    thread = threading.Thread(target=change)
    longest = 0.0
    with held(reader, "SELECT 1 FROM books LIMIT 1"):
        thread.start()
        for _ in range(200):
            started = time.monotonic()
            other.execute_sql("SELECT count(*) FROM books WHERE id < 10").fetchone()
            longest = max(longest, time.monotonic() - started)
        assert not done.is_set()
    thread.join(30)
    assert done.is_set()
    assert longest < 2.0
    assert table(shop).column("pages") is not None


def test_who_holds_the_table_is_named(shop: Database, postgres_url: str) -> None:
    reader = opened(postgres_url)
    with (
        held(reader, "SELECT 1 FROM books LIMIT 1"),
        pytest.raises(LockTimeout, match=r"table 'books'.*held by backend"),
    ):
        online(shop, AddNotNull("books", "title"), lock_timeout=0.05, lock_wait=0.5)


@contextmanager
def held(database: Database, sql: str) -> Iterator[None]:
    """Keep a transaction open that has executed something."""
    with database.atomic():
        database.execute_sql(sql).fetchall()
        yield


def await_(condition: Callable[[], bool]) -> None:
    """Ask the server again and again until something is so."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end


# Filling


def test_a_backfill_that_is_killed_goes_on_and_fills_no_row_twice(shop: Database, postgres_url: str) -> None:
    shop.execute_sql("ALTER TABLE books ADD COLUMN code TEXT")
    process = PROCESSES.Process(target=_fill_and_die, args=(postgres_url,))
    process.start()
    process.join()
    assert process.exitcode == -9
    filled = one(shop, "SELECT count(*) FROM books WHERE code IS NOT NULL")
    assert 0 < filled < ROWS
    shop.execute_sql("INSERT INTO books (title) VALUES ('by old code')")
    called: list[int] = []

    def value(row: dict[str, Any]) -> str:
        called.append(row["id"])
        return f"{row['title']}!"

    online(shop, Backfill("books", "code", value, batch_size=100))
    assert len(called) == len(set(called)) == ROWS + 1 - filled
    assert one(shop, "SELECT count(*) FROM books WHERE code = title || '!'") == ROWS + 1


def _fill_and_die(url: str) -> None:
    told: list[int] = []

    def tell(done: int, total: int | None) -> None:
        told.append(done)
        if len(told) == 5:
            os.kill(os.getpid(), 9)

    change = Backfill("books", "code", lambda row: f"{row['title']}!", batch_size=100)
    online(opened(url), change, tell=tell)


def test_rows_that_old_code_writes_during_a_computed_column_are_filled_too(shop: Database, postgres_url: str) -> None:
    other = opened(postgres_url)
    inserted: list[int] = []

    def tell(done: int, total: int | None) -> None:
        if len(inserted) < 3:
            inserted.append(done)
            other.execute_sql("INSERT INTO books (id, title) VALUES (%s, 'late')", (-len(inserted),))

    made = iter(range(10 * ROWS))
    online(shop, AddColumn("books", "number", IntegerField(default=lambda: next(made))), tell=tell)
    column = table(shop).column("number")
    assert column is not None
    assert not column.null
    assert one(shop, "SELECT count(DISTINCT number) FROM books") == ROWS + len(inserted)
    assert table(shop).checks == ()


def test_a_value_that_is_null_does_not_go_round_for_ever(shop: Database) -> None:
    shop.execute_sql("ALTER TABLE books ADD COLUMN code TEXT")
    with pytest.raises(UnfitRows, match=r"the value is NULL for the row where \(id\) is \(1,\)"):
        online(shop, Backfill("books", "code", lambda row: None))


def test_a_table_without_a_key_is_filled_too(shop: Database) -> None:
    shop.execute_sql("CREATE TABLE logs AS SELECT n, NULL::text AS said FROM generate_series(1, 2500) n")
    online(shop, Backfill("logs", "said", lambda row: str(row["n"]), batch_size=100))
    assert one(shop, "SELECT count(*) FROM logs WHERE said = n::text") == 2500


# What is in the way, and what may not be meant


def test_what_depends_on_a_column_is_named_and_goes_only_with_cascade(shop: Database) -> None:
    shop.execute_sql("CREATE VIEW titles AS SELECT title FROM books")
    shop.execute_sql("CREATE INDEX pair ON books (title, isbn)")
    shop.execute_sql("CREATE INDEX alone ON books (title)")
    with pytest.raises(ValueError, match=r"books.title is used by index pair, view titles: drop them first"):
        altering(shop).apply(DropColumn("books", "title"))
    assert findings(shop, DropColumn("books", "title", cascade=True)) == ["drop:books.title", "cascade:books.title"]
    altering(shop).apply(DropColumn("books", "title", cascade=True))
    assert one(shop, "SELECT count(*) FROM pg_views WHERE viewname = 'titles'") == 0


def test_a_table_that_others_refer_to_is_not_dropped_by_the_way(shop: Database) -> None:
    online(shop, AddForeignKey("books", "books_author", "author_id", "authors", "id"))
    with pytest.raises(ValueError, match="books_author on table books depends on table authors"):
        altering(shop).apply(DropTable("authors"))
    altering(shop).apply(DropTable("authors", cascade=True))
    assert table(shop).foreign_keys == ()


def test_findings_name_what_an_operation_is_about_to_do(shop: Database) -> None:
    online(shop, AddNotNull("books", "title"))
    shop.execute_sql("ALTER TABLE books ALTER COLUMN title SET DEFAULT 'none'")
    expected: dict[Change, tuple[list[str], list[str]]] = {
        AddNotNull("books", "isbn"): (["scan:books.isbn"], []),
        AddConstraint("books", "c", Check("id > 0")): (["scan:books.c"], []),
        AddForeignKey("books", "f", "author_id", "authors", "id"): (["scan:books.author_id"], []),
        AddUnique("books", "u", ("isbn",)): (["blocking-index:books.u"], []),
        AddIndex("books", "i", ("isbn",)): (["blocking-index:books.i"], ["blocking-index:books.i"]),
        AddIndex("books", "i", ("isbn",), concurrently=True): ([], []),
        AddColumn("books", "new", IntegerField(default=1)): ([], []),
        AddColumn("books", "new", UUIDField(default=SQL("gen_random_uuid()"))): (["rewrite:books.new"],) * 2,
        AddColumn("books", "new", IntegerField(default=lambda: 1)): (["update:books.new", "scan:books.new"], []),
        Backfill("books", "isbn", "x"): (["update:books.isbn"], []),
        AlterColumnType("books", "isbn", CharField(30)): ([], []),
        AlterColumnType("books", "isbn", TextField()): ([], []),
        AlterColumnType("books", "isbn", CharField(10)): (["rewrite:books.isbn"],) * 2,
        AlterColumnType("books", "id", BigIntegerField()): (["rewrite:books.id"],) * 2,
        DropColumnDefault("books", "title"): (["default-lost:books.title"],) * 2,
        RenameTable("books", "volumes"): (["rename:books"],) * 2,
        DropTable("books"): (["drop:books"],) * 2,
    }
    for change, (atomic, other) in expected.items():
        assert findings(shop, change) == atomic, change
        assert findings(shop, change, atomic=False) == other, change


def test_a_table_of_the_same_transaction_gives_no_finding(shop: Database) -> None:
    with shop.atomic():
        shop.execute_sql("CREATE TABLE new AS SELECT n FROM generate_series(1, 5000) n")
        for change in (AddNotNull("new", "n"), AddIndex("new", "i", ("n",)), DropTable("new")):
            assert findings(shop, change) == []


def test_a_type_that_postgres_cannot_cast_to_by_itself_says_what_to_write(shop: Database) -> None:
    with pytest.raises(ValueError, match=r"cannot be cast automatically .* say how with cast='\"isbn\"::INTEGER'"):
        altering(shop).apply(AlterColumnType("books", "isbn", IntegerField()))
    shop.execute_sql("UPDATE books SET isbn = '12'")
    altering(shop).apply(AlterColumnType("books", "isbn", IntegerField(), cast='"isbn"::INTEGER'))
    assert one(shop, "SELECT max(isbn) FROM books") == 12


def test_a_renamed_table_takes_its_sequence_along(shop: Database) -> None:
    altering(shop).apply(RenameTable("books", "volumes"))
    assert one(shop, "SELECT pg_get_serial_sequence('volumes', 'id')") == "public.volumes_id_seq"
    shop.execute_sql("INSERT INTO volumes (title) VALUES ('more')")


def test_times_with_an_offset_are_defaults_too(shop: Database) -> None:
    from signals_peewee.runner.operations import InstantField

    moment = datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc)
    altering(shop).apply(AddColumn("books", "at", InstantField(default=moment)))
    assert one(shop, "SELECT count(*) FROM books WHERE at = '2026-01-02 03:04:05.000006+00'") == ROWS
