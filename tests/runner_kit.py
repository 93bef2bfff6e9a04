"""What the tests of the runner share: scripts in a folder, what a database looks like, processes started at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from peewee import Database
from playhouse.db_url import connect

from signals_peewee.runner import DirectorySource, MigrationRunner

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["peewee", "playhouse.db_url", "signals_peewee.runner"])

_OPENED: list[Database] = []

BOOKS = '''
    """Books: the first table."""
    from peewee import TextField


    def up(migrator, db):
        class Book(migrator.Model):
            title = TextField()

            class Meta:
                table_name = "books"

        Book.create_table(safe=False)


    def down(migrator, db):
        migrator.migrate(migrator.drop_table("books"))
'''
PAGES = """
    from peewee import IntegerField


    def up(migrator, db):
        migrator.migrate(migrator.add_column("books", "pages", IntegerField(default=0)))


    def down(migrator, db):
        migrator.migrate(migrator.drop_column("books", "pages"))
"""


def write(folder: Path, **scripts: str) -> Path:
    """Write scripts into a folder; `_0001_books` becomes 0001_books.py."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        (folder / f"{name.removeprefix('_')}.py").write_text(textwrap.dedent(text).lstrip(), "utf-8")
    return folder


def books(folder: Path, **more: str) -> DirectorySource:
    """Return a source with the steps 0001_books, 0002_pages and more."""
    return DirectorySource(write(folder / "steps", _0001_books=BOOKS, _0002_pages=PAGES, **more), name="app")


def opened(url: str) -> Database:
    """Return a database as a service would make it, of its own and not yet connected."""
    options: dict[str, Any] = {"prefer_psycopg3": os.environ.get("SIGNALS_TEST_DRIVER") == "psycopg3"}
    if url.startswith("sqlite"):
        options = {"pragmas": {"foreign_keys": 1, "busy_timeout": 5000}}
    database: Database = connect(url, unquote_user=True, unquote_password=True, **options)
    return closed_later(database)


def closed_later(database: Database) -> Database:
    """Return a database that `closing` will close."""
    _OPENED.append(database)
    return database


def closing() -> Iterator[None]:
    """The body of a fixture that closes, after a test, what this thread left open."""
    yield
    while _OPENED:
        _OPENED.pop().close()


def tables(database: Database) -> list[str]:
    """Return the names of the tables that are not the runner's."""
    hidden = ("migration_history", "sqlite_sequence")
    return sorted(name for name in database.get_tables() if name not in hidden)


def columns(database: Database, table: str) -> list[str]:
    """Return the names of a table's columns."""
    return [column.name for column in database.get_columns(table)]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect the statements that go through Peewee."""
    heard: list[str] = []

    def hook(event: Any) -> None:
        heard.append(event.sql)

    database.query_hooks.append(hook)
    try:
        yield heard
    finally:
        database.query_hooks.remove(hook)


def at_once(number: int, url: str, folder: Path, **options: Any) -> list[Any]:
    """Start processes that run a folder's steps at the same moment, and return what each one returned or raised."""
    return [result for result, _ in exits_at_once(number, url, folder, **options)]


def exits_at_once(number: int, url: str, folder: Path, **options: Any) -> list[tuple[Any, int | None]]:
    """Do the same, and return the exit code of each one as well: 0, unless it raised something."""
    barrier = PROCESSES.Barrier(number)
    pipes = [PROCESSES.Pipe(duplex=False) for _ in range(number)]
    processes = [PROCESSES.Process(target=_start, args=(barrier, sender, url, folder, options)) for _, sender in pipes]
    for process, (_, sender) in zip(processes, pipes, strict=True):
        process.start()
        sender.close()  # so that a process that dies ends its pipe
    results = [receiver.recv() for receiver, _ in pipes]
    for process in processes:
        process.join()
    return [(result, process.exitcode) for result, process in zip(results, processes, strict=True)]


def killed_inside(url: str, folder: Path, method: str = "up", meanwhile: Callable[[], object] = lambda: None) -> None:
    """Start a process that runs a folder's steps, and kill -9 it where a script stops at `wait_here`.

    Before that call `meanwhile`; from then on no other run of the script stops there.
    """
    (folder / "go").unlink(missing_ok=True)
    for name in ("inside", "never"):
        if not (folder / name).exists():
            os.mkfifo(folder / name)
    process = PROCESSES.Process(target=_run, args=(url, folder, method))
    inside = os.open(folder / "inside", os.O_RDONLY | os.O_NONBLOCK)
    process.start()
    assert process.pid is not None
    assert wait([inside, process.sentinel]) == [inside], "the process ended before its script came to wait_here"
    os.close(inside)
    (folder / "go").touch()
    meanwhile()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


WAIT_HERE = """
from pathlib import Path

HERE = Path(__file__).parent


def wait_here():
    if not (HERE / "go").exists():
        (HERE / "inside").write_text("inside")
        (HERE / "never").read_text()
"""


def _run(url: str, folder: Path, method: str) -> None:
    getattr(MigrationRunner(opened(url), DirectorySource(folder, name="app")), method)()


def _start(barrier: Any, sender: Connection, url: str, folder: Path, options: dict[str, Any]) -> None:
    runner = MigrationRunner(opened(url), DirectorySource(folder, name="app"), **options)
    try:
        barrier.wait(60)
        sender.send(runner.up())
    except Exception as error:  # noqa: BLE001
        sender.send(repr(error))
        sys.exit(1)


Step = Callable[[Any, Any], object]
