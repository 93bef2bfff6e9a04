"""What if a name that an operation on Postgres would give is taken, by something that was there before?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from peewee import SQL, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator
from runner_kit import closing, opened

from signals_peewee.engine.altering import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    Altering,
    Conduct,
    RenameTable,
    RunSql,
    altering_for,
)
from signals_peewee.engine.introspection import Table, inspector_for
from signals_peewee.engine.migrating import migrating_for
from signals_peewee.errors import StepFailed, UnfitRows
from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner


class Author(Model):
    """The parent of the keys."""

    class Meta:
        table_name = "authors"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def books(postgres_url: str) -> Database:
    """Books whose columns once had other names, as their constraints still say."""
    database = opened(postgres_url)
    database.execute_sql("CREATE TABLE authors (id INTEGER PRIMARY KEY)")
    database.execute_sql("INSERT INTO authors VALUES (1)")
    database.execute_sql(
        "CREATE TABLE books (id SERIAL PRIMARY KEY, title TEXT, name TEXT CONSTRAINT books_title_not_null NOT NULL, "
        "writer_id INTEGER CONSTRAINT books_author_id_fkey REFERENCES authors (id))"
    )
    database.execute_sql("INSERT INTO books (title, name, writer_id) VALUES ('t', 'n', 1)")
    return database


def online(database: Database, **conduct: Any) -> Altering:
    playhouse = SchemaMigrator.from_database(database)
    return altering_for(migrating_for(database), playhouse, Conduct(atomic=False, **conduct))


def table(database: Database) -> Table:
    found = inspector_for(database).table("books")
    assert found is not None
    return found


def null(database: Database) -> dict[str, bool]:
    return {column.name: column.null for column in table(database).columns}


@pytest.mark.parametrize("taken", ["not_null", "filled", "filled_check", "check"])
def test_the_constraint_of_another_column_outlives_add_not_null(books: Database, taken: str) -> None:
    if taken != "not_null":
        books.execute_sql(f"ALTER TABLE books ADD CONSTRAINT books_title_{taken} CHECK (name <> '')")
    before = table(books).checks
    online(books).apply(AddNotNull("books", "title"))
    assert null(books) == {"id": False, "title": False, "name": False, "writer_id": True}
    assert table(books).checks == before


def test_a_helper_that_a_killed_run_left_is_used_and_goes(books: Database) -> None:
    killed = online(books)
    books.execute_sql("INSERT INTO books (name) VALUES ('no title')")
    execute = books.execute_sql

    def dying(sql: str, params: Any = None) -> Any:
        if "VALIDATE" in sql:
            raise KeyboardInterrupt
        return execute(sql, params)

    books.execute_sql = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        killed.apply(AddNotNull("books", "title"))
    books.execute_sql = execute  # type: ignore[method-assign]
    assert [check.validated for check in table(books).checks] == [False]
    books.execute_sql("UPDATE books SET title = 'found' WHERE title IS NULL")
    online(books).apply(AddNotNull("books", "title"))
    assert not null(books)["title"]
    assert table(books).checks == ()


def test_a_new_foreign_key_finds_a_name_beside_an_old_one(books: Database) -> None:
    field = ForeignKeyField(Author, field=Author.id, null=True)
    online(books).apply(AddColumn("books", "author_id", field))
    keys = {key.columns: (key.table, key.validated) for key in table(books).foreign_keys}
    assert keys == {("writer_id",): ("authors", True), ("author_id",): ("authors", True)}


def test_a_foreign_key_that_was_not_validated_is_on_the_next_run(books: Database) -> None:
    books.execute_sql("ALTER TABLE books ADD COLUMN author_id INTEGER")
    books.execute_sql("ALTER TABLE books ADD FOREIGN KEY (author_id) REFERENCES authors (id) NOT VALID")
    online(books).apply(AddColumn("books", "author_id", ForeignKeyField(Author, field=Author.id, null=True)))
    assert [key.columns for key in table(books).foreign_keys if key.validated] == [("writer_id",), ("author_id",)]


def test_a_constraint_of_the_same_name_that_says_something_else_is_refused(books: Database) -> None:
    with pytest.raises(ValueError, match="books_author_id_fkey"):
        online(books).apply(AddForeignKey("books", "books_author_id_fkey", "id", "authors", "id"))


def test_an_index_of_the_same_name_on_other_columns_becomes_no_unique_constraint(books: Database) -> None:
    books.execute_sql("CREATE UNIQUE INDEX uniq_title ON books (name)")
    with pytest.raises(ValueError, match="index 'uniq_title'"):
        online(books).apply(AddUnique("books", "uniq_title", ("title",)))
    assert table(books).uniques == ()


def test_names_with_every_character_are_quoted(postgres_url: str) -> None:
    database = opened(postgres_url)
    name = """a "b" 'c' %s %% -- é"""
    quoted = '"' + name.replace('"', '""').replace("%", "%%") + '"'
    database.execute_sql(f"CREATE TABLE {quoted} (id SERIAL PRIMARY KEY)")
    database.execute_sql(f"INSERT INTO {quoted} DEFAULT VALUES")
    for atomic in (True, False):
        column = f"{name} {atomic}"
        altering = altering_for(migrating_for(database), SchemaMigrator.from_database(database), Conduct(atomic=atomic))
        altering.apply(AddColumn(name, column, TextField(default=lambda: "%s")))
        altering.apply(AddUnique(name, f"u{column}", (column,)))
        altering.apply(AddIndex(name, f"i{column}", (column,), concurrently=not atomic))
    found = inspector_for(database).table(name)
    assert found is not None
    assert {unique.columns for unique in found.uniques} == {(f"{name} True",), (f"{name} False",)}
    assert {index.name for index in found.indexes} == {f"i{name} True", f"i{name} False"}


def test_a_percent_sign_in_sql_is_one_and_may_be_doubled(books: Database) -> None:
    for sql in ("UPDATE books SET title = '5%'", "UPDATE books SET title = '5%%'"):
        online(books).apply(RunSql("", sql))
        assert books.execute_sql("SELECT title FROM books").fetchall() == [("5%",)]
    online(books).apply(RunSql("", "UPDATE books SET title = %s || '%%'", ("6",)))
    assert books.execute_sql("SELECT title FROM books").fetchall() == [("6%",)]


def test_a_column_of_a_schema_that_is_not_on_the_path_refers_within_it(books: Database) -> None:
    books.execute_sql("CREATE SCHEMA shop")
    books.execute_sql("CREATE TABLE shop.authors (id INTEGER PRIMARY KEY)")
    books.execute_sql("CREATE TABLE shop.books (id INTEGER PRIMARY KEY, n INTEGER DEFAULT 1)")
    books.execute_sql("INSERT INTO shop.books VALUES (1)")
    altering = online(books, schema="shop")
    altering.apply(AddColumn("books", "author_id", ForeignKeyField(Author, field=Author.id, null=True)))
    altering.apply(AddColumn("books", "pages", IntegerField(default=SQL("3"))))
    found = inspector_for(books).table("books", "shop")
    assert found is not None
    assert [(key.columns, key.table, key.schema) for key in found.foreign_keys] == [(("author_id",), "authors", None)]
    assert "pages" not in [column.name for column in table(books).columns]


@pytest.mark.parametrize("taken", ["it is another table's", "the new one is taken", "the new one is too long"])
def test_a_sequence_that_cannot_be_renamed_with_its_table_stays_as_it_is(postgres_url: str, taken: str) -> None:
    database = opened(postgres_url)
    kind = "INTEGER" if taken == "it is another table's" else "SERIAL"
    database.execute_sql(f"CREATE TABLE books (id {kind} PRIMARY KEY)")
    if kind == "INTEGER":
        database.execute_sql("CREATE SEQUENCE books_id_seq")
    new_name = "b" * 60 if taken == "the new one is too long" else "volumes"
    if taken == "the new one is taken":
        database.execute_sql("CREATE SEQUENCE volumes_id_seq")
    before = database.execute_sql("SELECT relname::text FROM pg_class WHERE relkind = 'S' ORDER BY 1").fetchall()
    online(database).apply(RenameTable("books", new_name))
    assert database.get_tables() == [new_name]
    after = database.execute_sql("SELECT relname::text FROM pg_class WHERE relkind = 'S' ORDER BY 1").fetchall()
    assert after == before


@pytest.mark.parametrize(
    ("constraint", "written"),
    [
        ("CHECK (title <> '') NO INHERIT", "CHECK ((title <> ''::text)) NO INHERIT"),
        ("CHECK (title = 'x') NOT VALID", "CHECK ((title = 'x'::text)) NOT VALID"),
        ("CHECK (title = 'x') NOT VALID NO INHERIT", "CHECK ((title = 'x'::text)) NO INHERIT NOT VALID"),
        ("CHECK (title = 'x') NOT ENFORCED", "CHECK ((title = 'x'::text)) NOT ENFORCED"),
        ("CHECK (title <> ' not valid')", "CHECK ((title <> ' not valid'::text))"),
        (
            "FOREIGN KEY (id) REFERENCES authors (id) NOT ENFORCED",
            "FOREIGN KEY (id) REFERENCES authors(id) NOT ENFORCED",
        ),
    ],
)
@pytest.mark.parametrize("atomic", [False, True])
def test_what_a_constraint_says_at_its_end_is_kept(
    books: Database, constraint: str, written: str, atomic: bool
) -> None:
    if "ENFORCED" in constraint and (books.server_version or 0) < 180000:
        pytest.skip("Postgres has NOT ENFORCED from 18 on")

    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.add_constraint("books", "said", SQL(constraint)))

    MigrationRunner(books, InlineSource("app", [InlineStep(step, atomic=atomic)])).up()
    asked = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'said'"
    assert books.execute_sql(asked).fetchall() == [(written,)]


def test_rows_that_break_a_check_that_is_not_inherited_are_named(books: Database) -> None:
    with pytest.raises(UnfitRows, match=r"1 rows do not satisfy CHECK 'said'; change them first \(id: 1\)"):
        online(books).apply(AddConstraint("books", "said", SQL("CHECK (title = 'x') NO INHERIT")))
    assert table(books).checks == ()


@pytest.mark.parametrize("atomic", [False, True])
def test_not_null_for_new_rows_alone_becomes_not_null_for_all(books: Database, atomic: bool) -> None:
    if (books.server_version or 0) < 180000:
        pytest.skip("Postgres has NOT NULL NOT VALID from 18 on")
    books.execute_sql("INSERT INTO books (name) VALUES ('m')")
    books.execute_sql("ALTER TABLE books ADD CONSTRAINT said NOT NULL title NOT VALID")

    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.add_not_null("books", "title"))

    source = InlineSource("app", [InlineStep(step, atomic=atomic)])
    with pytest.raises(StepFailed, match=r"books\.title: 1 rows have NULL there"):
        MigrationRunner(books, source).up()
    books.execute_sql("UPDATE books SET title = 'u' WHERE title IS NULL")
    assert MigrationRunner(books, source).up() == ["app:0001_step"]
    column = table(books).column("title")
    assert column is not None
    assert not column.null
    assert column.null_validated


def test_not_null_is_no_constraint_to_be_added_by_name(books: Database) -> None:
    with pytest.raises(ValueError, match=r"add_not_null\(\) is what makes a column NOT NULL"):
        online(books).apply(AddConstraint("books", "said", SQL("NOT NULL title")))


def test_a_partitioned_table_gets_a_foreign_key_on_every_version(books: Database) -> None:
    books.execute_sql("CREATE TABLE sales (id INTEGER PRIMARY KEY, book_id INTEGER) PARTITION BY RANGE (id)")
    books.execute_sql("CREATE TABLE sales_all PARTITION OF sales DEFAULT")
    books.execute_sql("INSERT INTO sales VALUES (1, 7)")
    key = AddForeignKey("sales", "sold", "book_id", "books", "id")
    with pytest.raises(UnfitRows, match=r"1 rows point at no row of 'books'"):
        online(books).apply(key)
    books.execute_sql("UPDATE sales SET book_id = 1")
    online(books).apply(key)
    asked = "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'sales'::regclass AND contype = 'f'"
    assert books.execute_sql(asked).fetchall() == [("sold", True)]
