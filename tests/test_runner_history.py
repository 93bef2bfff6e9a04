"""Do scripts and history agree, and what if they do not?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, DatabaseProxy, SqliteDatabase
from runner_kit import BOOKS, PAGES, books, closed_later, closing, columns, opened, statements, tables, write

from signals_peewee.errors import (
    DatabaseAhead,
    DatabaseUnavailable,
    EditedStep,
    IrreversibleStep,
    LateStep,
    MigrationError,
    MissingStep,
    UnknownStep,
)
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, StepEvent, migrate

NOTHING = "def up(migrator, db):\n    pass\n"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def sqlite(sqlite_url: str) -> Database:
    """For what does not depend on the engine."""
    return opened(sqlite_url)


def test_what_was_applied_is_recorded_with_its_text_and_time(database: Database, tmp_path: Path) -> None:
    before = datetime.now(timezone.utc)
    runner = MigrationRunner(database, books(tmp_path))
    runner.up()
    first, second = runner.status().steps
    assert (first.id, first.state, first.description, first.position) == (
        "app:0001_books",
        "applied",
        "Books: the first table.",
        1,
    )
    assert (second.id, second.position) == ("app:0002_pages", 2)
    assert first.applied_at is not None
    assert second.applied_at is not None
    assert before - timedelta(seconds=1) <= first.applied_at <= second.applied_at <= datetime.now(timezone.utc)
    assert first.seconds is not None
    assert 0 < first.seconds < 10


def test_nothing_to_do_is_one_select(database: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(database, books(tmp_path))
    runner.up()
    database.connect(reuse_if_open=True)
    for call in (runner.up, runner.status, runner.plan):
        with statements(database) as heard:
            call()
        assert [sql.partition(" ")[0] for sql in heard] == ["SELECT"]


def test_nothing_to_do_is_one_select_for_sqlite_itself(sqlite_url: str, tmp_path: Path) -> None:
    database = opened(sqlite_url)
    runner = MigrationRunner(database, books(tmp_path))
    runner.up()
    database.connect()
    traced: list[str] = []
    database.connection().set_trace_callback(traced.append)
    assert runner.up() == []
    assert len(traced) == 1
    assert traced[0].startswith("SELECT")


def test_nothing_to_do_needs_no_right_to_write_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    migrate(opened(sqlite_url), books(tmp_path))
    path = sqlite_url.removeprefix("sqlite:///")
    database = closed_later(SqliteDatabase(f"file:{path}?mode=ro", uri=True))
    assert migrate(database, books(tmp_path)) == []
    with pytest.raises(DatabaseUnavailable, match="readonly"):
        migrate(database, books(tmp_path, _0003_more=NOTHING))


def test_nothing_to_do_needs_no_right_to_create_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    owner = opened(postgres_url)
    migrate(owner, books(tmp_path))
    role = f"reader_{owner.database}"
    owner.execute_sql(f"CREATE ROLE {role} LOGIN")
    try:
        owner.execute_sql(f"GRANT SELECT ON migration_history TO {role}")
        reader = opened(postgres_url.replace("postgres@", f"{role}@", 1))
        assert migrate(reader, books(tmp_path)) == []
        with pytest.raises(DatabaseUnavailable, match="permission denied"):
            migrate(reader, books(tmp_path, _0003_more=NOTHING))
    finally:
        owner.execute_sql(f"DROP OWNED BY {role}")
        owner.execute_sql(f"DROP ROLE {role}")


def test_an_edited_script_stops_the_run_until_it_is_restored_or_accepted(sqlite: Database, tmp_path: Path) -> None:
    source = books(tmp_path)
    runner = MigrationRunner(sqlite, source)
    runner.up()
    path = tmp_path / "steps" / "0002_pages.py"
    original = path.read_bytes()
    path.write_bytes(original.replace(b"default=0", b"default=1"))
    with pytest.raises(
        EditedStep, match=r"app:0002_pages \(.*0002_pages.py\) was edited.*restore it.*'accept'"
    ) as caught:
        runner.up()
    assert caught.value.steps == ("app:0002_pages",)
    assert [step.state for step in runner.status().steps] == ["applied", "edited"]
    path.write_bytes(original)
    assert runner.up() == []
    path.write_bytes(original + b"# harmless\n")
    assert runner.repair("app:0002_pages", "accept") == ["app:0002_pages"]
    assert runner.up() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: data.replace(b"\n", b"  \t\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data + b"\n\n  ",
        lambda data: data.rstrip(b"\n"),
    ],
    ids=["crlf", "cr", "trailing blanks", "byte order mark", "empty lines at the end", "no line end at the end"],
)
def test_what_an_editor_or_git_changes_is_no_edit(sqlite: Database, tmp_path: Path, change: Any) -> None:
    source = books(tmp_path)
    migrate(sqlite, source)
    for path in (tmp_path / "steps").iterdir():
        path.write_bytes(change(path.read_bytes()))
    assert migrate(sqlite, source) == []


def test_a_script_saved_with_crlf_and_a_byte_order_mark_runs(sqlite: Database, tmp_path: Path) -> None:
    source = books(tmp_path)
    for path in (tmp_path / "steps").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(migrate(sqlite, source)) == 2


def test_a_missing_script_stops_the_run_until_it_is_restored_or_forgotten(sqlite: Database, tmp_path: Path) -> None:
    source = books(tmp_path, _0003_more=NOTHING)
    runner = MigrationRunner(sqlite, source)
    runner.up()
    (tmp_path / "steps" / "0002_pages.py").unlink()
    with pytest.raises(MissingStep, match="app:0002_pages was applied on .* and its script is gone; restore") as caught:
        runner.up()
    assert caught.value.steps == ("app:0002_pages",)
    assert [step.state for step in runner.status().steps] == ["applied", "missing", "applied"]
    assert runner.repair("app:0002_pages", "forget") == ["app:0002_pages"]
    assert runner.up() == []


def test_a_step_that_was_stamped_too_many_is_forgotten_and_runs_again(database: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(database, books(tmp_path))
    runner.up("0001_books")
    assert runner.stamp() == ["app:0002_pages"]
    assert runner.repair("app:0002_pages", "forget") == ["app:0002_pages"]
    assert runner.status().pending == ("app:0002_pages",)
    assert columns(database, "books") == ["id", "title"]
    assert runner.up() == ["app:0002_pages"]
    assert columns(database, "books") == ["id", "title", "pages"]


def test_a_late_script_is_an_error_a_warning_or_allowed(
    sqlite: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "steps", _0001_books=BOOKS, _0003_pages=PAGES)
    source = DirectorySource(tmp_path / "steps", name="app")
    migrate(sqlite, source)
    write(tmp_path / "steps", _0002_late=NOTHING)
    with pytest.raises(LateStep, match=r"app:0002_late .*comes before steps that were applied.*out_of_order='allow'"):
        migrate(sqlite, source)
    assert [step.state for step in MigrationRunner(sqlite, source).status().steps] == ["applied", "applied", "late"]
    assert migrate(sqlite, source, out_of_order="warn") == ["app:0002_late"]
    assert caplog.text.count("is applied after steps of its source with higher numbers") == 1
    status = MigrationRunner(sqlite, source).status()
    assert status.applied == ("app:0001_books", "app:0003_pages", "app:0002_late")


def test_a_database_ahead_of_the_code_is_a_warning_when_nothing_is_pending_and_an_error_otherwise(
    sqlite: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = books(tmp_path, _0003_newer=NOTHING)
    migrate(sqlite, source)
    (tmp_path / "steps" / "0003_newer.py").unlink()
    assert migrate(sqlite, source) == []
    assert "the database has had app:0003_newer, which this code does not know" in caplog.text
    assert [step.state for step in MigrationRunner(sqlite, source).status().steps] == ["applied", "applied", "ahead"]
    with pytest.raises(DatabaseAhead, match="on_ahead='warn'"):
        migrate(sqlite, source, on_ahead="error")

    def other(migrator: Any, db: Database) -> None:
        """A step of another source, which would run on top of what newer code did."""

    with pytest.raises(DatabaseAhead, match="other:0001_other would run on top: run the newer code") as caught:
        migrate(sqlite, source, InlineSource("other", [other]))
    assert caught.value.steps == ("app:0003_newer",)
    with pytest.raises(DatabaseAhead, match="revert it with that code"):
        MigrationRunner(sqlite, source).down()


def test_down_follows_the_order_of_application_and_up_and_down_are_the_identity(
    database: Database, tmp_path: Path
) -> None:
    runner = MigrationRunner(database, books(tmp_path))
    assert runner.up() == ["app:0001_books", "app:0002_pages"]
    assert runner.down() == ["app:0002_pages"]
    assert columns(database, "books") == ["id", "title"]
    assert runner.up() == ["app:0002_pages"]
    assert runner.down("app:0001_books") == ["app:0002_pages", "app:0001_books"]
    assert tables(database) == []
    assert runner.up() == ["app:0001_books", "app:0002_pages"]
    assert runner.down(all=True) == ["app:0002_pages", "app:0001_books"]
    assert runner.down() == []
    assert runner.down(all=True) == []
    assert tables(database) == []


def test_a_step_that_was_applied_late_is_reverted_first(sqlite: Database, tmp_path: Path) -> None:
    down = NOTHING + "\n\ndef down(migrator, db):\n    pass\n"
    source = DirectorySource(write(tmp_path / "steps", _0001_a=down, _0003_c=down), name="app")
    migrate(sqlite, source)
    write(tmp_path / "steps", _0002_b=down)
    migrate(sqlite, source, out_of_order="allow")
    runner = MigrationRunner(sqlite, source)
    assert runner.down("0003_c") == ["app:0002_b", "app:0003_c"]


def test_a_step_without_down_is_refused_before_anything_is_reverted(sqlite: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(sqlite, books(tmp_path, _0003_for_ever=NOTHING, _0004_more=NOTHING + "down = up\n"))
    runner.up()
    with pytest.raises(IrreversibleStep) as caught:
        runner.down("app:0002_pages")
    assert str(caught.value) == (
        f"step app:0003_for_ever ({tmp_path}/steps/0003_for_ever.py) has no down(migrator, db), so nothing was "
        "reverted; write one, at the end of the script, where it is no edit; what else you change in it, accept with "
        "runner.repair('app:0003_for_ever', 'accept')"
    )
    assert len(runner.status().applied) == 4
    assert runner.plan().irreversible == ()


DOWN = "def down(migrator, db):\n    db.execute_sql('DROP TABLE one')\n"
UP = "# One table.\n\n\ndef up(migrator, db):\n    db.execute_sql('CREATE TABLE one (id INTEGER)')\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{UP}\n\n{DOWN}",
        f"{UP}{DOWN}# the end\n",
        f"{UP}\n\n@staticmethod\n{DOWN}".replace("\n", "\r\n"),
    ],
    ids=["at its end", "with a comment behind it", "decorated, with other line ends"],
)
def test_a_down_that_is_written_later_is_no_edit(database: Database, tmp_path: Path, text: str) -> None:
    source = DirectorySource(write(tmp_path / "steps", _0001_one=UP), name="app")
    runner = MigrationRunner(database, source)
    runner.up()
    with pytest.raises(IrreversibleStep):
        runner.down()
    (tmp_path / "steps/0001_one.py").write_bytes(text.encode())
    assert [step.state for step in runner.status().steps] == ["applied"]
    assert runner.up() == []
    assert runner.down() == ["app:0001_one"]
    assert tables(database) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UP, UP.replace("INTEGER", "BIGINT") + DOWN),
        (UP, f"import os\n{UP}{DOWN}"),
        (UP, f"{UP}# because\n{DOWN}"),
        (UP, f"{UP}{DOWN}atomic = False\n"),
        (UP, f"{UP}{DOWN}{DOWN}"),
        (UP, f"{UP}def down(migrator, db:\n"),
        (f"{UP}down = None\n", f"{UP}down = None\n{DOWN}"),
        (UP + DOWN, UP),
        (UP + DOWN, UP + DOWN.replace("one", "two")),
    ],
)
def test_a_script_that_changed_beside_a_new_down_is_edited(
    sqlite: Database, tmp_path: Path, before: str, after: str
) -> None:
    runner = MigrationRunner(sqlite, DirectorySource(write(tmp_path / "steps", _0001_one=before), name="app"))
    runner.up()
    write(tmp_path / "steps", _0001_one=after)
    assert [step.state for step in runner.status().steps] == ["edited"]
    with pytest.raises(EditedStep):
        runner.down()


def test_a_down_that_an_inline_step_gets_later_is_no_edit(sqlite: Database) -> None:
    def one(migrator: Any, db: Database) -> None: ...

    def two(migrator: Any, db: Database) -> None:
        raise KeyError("two")

    MigrationRunner(sqlite, InlineSource("app", [one])).up()
    runner = MigrationRunner(sqlite, InlineSource("app", [InlineStep(one, one)]))
    assert runner.up() == []
    assert runner.down() == ["app:0001_one"]
    assert runner.up() == ["app:0001_one"]
    for other in (InlineStep(one), InlineStep(one, two)):
        with pytest.raises(EditedStep):
            MigrationRunner(sqlite, InlineSource("app", [other])).up()


def test_an_edited_step_is_not_reverted(sqlite: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(sqlite, books(tmp_path))
    runner.up()
    write(tmp_path / "steps", _0002_pages=PAGES + "\n    # edited\n")
    with pytest.raises(EditedStep):
        runner.down()


def test_a_plan_runs_nothing_and_says_what_would_run(sqlite: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(
        sqlite, books(tmp_path, _0003_for_ever=f'"""No way back."""\natomic = False\n\n\n{NOTHING}')
    )
    plan = runner.plan()
    assert [step.id for step in plan.steps] == ["app:0001_books", "app:0002_pages", "app:0003_for_ever"]
    assert plan.irreversible == ("app:0003_for_ever",)
    assert [step.atomic for step in plan.steps] == [True, True, False]
    assert str(plan) == (
        "app:0001_books Books: the first table.\n"
        "app:0002_pages\n"
        "app:0003_for_ever (not atomic, irreversible) No way back."
    )
    assert [step.id for step in runner.plan("0001_books").steps] == ["app:0001_books"]
    assert sqlite.get_tables() == []


def test_stamp_records_without_running(database: Database, tmp_path: Path) -> None:
    heard: list[StepEvent] = []
    runner = MigrationRunner(database, books(tmp_path, _0003_more=NOTHING), on_event=heard.append)
    assert runner.stamp("app:0002_pages") == ["app:0001_books", "app:0002_pages"]
    assert tables(database) == []
    assert [(event.kind, event.step) for event in heard] == [
        ("stamped", "app:0001_books"),
        ("stamped", "app:0002_pages"),
    ]
    assert runner.status().pending == ("app:0003_more",)
    assert runner.stamp() == ["app:0003_more"]
    assert runner.stamp() == []


def test_up_to_a_target_stops_after_it(sqlite: Database, tmp_path: Path) -> None:
    runner = MigrationRunner(sqlite, books(tmp_path, _0003_more=NOTHING))
    assert runner.up("0002_pages") == ["app:0001_books", "app:0002_pages"]
    assert runner.up("0002_pages") == []
    with pytest.raises(UnknownStep, match="'0009_nothing'.*app:0003_more"):
        runner.up("0009_nothing")
    with pytest.raises(UnknownStep, match="'0003_more'.*app:0002_pages"):
        runner.down("0003_more")


def test_an_observer_hears_of_every_step_and_cannot_break_the_run(sqlite: Database, tmp_path: Path) -> None:
    heard: list[tuple[str, str, str]] = []

    def observe(event: StepEvent) -> None:
        assert not sqlite.in_transaction()
        heard.append((event.kind, event.step, event.direction))
        raise ValueError("a bug in the observer")

    runner = MigrationRunner(sqlite, books(tmp_path, _0003_bad="def up(m, d):\n    1 / 0\n"), on_event=observe)
    with pytest.raises(MigrationError):
        runner.up()
    assert heard == [
        ("started", "app:0001_books", "up"),
        ("applied", "app:0001_books", "up"),
        ("started", "app:0002_pages", "up"),
        ("applied", "app:0002_pages", "up"),
        ("started", "app:0003_bad", "up"),
        ("failed", "app:0003_bad", "up"),
    ]


def test_a_closed_connection_is_opened_and_closed_and_an_open_one_left_open(database: Database, tmp_path: Path) -> None:
    database.connect(reuse_if_open=True)
    runner = MigrationRunner(database, books(tmp_path))
    runner.up()
    assert not database.is_closed()
    database.close()
    runner.down()
    assert database.is_closed()


def test_an_in_memory_database_keeps_its_tables(tmp_path: Path) -> None:
    database = closed_later(SqliteDatabase(":memory:", pragmas={"foreign_keys": 1}))
    source = books(tmp_path, _0003_open=f"atomic = False\n\n\n{NOTHING}")
    assert len(migrate(database, source)) == 3
    assert tables(database) == ["books"]
    assert migrate(database, source) == []


def test_a_proxy_is_looked_through(sqlite: Database, tmp_path: Path) -> None:
    proxy = DatabaseProxy()
    proxy.initialize(sqlite)
    assert len(migrate(proxy, books(tmp_path))) == 2


def test_a_database_that_cannot_be_reached_says_so(tmp_path: Path, engine_name: str) -> None:
    url = f"sqlite:///{tmp_path}/none/x.db" if engine_name == "sqlite" else f"postgresql://u@/x?host={tmp_path}"
    with pytest.raises(DatabaseUnavailable):
        migrate(opened(url), books(tmp_path))


def test_a_table_of_that_name_that_is_no_history_is_not_touched(database: Database, tmp_path: Path) -> None:
    database.execute_sql("CREATE TABLE migration_history (id INTEGER)")
    with pytest.raises(MigrationError, match="the table 'migration_history' is not a history of this runner"):
        migrate(database, books(tmp_path))
    assert tables(database) == []


def test_two_histories_in_one_database_do_not_know_of_each_other(database: Database, tmp_path: Path) -> None:
    migrate(database, books(tmp_path), history_table="ours")
    assert MigrationRunner(database, books(tmp_path), history_table="theirs").status().applied == ()
    assert tables(database) == ["books", "ours"]


def test_an_inline_step_whose_function_changed_is_an_edit(sqlite: Database) -> None:
    def first(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE one (id INTEGER)")

    def changed(migrator: Any, db: Database) -> None:
        db.execute_sql("CREATE TABLE two (id INTEGER)")

    changed.__name__ = "first"
    migrate(sqlite, InlineSource("app", [first]))
    with pytest.raises(EditedStep, match="app:0001_first"):
        migrate(sqlite, InlineSource("app", [changed]))


def test_inline_steps_whose_text_python_cannot_show_are_not_compared(sqlite: Database) -> None:
    names: dict[str, Any] = {}
    exec("def first(migrator, db):\n    pass\n", names)
    migrate(sqlite, InlineSource("app", [names["first"]]))
    exec("def first(migrator, db):\n    return 1\n", names)
    assert migrate(sqlite, InlineSource("app", [names["first"]])) == []


def test_each_pending_step_costs_the_same_number_of_statements(database: Database) -> None:
    def nothing(migrator: Any, db: Database) -> None:
        """Do nothing."""

    def cost(steps: int) -> int:
        with statements(database) as heard:
            assert (
                len(migrate(database, InlineSource("app", [nothing] * steps), history_table=f"history_{steps}"))
                == steps
            )
        return len(heard)

    database.connect(reuse_if_open=True)
    few, more, most = cost(20), cost(40), cost(60)
    assert more - few == most - more
