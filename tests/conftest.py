"""What every test is given: a fresh database of each engine, the real data where there is some, and how random to be.

SIGNALS_TEST_ENGINES   `sqlite,postgres` by default
SIGNALS_TEST_DRIVER    `psycopg2` or `psycopg3`; by default whichever Peewee prefers of those installed
SIGNALS_TEST_POSTGRES  the URL of a server to create databases on, or a major version installed on this machine (`15`);
                       by default a server is started from the test wheel
SIGNALS_TEST_PROFILE   `default`, or `matrix` for fewer random examples
SIGNALS_TEST_CASES     how many random SQLite tables are changed: 2000 by default, 300 in the profile `matrix`
SIGNALS_TEST_PROCESSES `yes`, or `no` to leave out the modules of many processes: races, crashes, whole random runs
SIGNALS_DATA           the folder of real feedback; by default `../shared/data` beside the checkout
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from peewee import Database, sqlite3
from playhouse.db_url import connect
from serve_postgres import binaries, running

from signals_peewee import SignalStore, Workspace

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # last, for `benchmarks`: the library is the installed one
ENGINES = os.environ.get("SIGNALS_TEST_ENGINES", "sqlite,postgres").split(",")
DRIVERS = {"psycopg2": "psycopg2", "psycopg3": "psycopg"}
DRIVER = os.environ.get("SIGNALS_TEST_DRIVER", "")
SERVER = os.environ.get("SIGNALS_TEST_POSTGRES", "")
DATA = Path(os.environ.get("SIGNALS_DATA", ROOT.parent / "shared" / "data"))
PROCESSES = os.environ.get("SIGNALS_TEST_PROCESSES", "yes") == "yes"
OF_PROCESSES = ("_races", "_crashes", "_faults", "_mixed", "_machine", "_webhook", "_benchmark")
OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite": {"pragmas": {"foreign_keys": 1, "journal_mode": "wal", "busy_timeout": 5000}},
    "postgres": {"prefer_psycopg3": DRIVER == "psycopg3"},
}

# A database is made for a test and not for an example: a test that uses one empties what it wrote.
_unhurried: dict[str, Any] = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
settings.register_profile("default", max_examples=100, **_unhurried)
settings.register_profile("matrix", max_examples=15, **_unhurried)
settings.load_profile(os.environ.get("SIGNALS_TEST_PROFILE", "default"))


@contextmanager
def _database(url: str) -> Iterator[Database]:
    engine = "sqlite" if url.startswith("sqlite") else "postgres"
    database = connect(url, unquote_user=True, unquote_password=True, **OPTIONS[engine])
    try:
        yield database
    finally:
        database.close()


def pytest_configure() -> None:
    # `open_store()` reads it: a test must not reach the database of whoever runs the tests.
    os.environ.pop("DATABASE_URL", None)


def pytest_report_header() -> str:
    postgres = urlsplit(SERVER).hostname or SERVER or "from the test wheel"
    profile = os.environ.get("SIGNALS_TEST_PROFILE", "default")
    return (
        f"engines: {', '.join(ENGINES)}; driver: {DRIVER or 'any'}; postgres: {postgres}; "
        f"sqlite: {sqlite3.sqlite_version}; examples: {profile}"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what does not touch Postgres to the runs that have SQLite, and processes to those that ask for them."""
    touching = {"engine_name", "postgres_driver", "postgres_url"}
    others = {
        item
        for item in items
        if ("sqlite" not in ENGINES and touching.isdisjoint(getattr(item, "fixturenames", ())))
        or (not PROCESSES and item.path.stem.endswith(OF_PROCESSES))
    }
    config.hook.pytest_deselected(items=list(others))
    items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def postgres_driver() -> None:
    """For a test that needs a Postgres driver and no server; skipped where neither driver is installed."""
    if DRIVER:
        importlib.import_module(DRIVERS[DRIVER])
    elif not any(importlib.util.find_spec(module) for module in DRIVERS.values()):
        pytest.skip("neither psycopg2 nor psycopg is installed")


@pytest.fixture(scope="session")
def postgres_server(postgres_driver: None) -> Iterator[str]:
    """The URL of a Postgres server on which databases may be created."""
    if "://" in SERVER:
        yield SERVER
        return
    try:
        bin_dir = binaries(SERVER)
    except LookupError as error:
        pytest.skip(str(error))
    with running(bin_dir) as url:
        yield url


@pytest.fixture(scope="session")
def administration(postgres_server: str) -> Iterator[Database]:
    """The server's own database, in which CREATE DATABASE is said."""
    with _database(postgres_server) as database:
        yield database


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a fresh Postgres database; skipped where SIGNALS_TEST_ENGINES leaves Postgres out."""
    if "postgres" not in ENGINES:
        pytest.skip("SIGNALS_TEST_ENGINES leaves Postgres out")
    template = request.getfixturevalue("built_on_postgres") if _has_store(request) else "template0"
    with _postgres_database(request, template) as url:
        yield url


@pytest.fixture(scope="session")
def built_on_postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """What a database with the library's tables is a copy of: building them takes as long as many a test."""
    with _postgres_database(request, "template0") as url:
        _build(url)
        yield urlsplit(url).path[1:]


@contextmanager
def _postgres_database(request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    administration: Database = request.getfixturevalue("administration")
    name = f"signals_{uuid4().hex[:12]}"
    administration.execute_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield urlunsplit(urlsplit(request.getfixturevalue("postgres_server"))._replace(path=f"/{name}"))
    finally:
        administration.execute_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _build(url: str) -> None:
    with _database(url) as database:
        SignalStore(database).migrate()


def _has_store(request: pytest.FixtureRequest) -> bool:
    """Tell whether the test has this module's `store`, and so wants the library's tables anyway."""
    return "store" in request.fixturenames and not hasattr(request.module, "store")


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh SQLite file; never skipped."""
    if _has_store(request):
        shutil.copy(request.getfixturevalue("built_on_sqlite"), tmp_path / "signals.db")
    return f"sqlite:///{tmp_path / 'signals.db'}"


@pytest.fixture(scope="session")
def built_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the library's tables."""
    path = tmp_path_factory.mktemp("built") / "signals.db"
    _build(f"sqlite:///{path}")
    return path


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn: `sqlite`, `postgres`."""
    name: str = request.param
    return name


@pytest.fixture
def url(engine_name: str, request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database of each engine, for `open_store` and the command line."""
    fresh: str = request.getfixturevalue(f"{engine_name}_url")
    return fresh


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A fresh database of each engine, as a host would own it: bound to no model, opened at its first use."""
    with _database(url) as database:
        yield database


@pytest.fixture
def store(database: Database) -> SignalStore:
    """A store on such a database, its tables built."""
    store = SignalStore(database)
    store.migrate()
    return store


@pytest.fixture
def workspace(store: SignalStore) -> Workspace:
    """A workspace of that store."""
    return store.workspace_named("acme", create=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real feedback; skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no real feedback at {DATA}: set SIGNALS_DATA")
    return DATA
