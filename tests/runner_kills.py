"""How is a run killed between any two statements, and what is in a database afterwards?"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from peewee import Database, SqliteDatabase
from runner_kit import PROCESSES, opened
from wire import Relay

from signals_peewee.errors import UnfinishedStep
from signals_peewee.runner import DirectorySource, MigrationRunner

_LOOK = re.compile(r"\s*(SELECT (?!pg_(try_)?advisory|set_config)|PRAGMA (?!\w+ = ))")
SENT = ("execute", "executemany", "executescript")
State = dict[str, list[Any]]


class Cursor:
    """A driver's cursor that tells of every statement before it is sent."""

    def __init__(self, cursor: Any, tell: Callable[[str], None]) -> None:
        self._cursor = cursor
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cursor, name)
        return self._sending(found) if name in SENT else found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def _sending(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(sql: Any, *more: Any) -> Any:
            self._tell(str(sql))
            return send(sql, *more)

        return sent


def listen(database: Database, tell: Callable[[str], None]) -> None:
    """Tell of every statement that a database sends, BEGIN and COMMIT too, of which no hook of Peewee's hears."""
    cursor = database.cursor
    database.cursor = lambda *args, **options: Cursor(cursor(*args, **options), tell)  # type: ignore[method-assign]


def statements_of(url: str, folder: Path, method: str = "up") -> list[str]:
    """Run a folder's steps, undisturbed, in a process, and return its statements."""
    heard: list[str] = _in_process(_heard, url, folder, method)
    return heard


def boundaries(statements: Sequence[str]) -> list[int]:
    """Return the places in a list of statements before which a run is to be killed; the last one is after all of them.

    Between two statements that only look, the database is as it was before them: one place stands for all in a row.
    SIGNALS_TEST_KILLS=all asks for every one.
    """
    places = range(len(statements) + 1)
    if os.environ.get("SIGNALS_TEST_KILLS") == "all":
        return list(places)
    looks = [_LOOK.match(sql) is not None for sql in statements]
    return [at for at in places if not (0 < at < len(looks) and looks[at] and looks[at - 1])]


def killed_before(place: int, url: str, folder: Path, method: str = "up") -> None:
    """Run a folder's steps in a process that is killed with kill -9 before its statement of that number."""
    process = PROCESSES.Process(target=_killed, args=(place, url, folder, method))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"it did not come to statement {place}"


def killed_while(place: int, relay: Relay, folder: Path) -> None:
    """Run a folder's steps in a process that is killed with kill -9 once its statement of that number is at the server.

    The server goes on with that statement, and finds out afterwards, or meanwhile, that nobody wants to know.
    """
    process = PROCESSES.Process(target=_up, args=(relay.url, folder))

    def kill(statement: str) -> None:
        if len(relay.statements) == place + 1 and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)

    relay.on_passed = kill
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"it did not come to statement {place}"


def rerun(url: str, folder: Path, method: str = "up") -> list[str]:
    """Run a folder's steps in a new process, letting unfinished ones run again, and return the names of those."""
    unfinished: list[str] = _in_process(_finished, url, folder, method)
    return unfinished


@contextmanager
def copied(url: str, folder: Path) -> Iterator[str]:
    """The URL of a copy of a database that nobody has open; gone when the block ends."""
    if url.startswith("sqlite"):
        place = folder / uuid4().hex
        place.mkdir()
        shutil.copy(url.removeprefix("sqlite:///"), place / "copy.db")
        try:
            yield f"sqlite:///{place / 'copy.db'}"
        finally:
            shutil.rmtree(place)
        return
    name, parts = f"copy_{uuid4().hex[:12]}", urlsplit(url)
    administration = opened(urlunsplit(parts._replace(path="/postgres")))
    administration.execute_sql(f"CREATE DATABASE {name} TEMPLATE {parts.path[1:]}")
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        administration.execute_sql(f"DROP DATABASE {name} WITH (FORCE)")
        administration.close()


def state(url: str) -> State:
    """Return everything that a database holds, and of what was recorded all but the times."""
    database = opened(url)
    try:
        history = "SELECT position, source, name, state FROM migration_history ORDER BY position"
        return {**everything(database), "migration_history": database.execute_sql(history).fetchall()}
    finally:
        database.close()


def everything(database: Database) -> State:
    """Return each object of a database as its catalog says it, and each row."""
    return _sqlite(database) if isinstance(database, SqliteDatabase) else _postgres(database)


def _sqlite(database: Database) -> State:
    def rows(sql: str) -> list[Any]:
        return database.execute_sql(sql).fetchall()

    assert rows("PRAGMA integrity_check") == [("ok",)]
    assert rows("PRAGMA foreign_key_check") == []
    objects = rows("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    tables = [name for kind, name, _, _ in objects if kind == "table"]
    return {"catalog": objects, **{name: rows(f'SELECT * FROM "{name}" ORDER BY 1') for name in tables}}


_OBJECTS = """
SELECT c.relkind::text, c.relname, '' FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'column', c.relname || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', conname, pg_get_constraintdef(oid) || convalidated
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', c.relname, pg_get_indexdef(i.indexrelid) || i.indisvalid || i.indisready
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'trigger', t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal
ORDER BY 1, 2, 3
"""


def _postgres(database: Database) -> State:
    def rows(sql: str) -> list[Any]:
        return database.execute_sql(sql).fetchall()

    objects = rows(_OBJECTS)
    tables = [name for kind, name, _ in objects if kind == "r"]
    return {"catalog": objects, **{name: rows(f'SELECT * FROM "{name}" ORDER BY 1') for name in tables}}


def _in_process(target: Any, *args: Any) -> Any:
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=target, args=(sender, *args))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        result = None
    process.join()
    assert process.exitcode == 0
    return result


def _runner(database: Database, folder: Path) -> MigrationRunner:
    return MigrationRunner(database, DirectorySource(folder, name="app"))


def _run(database: Database, folder: Path, method: str) -> None:
    runner = _runner(database, folder)
    runner.down(all=True) if method == "down" else runner.up()


def _up(url: str, folder: Path) -> None:
    _runner(opened(url), folder).up()


def _heard(sender: Connection, url: str, folder: Path, method: str) -> None:
    database, heard = opened(url), list[str]()
    listen(database, heard.append)
    _run(database, folder, method)
    sender.send(heard)


def _killed(place: int, url: str, folder: Path, method: str) -> None:
    database, heard = opened(url), list[str]()

    def tell(sql: str) -> None:
        if len(heard) == place:
            os.kill(os.getpid(), signal.SIGKILL)
        heard.append(sql)

    listen(database, tell)
    _run(database, folder, method)
    tell("the end")


def _finished(sender: Connection, url: str, folder: Path, method: str) -> None:
    database, unfinished = opened(url), list[str]()
    while True:
        try:
            _run(database, folder, method)
        except UnfinishedStep as error:  # noqa: PERF203
            unfinished.extend(step for step in error.steps if step in str(error))
            for step in error.steps:
                _runner(database, folder).repair(step, "retry")
        else:
            break
    sender.send(unfinished)
