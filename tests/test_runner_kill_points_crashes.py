"""Is anything lost where a run is killed, at whichever statement of whichever step, and does the next one finish it?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from runner_kills import State, boundaries, copied, killed_before, killed_while, rerun, state, statements_of
from runner_kit import closing, write
from wire import relayed

TABLES = '''
    """DDL: two tables, one of which goes where the other goes."""
    from peewee import CharField, ForeignKeyField, IntegerField, TextField


    def up(migrator, db):
        class Shelf(migrator.Model):
            name = TextField(unique=True)

            class Meta:
                table_name = "shelves"

        class Book(migrator.Model):
            shelf = ForeignKeyField(Shelf, on_delete="CASCADE")
            title = CharField(max_length=200)
            pages = IntegerField(null=True)
            isbn = TextField(null=True)

            class Meta:
                table_name = "books"

        db.create_tables([Shelf, Book], safe=False)


    def down(migrator, db):
        migrator.migrate(migrator.drop_table("books"), migrator.drop_table("shelves"))
'''
ROWS = '''
    """Data."""


    def up(migrator, db):
        db.execute_sql("INSERT INTO shelves (id, name) VALUES (1, 'history'), (2, 'novels'), (3, 'empty')")
        migrator.execute_script("""
            INSERT INTO books (id, shelf_id, title, pages) VALUES (1, 1, 'one', 10), (2, 2, 'two', NULL);
            INSERT INTO books (id, shelf_id, title, pages, isbn) VALUES (3, 2, 'three', 30, '978-3');
        """)


    def down(migrator, db):
        db.execute_sql("DELETE FROM books")
        db.execute_sql("DELETE FROM shelves")
'''
REBUILD = '''
    """A parent and a child rebuilt on SQLite, by operations of playhouse."""
    from peewee import CharField, TextField


    def up(migrator, db):
        db.execute_sql("UPDATE books SET pages = 0 WHERE pages IS NULL")
        migrator.migrate(
            migrator.add_not_null("books", "pages"),
            migrator.rename_column("shelves", "name", "label"),
            migrator.alter_column_type("books", "title", TextField()),
        )


    def down(migrator, db):
        migrator.migrate(
            migrator.drop_not_null("books", "pages"),
            migrator.rename_column("shelves", "label", "name"),
            migrator.alter_column_type("books", "title", CharField(max_length=200)),
        )
'''
OPEN = '''
    """Not atomic: what an interruption leaves is seen."""
    atomic = False


    def up(migrator, db):
        db.execute_sql("CREATE TABLE IF NOT EXISTS readers (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute_sql("INSERT INTO readers (id, name) VALUES (1, 'ann'), (2, 'bob') ON CONFLICT DO NOTHING")
        with db.atomic():
            db.execute_sql("UPDATE readers SET name = 'eve' WHERE id = 2")
            db.execute_sql("DELETE FROM shelves WHERE id = 3")


    def down(migrator, db):
        db.execute_sql("INSERT INTO shelves (id, label) VALUES (3, 'empty') ON CONFLICT DO NOTHING")
        db.execute_sql("DROP TABLE IF EXISTS readers")
'''
LAST = '''
    """An index, and a column less."""
    from peewee import TextField


    def up(migrator, db):
        migrator.migrate(
            migrator.add_index("books", ("title", "pages"), unique=True),
            migrator.drop_column("books", "isbn", cascade=False),
        )


    def down(migrator, db):
        migrator.migrate(
            migrator.add_column("books", "isbn", TextField(null=True)),
            migrator.drop_index("books", "books_title_pages"),
        )
'''
LIVE = '''
    """For tables in use, not atomic: batches, an index built beside its writers, constraints validated later."""
    from peewee import SQL, Check, TextField

    atomic = False


    def up(migrator, db):
        migrator.migrate(
            migrator.add_column("books", "slug", TextField(default=lambda: "none")),
            migrator.backfill("books", "isbn", lambda row: f"isbn of {row['title']}", batch_size=1),
            migrator.backfill("books", "pages", SQL("id * 7"), batch_size=1),
            migrator.add_not_null("books", "pages"),
            migrator.add_index("books", ("slug", "title"), concurrently=True),
            migrator.add_unique("books", "isbn"),
            migrator.add_constraint("books", "paged", Check("pages > 0")),
        )


    def down(migrator, db):
        migrator.migrate(
            migrator.drop_constraint("books", "paged"),
            migrator.drop_constraint("books", "uniq_isbn"),
            migrator.drop_index("books", "books_slug_title", concurrently=True),
            migrator.drop_not_null("books", "pages"),
            migrator.drop_column("books", "slug"),
        )
'''
CHAIN = {"_0001_tables": TABLES, "_0002_rows": ROWS, "_0003_rebuild": REBUILD, "_0004_open": OPEN, "_0005_last": LAST}
NOT_ATOMIC = {"app:0004_open"}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def empty(url: str, engine_name: str, tmp_path: Path) -> str:
    """The URL of an empty database that can be copied."""
    if engine_name == "sqlite":
        (tmp_path / "signals.db").touch()
    return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "steps", **CHAIN)


def stopping(statements: Sequence[str], url: str, folder: Path, expected: State, method: str = "up") -> set[str]:
    """Kill a run before each statement, and compare what the next one leaves; return the steps that had to be named."""
    stopped: set[str] = set()
    for place in boundaries(statements):
        with copied(url, folder.parent) as copy:
            killed_before(place, copy, folder, method)
            stopped.update(rerun(copy, folder, method))
            assert state(copy) == expected, f"killed before {[*statements, 'the end'][place]}"
    return stopped


def killed_while_working(url: str, folder: Path, tmp_path: Path) -> None:
    """Kill a run while the server is at each statement, and compare what the next one leaves."""
    with tempfile.TemporaryDirectory() as name:
        with copied(url, tmp_path) as copy, relayed(copy, Path(name)) as relay:
            statements_of(relay.url, folder)
            statements = [*relay.statements]
            expected = state(copy)
        for place in boundaries(statements)[:-1]:
            with copied(url, tmp_path) as copy, relayed(copy, Path(name)) as relay:
                killed_while(place, relay, folder)
                rerun(copy, folder)
                assert state(copy) == expected, f"killed during {statements[place]}"


def test_wherever_a_run_is_killed_the_next_one_ends_in_the_same_tables_and_rows(
    empty: str, folder: Path, tmp_path: Path
) -> None:
    with copied(empty, tmp_path) as copy:
        statements = statements_of(copy, folder)
        expected = state(copy)
    assert stopping(statements, empty, folder, expected) == NOT_ATOMIC


def test_wherever_a_way_down_is_killed_the_next_one_leaves_nothing(empty: str, folder: Path, tmp_path: Path) -> None:
    statements_of(empty, folder)
    with copied(empty, tmp_path) as copy:
        statements = statements_of(copy, folder, "down")
        expected = state(copy)
    assert stopping(statements, empty, folder, expected, "down") == NOT_ATOMIC


def test_wherever_a_run_is_killed_while_postgres_works_for_it_the_next_one_ends_in_the_same(
    postgres_url: str, folder: Path, tmp_path: Path
) -> None:
    killed_while_working(postgres_url, folder, tmp_path)


def with_rows(url: str, tmp_path: Path) -> Path:
    """Fill a database, and return a folder with one more step, for tables in use."""
    statements_of(url, write(tmp_path / "live", _0001_tables=TABLES, _0002_rows=ROWS))
    return write(tmp_path / "live", _0003_live=LIVE)


def test_operations_on_a_table_in_use_go_on_where_a_run_was_killed(
    empty: str, engine_name: str, tmp_path: Path
) -> None:
    folder = with_rows(empty, tmp_path)
    with copied(empty, tmp_path) as copy:
        statements = statements_of(copy, folder)
        expected = state(copy)
    assert ("CONCURRENTLY" in str(statements)) == (engine_name == "postgres")
    filled = [("isbn of one", "none"), ("isbn of two", "none"), ("978-3", "none")]
    assert [row[-2:] for row in expected["books"]] == filled
    assert stopping(statements, empty, folder, expected) == {"app:0003_live"}


def test_operations_on_a_table_in_use_go_on_where_a_run_was_killed_while_postgres_worked_for_it(
    postgres_url: str, tmp_path: Path
) -> None:
    killed_while_working(postgres_url, with_rows(postgres_url, tmp_path), tmp_path)
