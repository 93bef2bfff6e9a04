"""What does a person read where the database is not to be had: gone, damaged, full, closed to writing, or another's?

As in `test_runner_bad_input`, each message is written out, … is the folder of the test, and the database is afterwards
as it was before. ROLE and DATABASE stand for the names that a Postgres test makes up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from peewee import Database, OperationalError, SqliteDatabase
from runner_kills import everything
from runner_kit import BOOKS, PROCESSES, closed_later, closing, opened, write

from signals_peewee.errors import DatabaseUnavailable, MigrationError, SignalsError, StepFailed
from signals_peewee.runner import DirectorySource, MigrationRunner, migrate

MORE = """
    atomic = {atomic}


    def up(migrator, db):
        db.execute_sql("CREATE TABLE more (id INTEGER)")
"""
FILLS = """
    atomic = {atomic}


    def up(migrator, db):
        db.execute_sql("CREATE TABLE more (id INTEGER)")
        db.execute_sql("INSERT INTO books (title) VALUES (printf('%.*c', 100000, 'x'))")
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def applied(tmp_path: Path) -> DirectorySource:
    """A source whose one step is applied."""
    return steps(tmp_path)


def steps(folder: Path, more: str = "", *, atomic: bool = True) -> DirectorySource:
    scripts = {"_0001_books": BOOKS} | ({"_0002_more": more.format(atomic=atomic)} if more else {})
    return DirectorySource(write(folder / "steps", **scripts), name="app")


def message(database: Database, source: DirectorySource, folder: Path, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        migrate(database, source)
    return str(caught.value).replace(str(folder), "…")


# SQLite


@pytest.fixture
def file(sqlite_url: str, applied: DirectorySource) -> Path:
    """A SQLite file in which the first step is applied."""
    migrate(opened(sqlite_url), applied)
    next(closing(), None)
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("none/signals.db", "unable to open database file; there is no folder …/none"),
        ("steps", "unable to open database file; it is a folder"),
    ],
)
def test_a_sqlite_file_that_cannot_be_opened(tmp_path: Path, applied: DirectorySource, name: str, text: str) -> None:
    said = message(opened(f"sqlite:///{tmp_path / name}"), applied, tmp_path, DatabaseUnavailable)
    assert said == f"SQLite file …/{name}: {text}; nothing was run"


def test_a_file_that_is_no_database(tmp_path: Path, applied: DirectorySource) -> None:
    path = tmp_path / "notes.db"
    path.write_text("somebody's notes\n" * 100)
    assert message(opened(f"sqlite:///{path}"), applied, tmp_path, DatabaseUnavailable) == (
        "SQLite file …/notes.db: file is not a database; check the path; an encrypted file looks like that too"
    )
    assert path.read_text() == "somebody's notes\n" * 100


def test_a_file_that_is_damaged(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    damaged = file.read_bytes()
    assert message(opened(f"sqlite:///{file}"), steps(tmp_path, MORE), tmp_path, DatabaseUnavailable) == (
        "SQLite file …/signals.db: database disk image is malformed; it is damaged: restore a backup, or copy what can "
        "be read with sqlite3's .recover"
    )
    assert file.read_bytes() == damaged


def small(file: Path, pages: int) -> Database:
    """A database that may become so many pages larger: a disk that is nearly full."""
    database = opened(f"sqlite:///{file}")
    (count,) = database.execute_sql("PRAGMA page_count").fetchone()
    database.execute_sql(f"PRAGMA max_page_count = {count + pages}")
    return database


FULL = (
    "step app:0002_more failed in up() at …/steps/0002_more.py:6: OperationalError: database or disk is full in "
    "\"INSERT INTO books (title) VALUES (printf('%.*c', 100000, 'x'))\"; "
)


def test_a_disk_that_is_full_in_a_step(file: Path, tmp_path: Path) -> None:
    database = small(file, 2)
    before = everything(database)
    assert message(database, steps(tmp_path, FILLS), tmp_path, StepFailed) == (
        f"{FULL}everything it had done was rolled back; see to that and run it again"
    )
    assert everything(database) == before
    database.execute_sql("PRAGMA max_page_count = 1000000")
    assert migrate(database, steps(tmp_path, FILLS)) == ["app:0002_more"]


def test_a_disk_that_is_full_in_a_step_that_is_not_atomic(file: Path, tmp_path: Path) -> None:
    assert message(small(file, 2), steps(tmp_path, FILLS, atomic=False), tmp_path, StepFailed) == (
        f"{FULL}what it had done before stays; look at what it left, then let it run again with "
        "runner.repair('app:0002_more', 'retry'), or say that you finished it by hand with "
        "runner.repair('app:0002_more', 'done')"
    )


def test_a_disk_that_is_full_from_the_start(tmp_path: Path, applied: DirectorySource) -> None:
    database = small(tmp_path / "new.db", 1)
    assert message(database, applied, tmp_path, DatabaseUnavailable) == (
        "SQLite file …/new.db: database or disk is full; make room, or raise the limit that it has (PRAGMA "
        "max_page_count)"
    )
    assert database.get_tables() == []


@pytest.mark.parametrize("atomic", [True, False])
def test_a_connection_that_may_only_read(file: Path, tmp_path: Path, atomic: bool) -> None:
    before = file.read_bytes()
    database = closed_later(SqliteDatabase(f"file:{file}?mode=ro", uri=True))
    assert message(database, steps(tmp_path, MORE, atomic=atomic), tmp_path, DatabaseUnavailable) == (
        "step app:0002_more was not begun, so nothing of it is left: SQLite file …/signals.db: attempt to write a "
        "readonly database; the file, its folder or this connection may only be read"
    )
    assert file.read_bytes() == before


NO_LOCK = (
    "the migration lock '…/signals.db-migrating' cannot be made: Permission denied; a step that is not atomic needs "
    "it, so let this process write in that folder"
)
READ_ONLY = (
    "step app:0002_more was not begun, so nothing of it is left: SQLite file …/signals.db: attempt to write a readonly "
    "database; the file, its folder or this connection may only be read"
)
CLOSED = (
    "SQLite file …/signals.db: unable to open database file; this process may not open it, or not write in its folder; "
    "nothing was run"
)


PERMISSIONS = {
    "a read-only file": (0o444, 0o777, True, READ_ONLY),
    "a read-only file, not atomic": (0o444, 0o777, False, READ_ONLY),
    "a read-only folder": (0o666, 0o555, True, READ_ONLY),
    "a read-only folder, not atomic": (0o666, 0o555, False, NO_LOCK),
    "a file that may not be read": (0o000, 0o777, True, CLOSED),
}


@pytest.mark.parametrize("case", PERMISSIONS)
def test_a_file_or_folder_that_this_process_may_not_write(file: Path, case: str) -> None:
    of_file, of_folder, atomic, text = PERMISSIONS[case]
    before = file.read_bytes()
    with tempfile.TemporaryDirectory() as name:  # one that somebody else than root may enter
        source = steps(Path(name), MORE, atomic=atomic)
        place = Path(name) / "data"
        place.mkdir()
        copy = place / "signals.db"
        copy.write_bytes(before)
        copy.chmod(of_file)
        place.chmod(of_folder)
        Path(name).chmod(0o755)
        said = as_somebody(f"sqlite:///{copy}", source)
        place.chmod(0o777)
        assert copy.read_bytes() == before
    assert said.replace(str(place), "…") == f"DatabaseUnavailable: {text}"


def as_somebody(url: str, source: DirectorySource) -> str:
    """Run a source in a process that is not root's, which no permission would stop, and return what it raised."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_as_somebody, args=(sender, url, source))
    process.start()
    sender.close()  # so that a process that dies ends its pipe
    said: str = receiver.recv()
    process.join()
    return said


def _as_somebody(sender: object, url: str, source: DirectorySource) -> None:
    with tempfile.TemporaryDirectory() as folder:  # to import what is imported late, before it cannot be read any more
        migrate(opened(f"sqlite:///{folder}/signals.db"), source)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        said = str(migrate(opened(url), source))
    except SignalsError as error:
        said = f"{type(error).__name__}: {error}"
    sender.send(said)  # type: ignore[attr-defined]


# Another's table


FOREIGN = {
    "other columns": (
        "CREATE TABLE migration_history (id INTEGER PRIMARY KEY, name TEXT, applied TEXT)",
        {"sqlite": "no such column: t1.position", "postgres": "column t1.position does not exist"},
    ),
    "the same columns, meaning something else": (
        (
            "CREATE TABLE migration_history AS SELECT 1 AS position, 'app' AS source, '1' AS name, '' AS checksum, "
            "'' AS description, 'ok' AS state, '' AS context, '2020-01-01' AS applied_at, 1.0 AS seconds"
        ),
        dict.fromkeys(("sqlite", "postgres"), "a row of it has the state 'ok'"),
    ),
}


@pytest.mark.parametrize("shape", FOREIGN)
def test_a_history_that_is_somebody_elses(
    database: Database, engine_name: str, tmp_path: Path, applied: DirectorySource, shape: str
) -> None:
    sql, why = FOREIGN[shape]
    database.execute_sql(sql)
    before = everything(database)
    assert message(database, applied, tmp_path, MigrationError) == (
        f"the table 'migration_history' is not a history of this runner: {why[engine_name]}; no step was run, and it "
        "was not touched: pass history_table='…', a name that nothing else uses"
    )
    assert everything(database) == before
    assert migrate(database, applied, history_table="ours") == ["app:0001_books"]


# Postgres


def test_a_postgres_that_is_not_there(postgres_driver: None, tmp_path: Path, applied: DirectorySource) -> None:
    said = message(opened(f"postgresql://u@/signals?host={tmp_path}"), applied, tmp_path, DatabaseUnavailable)
    assert re.fullmatch(
        r"Postgres database 'signals': (connection is bad: )?connection to server on socket \"…/.s.PGSQL.5432\" "
        r"failed: No such file or directory; is it running, and are host, port, user and database right\?; nothing "
        r"was run",
        said,
    )


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("/DATABASE?", 'FATAL:  database "DATABASE" does not exist'),
        ("//ROLE@", 'FATAL:  role "ROLE" does not exist'),
    ],
)
def test_a_database_or_role_that_is_not_there(
    postgres_url: str, tmp_path: Path, applied: DirectorySource, wrong: str, text: str
) -> None:
    name = opened(postgres_url).database
    url = postgres_url.replace(f"/{name}?" if wrong.startswith("/D") else "//postgres@", wrong)
    said = message(opened(url), applied, tmp_path, DatabaseUnavailable)
    assert f" failed: {text}; is it running, and are host, port, user and database right?; nothing was run" in said


def test_a_wrong_password(postgres_url: str, tmp_path: Path, applied: DirectorySource) -> None:
    owner = opened(postgres_url)
    role = f"role_{owner.database}"
    owner.execute_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'right, and secret'")
    with asked_for_passwords(owner, role):
        # The server reads its rules when it comes to it.
        while may_connect(postgres_url.replace("postgres@", f"{role}@")):
            pass
        wrong = opened(postgres_url.replace("postgres@", f"{role}:{quote('wrong, and secret')}@"))
        said = message(wrong, applied, tmp_path, DatabaseUnavailable)
        right = opened(postgres_url.replace("postgres@", f"{role}:{quote('right, and secret')}@"))
        assert right.execute_sql("SELECT 1").fetchone() == (1,)
    owner.execute_sql(f"DROP ROLE {role}")
    assert f'FATAL:  password authentication failed for user "{role}"; is it running, and are host, port, user' in said
    assert "secret" not in said


def may_connect(url: str) -> bool:
    database = opened(url)
    try:
        return bool(database.connect())
    except OperationalError:
        return False
    finally:
        database.close()


@contextmanager
def asked_for_passwords(owner: Database, role: str) -> Iterator[None]:
    """Let a server that trusts everybody ask one role for its password."""
    ((path, text),) = owner.execute_sql("SELECT f, pg_read_file(f) FROM current_setting('hba_file') f")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]

    def reload(lines: list[str]) -> None:
        values = ", ".join(f"('{line}')" for line in lines)  # COPY takes no parameters
        owner.execute_sql(f"COPY (VALUES {values}) TO '{path}'")
        owner.execute_sql("SELECT pg_reload_conf()")
        taken = "SELECT count(*), count(error) FROM pg_hba_file_rules"
        assert owner.execute_sql(taken).fetchone() == (len(lines), 0)

    reload([f"local all {role} scram-sha-256", *rules])
    try:
        yield
    finally:
        reload(rules)


def test_neither_driver_is_installed(tmp_path: Path, applied: DirectorySource) -> None:
    code = (
        "import sys; sys.modules.update(psycopg2=None, psycopg=None); sys.path.insert(0, sys.argv[1])\n"
        "from playhouse.db_url import connect\n"
        "from signals_peewee.runner import DirectorySource, migrate\n"
        "try:\n    migrate(connect('postgresql://u@/x'), DirectorySource(sys.argv[2], name='app'))\n"
        "except Exception as error:\n    print(type(error).__name__, error, sep=': ')\n"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(applied.path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == "MissingDriver: no Postgres driver is installed: pip install 'signals-peewee[postgres]'\n"


NOT_BEGUN = "step app:0002_more was not begun, so nothing of it is left: "
GRANT = "; connect as a role that has the right, or let its owner grant it"
Rights = tuple[str, ...]


@pytest.mark.parametrize(
    ("rights", "text"),
    [
        ((), f"Postgres database 'DATABASE': permission denied for table migration_history{GRANT}"),
        (
            ("SELECT ON migration_history",),
            f"{NOT_BEGUN}Postgres database 'DATABASE': permission denied for table migration_history{GRANT}",
        ),
        (
            ("SELECT, INSERT, UPDATE ON migration_history",),
            (
                "step app:0002_more failed in up() at …/steps/0002_more.py:5: ProgrammingError: permission denied for "
                "schema public in 'CREATE TABLE more (id INTEGER)'; everything it had done was rolled back; see to "
                "that and run it again"
            ),
        ),
    ],
    ids=["none", "reading the history", "reading and writing the history"],
)
def test_a_role_without_the_rights(postgres_url: str, tmp_path: Path, rights: Rights, text: str) -> None:
    owner = opened(postgres_url)
    migrate(owner, steps(tmp_path))
    before = everything(owner)
    with as_role(postgres_url, *rights) as database:
        source = steps(tmp_path, MORE)
        error = StepFailed if "failed in up" in text else DatabaseUnavailable
        said = message(database, source, tmp_path, error)
    assert said.replace(owner.database, "DATABASE") == text
    assert everything(owner) == before


def test_a_role_that_may_create_no_history(postgres_url: str, tmp_path: Path, applied: DirectorySource) -> None:
    owner = opened(postgres_url)
    with as_role(postgres_url) as database:
        said = message(database, applied, tmp_path, DatabaseUnavailable)
        assert said.replace(owner.database, "DATABASE") == (
            f"Postgres database 'DATABASE': permission denied for schema public{GRANT}"
        )
        with pytest.raises(DatabaseUnavailable, match=f"permission denied for database {owner.database}; connect as"):
            migrate(database, applied, schema="tenant")
    assert everything(owner)["catalog"] == []


@contextmanager
def as_role(postgres_url: str, *rights: str) -> Iterator[Database]:
    """A connection of a role that has these rights and may create nothing."""
    owner = opened(postgres_url)
    role = f"role_{owner.database}"
    owner.execute_sql(f"CREATE ROLE {role} LOGIN")
    owner.execute_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for right in rights:
        owner.execute_sql(f"GRANT {right} TO {role}")
    try:
        yield opened(postgres_url.replace("postgres@", f"{role}@", 1))
    finally:
        owner.execute_sql(f"DROP OWNED BY {role}")
        owner.execute_sql(f"DROP ROLE {role}")


def test_a_server_that_may_only_be_read(postgres_url: str, tmp_path: Path, applied: DirectorySource) -> None:
    owner = opened(postgres_url)
    migrate(owner, applied)
    before = everything(owner)
    database = opened(f"{postgres_url}&options={quote('-c default_transaction_read_only=on')}")
    said = message(database, steps(tmp_path, MORE), tmp_path, DatabaseUnavailable)
    assert said.replace(owner.database, "DATABASE") == (
        f"{NOT_BEGUN}Postgres database 'DATABASE': cannot execute INSERT in a read-only transaction; connect to the "
        "primary, with default_transaction_read_only off"
    )
    assert everything(owner) == before


def test_a_server_whose_disk_is_full(postgres_url: str, tmp_path: Path) -> None:
    database = opened(postgres_url)
    fails = """
        def up(migrator, db):
            db.execute_sql("CREATE TABLE more (id INTEGER)")
            db.execute_sql("DO $$ BEGIN RAISE disk_full USING MESSAGE = 'no space', HINT = 'Free some.'; END $$")
    """
    migrate(database, steps(tmp_path))
    before = everything(database)
    said = message(database, steps(tmp_path, fails), tmp_path, StepFailed)
    assert said.startswith(
        "step app:0002_more failed in up() at …/steps/0002_more.py:3: OperationalError: no space; HINT:  Free some.; "
        'CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE in "DO '
    )
    assert said.endswith("; everything it had done was rolled back; see to that and run it again")
    assert everything(database) == before


def test_a_line_that_breaks_in_a_step(postgres_url: str, tmp_path: Path, applied: DirectorySource) -> None:
    owner = opened(postgres_url)
    ended = """
        def up(migrator, db):
            db.execute_sql("CREATE TABLE more (id INTEGER)")
            db.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    """
    migrate(owner, applied)
    before = everything(owner)
    source = steps(tmp_path, ended)
    said = message(opened(postgres_url), source, tmp_path, StepFailed)
    assert said.startswith("step app:0002_more failed in up() at …/steps/0002_more.py:3: ")
    assert "terminating connection due to administrator command" in said or "server closed the connection" in said
    assert said.endswith("; everything it had done was rolled back; see to that and run it again")
    assert everything(owner) == before
    assert MigrationRunner(owner, source).status().pending == ("app:0002_more",)


def test_a_folder_of_scripts_that_this_process_may_not_read(file: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = steps(Path(name) / "closed")
        (Path(name) / "signals.db").write_bytes(file.read_bytes())
        Path(name).chmod(0o755)
        for closed, what in ((source.path.parent, "steps"), (source.path / "0001_books.py", "steps/0001_books.py")):
            closed.chmod(0)
            said = as_somebody(f"sqlite:///{name}/signals.db", source)
            closed.chmod(0o755)
            folder = source.path.parent
            assert said == (
                f"InvalidSource: source 'app' ({source.path}): it cannot be read: Permission denied: {folder / what}; "
                "let this process read it; nothing was run"
            )
