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
    AddForeignKey,
    AddNotNull,
    AddUnique,
    Altering,
    Conduct,
    RunSql,
    altering_for,
)
from signals_peewee.engine.introspection import Table, inspector_for
from signals_peewee.engine.migrating import migrating_for


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
    name = """a "b" 'c' %s -- é"""
    quoted = '"' + name.replace('"', '""').replace("%", "%%") + '"'
    database.execute_sql(f"CREATE TABLE {quoted} (id SERIAL PRIMARY KEY)")
    database.execute_sql(f"INSERT INTO {quoted} DEFAULT VALUES")
    for atomic in (True, False):
        column = f"{name} {atomic}"
        altering = altering_for(migrating_for(database), SchemaMigrator.from_database(database), Conduct(atomic=atomic))
        altering.apply(AddColumn(name, column, TextField(default=lambda: "%s")))
        altering.apply(AddUnique(name, f"u{column}", (column,)))
    found = inspector_for(database).table(name)
    assert found is not None
    assert {unique.columns for unique in found.uniques} == {(f"{name} True",), (f"{name} False",)}


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
