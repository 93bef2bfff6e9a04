"""Does everything that a step does land in the schema it was run for?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, ForeignKeyField, IntegerField, Model, TextField
from runner_kit import at_once, books, closing, opened, write

from signals_peewee.errors import InvalidOption
from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner, migrate


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def database(postgres_url: str) -> Database:
    """SQLite has no schemas."""
    return opened(postgres_url)


def in_schema(database: Database, schema: str) -> dict[str, str]:
    sql = """
        SELECT c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s
    """
    return dict(database.execute_sql(sql, (schema,)).fetchall())


def declared(migrator: Any, db: Database) -> None:
    class Author(migrator.Model):  # type: ignore[misc]
        name = TextField(index=True)

    class Book(migrator.Model):  # type: ignore[misc]
        author = ForeignKeyField(Author)
        title = TextField(unique=True)

    db.create_tables([Author, Book], safe=False)


def plain_peewee(migrator: Any, db: Database) -> None:
    class Shelf(Model):
        name = TextField(index=True)

        class Meta:
            database = db

    db.create_tables([Shelf])
    db.execute_sql("CREATE TABLE raw (id INTEGER)")
    migrator.execute_script("CREATE TABLE scripted (id INTEGER); CREATE VIEW seen AS SELECT * FROM scripted")


def operations(migrator: Any, db: Database) -> None:
    migrator.migrate(
        migrator.add_column("book", "pages", IntegerField(default=0, index=True)),
        migrator.rename_table("author", "writer"),
        migrator.add_index("raw", ("id",), unique=True),
        migrator.drop_index("book", "book_pages"),
        migrator.rename_column("shelf", "name", "label"),
        migrator.drop_table("scripted", cascade=True),
        migrator.add_column("raw", "writer_id", IntegerField(null=True)),
        migrator.add_foreign_key_constraint("raw", "writer_id", "writer", "id", constraint_name="raw_writer"),
    )


EXPECTED = {
    "migration_history": "r",
    "migration_history_pkey": "i",
    "migration_history_source_name_key": "i",
    "writer": "r",
    "writer_id_seq": "S",
    "author_pkey": "i",
    "author_name": "i",
    "book": "r",
    "book_id_seq": "S",
    "book_pkey": "i",
    "book_author_id": "i",
    "book_title": "i",
    "shelf": "r",
    "shelf_id_seq": "S",
    "shelf_pkey": "i",
    "shelf_name": "i",
    "raw": "r",
    "raw_id": "i",
}


@pytest.mark.parametrize("atomic", [True, False])
def test_tables_indexes_keys_and_history_land_in_the_schema(database: Database, atomic: bool) -> None:
    steps = [InlineStep(step, atomic=atomic) for step in (declared, plain_peewee, operations)]
    migrate(database, InlineSource("app", steps), schema="Tenant a")
    assert in_schema(database, "Tenant a") == EXPECTED
    assert in_schema(database, "public") == {}
    keys = database.get_foreign_keys("raw", "Tenant a") + database.get_foreign_keys("book", "Tenant a")
    assert [(key.column, key.dest_table) for key in keys] == [("writer_id", "writer"), ("author_id", "writer")]


def test_a_table_of_the_same_name_elsewhere_is_left_alone(database: Database) -> None:
    database.execute_sql("CREATE TABLE book (id INTEGER)")
    database.execute_sql("CREATE TABLE raw (id INTEGER)")
    migrate(database, InlineSource("app", [declared, plain_peewee, operations]), schema="tenant_a")
    assert in_schema(database, "public") == {"book": "r", "raw": "r"}
    assert in_schema(database, "tenant_a") == EXPECTED
    assert [column.name for column in database.get_columns("raw", "public")] == ["id"]


def test_tenants_have_histories_of_their_own(database: Database, tmp_path: Path) -> None:
    for tenant in ("tenant_a", "tenant_b", None):
        assert migrate(database, books(tmp_path), schema=tenant) == ["app:0001_books", "app:0002_pages"]
    assert MigrationRunner(database, books(tmp_path), schema="tenant_a").down(all=True) == [
        "app:0002_pages",
        "app:0001_books",
    ]
    assert "books" not in in_schema(database, "tenant_a")
    assert "books" in in_schema(database, "tenant_b")
    assert "books" in in_schema(database, "public")


def test_a_hosts_table_without_a_schema_is_found_where_the_host_finds_it(database: Database) -> None:
    class Project(Model):
        class Meta:
            table_name = "projects"

    Project._meta.database = database
    Project.create_table()

    def link(migrator: Any, db: Database) -> None:
        class Link(migrator.Model):  # type: ignore[misc]
            project = ForeignKeyField(migrator.context["project"])

        # A decoy: the unqualified name would be found here first.
        db.execute_sql("CREATE TABLE projects (id SERIAL PRIMARY KEY)")
        Link.create_table(safe=False)
        column = ForeignKeyField(migrator.context["project"], field="id", null=True)
        column.rel_field = migrator.context["project"].id
        migrator.migrate(migrator.add_column("link", "other_id", column))

    migrate(database, InlineSource("app", [link]), schema="tenant_a", context={"app": {"project": Project}})
    sql = "SELECT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f' ORDER BY conname"
    assert database.execute_sql(sql).fetchall() == [("projects",), ("projects",)]


def test_the_search_path_of_the_session_is_as_before(database: Database) -> None:
    def note(migrator: Any, db: Database) -> None:
        assert db.execute_sql("SELECT current_schemas(false)").fetchone() == (["tenant_a", "public"],)

    database.connect()
    migrate(database, InlineSource("app", [note, InlineStep(note, atomic=False)]), schema="tenant_a")
    assert database.execute_sql("SHOW search_path").fetchone() == ('"$user", public',)


def test_a_schema_is_made_only_where_something_is_pending(database: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(database, books(tmp_path), schema="tenant_a")
    assert runner.status().pending == ("app:0001_books", "app:0002_pages")
    assert database.execute_sql("SELECT to_regnamespace('tenant_a')").fetchone() == (None,)


def test_a_schema_that_is_there_needs_no_right_to_make_one(
    database: Database, tmp_path: Path, postgres_url: str
) -> None:
    role = f"tenant_{database.database}"
    database.execute_sql(f"CREATE ROLE {role} LOGIN")
    try:
        database.execute_sql(f"CREATE SCHEMA tenant_a AUTHORIZATION {role}")
        tenant = opened(postgres_url.replace("postgres@", f"{role}@", 1))
        assert len(migrate(tenant, books(tmp_path), schema="tenant_a")) == 2
    finally:
        database.execute_sql(f"DROP OWNED BY {role}")
        database.execute_sql(f"DROP ROLE {role}")


def test_eight_processes_make_one_schema(postgres_url: str, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "steps", _0001_a="def up(migrator, db):\n    db.execute_sql('CREATE TABLE a (id INTEGER)')\n"
    )
    results = at_once(8, postgres_url, folder, schema="tenant_a")
    assert sorted(results, key=len) == [[]] * 7 + [["app:0001_a"]]


def test_sqlite_refuses_a_schema(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="schema"):
        MigrationRunner(opened(sqlite_url), books(tmp_path), schema="tenant_a")


def test_a_search_path_that_leads_nowhere_is_named(database: Database) -> None:
    database.execute_sql("SET search_path TO nowhere")
    step = InlineSource("app", [lambda migrator, db: None])
    with pytest.raises(InvalidOption, match=r"expected the name of one: the search path \(nowhere\) leads to none"):
        MigrationRunner(database, step).up()
    assert MigrationRunner(database, step, schema="here").up() == ["app:0001_lambda"]


@pytest.mark.parametrize("atomic", [True, False])
def test_whatever_a_step_sets_in_its_session_is_set_back(database: Database, atomic: bool) -> None:
    database.execute_sql("SET work_mem TO '5MB'")
    asked = """
        SELECT current_user, current_setting('work_mem'), current_setting('timezone'), current_setting('row_security'),
               current_setting('default_transaction_read_only'), current_setting('search_path')
    """
    before = database.execute_sql(asked).fetchall()

    def careless(migrator: Any, db: Database) -> None:
        for said in ("work_mem TO '9MB'", "TIME ZONE 'UTC'", "row_security TO off", "search_path TO ''"):
            db.execute_sql(f"SET {said}")
        db.execute_sql("SET default_transaction_read_only TO on")
        if not atomic:  # else the step could not write its own row
            db.execute_sql("SET ROLE pg_monitor")

    assert migrate(database, InlineSource("app", [InlineStep(careless, atomic=atomic)])) == ["app:0001_careless"]
    assert database.execute_sql(asked).fetchall() == before
    database.execute_sql("RESET work_mem")  # what was set before is the session's own still
    assert database.execute_sql("SHOW work_mem").fetchone() != ("5MB",)
