"""What is said of an operation on SQLite before it is carried out?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import SQL, Check, IntegerField, SqliteDatabase, TextField
from playhouse.migrate import SchemaMigrator
from rebuild_kit import altering, statement

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
    Change,
    Conduct,
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
from signals_peewee.engine.altering.sqlite import AlteringSqlite
from signals_peewee.engine.migrating import migrating_for

TABLE = "CREATE TABLE t (a INT NOT NULL DEFAULT 1, b INT REFERENCES t (a), CONSTRAINT c CHECK (b > 0))"

CODES: list[tuple[Change, list[str]]] = [
    (AddColumn("t", "n", IntegerField(default=1)), []),
    (AddColumn("t", "n", TextField(null=True)), []),
    (AddColumn("t", "n", TextField(null=True, unique=True)), ["blocking-index:t.n"]),
    (AddColumn("t", "n", IntegerField(default=lambda: 1, null=True)), ["update:t.n"]),
    (AddColumn("t", "n", IntegerField(default=lambda: 1)), ["update:t.n", "rewrite:t.n"]),
    (AddColumn("t", "n", TextField(default=SQL("CURRENT_TIMESTAMP"))), ["rewrite:t.n"]),
    (AddColumn("t", "n", TextField(null=True, constraints=[SQL("UNIQUE")])), ["rewrite:t.n"]),
    (DropColumn("t", "b"), ["drop:t.b", "rewrite:t.b"]),
    (DropColumn("t", "b", cascade=True), ["drop:t.b", "cascade:t.b", "rewrite:t.b"]),
    (RenameColumn("t", "b", "c"), ["rename:t.b"]),
    (RenameTable("t", "u"), ["rename:t"]),
    (AddNotNull("t", "b"), ["rewrite:t.b"]),
    (DropNotNull("t", "a"), ["rewrite:t.a"]),
    (AddColumnDefault("t", "a", 1), ["rewrite:t.a"]),
    (DropColumnDefault("t", "a"), ["default-lost:t.a", "rewrite:t.a"]),
    (DropColumnDefault("t", "b"), ["rewrite:t.b"]),
    (AlterColumnType("t", "a", TextField()), ["rewrite:t.a"]),
    (Backfill("t", "b", 1), ["update:t.b"]),
    (AddConstraint("t", "d", Check("a > 0")), ["rewrite:t.d"]),
    (AddConstraint("t", "d", SQL("UNIQUE (a)")), ["rewrite:t.d"]),
    (DropConstraint("t", "c"), ["drop:t.c", "rewrite:t.c"]),
    (AddUnique("t", "d", ("a",)), ["rewrite:t.d"]),
    (AddForeignKey("t", "d", "b", "t", "a"), ["rewrite:t.b"]),
    (DropForeignKey("t", "b"), ["drop:t.b", "rewrite:t.b"]),
    (AddIndex("t", "i", ("a",)), ["blocking-index:t.i"]),
    (DropIndex("t", "i"), ["drop:t.i"]),
    (DropTable("t"), ["drop:t"]),
    (RunSql("", "SELECT 1"), []),
]


class Older(AlteringSqlite):
    """What SQLite was before 3.53, on any."""

    def can(self, since: tuple[int, int]) -> bool:
        return since < (3, 53) and super().can(since)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteDatabase]:
    """A table with 1,001 rows."""
    folder: Path = tmp_path_factory.mktemp("findings")
    database = SqliteDatabase(folder / "findings.db")
    database.connect()
    database.execute_sql(TABLE)
    for number in range(1001):
        database.execute_sql("INSERT INTO t VALUES (?, 1)", (number,))
    yield database
    database.close()


@pytest.mark.parametrize(("change", "codes"), CODES)
def test_what_an_operation_is_about_to_do_is_named(database: SqliteDatabase, change: Change, codes: list[str]) -> None:
    as_before = Older(migrating_for(database), SchemaMigrator.from_database(database), Conduct())
    found = as_before.findings(change)
    assert [finding.name for finding in found] == codes
    assert all("; " in finding.message for finding in found)
    assert statement(database, "t") == TABLE


@pytest.mark.parametrize(("change", "codes"), CODES)
def test_a_few_rows_are_nothing_to_speak_of(change: Change, codes: list[str]) -> None:
    database = SqliteDatabase(":memory:")
    database.connect()
    database.execute_sql(TABLE)
    lasting = [code for code in codes if code.split(":")[0] in ("drop", "cascade", "rename", "default-lost")]
    assert [finding.name for finding in altering(database, native=False).findings(change)] == lasting
    database.close()


def test_sqlite_3_53_writes_no_row_again_to_look_at_it(database: SqliteDatabase) -> None:
    running = altering(database)
    newer = running.can((3, 53))
    for change, codes in (
        (AddNotNull("t", "b"), ["scan:t.b"] if newer else ["rewrite:t.b"]),
        (DropNotNull("t", "a"), [] if newer else ["rewrite:t.a"]),
        (AddConstraint("t", "d", Check("a > 0")), ["scan:t.d"] if newer else ["rewrite:t.d"]),
        (DropConstraint("t", "c"), ["drop:t.c"] if newer else ["drop:t.c", "rewrite:t.c"]),
    ):
        assert [finding.name for finding in running.findings(change)] == codes


def test_batches_of_their_own_are_no_long_update(database: SqliteDatabase) -> None:
    for change in (Backfill("t", "b", 1), AddColumn("t", "n", IntegerField(default=lambda: 1, null=True))):
        assert [finding.name for finding in altering(database, atomic=False).findings(change)] == []


def test_a_message_counts_the_rows(database: SqliteDatabase) -> None:
    (finding,) = altering(database, native=False).findings(AddNotNull("t", "b"))
    assert str(finding) == (
        "rewrite:t.b: all of the 1001 rows of 't' are written again while other writers wait; "
        "SQLite 3.53 would only read them; here, do it when nobody has to write"
    )
