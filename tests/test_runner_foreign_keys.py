"""Does `foreign_keys = True` in a script keep SQLite's foreign keys on, and rebuilds away?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, ForeignKeyField, IntegerField, IntegrityError, sqlite3
from runner_kit import closing, opened, write

from signals_peewee.errors import InvalidScript, StepFailed
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner

TABLES = """
    CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT);
    CREATE TABLE b (a_id INTEGER REFERENCES a (id) ON DELETE CASCADE);
"""
ROWS = "INSERT INTO a VALUES (1, 'x'), (2, 'y'); INSERT INTO b VALUES (1), (2)"
DELETES = """
    foreign_keys = True


    def up(migrator, db):
        db.execute_sql("DELETE FROM a WHERE id = 1")
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def family(database: Database) -> Database:
    def make(migrator: Any, db: Database) -> None:
        migrator.execute_script(TABLES + ROWS)

    MigrationRunner(database, InlineSource("family", [make])).up()
    return database


def children(database: Database) -> list[int]:
    return [key for (key,) in database.execute_sql("SELECT a_id FROM b ORDER BY 1").fetchall()]


def test_keys_that_are_on_delete_the_children_too_on_both_databases(family: Database, tmp_path: Path) -> None:
    folder = write(tmp_path / "steps", _0001_delete=DELETES)
    assert MigrationRunner(family, DirectorySource(folder, name="app")).up() == ["app:0001_delete"]
    assert children(family) == [2]


@pytest.mark.parametrize("atomic", [True, False])
def test_keys_are_on_during_the_step_and_as_the_service_had_them_after(
    sqlite_url: str, family_file: Database, atomic: bool
) -> None:
    def orphan(migrator: Any, db: Database) -> None:
        db.execute_sql("INSERT INTO b VALUES (9)")

    family_file.execute_sql("PRAGMA foreign_keys = 0")
    step = InlineStep(orphan, atomic=atomic, foreign_keys=True)
    with pytest.raises(StepFailed, match="FOREIGN KEY constraint failed") as caught:
        MigrationRunner(family_file, InlineSource("app", [step])).up()
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert children(family_file) == [1, 2]
    assert family_file.execute_sql("PRAGMA foreign_keys").fetchone() == (0,)


@pytest.fixture
def family_file(sqlite_url: str) -> Database:
    database = opened(sqlite_url)
    database.execute_sql("CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)")
    database.execute_sql("CREATE TABLE b (a_id INTEGER REFERENCES a (id) ON DELETE CASCADE)")
    database.execute_sql("INSERT INTO a VALUES (1, 'x'), (2, 'y')")
    database.execute_sql("INSERT INTO b VALUES (1), (2)")
    return database


@pytest.mark.parametrize("atomic", [True, False])
def test_a_rebuild_with_keys_on_is_refused_and_names_the_way_out(family_file: Database, atomic: bool) -> None:
    def rebuild(migrator: Any, db: Database) -> None:
        migrator.migrate(migrator.add_unique("a", "x"))

    step = InlineStep(rebuild, atomic=atomic, foreign_keys=True)
    with pytest.raises(StepFailed, match="foreign_keys") as caught:
        MigrationRunner(family_file, InlineSource("app", [step])).up()
    assert isinstance(caught.value.__cause__, ValueError)
    assert children(family_file) == [1, 2]
    (made,) = family_file.execute_sql("SELECT sql FROM sqlite_master WHERE name = 'a'").fetchone()
    assert "UNIQUE" not in made


def test_it_is_read_without_running_the_script(database: Database, tmp_path: Path) -> None:
    folder = write(tmp_path / "steps", _0001_bad="foreign_keys = 1\n\n\ndef up(m, d): ...\n")
    with pytest.raises(InvalidScript, match=r"0001_bad\.py:1\): foreign_keys must be True or False, written out"):
        MigrationRunner(database, DirectorySource(folder, name="app")).up()


def looked(database: Database, up: Callable[[Any, Database], Any]) -> list[str]:
    """Run a step; return where it looked at the keys of all rows: before its transaction, or in it."""
    places: list[str] = []

    def hook(event: Any) -> None:
        if "foreign_key_check" in event.sql:
            places.append("in it" if database.connection().in_transaction else "before")

    database.query_hooks.append(hook)
    MigrationRunner(database, InlineSource("app", [InlineStep(up)])).up()
    return places


def native_column(migrator: Any, db: Database) -> None:
    migrator.migrate(migrator.add_column("b", "y", IntegerField(default=3)))


def index(migrator: Any, db: Database) -> None:
    migrator.migrate(migrator.add_index("b", ("a_id",)))


def rename(migrator: Any, db: Database) -> None:
    migrator.migrate(migrator.rename_column("a", "x", "z"), migrator.rename_table("a", "aa"))


def unrelated(migrator: Any, db: Database) -> None:
    assert db.execute_sql("SELECT count(*) FROM b").fetchone() == (2,)


def written(migrator: Any, db: Database) -> None:
    db.execute_sql("UPDATE a SET x = 'z'")


def emptied(migrator: Any, db: Database) -> None:
    native_column(migrator, db)
    db.execute_sql("DELETE FROM a")


def made_anew(migrator: Any, db: Database) -> None:
    db.execute_sql("DROP TABLE a")
    db.execute_sql("CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)")
    native_column(migrator, db)


def copied(migrator: Any, db: Database) -> None:
    db.execute_sql("CREATE TABLE c AS SELECT id + 7 AS id FROM a")
    db.execute_sql("CREATE UNIQUE INDEX by_id ON c (id)")
    migrator.migrate(migrator.drop_table("a"), migrator.rename_table("c", "a"))


def pointing(migrator: Any, db: Database) -> None:
    class A(migrator.Model):  # type: ignore[misc]
        class Meta:
            table_name = "a"

    migrator.migrate(migrator.add_column("b", "other_id", ForeignKeyField(A, field=A.id, default=9)))


def after_a_rollback(migrator: Any, db: Database) -> None:
    with db.atomic() as tried:
        native_column(migrator, db)
        tried.rollback()
    db.execute_sql("DROP TABLE a")


def after_a_rollback_in_sql(migrator: Any, db: Database) -> None:
    db.execute_sql("SAVEPOINT tried")
    index(migrator, db)
    db.execute_sql("ROLLBACK TO tried")
    db.execute_sql("DROP TABLE a")


def with_the_version_put_back(migrator: Any, db: Database) -> None:
    ((version,),) = db.execute_sql("PRAGMA schema_version").fetchall()
    db.execute_sql("DROP TABLE a")
    db.execute_sql(f"PRAGMA schema_version = {version}")


def by_a_trigger_on_the_history(migrator: Any, db: Database) -> None:
    db.execute_sql("CREATE TEMP TRIGGER late AFTER UPDATE ON migration_history BEGIN DELETE FROM a; END")


def by_another_connection(migrator: Any, db: Database) -> None:
    other = sqlite3.connect(db.database)
    with other:
        other.execute("DELETE FROM a")
    other.close()


def by_a_new_connection(migrator: Any, db: Database) -> None:
    db.close()
    db.connect()
    db.execute_sql("PRAGMA foreign_keys = 0")
    db.execute_sql("DELETE FROM a WHERE id = 1")


@pytest.mark.parametrize("up", [native_column, index, rename, unrelated])
def test_what_cannot_break_a_key_looks_at_none_while_others_wait(
    family_file: Database, up: Callable[[Any, Database], Any]
) -> None:
    assert looked(family_file, up) == ["before"]
    assert children(family_file) == [1, 2]


def test_rows_that_are_written_are_looked_at(family_file: Database) -> None:
    assert looked(family_file, written) == ["before", "in it"]


@pytest.mark.parametrize(
    "up",
    [
        emptied,
        made_anew,
        copied,
        pointing,
        after_a_rollback,
        after_a_rollback_in_sql,
        with_the_version_put_back,
        by_a_trigger_on_the_history,
    ],
)
def test_keys_that_a_step_breaks_are_found_and_it_is_rolled_back(
    family_file: Database, up: Callable[[Any, Database], Any]
) -> None:
    with pytest.raises(StepFailed, match="2 rows of 'b' point at no row of 'a'"):
        MigrationRunner(family_file, InlineSource("app", [up])).up()
    assert [column.name for column in family_file.get_columns("b")] == ["a_id"]
    assert family_file.execute_sql("SELECT * FROM a ORDER BY id").fetchall() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("up", [by_another_connection, by_a_new_connection])
def test_keys_that_are_broken_through_another_connection_are_found(
    family_file: Database, up: Callable[[Any, Database], Any]
) -> None:
    MigrationRunner(family_file, InlineSource("first", [unrelated])).up()
    family_file.close()  # the new one has written as many rows by then as this one
    with pytest.raises(StepFailed, match="[12] rows of 'b' point at no row of 'a'"):
        MigrationRunner(
            family_file, [InlineSource("first", [unrelated]), InlineSource("app", [InlineStep(up, atomic=False)])]
        ).up()
