"""What if a step ends the transaction it was given, and what may it do inside it?"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, DatabaseError, IntegrityError, SqliteDatabase
from runner_kit import Step, closed_later, closing, opened, tables

from signals_peewee.errors import OpenTransaction, StepFailed, TransactionEnded, UnfinishedStep
from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner

CREATE_ONE, CREATE_TWO = "CREATE TABLE one (id INTEGER)", "CREATE TABLE two (id INTEGER)"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def runner_of(database: Database, *steps: Step | InlineStep) -> MigrationRunner:
    return MigrationRunner(database, InlineSource("app", steps), lock_wait=5.0)


def commit(db: Database) -> None:
    db.commit()


def commit_in_sql(db: Database) -> None:
    db.execute_sql("COMMIT")


def commit_and_begin(db: Database) -> None:
    db.top_transaction().commit()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("end", [commit, commit_in_sql, commit_and_begin])
def test_a_commit_inside_a_step_is_reported_and_the_step_is_not_taken_for_applied(database: Database, end: Any) -> None:
    def split(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        end(db)
        db.execute_sql(CREATE_TWO)

    runner = runner_of(database, split)
    with pytest.raises(
        TransactionEnded, match="committed or rolled back the transaction .*; what it committed stays; look"
    ) as caught:
        runner.up()
    assert not caught.value.rolled_back
    assert "one" in tables(database)
    assert not database.in_transaction()
    with pytest.raises(UnfinishedStep):
        runner.up()


def test_a_commit_inside_a_step_that_then_fails_is_reported(database: Database) -> None:
    def split(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.commit()
        raise KeyError("lost")

    runner = runner_of(database, split)
    with pytest.raises(TransactionEnded, match="KeyError") as caught:
        runner.up()
    assert isinstance(caught.value.__cause__, KeyError)
    assert tables(database) == ["one"]
    with pytest.raises(UnfinishedStep):
        runner.up()


def test_a_rollback_inside_a_step_is_reported_because_what_follows_it_stays(database: Database) -> None:
    def split(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.rollback()
        db.execute_sql(CREATE_TWO)

    runner = runner_of(database, split)
    with pytest.raises(TransactionEnded, match="; what it committed stays; look") as caught:
        runner.up()
    assert not caught.value.rolled_back
    assert tables(database) == ["two"]
    with pytest.raises(UnfinishedStep):
        runner.up()


def test_a_rollback_that_begins_anew_leaves_nothing(database: Database) -> None:
    def split(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.top_transaction().rollback()  # type: ignore[no-untyped-call]
        db.execute_sql(CREATE_TWO)

    runner = runner_of(database, split)
    with pytest.raises(TransactionEnded) as caught:
        runner.up()
    assert caught.value.rolled_back
    assert tables(database) == []
    assert runner.status().pending == ("app:0001_split",)


def test_a_commit_inside_a_down_is_reported(database: Database) -> None:
    def make(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)

    def split(migrator: Any, db: Database) -> None:
        db.execute_sql("DROP TABLE one")
        db.commit()

    runner = runner_of(database, InlineStep(make, split))
    runner.up()
    with pytest.raises(TransactionEnded, match=r"failed in down\(\)"):
        runner.down()
    assert [step.state for step in runner.status().steps] == ["reverting"]
    runner.repair("app:0001_make", "done")
    assert runner.status().pending == ("app:0001_make",)


def test_sqlites_executescript_commits_and_is_found_out(sqlite_url: str) -> None:
    database = opened(sqlite_url)

    def split(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.connection().executescript(f"{CREATE_TWO};")

    with pytest.raises(TransactionEnded):
        runner_of(database, split).up()


def test_an_aborted_transaction_that_a_step_swallowed_is_found_out(postgres_url: str) -> None:
    database = opened(postgres_url)

    def swallow(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        with contextlib.suppress(DatabaseError):
            db.execute_sql("SELECT * FROM no_such_table")

    runner = runner_of(database, swallow)
    with pytest.raises(StepFailed, match="went on after a statement had failed") as caught:
        runner.up()
    assert not isinstance(caught.value, TransactionEnded)
    assert caught.value.statement == "SELECT * FROM no_such_table"
    assert caught.value.rolled_back
    assert tables(database) == []
    assert runner.status().pending == ("app:0001_swallow",)


@pytest.mark.parametrize("then", ["raised", "came back"])
def test_of_the_statements_that_fail_after_a_swallowed_error_the_first_is_named(postgres_url: str, then: str) -> None:
    database = opened(postgres_url)

    def swallow(migrator: Any, db: Database) -> None:
        with contextlib.suppress(DatabaseError), db.atomic():
            db.execute_sql("SELECT * FROM taken_back")
        db.execute_sql(CREATE_ONE)
        with contextlib.suppress(DatabaseError):
            db.execute_sql("SELECT * FROM no_such_table")
        if then == "came back":
            with contextlib.suppress(DatabaseError):
                db.execute_sql(CREATE_TWO)
        else:
            migrator.migrate(migrator.drop_table("one"))

    runner = runner_of(database, swallow)
    with pytest.raises(
        StepFailed, match=r"went on after a statement had failed, .* \(.*no_such_table.*\) in"
    ) as caught:
        runner.up()
    assert not isinstance(caught.value, TransactionEnded)
    assert caught.value.statement == "SELECT * FROM no_such_table"
    line = Path(__file__).read_text("utf-8").splitlines()[(caught.value.line or 0) - 1]
    assert line.strip() == 'db.execute_sql("SELECT * FROM no_such_table")'
    assert caught.value.rolled_back
    assert tables(database) == []


def test_a_step_may_nest_transactions_and_roll_back_a_savepoint(database: Database) -> None:
    def nested(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        with db.atomic() as savepoint:
            db.execute_sql(CREATE_TWO)
            savepoint.rollback()
        with db.atomic():
            db.execute_sql("INSERT INTO one VALUES (1)")

    assert runner_of(database, nested).up() == ["app:0001_nested"]
    assert tables(database) == ["one"]


def test_the_runner_refuses_to_start_inside_a_transaction(database: Database) -> None:
    def make(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)

    runner = runner_of(database, make)
    for call in (runner.up, runner.stamp, runner.down, partial(runner.repair, "app:0001_make", "retry")):
        with database.atomic(), pytest.raises(OpenTransaction, match="commit it or roll it back first"):
            call()
    with database.atomic():  # to look is no start, and leaves the transaction usable though there is no history yet
        assert runner.status().pending == ("app:0001_make",)
        assert [step.id for step in runner.plan().steps] == ["app:0001_make"]
        assert tables(database) == []
    database.execute_sql("BEGIN")
    with pytest.raises(OpenTransaction):
        runner.up()
    database.execute_sql("ROLLBACK")
    assert tables(database) == []


def test_a_transaction_left_open_by_a_step_that_is_not_atomic_is_rolled_back(database: Database) -> None:
    def begin(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.begin()
        db.execute_sql(CREATE_TWO)

    runner = runner_of(database, InlineStep(begin, atomic=False))
    with pytest.raises(
        StepFailed, match="left a transaction open, which was rolled back; what it committed stays; look"
    ):
        runner.up()
    assert tables(database) == ["one"]
    assert [step.state for step in runner.status().steps] == ["running"]


SCRIPT = """
    CREATE TABLE one (id INTEGER PRIMARY KEY, text TEXT DEFAULT 'a;b -- no comment 100%');  -- a comment; with one
    /* and; another */
    INSERT INTO one (id) VALUES (1);
    CREATE TABLE two (id INTEGER)
"""
SQLITE_TRIGGER = (
    "CREATE TRIGGER t AFTER INSERT ON one BEGIN INSERT INTO two VALUES (new.id); END; INSERT INTO one (id) VALUES (2);"
)
POSTGRES_TRIGGER = """
    CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO two VALUES (new.id);
        RETURN new;
    END $$;
    CREATE TRIGGER t AFTER INSERT ON one FOR EACH ROW EXECUTE FUNCTION copy();
    INSERT INTO one (id) VALUES (2);
"""


def test_execute_script_runs_statements_inside_the_transaction(database: Database, engine_name: str) -> None:
    def script(migrator: Any, db: Database) -> None:
        migrator.execute_script(SCRIPT)
        migrator.execute_script(SQLITE_TRIGGER if engine_name == "sqlite" else POSTGRES_TRIGGER)

    def fail(migrator: Any, db: Database) -> None:
        migrator.execute_script("INSERT INTO one (id) VALUES (3); INSERT INTO nowhere VALUES (1)")

    runner = runner_of(database, script, fail)
    with pytest.raises(StepFailed, match="0002_fail.*nowhere"):
        runner.up()
    assert database.execute_sql("SELECT id, text FROM one ORDER BY id").fetchall() == [
        (1, "a;b -- no comment 100%"),
        (2, "a;b -- no comment 100%"),
    ]
    assert database.execute_sql("SELECT id FROM two").fetchall() == [(2,)]


@pytest.mark.parametrize("end", ["COMMIT", "rollback", "BEGIN", "End", "START TRANSACTION", "ROLLBACK WORK"])
def test_execute_script_refuses_to_end_the_transaction(database: Database, end: str) -> None:
    def script(migrator: Any, db: Database) -> None:
        migrator.execute_script(f"{CREATE_ONE}; /* now */ {end}; {CREATE_TWO};")

    runner = runner_of(database, script)
    with pytest.raises(
        StepFailed, match=rf"execute_script: {end.upper().removesuffix(' WORK')} would end the step's transaction"
    ):
        runner.up()
    assert tables(database) == []


def test_execute_script_lets_savepoints_through(database: Database) -> None:
    def script(migrator: Any, db: Database) -> None:
        migrator.execute_script(
            f"SAVEPOINT s; {CREATE_ONE}; ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s; {CREATE_TWO}"
        )

    runner_of(database, script).up()
    assert tables(database) == ["two"]


def library(migrator: Any, db: Database) -> None:
    migrator.execute_script(
        """
        CREATE TABLE shelves (id INTEGER PRIMARY KEY);
        CREATE TABLE books (id INTEGER PRIMARY KEY, shelf INTEGER REFERENCES shelves (id) ON DELETE CASCADE);
        INSERT INTO shelves VALUES (1), (2);
        INSERT INTO books VALUES (10, 1), (20, 2);
        """
    )


def rebuild(migrator: Any, db: Database) -> None:
    migrator.execute_script(
        """
        CREATE TABLE new_shelves (id INTEGER PRIMARY KEY, name TEXT);
        INSERT INTO new_shelves (id) SELECT id FROM shelves;
        DROP TABLE shelves;
        ALTER TABLE new_shelves RENAME TO shelves;
        """
    )


def lose(migrator: Any, db: Database) -> None:
    db.execute_sql("DELETE FROM shelves WHERE id = 1")


def test_rebuilding_a_sqlite_table_does_not_delete_its_children(sqlite_url: str) -> None:
    database = opened(sqlite_url)
    assert runner_of(database, library, rebuild).up() == ["app:0001_library", "app:0002_rebuild"]
    assert database.execute_sql("SELECT id FROM books ORDER BY id").fetchall() == [(10,), (20,)]
    database.connect(reuse_if_open=True)
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)


@pytest.mark.parametrize("atomic", [True, False])
def test_rows_that_a_step_orphans_on_sqlite_fail_it(sqlite_url: str, atomic: bool) -> None:
    database = opened(sqlite_url)
    runner = runner_of(database, library, InlineStep(lose, atomic=atomic))
    with pytest.raises(StepFailed, match=r"1 rows of 'books' point at no row of 'shelves' \(rowid 10\)") as caught:
        runner.up()
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert caught.value.rolled_back is atomic
    left = database.execute_sql("SELECT id FROM shelves ORDER BY id").fetchall()
    assert left == ([(1,), (2,)] if atomic else [(2,)])
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)


def test_rows_that_were_orphans_before_do_not_fail_a_step_on_sqlite(sqlite_url: str) -> None:
    database = opened(sqlite_url)

    def unrelated(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)

    runner_of(database, library).up()
    database.execute_sql("PRAGMA foreign_keys = 0")
    database.execute_sql("INSERT INTO books VALUES (30, 99)")
    database.execute_sql("PRAGMA foreign_keys = 1")
    assert runner_of(database, library, unrelated).up() == ["app:0002_unrelated"]


def test_a_host_that_keeps_foreign_keys_off_is_left_alone(tmp_path: Path) -> None:
    database = closed_later(SqliteDatabase(str(tmp_path / "off.db")))
    database.connect()
    assert len(runner_of(database, library, lose).up()) == 2
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (0,)


def test_what_a_step_sets_in_its_session_does_not_outlive_it(postgres_url: str) -> None:
    database = opened(postgres_url)
    database.connect()
    database.execute_sql("SET lock_timeout = '7s'")

    def sets(migrator: Any, db: Database) -> None:
        db.execute_sql("SET search_path TO pg_catalog")
        db.execute_sql("SET statement_timeout = '1h'")
        db.execute_sql("SET lock_timeout = '1h'")

    runner_of(database, sets, InlineStep(sets, atomic=False)).up()
    settings = ("search_path", "statement_timeout", "lock_timeout", "client_connection_check_interval")
    shown = [database.execute_sql(f"SHOW {name}").fetchone()[0] for name in settings]
    assert shown == ['"$user", public', "0", "7s", "0"]


async def coroutine(migrator: Any, db: Database) -> None:
    db.execute_sql(CREATE_ONE)


def generator(migrator: Any, db: Database) -> Iterator[None]:
    db.execute_sql(CREATE_ONE)
    yield


@pytest.mark.parametrize("step", [coroutine, generator])
@pytest.mark.parametrize("atomic", [True, False])
def test_a_step_whose_body_nobody_would_run_is_not_taken_for_applied(sqlite_url: str, step: Any, atomic: bool) -> None:
    database = opened(sqlite_url)
    runner = runner_of(database, InlineStep(step, atomic=atomic))
    with pytest.raises(StepFailed, match="a coroutine or a generator, whose body nobody runs"):
        runner.up()
    assert runner.status().applied == ()


def test_a_callback_that_fails_after_the_commit_does_not_make_the_step_look_undone(database: Database) -> None:
    def fail() -> None:
        raise KeyError("callback")

    def make(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.after_commit(fail)

    runner = runner_of(database, make)
    with pytest.raises(StepFailed, match="failed after its transaction was committed") as caught:
        runner.up()
    assert not caught.value.rolled_back
    assert not isinstance(caught.value, TransactionEnded)
    assert runner.status().applied == ("app:0001_make",)
    assert runner.up() == []


def test_a_table_that_a_step_locks_against_itself_fails_at_once(sqlite_url: str) -> None:
    database = opened(sqlite_url)

    def locks(migrator: Any, db: Database) -> None:
        migrator.execute_script(f"{CREATE_ONE}; INSERT INTO one VALUES (1), (2)")
        cursor = db.execute_sql("SELECT * FROM one")
        cursor.fetchone()
        db.execute_sql("DROP TABLE one")

    with pytest.raises(StepFailed, match="database table is locked"):
        runner_of(database, locks).up()


@pytest.mark.parametrize("atomic", [True, False])
def test_a_step_that_closes_the_connection_does_not_break_the_runner(database: Database, atomic: bool) -> None:
    def close(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.close()

    runner = runner_of(database, InlineStep(close, atomic=atomic))
    if atomic:
        with pytest.raises(StepFailed, match="Attempting to close database while transaction is open"):
            runner.up()
        assert tables(database) == []
    else:
        assert runner.up() == ["app:0001_close"]


def test_a_constraint_that_is_checked_at_the_commit_fails_the_step(postgres_url: str) -> None:
    database = opened(postgres_url)

    def broken(migrator: Any, db: Database) -> None:
        migrator.execute_script(
            """
            CREATE TABLE shelves (id INTEGER PRIMARY KEY);
            CREATE TABLE books (shelf INTEGER REFERENCES shelves (id) DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO books VALUES (1);
            """
        )

    with pytest.raises(StepFailed, match="violates foreign key constraint") as caught:
        runner_of(database, broken).up()
    assert caught.value.rolled_back
    assert tables(database) == []


def ending(migrator: Any, db: Database) -> None:
    """The last step."""
    db.execute_sql(CREATE_ONE)
    sys.exit(3)


def test_a_step_that_ends_the_program_has_failed_and_is_rolled_back(database: Database) -> None:
    runner = runner_of(database, ending)
    for _ in range(2):
        with pytest.raises(StepFailed, match="SystemExit: 3; everything it had done was rolled back") as caught:
            runner.up()
        assert (caught.value.step, caught.value.path, caught.value.rolled_back) == ("app:0001_ending", __file__, True)
        assert isinstance(caught.value.__cause__, SystemExit)
        assert not database.in_transaction()
    assert tables(database) == []
    assert runner.status().pending == ("app:0001_ending",)


def test_a_step_that_ends_the_program_and_is_not_atomic_is_unfinished(database: Database) -> None:
    runner = runner_of(database, InlineStep(ending, atomic=False))
    with pytest.raises(StepFailed, match="SystemExit: 3; what it had done before stays") as caught:
        runner.up()
    assert isinstance(caught.value.__cause__, SystemExit)
    assert tables(database) == ["one"]
    with pytest.raises(UnfinishedStep):
        runner.up()


def test_a_step_that_commits_and_ends_the_program_is_reported(database: Database) -> None:
    def split(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        db.execute_sql("COMMIT")
        sys.exit(3)

    with pytest.raises(TransactionEnded, match="SystemExit: 3"):
        runner_of(database, split).up()
    assert tables(database) == ["one"]


def test_a_way_back_that_ends_the_program_has_failed(database: Database) -> None:
    runner = runner_of(database, InlineStep(lambda migrator, db: None, ending))
    runner.up()
    with pytest.raises(StepFailed, match=r"failed in down\(\) .*SystemExit: 3") as caught:
        runner.down()
    assert isinstance(caught.value.__cause__, SystemExit)
    assert tables(database) == []
    assert len(runner.status().applied) == 1


@pytest.mark.parametrize("atomic", [True, False])
def test_an_interrupt_in_a_step_stays_one(database: Database, atomic: bool) -> None:
    def interrupted(migrator: Any, db: Database) -> None:
        db.execute_sql(CREATE_ONE)
        raise KeyboardInterrupt

    runner = runner_of(database, InlineStep(interrupted, atomic=atomic))
    with pytest.raises(KeyboardInterrupt):
        runner.up()
    assert not database.in_transaction()
    assert tables(database) == ([] if atomic else ["one"])
