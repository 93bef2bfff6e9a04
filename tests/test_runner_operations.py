"""Does every operation of a step do what it says, or say what is wrong?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import playhouse.migrate
import pytest
from peewee import (
    SQL,
    Check,
    Database,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    Value,
    fn,
)
from playhouse.migrate import Operation, make_index_name
from runner_kit import columns, tables

from signals_peewee.engine.introspection import Table, inspector_for
from signals_peewee.errors import OperationRefused, StepFailed
from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner, StepEvent

Change = Callable[[Any], Any]


@pytest.fixture
def shelf(database: Database) -> Database:
    """Two tables with rows."""

    def start(migrator: Any, db: Database) -> None:
        class Author(migrator.Model):  # type: ignore[misc]
            name = TextField()

            class Meta:
                table_name = "authors"

        class Book(migrator.Model):  # type: ignore[misc]
            title = TextField(null=True)
            pages = IntegerField(constraints=[SQL("DEFAULT 1")])
            author = ForeignKeyField(Author, null=True)

            class Meta:
                table_name = "books"

        Author.create_table(safe=False)
        Book.create_table(safe=False)
        Author.insert(name="a").execute()
        Book.insert_many([{"title": "one", "author": 1}, {"title": "two", "author": 1}]).execute()

    MigrationRunner(database, InlineSource("shelf", [start])).up()
    return database


def run(database: Database, *changes: Change, **options: Any) -> list[StepEvent]:
    """Run operations in a step of their own, and return what an observer heard of them."""
    heard: list[StepEvent] = []

    def step(migrator: Any, db: Database) -> None:
        migrator.migrate(*(change(migrator) for change in changes))

    atomic = options.pop("atomic", True)
    source = InlineSource(f"step{len(rows(database, 'migration_history'))}", [InlineStep(step, atomic=atomic)])
    MigrationRunner(database, source, on_event=heard.append, **options).up()
    return heard


def refused(database: Database, change: Change) -> str:
    """Run an operation that does not fit, and return what was said of it."""
    before = [inspector_for(database).table(name) for name in inspector_for(database).tables()]
    with pytest.raises(StepFailed) as caught:
        run(database, change)
    assert isinstance(caught.value.__cause__, (OperationRefused, ValueError))
    assert caught.value.rolled_back
    assert [inspector_for(database).table(name) for name in inspector_for(database).tables()] == before
    return str(caught.value.__cause__)


def table(database: Database, name: str = "books") -> Table:
    found = inspector_for(database).table(name)
    assert found is not None
    return found


def rows(database: Database, name: str) -> list[Any]:
    found: list[Any] = database.execute_sql(f'SELECT * FROM "{name}" ORDER BY 1').fetchall()
    return found


# What playhouse has


def test_an_operation_is_one_of_playhouses_and_runs_by_either_hand(shelf: Database) -> None:
    def step(migrator: Any, db: Database) -> None:
        operation = migrator.rename_column("books", "title", "name")
        assert isinstance(operation, Operation)
        assert columns(db, "books") == ["id", "title", "pages", "author_id"]
        operation.run()
        playhouse.migrate.migrate(migrator.rename_table("books", "volumes"))
        migrator.migrate(
            migrator.rename_column("volumes", "name", "called"), migrator.drop_index("volumes", "books_author_id")
        )

    MigrationRunner(shelf, InlineSource("step", [step])).up()
    assert columns(shelf, "volumes") == ["id", "called", "pages", "author_id"]
    assert table(shelf, "volumes").indexes == ()


def test_columns_come_and_go(shelf: Database) -> None:
    run(
        shelf,
        lambda m: m.add_column("books", "note", TextField(null=True)),
        lambda m: m.add_column("books", "isbn", TextField(default="none", index=True)),
        lambda m: m.add_column("books", "shop_id", ForeignKeyField(*author(), null=True, field=author()[0].id)),
        lambda m: m.drop_column("books", "note"),
    )
    assert columns(shelf, "books") == ["id", "title", "pages", "author_id", "isbn", "shop_id"]
    assert table(shelf).index("books_isbn") is not None
    assert table(shelf).index("books_shop_id") is not None
    assert [key.table for key in table(shelf).foreign_keys if key.columns == ("shop_id",)] == ["authors"]
    assert [row[4] for row in rows(shelf, "books")] == ["none", "none"]


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("given", [[None] * 4, [None, 2, None, 4], [1, 2, 3, None], [1, 2, 3, 4]])
def test_a_function_may_make_null_for_a_column_that_may_be_null_and_is_called_once_for_a_row(
    database: Database, given: list[Any], atomic: bool, key: str
) -> None:
    database.execute_sql(f"CREATE TABLE logs (id INTEGER {key})")
    database.execute_sql("INSERT INTO logs VALUES (1), (2), (3), (4)")
    MigrationRunner(database, InlineSource("nothing", [lambda migrator, db: None])).up()
    values = iter(given)
    field = IntegerField(null=True, default=lambda: next(values))
    heard = run(database, lambda m: m.add_column("logs", "days", field), atomic=atomic)
    assert sorted(rows(database, "logs")) == [*zip(range(1, 5), given, strict=True)]
    assert next(values, "none") == "none"
    assert [(event.done, event.total) for event in heard if event.kind == "progress"][-1] == (4, 4)


@pytest.mark.parametrize("atomic", [True, False])
def test_a_function_may_make_no_null_for_a_column_that_is_not_null(shelf: Database, atomic: bool) -> None:
    field = IntegerField(default=lambda: None)
    with pytest.raises(StepFailed) as caught:
        run(shelf, lambda m: m.add_column("books", "days", field), atomic=atomic)
    assert "give a value for it, or say null=True in its field" in str(caught.value)
    assert "where=" not in str(caught.value)


def author() -> list[Any]:
    class Author(Model):
        class Meta:
            table_name = "authors"

    return [Author]


def test_defaults_and_nullability_change_and_change_back(shelf: Database) -> None:
    run(
        shelf,
        lambda m: m.add_not_null("books", "title"),
        lambda m: m.add_column_default("books", "title", "it's (new)!"),
        lambda m: m.drop_column_default("books", "pages"),
        lambda m: m.drop_not_null("books", "pages"),
    )
    shelf.execute_sql("INSERT INTO books (author_id) VALUES (1)")
    assert rows(shelf, "books")[-1][1:3] == ("it's (new)!", None)
    assert not table(shelf).column("title").null  # type: ignore[union-attr]
    shelf.execute_sql("DELETE FROM books WHERE pages IS NULL")
    run(
        shelf,
        lambda m: m.drop_not_null("books", "title"),
        lambda m: m.drop_column_default("books", "title"),
        lambda m: m.add_column_default("books", "pages", SQL("(1 + 1)")),
        lambda m: m.add_not_null("books", "pages"),
    )
    shelf.execute_sql("INSERT INTO books (author_id) VALUES (1)")
    assert rows(shelf, "books")[-1][1:3] == (None, 2)


def test_a_type_changes_with_a_cast(shelf: Database) -> None:
    run(
        shelf,
        lambda m: m.alter_column_type("books", "pages", TextField()),
        lambda m: m.alter_column_type("books", "title", TextField(), cast="upper(title)"),
    )
    assert [row[1:3] for row in rows(shelf, "books")] == [("ONE", "1"), ("TWO", "1")]
    assert table(shelf).column("pages").type.upper() == "TEXT"  # type: ignore[union-attr]


def test_constraints_come_and_go(shelf: Database) -> None:
    run(
        shelf,
        lambda m: m.add_constraint("books", "books_pages_check", Check("pages > 0")),
        lambda m: m.add_unique("books", "title", "pages"),
        lambda m: m.drop_foreign_key_constraint("books", "author_id"),
        lambda m: m.add_foreign_key_constraint("books", "author_id", "authors", "id", "CASCADE", constraint_name="by"),
    )
    there = table(shelf)
    assert [check.name for check in there.checks] == ["books_pages_check"]
    assert [(unique.name, unique.columns) for unique in there.uniques] == [("uniq_title_pages", ("title", "pages"))]
    assert [(key.columns, key.table, key.on_delete) for key in there.foreign_keys] == [
        (("author_id",), "authors", "CASCADE")
    ]
    run(
        shelf,
        lambda m: m.drop_constraint("books", "books_pages_check"),
        lambda m: m.drop_constraint("books", "uniq_title_pages"),
        lambda m: m.drop_foreign_key_constraint("books", "author_id"),
    )
    there = table(shelf)
    assert (there.checks, there.uniques, there.foreign_keys) == ((), (), ())


def test_indexes_come_and_go(shelf: Database) -> None:
    run(
        shelf,
        lambda m: m.add_index("books", ("title", "pages"), True),
        lambda m: m.add_index("books", [SQL("lower(title)")], name="books_lower", where=SQL("pages > 0")),
    )
    assert sorted(index.name for index in table(shelf).indexes) == [
        "books_author_id",
        "books_lower",
        "books_title_pages",
    ]
    run(shelf, lambda m: m.drop_index("books", "books_lower"), lambda m: m.drop_index("books", "books_title_pages"))
    assert [index.name for index in table(shelf).indexes] == ["books_author_id"]


def test_tables_are_renamed_and_dropped(shelf: Database) -> None:
    run(shelf, lambda m: m.rename_table("books", "volumes"))
    assert tables(shelf) == ["authors", "volumes"]
    run(shelf, lambda m: m.drop_table("volumes"), lambda m: m.drop_table("nothing", True))
    assert tables(shelf) == ["authors"]


def test_playhouses_parts_of_adding_a_column_are_there_too(shelf: Database) -> None:
    field = TextField(default="x")
    run(
        shelf,
        lambda m: m.alter_add_column("books", "code", field),
        lambda m: m.apply_default("books", "code", field),
        lambda m: m.add_not_null("books", "code"),
    )
    assert [row[4] for row in rows(shelf, "books")] == ["x", "x"]


def test_the_arguments_that_playhouse_has_for_old_sqlite_change_nothing(shelf: Database) -> None:
    run(shelf, lambda m: m.rename_column("books", "title", "name", legacy=True))
    run(shelf, lambda m: m.add_not_null("books", "name", legacy=True))
    run(shelf, lambda m: m.drop_not_null("books", "name", legacy=True))
    run(shelf, lambda m: m.drop_column("books", "name", cascade=False, legacy=True))
    assert columns(shelf, "books") == ["id", "pages", "author_id"]


# What is more


@pytest.mark.parametrize("atomic", [True, False])
def test_a_backfill_fills_what_is_null_and_tells_how_far_it_is(shelf: Database, atomic: bool) -> None:
    run(shelf, lambda m: m.add_column("books", "slug", TextField(null=True)))
    shelf.execute_sql("UPDATE books SET slug = 'kept' WHERE id = 1")
    heard = run(
        shelf,
        lambda m: m.backfill("books", "slug", lambda row: f"{row['title']}-{row['id']}", batch_size=1),
        lambda m: m.backfill("books", "pages", 9, where=SQL("pages = 1")),
        atomic=atomic,
    )
    assert [row[-1] for row in rows(shelf, "books")] == ["kept", "two-2"]
    assert [row[2] for row in rows(shelf, "books")] == [9, 9]
    progress = [event for event in heard if event.kind == "progress"]
    assert progress
    assert all(event.done <= (event.total or event.done) and event.message for event in progress)


def test_safe_skips_what_is_there_and_says_so(shelf: Database) -> None:
    changes: list[Change] = [
        lambda m: m.add_column("books", "title", TextField(null=True), safe=True),
        lambda m: m.drop_column("books", "nothing", safe=True),
        lambda m: m.rename_column("books", "name", "title", safe=True),
        lambda m: m.add_not_null("books", "pages", safe=True),
        lambda m: m.drop_not_null("books", "title", safe=True),
        lambda m: m.drop_column_default("books", "title", safe=True),
        lambda m: m.drop_constraint("books", "nothing", safe=True),
        lambda m: m.add_foreign_key_constraint("books", "author_id", "authors", "id", safe=True),
        lambda m: m.drop_foreign_key_constraint("books", "pages", safe=True),
        lambda m: m.rename_table("volumes", "books", safe=True),
        lambda m: m.drop_table("nothing", safe=True),
        lambda m: m.add_index("books", ["author_id"], safe=True),
        lambda m: m.drop_index("books", "nothing", safe=True),
        lambda m: m.alter_column_type("books", "pages", IntegerField(), safe=True),
    ]
    before = [table(shelf), table(shelf, "authors")]
    heard = run(shelf, *changes)
    skipped = [event.message.partition(" ")[0] for event in heard if event.kind == "skipped"]
    assert len(skipped) == len(changes)
    assert skipped[0] == "add_column"
    assert [table(shelf), table(shelf, "authors")] == before


def test_without_safe_an_operation_whose_effect_is_there_is_an_error(shelf: Database) -> None:
    assert "the column is there already" in refused(
        shelf, lambda m: m.add_column("books", "title", TextField(null=True))
    )
    assert "is NOT NULL already" in refused(shelf, lambda m: m.add_not_null("books", "pages"))
    assert "may be NULL already" in refused(shelf, lambda m: m.drop_not_null("books", "title"))
    assert "has no default" in refused(shelf, lambda m: m.drop_column_default("books", "title"))
    assert "such a foreign key already" in refused(
        shelf, lambda m: m.add_foreign_key_constraint("books", "author_id", "authors", "id")
    )
    assert "an index of that name already, on author_id" in refused(
        shelf, lambda m: m.add_index("books", ["pages"], name="books_author_id")
    )
    assert "a table 'authors' already" in refused(shelf, lambda m: m.rename_table("books", "authors"))
    assert "a column 'pages' already" in refused(shelf, lambda m: m.rename_column("books", "title", "pages"))
    with pytest.raises(StepFailed, match="it changed nothing: what it asks for was there already"):
        run(shelf, lambda m: m.alter_column_type("books", "pages", IntegerField()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.drop_column("Books", "title"), "Books.title: there is no table 'Books'; there is 'books'"),
        (lambda m: m.add_not_null("book", "title"), "there is no table 'book'; there is 'books'"),
        (lambda m: m.drop_column("books", "Title"), "there is no column 'Title'; there is 'title'"),
        (lambda m: m.rename_column("books", "titel", "x"), "there is no column 'titel'; there is 'title'"),
        (lambda m: m.add_index("books", ("titles",)), "there is no column 'titles'; there is 'title'"),
        (lambda m: m.add_unique("books", "Pages"), "there is no column 'Pages'; there is 'pages'"),
        (lambda m: m.drop_index("books", "books_author"), "no index 'books_author'; there is 'books_author_id'"),
        (lambda m: m.drop_constraint("books", "nothing"), "there is no constraint 'nothing'"),
        (lambda m: m.drop_foreign_key_constraint("books", "pages"), "no foreign key on 'pages'; there is 'author_id'"),
        (lambda m: m.drop_table("authros"), "drop_table authros: there is no table 'authros'; there is 'authors'"),
        (lambda m: m.backfill("books", "no", 1), "there is no column 'no'"),
        (lambda m: m.add_foreign_key_constraint("books", "pages", "autors", "id"), "no table 'autors'; there is 'aut"),
        (lambda m: m.add_foreign_key_constraint("books", "pages", "authors", "ID"), "no column of 'authors' called"),
        (lambda m: m.add_column("books", "x", IntegerField()), "x is not null but has no default"),
        (lambda m: m.add_column_default("books", "title", "now()"), r"write SQL('now()')"),
        (lambda m: m.add_column_default("books", "title", None), "drop_column_default"),
        (lambda m: m.add_index("books", [SQL("lower(title)")]), "needs a name"),
        (lambda m: m.add_index("books", "title"), "columns: got 'title', expected a list of them, such as ['title']"),
        (lambda m: m.add_index("books", SQL("title")), "expected a list of them, such as ['title', 'pages']"),
        (lambda m: m.add_unique("books", ["title"]), "column_names: got (['title'],), expected names, each"),
        (lambda m: m.drop_table(None), "table: got None, expected a name, such as 'books'"),
        (lambda m: m.drop_column("books", None), "column_name: got None, expected a name"),
        (lambda m: m.drop_column("books", column_name=3), "column_name: got 3, expected a name"),
        (lambda m: m.rename_column("books", "title", None), "new_name: got None, expected a name"),
        (lambda m: m.drop_constraint("books", None), "name: got None, expected a name"),
        (lambda m: m.add_foreign_key_constraint("books", "pages", None, "id"), "rel: got None, expected a name"),
        (lambda m: m.add_foreign_key_constraint("books", "pages", "authors", "id", 1), "on_delete: got 1, expe"),
        (lambda m: m.add_column("books", "x", None), "field: got None, expected a field of Peewee's, such as Tex"),
        (lambda m: m.add_column("books", "x", TextField), "expected a field of Peewee's"),
        (lambda m: m.alter_column_type("books", "pages", "TEXT"), "field: got 'TEXT', expected a field"),
        (lambda m: m.alter_column_type("books", "pages", TextField(), 1), "cast: got 1, expected SQL in a text"),
        (lambda m: m.add_constraint("books", "c", None), "constraint: got None, expected a Peewee node"),
        (lambda m: m.add_index("books", []), "columns: got [], expected a list of them"),
        (lambda m: m.add_index("books", ["title", None]), "columns: got ['title', None], expected a list of them"),
        (lambda m: m.add_unique("books"), "column_names: got (), expected names"),
        (lambda m: m.backfill("books", "title", "x", where=lambda row: True), "expected a Peewee node, such as SQL("),
        (lambda m: m.sql(None), "sql: got None, expected SQL in a text"),
        (lambda m: m.backfill("books", "title", "x", batch_size="5"), "batch_size: got '5', expected a whole number"),
        (lambda m: m.backfill("books", "title", "x", batch_size=True), "batch_size: got True"),
        (lambda m: m.backfill("books", "title", "x", batch_size=0), "batch_size: got 0"),
        (lambda m: m.backfill("books", "title", "x", batch_size=10**30), "batch_size: got 1000000000000"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_is_there_instead(shelf: Database, change: Change, said: str) -> None:
    assert said in refused(shelf, change)


def test_a_text_that_playhouse_takes_for_sql_can_be_meant(shelf: Database) -> None:
    run(shelf, lambda m: m.add_column_default("books", "title", Value("now()")))
    shelf.execute_sql("INSERT INTO books (author_id) VALUES (1)")
    assert rows(shelf, "books")[-1][1] == "now()"


def test_nothing_goes_along_that_was_not_named(database: Database) -> None:
    def start(migrator: Any, db: Database) -> None:
        migrator.execute_script("CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT); CREATE VIEW v AS SELECT b FROM a;")

    def drop(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.drop_column("a", "b"))

    with pytest.raises(StepFailed):
        MigrationRunner(database, InlineSource("app", [start, drop])).up()
    assert database.execute_sql("SELECT * FROM v").fetchall() == []


def test_names_that_are_too_long_for_postgres_are_found_as_it_cuts_them(database: Database) -> None:
    one, two, long = "a_column_with_a_very_long_name_that_goes_on_and_on", "an" * 35, "ü" * 40
    table_name = "a_table_with_a_long_name"
    index = make_index_name(table_name, (one, "id"))  # playhouse cuts at 64 characters
    assert len(index) == 64

    def up(migrator: Any, db: Database) -> None:
        db.execute_sql(f"CREATE TABLE {table_name} (id INTEGER, {one} INTEGER)")
        migrator.migrate(
            migrator.add_index(table_name, (one, "id")),
            migrator.add_column(table_name, two, IntegerField(index=True, null=True)),
            migrator.add_unique(table_name, one, two),
            migrator.rename_table(table_name, long),
            migrator.rename_column(long, two, "ü" + two),
        )

    def down(migrator: Any, db: Database) -> None:
        migrator.migrate(
            migrator.rename_column(long, "ü" + two, "two"),
            migrator.rename_table(long, table_name),
            migrator.drop_index(table_name, index),
            migrator.drop_constraint(table_name, f"uniq_{one}_{two}"),
            migrator.drop_table(table_name),
        )

    runner = MigrationRunner(database, InlineSource("app", [InlineStep(up, down)]))
    assert runner.up() == ["app:0001_up"]
    assert runner.down() == ["app:0001_up"]
    assert tables(database) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "migrate: got None, expected operations, such as migrator.drop_table('books')"),
        ("DROP TABLE books", "migrate: got 'DROP TABLE books', expected operations"),
        ([None], "migrate: got a list; write migrator.migrate(*operations), with a star"),
        ((), "migrate: got a tuple; write migrator.migrate(*operations), with a star"),
    ],
)
@pytest.mark.parametrize("atomic", [True, False])
def test_what_is_no_operation_is_refused_before_the_first_one_runs(
    shelf: Database, wrong: Any, said: str, atomic: bool
) -> None:
    with pytest.raises(StepFailed) as caught:
        run(shelf, lambda m: m.drop_column("books", "title"), lambda m: wrong, atomic=atomic)
    assert isinstance(caught.value.__cause__, TypeError)
    assert str(caught.value.__cause__).startswith(said)
    assert caught.value.rolled_back
    assert table(shelf).column("title") is not None


@pytest.mark.parametrize("many", [False, True])
def test_an_operation_that_is_returned_and_run_by_nobody_is_an_error(shelf: Database, many: bool) -> None:
    def forgotten(migrator: Any, db: Database) -> Any:
        operation = migrator.drop_column("books", "title")
        return [operation] if many else operation

    with pytest.raises(
        StepFailed, match=r"it returned an operation, which nobody runs; write migrator\.migrate"
    ) as caught:
        MigrationRunner(shelf, InlineSource("forgotten", [forgotten])).up()
    assert caught.value.rolled_back


def test_a_condition_and_a_value_may_say_the_field_of_a_model(shelf: Database) -> None:
    def fill(migrator: Any, db: Database) -> None:
        class Book(migrator.Model):  # type: ignore[misc]
            title = TextField()
            pages = IntegerField()

            class Meta:
                table_name = "books"

        most = Book.select(fn.max(Book.pages))
        migrator.migrate(
            migrator.drop_foreign_key_constraint("books", "author_id"),
            migrator.backfill("books", "pages", 7, where=Book.title == "two"),
            migrator.backfill("books", "title", fn.upper(Book.title), where=(Book.pages == most)),
            migrator.alter_column_type("books", "author_id", TextField(), cast=Book.pages.cast("text")),
        )

    MigrationRunner(shelf, InlineSource("fill", [fill])).up()
    assert rows(shelf, "books") == [(1, "one", 1, "1"), (2, "TWO", 7, "7")]
