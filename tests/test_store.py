"""Does a store open what it owns, leave alone what it does not, and say clearly what is wrong?"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, DatabaseProxy, PostgresqlDatabase, ProgrammingError, SqliteDatabase
from playhouse.pool import PooledSqliteDatabase

from signals_peewee import SignalsError, SignalStore, Workspace, open_store
from signals_peewee.engine import engine_for
from signals_peewee.engine.urls import without_password
from signals_peewee.errors import (
    DatabaseUnavailable,
    InvalidOption,
    InvalidSignal,
    MissingDriver,
    NotFound,
    NotMigrated,
    Refused,
    TransactionAborted,
)

ROOT = Path(__file__).resolve().parents[1]


def test_a_store_of_its_own_keeps_what_it_is_told(url: str) -> None:
    with open_store(url) as store:
        id = store.workspace_named("acme", create=True).record("words", source="slack").signal.id
    with open_store(url) as store:
        assert store.workspace_named("acme").get(id).verbatim == "words"
    assert store.database.is_closed()


def test_sqlite_is_opened_as_a_service_needs_it(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'a.db'}") as store:
        names = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        pragmas = {name: store.database.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in names}
        assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}
        other = sqlite3.connect(tmp_path / "a.db", timeout=0)
        with closing(other), store.database.atomic(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    assert {path.name for path in tmp_path.iterdir()} == {"a.db"}


def test_the_environment_names_the_database_and_a_file_is_the_last_resort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store().close()
    assert (tmp_path / "signals.db").exists()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///other.db")
    open_store().close()
    assert (tmp_path / "other.db").exists()


def test_a_url_may_hold_spaces_percent_signs_and_a_scheme_in_upper_case(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/a%20b.db").close()
    open_store(f"SQLITE:///{tmp_path}/upper.db").close()
    assert (tmp_path / "upper.db").exists()
    assert (tmp_path / "a b.db").exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://localhost/x", "sqlite:///file.db or postgresql://"),
        ("signals.db", "sqlite:///file.db or postgresql://"),
        ("", "sqlite:///file.db or postgresql://"),
        ("sqlite://signals.db", "three slashes before a relative file: sqlite:///signals.db"),
        ("postgresql://host", "a database name after the host"),
        (5, "sqlite:///file.db or postgresql://"),
        ("sqlite:", "three slashes"),
        ("sqlite:/x.db", "three slashes"),
        ("sqlite:///", "the name of a file"),
        ("sqlite:///folder/", "the name of a file"),
        ("sqlite:///a#b.db", "which # and . are written"),
        ("sqlite:///a.db?nonsense=1", "no other parameters than mode, timeout"),
        ("sqlite:///a.db?timeout=soon", "a number after timeout="),
        ("sqlite:///a.db?mode=new", "ro, rw or rwc"),
        ("postgresql://[::1/x", "%2F %3F %23 %40 %25"),
        ("postgresql:/host/x", "sqlite:///file.db or postgresql://"),
    ],
)
def test_a_wrong_url_is_refused(url: Any, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidOption, match=expected):
        engine_for_url(url)


def engine_for_url(url: Any) -> Any:
    from signals_peewee.engine.urls import database_from_url

    return engine_for(database_from_url(url))


@pytest.mark.usefixtures("postgres_driver")
def test_a_password_is_never_shown() -> None:
    url = "postgresql://ada:s3cr%40t@127.0.0.1:1/db?connect_timeout=1"
    assert without_password(url) == "postgresql://ada:***@127.0.0.1:1/db?connect_timeout=1"
    with pytest.raises(SignalsError) as raised:
        open_store(url)
    error: BaseException | None = raised.value
    assert "s3cr" not in str(error)


@pytest.mark.usefixtures("postgres_driver")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:s3cr3t/@h/x",
        "postgresql://app:p#s3cr3t@127.0.0.1:1/x",
        "postgresql://app:s3cr3t@h:port/x",
        "postgresql+pool://127.0.0.1:1/x?user=a&password=s3cr3t&max_connections=z",
        "app:s3cr3t@h/x",
        "postgres:/app:s3cr3t@h/x",
        "mysql://app:s3cr3t@h/x",
    ],
)
def test_a_password_in_a_wrong_url_is_not_shown_either(url: str) -> None:
    with pytest.raises(InvalidOption, match=r"\*\*\*") as raised:
        open_store(url)
    assert "s3cr3t" not in str(raised.value)


def test_an_option_that_the_driver_does_not_take_is_named(tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(InvalidOption, match="options: .*'nonsense'"):
        open_store(f"sqlite:///{tmp_path / 'a.db'}", nonsense=1)
    with pytest.raises(InvalidOption, match='invalid connection option "schema"'):
        open_store(f"{postgres_url}&schema=tenant_a")


def test_opening_to_look_leaves_a_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (n)")
    before = path.read_bytes()
    with open_store(f"sqlite:///{path}", migrate=False) as store, pytest.raises(NotMigrated):
        store.workspace("any")
    assert path.read_bytes() == before


@pytest.mark.usefixtures("postgres_driver")
def test_an_unreachable_database_is_one_clear_error(tmp_path: Path) -> None:
    for url in (
        "postgresql://ada@127.0.0.1:1/db?connect_timeout=1",
        f"sqlite:///{tmp_path}/none/a.db",
        f"sqlite:///{tmp_path}",
    ):
        with pytest.raises(DatabaseUnavailable) as raised:
            open_store(url)
        assert "\n" not in str(raised.value)
        assert isinstance(raised.value, ConnectionError)
        assert raised.value.__cause__ is not None


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but somebody's notes\n" * 50)
    before = path.read_bytes()
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_read_only_file_can_be_read_and_says_so_when_written(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'a.db'}") as store:
        store.workspace_named("acme", create=True).record("words", source="other")
        store.database.execute_sql("PRAGMA journal_mode = delete")
    with open_store(f"sqlite:///{tmp_path / 'a.db'}?mode=ro") as store:
        workspace = store.workspace_named("acme")
        assert workspace.count() == 1
        with pytest.raises(DatabaseUnavailable, match="readonly database"):
            workspace.record("more", source="other")
        assert workspace.count() == 1


def test_a_missing_driver_is_named_with_its_remedy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('psycopg2', 'psycopg2cffi', 'psycopg'): sys.modules[name] = None\n"
        "import signals_peewee\n"
        "from signals_peewee.errors import MissingDriver\n"
        "try: signals_peewee.open_store('postgresql://127.0.0.1/db')\n"
        "except MissingDriver as error: print(isinstance(error, ImportError), error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "True no Postgres driver is installed: pip install 'signals-peewee[postgres]'\n"
    assert issubclass(MissingDriver, SignalsError)


def test_a_hosts_database_is_never_closed_or_bound_again(database: Database) -> None:
    database.connect()
    store = SignalStore(database)
    store.migrate()
    with store:
        store.workspace_named("acme", create=True).record("words", source="other")
    store.close()
    assert not database.is_closed()
    assert store.models.Signal.select().count() == 1


def test_a_store_does_not_connect_by_being_made(database: Database) -> None:
    SignalStore(database)
    assert database.is_closed()


def test_a_call_is_part_of_the_hosts_transaction(database: Database) -> None:
    store = SignalStore(database)
    store.migrate()
    workspace = store.workspace_named("acme", create=True)
    with pytest.raises(KeyError), database.atomic():
        workspace.record("gone", source="other", source_ref="1")
        with pytest.raises(InvalidSignal):
            workspace.record("", source="other")
        assert workspace.count() == 1
        raise KeyError
    assert workspace.count() == 0
    with database.atomic():
        workspace.record("kept", source="other", source_ref="1")
        assert workspace.record("kept", source="other", source_ref="1").outcome == "unchanged"
    assert workspace.count() == 1


def test_a_store_is_opened_inside_the_hosts_transaction(database: Database) -> None:
    SignalStore(database).migrate()
    store = SignalStore(database)
    with database.atomic():
        row = store.models.Workspace.create(name="acme")
        store.workspace(row).record("words", source="other")
    assert store.workspace_named("acme").count() == 1


def test_tables_that_are_missing_do_not_cost_the_host_its_transaction(database: Database) -> None:
    database.execute_sql("CREATE TABLE mine (n integer)")
    with database.atomic():
        database.execute_sql("INSERT INTO mine VALUES (1)")
        with pytest.raises(NotMigrated):
            SignalStore(database).workspace("any")
    assert database.execute_sql("SELECT n FROM mine").fetchall() == [(1,)]


def test_tables_that_are_missing_are_named_with_the_remedy(url: str) -> None:
    with open_store(url, migrate=False) as store:
        with pytest.raises(NotMigrated, match=r"call store.migrate\(\)"):
            store.workspace("any")
        store.runner().up("0003_projects")
        with pytest.raises(NotMigrated, match="7 steps are pending, the first is signals_peewee:0004_inbox_items"):
            store.workspace("any")
        store.migrate()
        store.workspace_named("acme", create=True)


def test_a_table_that_was_dropped_is_a_clear_error(url: str) -> None:
    with open_store(url) as store:
        workspace = store.workspace_named("acme", create=True)
        signals = store.models.owned.index(store.models.Signal)
        store.database.drop_tables(store.models.owned[signals:])
        with pytest.raises(NotMigrated, match="signals"):
            workspace.count()


def test_a_sqlite_connection_without_foreign_keys_is_refused(tmp_path: Path) -> None:
    store = SignalStore(SqliteDatabase(tmp_path / "a.db"))
    store.migrate()
    with pytest.raises(InvalidOption, match="'foreign_keys': 1"):
        store.workspace("any")
    store.database.close()


def test_a_schema_is_refused_on_sqlite_and_checked_on_postgres(url: str, engine_name: str) -> None:
    bad = {"sqlite": ["tenant_a"], "postgres": ["", "pg_mine", "x" * 64, "a\0b", "a%b", "information_schema", 5]}[
        engine_name
    ]
    for name in bad:
        with pytest.raises(InvalidOption, match="schema"):
            open_store(url, schema=name)


def test_another_kind_of_database_is_refused() -> None:
    from peewee import MySQLDatabase

    for wrong in (MySQLDatabase("x"), "sqlite:///a.db", None, DatabaseProxy()):
        with pytest.raises(InvalidOption, match="database"):
            SignalStore(wrong)  # type: ignore[arg-type]


def test_a_url_beside_plugged_models_is_refused_and_their_database_is_used(database: Database) -> None:
    from peewee import AutoField, Model

    from signals_peewee import Hosts

    class Person(Model):
        id = AutoField()

    Person.bind(database)
    database.create_tables([Person])
    with pytest.raises(InvalidOption, match="plugged models, which bring their database"):
        open_store("sqlite:///a.db", hosts=Hosts(user=Person))
    with open_store(hosts=Hosts(user=Person)) as store:
        assert store.database is database
    assert not database.is_closed()


def test_a_workspace_is_opened_by_row_key_or_name(url: str) -> None:
    with open_store(url) as store:
        row = store.models.Workspace.create(name="acme")
        assert {store.workspace(each).id for each in (row, row.id)} == {row.id}
        assert store.workspace_named("acme").id == row.id
        assert store.workspace_named("acme", create=True).id == row.id
        for wrong in ("none", 7, "a\0b"):
            with pytest.raises((NotFound, Refused)):
                store.workspace(wrong)
        with pytest.raises(NotFound, match="workspace 'none' was not found"):
            store.workspace_named("none")
        for blank in ("", "  ", "x" * 201):
            with pytest.raises(InvalidSignal, match="name"):
                store.workspace_named(blank, create=True)
        assert store.models.Workspace.select().count() == 1


def test_a_name_that_several_have_opens_none_of_them(url: str) -> None:
    with open_store(url) as store:
        for _ in range(2):
            store.models.Workspace.create(name="twin")
        for create in (False, True):
            with pytest.raises(InvalidOption, match="several have it"):
                store.workspace_named("twin", create=create)


def test_all_workspaces_are_listed_by_their_doors(url: str) -> None:
    with open_store(url) as store:
        assert store.workspaces() == []
        made = [store.workspace_named(name, create=True) for name in ("b", "a", "c")]
        doors = store.workspaces()
        assert [door.id for door in doors] == sorted(door.id for door in made)
        doors[0].record("words", source="other")
        assert [store.workspace(door).count() for door in doors] == [1, 0, 0]


def test_only_a_key_opens_a_workspace(database: Database) -> None:
    from peewee import AutoField, Model

    from signals_peewee import Hosts

    class Tenant(Model):
        id = AutoField()

    Tenant.bind(database)
    database.create_tables([Tenant])
    store = SignalStore(database, hosts=Hosts(workspace=Tenant))
    store.migrate()
    tenant = Tenant.create()
    assert {store.workspace(each).id for each in (tenant, tenant.id, str(tenant.id))} == {tenant.id}
    for wrong in (1.0, True, b"1", "\N{FULLWIDTH DIGIT ONE}", 10**30, -1, "one", Tenant(), [tenant.id]):
        with pytest.raises(NotFound):
            store.workspace(wrong)


def test_a_lost_connection_of_a_store_of_its_own_is_opened_again(postgres_url: str) -> None:
    with open_store(postgres_url) as store, open_store(postgres_url) as other:
        workspace = store.workspace_named("acme", create=True)
        (pid,) = store.database.execute_sql("SELECT pg_backend_pid()").fetchone()
        other.database.execute_sql("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(DatabaseUnavailable):
            for _ in range(100):
                workspace.count()
        assert workspace.record("words", source="other").outcome == "created"


@pytest.mark.parametrize("returned", [False, True])
def test_a_pool_of_its_own_is_emptied_on_closing(postgres_url: str, returned: bool) -> None:
    pooled = postgres_url.replace("postgresql://", "postgresql+pool://")
    with open_store(postgres_url) as watching:
        for _ in range(3):
            with open_store(f"{pooled}&max_connections=3") as store:
                store.workspace_named("acme", create=True)
                if returned:
                    store.database.close()
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        until = time.monotonic() + 10
        while (count := watching.database.execute_sql(mine).fetchone()[0]) and time.monotonic() < until:
            time.sleep(0.05)  # a backend needs a moment to see that its client has gone
        assert count == 0


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+pool"])
def test_the_sessions_of_a_store_of_its_own_are_in_utc(postgres_url: str, scheme: str) -> None:
    with open_store(postgres_url.replace("postgresql", scheme, 1)) as store:
        for _ in range(2):
            (zone,) = store.database.execute_sql("SHOW TimeZone").fetchone()
            assert zone == "UTC"
            store.database.close()


def test_the_sessions_of_a_host_stay_in_its_time_zone(postgres_url: str) -> None:
    database = PostgresqlDatabase(postgres_url, options="-c TimeZone=Asia/Kolkata")
    store = SignalStore(database)
    store.migrate()
    assert store.database.execute_sql("SHOW TimeZone").fetchone() == ("Asia/Kolkata",)
    database.close()


def test_a_transaction_that_the_database_gave_up_says_so(postgres_url: str) -> None:
    with open_store(postgres_url) as store:
        workspace = store.workspace_named("acme", create=True)
        with store.database.atomic() as transaction:
            with pytest.raises(ProgrammingError):
                store.database.execute_sql("SELECT nothing")
            with pytest.raises(TransactionAborted, match="look at the first error"):
                workspace.count()
            transaction.rollback()
        assert workspace.count() == 0


def test_a_hosts_workspace_is_found_but_never_made(database: Database) -> None:
    from peewee import AutoField, Model, TextField

    from signals_peewee import Hosts

    class Tenant(Model):
        id = AutoField()
        name = TextField()

    Tenant.bind(database)
    database.create_tables([Tenant])
    store = SignalStore(database, hosts=Hosts(workspace=Tenant))
    store.migrate()
    with pytest.raises(NotFound, match="the name of a Tenant"):
        store.workspace_named("acme", create=True)
    Tenant.create(name="acme")
    assert store.workspace_named("acme", create=True).id == 1


def test_a_workspace_named_at_once_by_eight_processes_is_made_once(url: str) -> None:
    open_store(url).close()
    code = (
        "import sys; from signals_peewee import open_store\n"
        "sys.stdin.readline()\n"
        "with open_store(sys.argv[1]) as store: print(store.workspace_named('acme', create=True).id)\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(8)
    ]
    said = {child.communicate("go\n")[0] for child in children}
    assert [child.returncode for child in children] == [0] * 8
    assert len(said) == 1


def test_threads_share_a_store(url: str) -> None:
    with open_store(url) as store:
        workspace = store.workspace_named("acme", create=True)

        def work(number: int) -> str:
            try:
                return workspace.record("words", source="other", source_ref=str(number % 10)).outcome
            finally:
                store.close()

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(work, range(80)))
        assert (outcomes.count("created"), outcomes.count("unchanged"), workspace.count()) == (10, 70, 10)


def test_a_pool_can_be_asked_for_in_the_url(tmp_path: Path) -> None:
    with open_store(f"sqlite+pool:///{tmp_path / 'a.db'}?max_connections=3") as store:
        workspace = store.workspace_named("acme", create=True)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(lambda: workspace.record("words", source="other").outcome).result() == "created"


def test_a_pool_of_the_hosts_is_used_as_the_host_uses_it(tmp_path: Path) -> None:
    pool = PooledSqliteDatabase(
        tmp_path / "a.db", max_connections=4, pragmas={"foreign_keys": 1}, check_same_thread=False
    )
    store = SignalStore(pool)
    with pool.connection_context():
        store.migrate()
        workspace = store.workspace_named("acme", create=True)

    def work(number: int) -> None:
        with pool.connection_context():
            workspace.record("words", source="other", source_ref=str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pool.connection_context():
        assert workspace.count() == 4
    assert len(pool._in_use) == 0
    pool.close_all()


def test_a_door_opens_the_workspace_that_it_is_of(workspace: Workspace, store: SignalStore) -> None:
    assert store.workspace(workspace).id == workspace.id


def test_hosts_and_vocabularies_of_the_wrong_kind_are_named(database: Database) -> None:
    with pytest.raises(InvalidOption, match=r"expected Hosts\(workspace="):
        SignalStore(database, hosts=dict)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="a mapping from vocabularies to words"):
        SignalStore(database, vocabularies=["discord"])  # type: ignore[arg-type]


def test_a_thread_without_a_connection_is_told_how_to_get_one(url: str) -> None:
    with open_store(url, autoconnect=False) as store:
        workspace = store.workspace_named("acme", create=True)
        store.database.close()
        with pytest.raises(DatabaseUnavailable, match=r"connection_context\(\)"):
            workspace.count()
