"""What does each operation leave in a SQLite table, natively and by building it anew?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from peewee import (
    SQL,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Check,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    FloatField,
    ForeignKeyField,
    IntegerField,
    IntegrityError,
    JSONField,
    Model,
    OperationalError,
    SqliteDatabase,
    TextField,
    TimeField,
    UUIDField,
)
from rebuild_kit import altering, change, rows, statement

from signals_peewee.engine.altering import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Backfill,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropIndex,
    DropNotNull,
    DropTable,
    RenameColumn,
    RenameTable,
    RunSql,
)
from signals_peewee.errors import UnfitRows

AUTHORS = "CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)"
BOOKS = (
    "CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, pages INT, author_id INT REFERENCES authors (id))"
)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """Authors 1 and 9, and books 1, 2, 3 of author 1; nobody knows how many pages the third has."""
    database = SqliteDatabase(tmp_path / "books.db", pragmas={"foreign_keys": 1})
    database.connect()
    for sql in (
        AUTHORS,
        BOOKS,
        "INSERT INTO authors VALUES (1, 'Ann'), (9, 'Bob')",
        "INSERT INTO books VALUES (1, 'One', 10, 1), (2, 'Two', 20, 1), (3, 'Three', NULL, 1)",
    ):
        database.execute_sql(sql)
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["native", "rebuilt"])
def native(request: pytest.FixtureRequest) -> bool:
    """Whether ALTER TABLE is used where it can do it."""
    kind: bool = request.param
    return kind


def test_a_constant_default_stays_in_the_database_and_is_in_every_row(books: SqliteDatabase, native: bool) -> None:
    change(books, AddColumn("books", "lang", TextField(default="it's\n(en)")), native=native)
    assert rows(books, "SELECT DISTINCT lang FROM books") == [("it's\n(en)",)]
    books.execute_sql("INSERT INTO books (title) VALUES ('by old code')")
    assert rows(books, "SELECT lang FROM books WHERE title = 'by old code'") == [("it's\n(en)",)]
    with pytest.raises(IntegrityError):
        books.execute_sql("INSERT INTO books (title, lang) VALUES ('x', NULL)")


DEFAULTS = [
    (IntegerField(default=-1), -1),
    (FloatField(default=0.1), 0.1),
    (FloatField(default=float("-inf")), float("-inf")),
    (BooleanField(default=True), 1),
    (CharField(default=""), ""),
    (TextField(default="now()"), "now()"),
    (TextField(default="a  b'; DROP TABLE books; --"), "a  b'; DROP TABLE books; --"),
    (BlobField(default=b"\x00'\xff"), b"\x00'\xff"),
    (DecimalField(default=Decimal("1.25")), 1.25),
    (DateTimeField(default=datetime.fromisoformat("2026-01-02T03:04:05")), "2026-01-02 03:04:05"),
    (UUIDField(default=UUID(int=7)), "00000000000000000000000000000007"),
    (JSONField(default={"a": ["it's", None]}), '{"a": ["it\'s", null]}'),
    (TextField(default=SQL("lower('ABC')")), "abc"),
    (TextField(default=SQL("CURRENT_TIMESTAMP"), constraints=[Check("added > '2000'")]), None),
    (IntegerField(default=5, constraints=[SQL("DEFAULT 7")]), 7),
]


@pytest.mark.parametrize(("field", "expected"), DEFAULTS)
def test_a_default_of_any_type_is_what_the_driver_would_have_stored(
    books: SqliteDatabase, field: Any, expected: Any
) -> None:
    change(books, AddColumn("books", "added", field))
    books.execute_sql("INSERT INTO books (title) VALUES ('later')")
    values = {value for (value,) in rows(books, "SELECT added FROM books")}
    if expected is None:  # a moment, and the next second may have begun
        assert all(value > "2026" for value in values)
        return
    assert len(values) == 1
    assert values == {expected} or '{"a":["it\'s",null]}' in values


@pytest.mark.parametrize("field", [TextField(default="a\0b"), FloatField(default=float("nan"))])
def test_a_default_that_sql_cannot_say_is_refused(books: SqliteDatabase, field: Any) -> None:
    with pytest.raises(ValueError, match="a default cannot"):
        change(books, AddColumn("books", "added", field))


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (IntegerField(default="abc"), "'abc' is no value for 'added', which is INTEGER"),
        (FloatField(default="1,5"), "'1,5' is no value for 'added', which is REAL"),
        (DateTimeField(default="now()"), r"the default 'now\(\)' of 'added' is no datetime; write SQL\('now\(\)'\)"),
        (DateField(default="yesterday"), "the default 'yesterday' of 'added' is no date"),
        (TimeField(default="noon"), "the default 'noon' of 'added' is no time"),
    ],
)
def test_a_default_that_is_none_of_the_type_is_refused(books: SqliteDatabase, field: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        change(books, AddColumn("books", "added", field))
    assert "added" not in statement(books, "books")


def test_a_constant_that_is_none_of_the_type_is_refused_wherever_it_is_given(books: SqliteDatabase) -> None:
    with pytest.raises(ValueError, match="'abc' is no value for books.pages, which is INT"):
        change(books, AddColumnDefault("books", "pages", "abc"))
    with pytest.raises(ValueError, match="'abc' is no value for books.pages, which is INT"):
        change(books, Backfill("books", "pages", "abc"))
    change(books, Backfill("books", "pages", "7"), AddColumnDefault("books", "pages", "8"))
    books.execute_sql("INSERT INTO books (title) VALUES ('later')")
    assert rows(books, "SELECT DISTINCT pages FROM books ORDER BY 1")[:2] == [(7,), (8,)]


@pytest.mark.parametrize("text", ["now()", "'quoted'"])
def test_a_text_that_playhouse_would_take_for_sql_is_refused_and_the_remedy_named(
    books: SqliteDatabase, text: str
) -> None:
    with pytest.raises(ValueError, match="SQL"):
        change(books, AddColumnDefault("books", "title", text))
    change(books, AddColumnDefault("books", "title", SQL("lower('AB')")))
    books.execute_sql("INSERT INTO books (pages) VALUES (1)")
    assert rows(books, "SELECT title FROM books WHERE pages = 1") == [("ab",)]


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("null", [True, False])
def test_a_function_as_default_is_called_for_every_row(
    books: SqliteDatabase, native: bool, atomic: bool, null: bool
) -> None:
    numbers = iter(range(100, 200))
    field = IntegerField(default=lambda: next(numbers), null=null, unique=True)
    told: list[tuple[int, int | None]] = []
    change(
        books,
        AddColumn("books", "number", field),
        native=native,
        atomic=atomic,
        tell=lambda done, total: told.append((done, total)),
    )
    assert rows(books, "SELECT number FROM books ORDER BY id") == [(100,), (101,), (102,)]
    assert rows(books, "SELECT \"notnull\" FROM pragma_table_info('books') WHERE name = 'number'") == [(int(not null),)]
    assert statement(books, "books_number") == 'CREATE UNIQUE INDEX "books_number" ON "books" ("number")'
    assert told == [(3, 3)]


def test_a_column_without_a_value_for_the_rows_is_refused_unless_there_are_none(
    books: SqliteDatabase, native: bool
) -> None:
    with pytest.raises(ValueError, match="lang is not null but has no default"):
        change(books, AddColumn("books", "lang", TextField()), native=native)
    with pytest.raises(UnfitRows, match="3 rows would have nothing there"):
        change(books, AddColumn("books", "lang", TextField(), allow_not_null=True), native=native)
    books.execute_sql("DELETE FROM books")
    change(books, AddColumn("books", "lang", TextField(), allow_not_null=True), native=native)
    assert 'lang" TEXT NOT NULL' in statement(books, "books")


def test_a_foreign_key_field_refers_and_has_its_index(books: SqliteDatabase, native: bool) -> None:
    class Author(Model):
        class Meta:
            table_name = "authors"
            database = books

    field = ForeignKeyField(
        Author, field="id", null=True, on_delete="CASCADE", on_update="SET NULL", deferrable="INITIALLY DEFERRED"
    )
    change(books, AddColumn("books", "editor_id", field), native=native)
    (key,) = [key for key in books.get_foreign_keys("books") if key.column == "editor_id"]
    assert (key.dest_table, key.dest_column, key.on_delete, key.on_update) == ("authors", "id", "CASCADE", "SET NULL")
    assert "DEFERRABLE INITIALLY DEFERRED" in statement(books, "books")
    assert statement(books, "books_editor_id") == 'CREATE INDEX "books_editor_id" ON "books" ("editor_id")'
    change(books, DropColumn("books", "editor_id"), native=native)
    assert rows(books, "SELECT sql FROM sqlite_master WHERE name = 'books'") != []
    assert "editor_id" not in statement(books, "books")
    assert [key.column for key in books.get_foreign_keys("books")] == ["author_id"]


def test_unique_values_that_are_not_unique_leave_no_column(books: SqliteDatabase, native: bool) -> None:
    with pytest.raises(UnfitRows, match="1 values are there more than once"):
        change(books, AddColumn("books", "lang", TextField(default="en", unique=True)), native=native)
    assert statement(books, "books") == BOOKS


def test_not_null_names_the_rows_that_have_nothing(books: SqliteDatabase, native: bool) -> None:
    with pytest.raises(UnfitRows) as caught:
        change(books, AddNotNull("books", "pages"), native=native)
    assert str(caught.value) == (
        "books.pages: 1 rows have NULL there; fill them first, with backfill() or an UPDATE (id 3)"
    )
    assert (caught.value.table, caught.value.columns, caught.value.count) == ("books", ("pages",), 1)
    assert statement(books, "books") == BOOKS
    change(books, Backfill("books", "pages", 0), AddNotNull("books", "pages"), native=native)
    with pytest.raises(IntegrityError):
        books.execute_sql("UPDATE books SET pages = NULL")
    change(books, DropNotNull("books", "pages"), native=native)
    books.execute_sql("UPDATE books SET pages = NULL")


def test_a_default_is_set_changed_and_dropped(books: SqliteDatabase, native: bool) -> None:
    change(books, AddColumnDefault("books", "pages", -1), AddColumnDefault("books", "pages", 7), native=native)
    books.execute_sql("INSERT INTO books (title) VALUES ('seven')")
    change(books, DropColumnDefault("books", "pages"), native=native)
    books.execute_sql("INSERT INTO books (title) VALUES ('none')")
    assert rows(books, "SELECT pages FROM books WHERE id > 3") == [(7,), (None,)]
    assert "DEFAULT" not in statement(books, "books")


def test_a_type_is_changed_and_a_cast_makes_the_new_values(books: SqliteDatabase) -> None:
    change(books, AlterColumnType("books", "pages", TextField()))
    assert rows(books, "SELECT pages FROM books") == [("10",), ("20",), (None,)]
    change(books, AlterColumnType("books", "pages", IntegerField(), cast="coalesce(pages, 0) * 2"))
    assert rows(books, "SELECT pages FROM books") == [(20,), (40,), (0,)]


def test_a_strict_table_names_the_rows_that_do_not_fit_a_type(books: SqliteDatabase) -> None:
    books.execute_sql("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT) STRICT")
    books.execute_sql("INSERT INTO words VALUES (1, '12'), (2, 'twelve')")
    with pytest.raises(UnfitRows, match=r"words.word: 1 rows have something else there than INTEGER; .* \(id 2\)"):
        change(books, AlterColumnType("words", "word", IntegerField()))
    change(books, AlterColumnType("words", "word", IntegerField(), cast="length(word)"))
    assert rows(books, "SELECT word, typeof(word) FROM words") == [(2, "integer"), (6, "integer")]


@pytest.mark.parametrize(
    ("field", "fitting", "misfit"),
    [
        (IntegerField(), ("'7'", "' 8 '", "'9.0'", "9.0"), ("'x1'", "1.5", "'1.5'", "x'37'", "''", "1e300")),
        (FloatField(), ("'7'", "'1.5'", "8", "9.25"), ("'x1'", "x'37'", "''")),
        (DecimalField(), ("'7.25'", "8", "9.25"), ("'x1'", "x'37'")),
        (BooleanField(), ("1", "'0'"), ("'true'",)),
        (CharField(9), ("7", "'x'", "9.25"), ("x'37'",)),
        (BlobField(), ("x'37'",), ("7", "'x'")),
        (DateTimeField(), ("'2026-01-02 03:04:05'", "7"), ()),
    ],
)
def test_a_type_stops_at_values_that_sqlite_would_keep_as_they_are(
    books: SqliteDatabase, field: Field, fitting: Sequence[str], misfit: Sequence[str]
) -> None:
    for value in fitting:
        books.execute_sql("CREATE TABLE loose (id INTEGER PRIMARY KEY, a)")
        books.execute_sql(f"INSERT INTO loose VALUES (1, NULL), (2, {value})")
        change(books, AlterColumnType("loose", "a", field))
        books.execute_sql("DROP TABLE loose")
    for value in misfit:
        books.execute_sql("CREATE TABLE loose (id INTEGER PRIMARY KEY, a)")
        books.execute_sql(f"INSERT INTO loose VALUES (1, NULL), (2, {value})")
        before = (statement(books, "loose"), rows(books, "SELECT *, typeof(a) FROM loose"))
        with pytest.raises(
            UnfitRows, match=r"loose.a: 1 rows have something else there than [A-Z(,0-9) ]+; .* \(id 2\)"
        ):
            change(books, AlterColumnType("loose", "a", field))
        assert (statement(books, "loose"), rows(books, "SELECT *, typeof(a) FROM loose")) == before
        change(books, AlterColumnType("loose", "a", field, cast="NULL"))
        books.execute_sql("DROP TABLE loose")


def test_what_was_no_value_of_the_old_type_either_does_not_stop_another_name_for_it(books: SqliteDatabase) -> None:
    books.execute_sql("CREATE TABLE loose (a INT)")
    books.execute_sql("INSERT INTO loose VALUES ('x1')")
    change(books, AlterColumnType("loose", "a", BigIntegerField()))
    assert rows(books, "SELECT a FROM loose") == [("x1",)]
    with pytest.raises(UnfitRows, match="1 rows have something else there than INTEGER"):
        change(books, AlterColumnType("loose", "a", BigIntegerField(), cast="a || '2'"))


def test_constraints_are_added_by_name_and_dropped_by_name(books: SqliteDatabase, native: bool) -> None:
    change(
        books,
        AddConstraint("books", "some_pages", Check("pages > 0")),
        AddConstraint("books", "whole", SQL("UNIQUE (title, pages)")),
        AddUnique("books", "titles", ("title",)),
        native=native,
    )
    for bad in ("(9, 'Nine', 0, 1)", "(9, 'One', 99, 1)"):
        with pytest.raises(IntegrityError):
            books.execute_sql(f"INSERT INTO books VALUES {bad}")
    with pytest.raises(ValueError, match=r"no constraint 'Titles'; it has \['some_pages', 'whole', 'titles'\]"):
        change(books, DropConstraint("books", "Titles"), native=native)
    with pytest.raises(ValueError, match="has a constraint 'titles' already"):
        change(books, AddConstraint("books", "titles", Check("pages > 0")), native=native)
    change(
        books,
        DropConstraint("books", "titles"),
        DropConstraint("books", "some_pages"),
        DropConstraint("books", "whole"),
        native=native,
    )
    assert statement(books, "books").replace('"books"', "books") == BOOKS


def test_rows_that_a_constraint_refuses_are_named(books: SqliteDatabase, native: bool) -> None:
    with pytest.raises(UnfitRows, match=r"books: 1 rows do not satisfy CHECK 'long'; change them first \(id 1\)"):
        change(books, AddConstraint("books", "long", Check("pages > 10")), native=native)
    with pytest.raises(UnfitRows, match=r"books.author_id: 1 values are there more than once \(1\)"):
        change(books, AddUnique("books", "one_each", ("author_id",)), native=native)
    with pytest.raises(UnfitRows, match=r"books.author_id: 1 values are there more than once \(1\)"):
        change(books, AddIndex("books", "one_each", ("author_id",), unique=True), native=native)
    with pytest.raises(UnfitRows, match=r"books.pages: 2 rows \(rowid 1, 2\) point at no row of 'authors'"):
        change(books, AddForeignKey("books", "key", "pages", "authors", "id"), native=native)
    assert statement(books, "books") == BOOKS


def test_a_foreign_key_is_dropped_and_added(books: SqliteDatabase) -> None:
    change(books, DropForeignKey("books", "author_id"))
    assert books.get_foreign_keys("books") == []
    change(books, AddForeignKey("books", "by", "author_id", "authors", "id", on_delete="CASCADE"))
    books.execute_sql("DELETE FROM authors WHERE id = 1")
    assert rows(books, "SELECT count(*) FROM books") == [(0,)]
    with pytest.raises(ValueError, match="no table 'nobody'"):
        change(books, AddForeignKey("books", "key", "pages", "nobody", "id"))
    with pytest.raises(ValueError, match=r"authors.+ must be UNIQUE|refers to books.pages"):
        change(books, AddForeignKey("authors", "key", "id", "books", "pages"))


def test_what_foreign_keys_need_stays_unique(books: SqliteDatabase) -> None:
    books.execute_sql("CREATE TABLE fans (author TEXT REFERENCES authors (name))")
    books.execute_sql("CREATE UNIQUE INDEX titles ON books (title)")
    books.execute_sql("CREATE TABLE readers (book TEXT REFERENCES books (title))")
    with pytest.raises(ValueError, match=r"a foreign key of 'readers' refers to books.title"):
        change(books, DropIndex("books", "titles"))
    with pytest.raises(ValueError, match="used by a foreign key of 'fans'"):
        change(books, DropColumn("authors", "name"))


def test_an_index_takes_names_nodes_and_a_condition(books: SqliteDatabase) -> None:
    change(books, AddIndex("books", "by_title", ("author_id", SQL("lower(title) DESC")), where=SQL("pages > ?", [5])))
    assert statement(books, "by_title") == (
        'CREATE INDEX "by_title" ON "books" ("author_id", lower(title) DESC) WHERE pages > 5'
    )
    with pytest.raises(ValueError, match=r"no index 'by_Title'; it has \['by_title'\]"):
        change(books, DropIndex("books", "by_Title"))
    change(books, DropIndex("books", "by_title"))
    with pytest.raises(ValueError, match="no column 'nothing'"):
        change(books, AddIndex("books", "i", ("nothing",)))


def test_a_dropped_column_takes_what_is_on_it_alone_and_nothing_else(books: SqliteDatabase, native: bool) -> None:
    for sql in (
        "CREATE INDEX pages_alone ON books (pages) WHERE pages > 1",
        "CREATE INDEX pages_too ON books (title, pages)",
        "CREATE VIEW long AS SELECT title FROM books WHERE pages > 15",
        'CREATE VIEW all_of_them AS SELECT title, "pages  " AS label FROM books',
    ):
        books.execute_sql(sql)
    with pytest.raises(ValueError, match="books.pages is used by index 'pages_too', view 'long': drop them first, or"):
        change(books, DropColumn("books", "pages"), native=native)
    change(books, DropColumn("books", "pages", cascade=True), native=native)
    names = [name for (name,) in rows(books, "SELECT name FROM sqlite_master WHERE type IN ('view', 'index')")]
    assert names == ["sqlite_autoindex_authors_1", "all_of_them"]
    assert rows(books, "SELECT * FROM books") == [(1, "One", 1), (2, "Two", 1), (3, "Three", 1)]


def test_a_column_with_a_constraint_of_the_table_on_it_alone_goes(books: SqliteDatabase, native: bool) -> None:
    books.execute_sql(
        "CREATE TABLE t (a INT, b INT, c INT, UNIQUE (b), CHECK (b > 0), FOREIGN KEY (b) REFERENCES authors, "
        "CHECK (a > 0))"
    )
    books.execute_sql("INSERT INTO t VALUES (1, 1, 3)")
    change(books, DropColumn("t", "b"), native=native)
    assert statement(books, "t") == 'CREATE TABLE "t" (a INT, c INT, CHECK (a > 0))'
    assert rows(books, "SELECT * FROM t") == [(1, 3)]


def test_a_column_of_the_primary_key_and_one_that_others_are_computed_from_stay(books: SqliteDatabase) -> None:
    books.execute_sql("CREATE TABLE t (a INT, b INT, c AS (b + 1), PRIMARY KEY (a))")
    with pytest.raises(ValueError, match="belongs to the primary key"):
        change(books, DropColumn("t", "a"))
    with pytest.raises(ValueError, match="used by column 'c'"):
        change(books, DropColumn("t", "b", cascade=True))


def test_names_are_followed_where_a_column_or_a_table_is_renamed(books: SqliteDatabase, native: bool) -> None:
    books.execute_sql("CREATE VIEW long AS SELECT title FROM books WHERE pages > 15")
    books.execute_sql("PRAGMA legacy_alter_table = 1")
    change(books, RenameColumn("books", "pages", "number of pages"), RenameTable("books", "volumes"), native=native)
    assert rows(books, "SELECT * FROM long") == [("Two",)]
    assert rows(books, 'SELECT "number of pages" FROM volumes') == [(10,), (20,), (None,)]
    assert rows(books, "PRAGMA legacy_alter_table") == [(1,)]


def test_a_table_is_dropped_and_may_be_missing_only_if_safe(books: SqliteDatabase) -> None:
    change(books, DropTable("books"), DropTable("books", safe=True))
    assert books.get_tables() == ["authors", "sqlite_sequence"]
    with pytest.raises(ValueError, match="no table 'books'"):
        change(books, DropTable("books"))
    with pytest.raises(ValueError, match="no table 'Authors', but 'authors': write it so"):
        change(books, DropTable("Authors", safe=True))


def test_a_table_that_others_refer_to_is_not_dropped_while_foreign_keys_are_on(books: SqliteDatabase) -> None:
    with pytest.raises(ValueError, match="foreign keys are on"):
        altering(books, foreign_keys=True).apply(DropTable("authors"))
    assert rows(books, "SELECT count(*) FROM books") == [(3,)]


def test_any_sql_can_be_run(books: SqliteDatabase) -> None:
    change(books, RunSql("", "UPDATE books SET pages = ?", (1,)))
    assert rows(books, "SELECT DISTINCT pages FROM books") == [(1,)]


CHANGES = [
    AddNotNull,
    DropNotNull,
    DropColumnDefault,
    DropColumn,
    DropForeignKey,
    partial(AddColumnDefault, default=1),
    partial(AlterColumnType, field=IntegerField()),
    partial(RenameColumn, new_name="other"),
    partial(Backfill, value=1),
    lambda table, column: AddUnique(table, "u", (column,)),
    lambda table, column: AddForeignKey(table, "f", column, "authors", "id"),
    lambda table, column: AddIndex(table, "i", (column,)),
]


@pytest.mark.parametrize("make", CHANGES)
def test_a_wrong_case_is_refused_and_the_right_one_named(books: SqliteDatabase, native: bool, make: Any) -> None:
    with pytest.raises(ValueError, match="no table 'Books', but 'books': write it so"):
        change(books, make("Books", "pages"), native=native)
    with pytest.raises(ValueError, match="no column 'Pages', but 'pages': write it so"):
        change(books, make("books", "Pages"), native=native)
    with pytest.raises(ValueError, match="no column 'page'; it has id, title, pages, author_id"):
        change(books, make("books", "page"), native=native)
    assert statement(books, "books") == BOOKS


def test_what_is_no_table_is_refused(books: SqliteDatabase) -> None:
    for sql in (
        "CREATE VIEW v AS SELECT * FROM books",
        "CREATE VIRTUAL TABLE words USING fts5 (word)",
        "CREATE TEMP TABLE hidden (a)",
        "CREATE TABLE hidden (a)",
        "CREATE TABLE gone__tmp__ (a)",
    ):
        books.execute_sql(sql)
    for table, problem in (
        ("v", "is a view"),
        ("words", "is a virtual table"),
        ("hidden", "a temporary table is called"),
        ("sqlite_sequence", "belongs to SQLite"),
        ("gone", "ALTER TABLE gone__tmp__ RENAME TO gone"),
    ):
        with pytest.raises(ValueError, match=problem):
            change(books, AddNotNull(table, "a"))


def test_a_mistake_in_sql_leaves_everything_as_it_was(books: SqliteDatabase, native: bool) -> None:
    for bad in (AddConstraint("books", "c", Check("nope > 1")), AddIndex("books", "i", (SQL("nope"),))):
        with pytest.raises(OperationalError, match="nope"):
            change(books, bad, native=native)
    with pytest.raises(ValueError, match='no column "nope"'):
        change(books, AddConstraint("books", "c", Check('"nope" > 1')), native=native)
    assert statement(books, "books") == BOOKS
