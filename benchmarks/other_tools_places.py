"""Where do the tools work, and how are they started? On a fresh database each time, as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from peewee import Database
from playhouse.db_url import connect

from .databases import _version
from .other_tools_scripts import Tool

PATIENCE = 300.0
"""Seconds: a start that takes longer has failed."""


class Databases:
    """Fresh databases: SQLite files in a folder, or databases of a Postgres server."""

    def __init__(self, folder: Path, server: str = "") -> None:
        self.engine = "postgres" if server else "sqlite"
        self.folder = folder
        self._server = server

    @property
    def version(self) -> str:
        """The database's own."""
        with self.fresh() as url, opened(url) as database:
            return _version(database)

    @contextmanager
    def fresh(self, template: str = "") -> Iterator[str]:
        """Yield the URL of a database, empty or a copy on Postgres, which goes when the block ends."""
        name = f"other_tools_{uuid4().hex}"
        if not self._server:
            yield f"sqlite:///{self.folder / name}.db"
            (self.folder / f"{name}.db").unlink(missing_ok=True)
            return
        copied = urlsplit(template).path[1:] or "template0"
        self._say(f"CREATE DATABASE {name} TEMPLATE {copied} STRATEGY FILE_COPY", "CHECKPOINT")
        try:
            yield urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))
        finally:
            self._say(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def project(self, tool: Tool, names: Sequence[str]) -> Iterator[Path]:
        """Yield a folder with the tool's project in it."""
        with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as folder:
            project = Path(folder)
            if tool.module == "alembic":
                _init_alembic(project)
            tool.write(project, names)
            yield project

    def _say(self, *statements: str) -> None:
        with opened(self._server) as database:
            for sql in statements:
                database.execute_sql(sql)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database for the block."""
    database = connect(url)
    with closing(database):
        database.connect()
        yield database


def _init_alembic(project: Path) -> None:
    """Do what `alembic init alembic` does."""
    subprocess.run([sys.executable, "-m", "alembic", "init", "alembic"], cwd=project, check=True, capture_output=True)


class Ended(NamedTuple):
    """How a start ended: its exit code, and what it said."""

    code: int
    said: str


class Start:
    """A process that has imported everything and waits for a word."""

    def __init__(self, project: Path, url: str, environment: Mapping[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `ended`
        self._process = subprocess.Popen(
            [sys.executable, "start.py", url],
            cwd=project,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise SystemExit(f"{project}: {self.ended().said}")

    def go(self) -> Start:
        """Let it run."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self

    def ended(self) -> Ended:
        """Wait for its end."""
        try:
            said, _ = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
        with self._errors as errors:
            errors.seek(0)
            return Ended(self._process.returncode, said + errors.read())


def started(project: Path, url: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Start once, by itself."""
    return Start(project, url, environment).go().ended()


def applied(project: Path, url: str) -> None:
    """Start once, by itself, where nothing may go wrong."""
    ended = started(project, url)
    if ended.code:
        raise SystemExit(f"{project}: {ended.said}")
