"""Does a plan that was rehearsed on a copy say what will happen, and leave the database alone?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from peewee import Database
from runner_kit import books, closing, columns, opened, write

from signals_peewee.errors import DatabaseUnavailable, HistoryMismatch, InvalidOption, StepFailed
from signals_peewee.runner import DirectorySource, MigrationRunner

FILL = """
    from peewee import TextField

    accept = ["rename:books.pages"]


    def up(migrator, db):
        migrator.migrate(
            migrator.add_column("books", "isbn", TextField(default="it's 100%")),
            migrator.rename_column("books", "pages", "sheets"),
            migrator.drop_column("books", "isbn"),
        )
        db.execute_sql("INSERT INTO books (title, sheets) VALUES (" + db.param + ", 3)", ("one",))
        migrator.execute_script("UPDATE books SET sheets = 4 WHERE title LIKE 'o%'; DELETE FROM books WHERE 1 = 0")
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def copy_url(url: str, engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database beside the test's own."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'copy.db'}"
        return
    administration: Database = request.getfixturevalue("administration")
    name = urlsplit(url).path.strip("/") + "_copy"
    administration.execute_sql(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    administration.execute_sql(f"DROP DATABASE {name} WITH (FORCE)")


def runners(url: str, copy_url: str, tmp_path: Path) -> tuple[MigrationRunner, Database]:
    """A runner with one step pending, and a copy of its database."""
    source = books(tmp_path, _0003_fill=FILL)
    for each in (url, copy_url):
        MigrationRunner(opened(each), source).up("0002_pages")
    return MigrationRunner(opened(url), source, lint="error"), opened(copy_url)


def test_a_rehearsed_plan_has_the_statements_the_findings_and_the_time(
    database: Database, url: str, copy_url: str, tmp_path: Path
) -> None:
    runner, copy = runners(url, copy_url, tmp_path)
    plan = runner.plan(rehearse_on=copy)
    (step,) = plan.steps
    sent = [sql for sql, _ in step.statements]
    assert any("ADD COLUMN" in sql and "isbn" in sql for sql in sent)
    assert sent[-2].startswith("INSERT INTO books")
    assert step.statements[-2][1] == ("one",)
    assert sent[-1].startswith("UPDATE books SET sheets = 4")
    assert not [sql for sql in sent if "migration_history" in sql]
    assert [finding.name for finding in step.findings] == ["drop:books.isbn"]
    assert step.seconds is not None
    assert 0 < step.seconds < 60
    assert "    ! drop:books.isbn: " in str(plan)
    assert "INSERT INTO books (title, sheets)" in str(plan)
    assert columns(database, "books") == ["id", "title", "pages"]
    assert runner.status().pending == ("app:0003_fill",)
    assert columns(copy, "books") == ["id", "title", "sheets"]


BATCHES = """
    from peewee import TextField

    atomic = False


    def up(migrator, db):
        migrator.migrate(migrator.add_column("books", "slug", TextField(default=lambda: "s" * 200)))
        migrator.migrate(migrator.backfill("books", "pages", 7))
        with db.atomic():
            db.execute_sql("UPDATE books SET pages = 8 WHERE id = 1")
"""


def test_a_plan_shows_what_changes_something_and_each_batch_of_many_once(
    url: str, copy_url: str, tmp_path: Path
) -> None:
    source = books(tmp_path, _0003_batches=BATCHES)
    for each in (url, copy_url):
        database = opened(each)
        MigrationRunner(database, source).up("0002_pages")
        rows = ", ".join(f"('{number}', 1)" for number in range(12_000))
        database.execute_sql(f"INSERT INTO books (title, pages) VALUES {rows}")
    plan = MigrationRunner(opened(url), source).plan(rehearse_on=copy_url)
    (step,) = plan.steps
    words = {sql.split()[0].upper() for sql, _ in step.statements}
    assert words.isdisjoint({"SELECT", "PRAGMA", "ROLLBACK"})
    filled = [sql for sql, _ in step.statements if sql.startswith("UPDATE") and "slug" in sql]
    times = 24 if url.startswith("sqlite") else 3  # a tenth of a batch in each transaction, or a whole one
    assert len(filled) == times
    assert step.statements[-2 if "RELEASE" in words else -1][0] == "UPDATE books SET pages = 8 WHERE id = 1"
    (line,) = (line for line in str(plan).splitlines() if "UPDATE" in line and "slug" in line)
    assert line.endswith(f"({times} times)")
    assert len(line) < 1100


def test_a_copy_is_named_by_its_url(url: str, copy_url: str, tmp_path: Path) -> None:
    runner, copy = runners(url, copy_url, tmp_path)
    copy.close()
    assert runner.plan(rehearse_on=copy_url).steps[0].statements


def test_sqlite_makes_the_copy_itself_and_leaves_none(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runner, _ = runners(sqlite_url, f"sqlite:///{tmp_path / 'other.db'}", tmp_path)
    before = sorted(tmp_path.iterdir())
    (step,) = runner.plan(rehearse_on=True).steps
    assert step.statements
    assert sorted(tmp_path.iterdir()) == before
    assert runner.status().pending == ("app:0003_fill",)


def test_postgres_has_to_be_given_a_copy(postgres_url: str, tmp_path: Path) -> None:
    runner = MigrationRunner(opened(postgres_url), books(tmp_path))
    with pytest.raises(InvalidOption, match="the URL of a copy: pg_dump"):
        runner.plan(rehearse_on=True)


def test_the_database_itself_is_no_copy(database: Database, url: str, copy_url: str, tmp_path: Path) -> None:
    runner, _ = runners(url, copy_url, tmp_path)
    for itself in (url, database):
        with pytest.raises(InvalidOption, match="this is the database itself"):
            runner.plan(rehearse_on=itself)
    assert columns(database, "books") == ["id", "title", "pages"]


def test_a_copy_that_is_not_there_is_named_and_not_made(url: str, engine_name: str, tmp_path: Path) -> None:
    runner = MigrationRunner(opened(url), books(tmp_path))
    runner.up()
    if engine_name == "sqlite":
        missing, said = f"sqlite:///{tmp_path / 'missing.db'}", f"there is no SQLite file {tmp_path / 'missing.db'}"
    else:
        missing, said = urlunsplit(urlsplit(url)._replace(path="/missing")), "Postgres database 'missing': "
    for copy in (missing, opened(missing)):
        with pytest.raises(DatabaseUnavailable) as caught:
            runner.plan(rehearse_on=copy)
        assert str(caught.value).startswith(f"in the rehearsal, on the copy: {said}")
    assert not (tmp_path / "missing.db").exists()


def test_a_url_that_can_be_no_copy_is_called_by_the_argument(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="^rehearse_on: got 'copy.db', expected sqlite:///file.db or postgresql"):
        MigrationRunner(database, books(tmp_path)).plan(rehearse_on="copy.db")


def test_a_copy_that_has_had_other_steps_is_refused(url: str, copy_url: str, tmp_path: Path) -> None:
    runner, copy = runners(url, copy_url, tmp_path)
    MigrationRunner(copy, books(tmp_path)).down()
    with pytest.raises(
        HistoryMismatch, match="has not had the same steps as the database .*0002_pages.*make a new one"
    ):
        runner.plan(rehearse_on=copy_url)


def test_a_step_that_fails_on_the_copy_says_so(database: Database, url: str, copy_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "steps", _0001_bad="def up(migrator, db):\n    1 / 0\n")
    opened(copy_url).connect()  # which makes the file
    runner = MigrationRunner(opened(url), DirectorySource(folder, name="app"))
    with pytest.raises(StepFailed, match=r"in the rehearsal, on the copy: step app:0001_bad failed in up\(\)"):
        runner.plan(rehearse_on=copy_url)
    assert runner.status().pending == ("app:0001_bad",)
    assert database.get_tables() == []


def test_a_step_that_leaves_a_half_on_the_copy_is_not_to_be_repaired(
    url: str, copy_url: str, engine_name: str, tmp_path: Path
) -> None:
    half = """
        atomic = False


        def up(migrator, db):
            db.execute_sql("CREATE TABLE half (id INTEGER)")
            1 / 0
    """
    folder = write(tmp_path / "steps", _0001_half=half)
    for each in (url, copy_url):
        opened(each).connect()  # which makes the file
    runner = MigrationRunner(opened(url), DirectorySource(folder, name="app"))
    nothing = "; nothing was done to the database itself: correct the script and rehearse it again; the copy "
    copies = {True: "was thrown away"} if engine_name == "sqlite" else {}
    for copy, left in {**copies, copy_url: "keeps what was done to it: make a new one"}.items():
        with pytest.raises(StepFailed) as caught:
            runner.plan(rehearse_on=copy)
        said = str(caught.value)
        assert said.startswith("in the rehearsal, on the copy: step app:0001_half failed in up() at ")
        assert said.endswith(f"ZeroDivisionError: division by zero{nothing}{left}")
        assert not caught.value.rolled_back
    write(folder, _0001_half="def up(migrator, db): ...\n")
    assert runner.up() == ["app:0001_half"]


def test_a_plan_without_a_rehearsal_executes_nothing(database: Database, tmp_path: Path) -> None:
    (step, _) = MigrationRunner(database, books(tmp_path)).plan().steps
    assert (step.statements, step.findings, step.seconds) == ((), (), None)
    assert database.get_tables() == []
