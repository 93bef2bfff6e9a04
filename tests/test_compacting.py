"""Are the bytes gone? Looked for in the files themselves, where they are found before."""

from __future__ import annotations

import base64
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from conftest import OPTIONS
from erasure_kit import ADA, Desk
from peewee import Database

from signals_peewee import SignalStore, open_store
from signals_peewee.errors import DatabaseUnavailable, InvalidOption

STATISTICS = "pg_catalog.pg_statistic"
HERS = [ADA, "hers-alone-verbatim", "hers-alone-payload", "hers-alone-ref", "hers-alone-reason", "hers-alone-mail"]
HERS += ["hers-alone-long-verbatim", "hers-alone-before"]
Found = Callable[[], set[str]]


def fill(desk: Desk, others: int) -> None:
    """Sixty signals of hers, told of in every column, and some of others."""
    for number in range(60):
        # Longer than a page, and of a kind that is not compressed: so it is stored outside of its row.
        long = f"hers-alone-long-verbatim {base64.b64encode(os.urandom(9000)).decode()}" if number % 20 == 0 else ""
        metadata = {"customerEmail": ADA, "rawPayload": {"text": "hers-alone-payload"}}
        item = desk.item("hers-alone-mail", metadata={"from": ADA})
        key = desk.signal(
            f"hers-alone-verbatim {long}",
            source_metadata=metadata,
            source_ref=f"hers-alone-ref {number}",
            inbox_item_id=item,
            interpretation="hers-alone-before",
        )
        desk.ws.link_project(key, desk.project, reason="hers-alone-reason")
    for number in range(others):
        desk.signal("Theirs", source_metadata={"customerEmail": f"{number}@example.org"}, source_ref=f"theirs {number}")


@pytest.fixture
def store(url: str, engine_name: str) -> Iterator[SignalStore]:
    options = OPTIONS["postgres"] if engine_name == "postgres" else {}
    with open_store(url, **options) as store:
        if engine_name == "sqlite":
            # Some builds overwrite what is deleted by themselves.
            store.database.execute_sql("PRAGMA secure_delete = 0")
        yield store


@pytest.fixture
def found(store: SignalStore, engine_name: str) -> Found:
    """Tells which of her words stand in the files of the database."""

    def in_files() -> set[str]:
        file = Path(str(store.database.database))
        held = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
        return {word for word in HERS if word.encode() in held}

    def on_server() -> set[str]:
        run = store.database.execute_sql
        run("CHECKPOINT")
        ((folder,),) = run("SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()").fetchall()
        names = [name for (name,) in run("SELECT pg_ls_dir(%s)", (folder,)).fetchall()]
        held = b"".join(_file(store.database, f"{folder}/{name}") for name in names)
        return {word for word in HERS if word.encode() in held}

    return in_files if engine_name == "sqlite" else on_server


def _file(database: Database, path: str) -> bytes:
    return bytes(
        database.execute_sql("SELECT pg_read_binary_file(%s, 0, 100000000, true)", (path,)).fetchone()[0] or b""
    )


def to_file(store: SignalStore, engine_name: str) -> None:
    """Let SQLite's log be written to the file."""
    if engine_name == "sqlite":
        store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@pytest.mark.parametrize("others", [300, 0])
@pytest.mark.parametrize("purging", [False, True])
def test_no_byte_of_a_person_is_left_in_the_files(
    store: SignalStore, found: Found, engine_name: str, others: int, purging: bool
) -> None:
    desk = Desk(store)
    fill(desk, others)
    store.database.execute_sql("ANALYZE")  # so that the planner has its samples
    to_file(store, engine_name)
    assert found() == set(HERS)
    if purging:
        store.purge(desk.ws.id)
    else:
        assert desk.ws.erase(subject=ADA).signals == 60
    to_file(store, engine_name)
    assert found() == set(HERS)
    assert store.compact() == []
    assert found() == set()
    assert store.models.Signal.select().count() == (0 if purging else others)
    if engine_name == "sqlite":
        file = Path(str(store.database.database))
        assert file.with_name(f"{file.name}-wal").stat().st_size == 0
        (rows,) = store.database.execute_sql("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'signal_events'").fetchone()
        assert rows == 0  # a SQLite built with STAT4 keeps samples beside
    else:
        # The server may write what its buffers hold at any time.
        samples = store.database.execute_sql("SELECT s::text FROM pg_stats s").fetchall()
        assert [word for word in HERS if word in repr(samples)] == []


def test_compacting_keeps_every_row_and_what_a_connection_was_set_to(store: SignalStore, engine_name: str) -> None:
    desk = Desk(store)
    fill(desk, 20)
    setting = "PRAGMA busy_timeout" if engine_name == "sqlite" else "SHOW lock_timeout"
    before = desk.seen(), store.database.execute_sql(setting).fetchone()
    assert store.compact(wait=1) == []
    assert (desk.seen(), store.database.execute_sql(setting).fetchone()) == before
    assert desk.ws.record("Words", source="email", source_ref="hers-alone-ref 1").outcome == "conflict"


@pytest.mark.parametrize("by", ["peewee", "hand"])
def test_it_is_refused_inside_a_transaction(store: SignalStore, by: str) -> None:
    Desk(store)
    if by == "peewee":
        with store.database.atomic(), pytest.raises(InvalidOption, match=r"transaction: got 'open', expected none"):
            store.compact()
    else:
        store.database.execute_sql("BEGIN")
        with pytest.raises(InvalidOption, match=r"transaction: got 'open', expected none"):
            store.compact()
        store.database.execute_sql("ROLLBACK")
    assert store.compact() == []


@pytest.mark.parametrize("wait", [-1, 0, "soon", None, float("nan")])
def test_a_wait_is_a_duration(store: SignalStore, wait: Any) -> None:
    with pytest.raises(InvalidOption, match="wait"):
        store.compact(wait=wait)


def test_a_reader_of_a_sqlite_file_is_told_of(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store, closing(sqlite3.connect(str(store.database.database))) as reader:
        desk = Desk(store)
        desk.of(ADA)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM signals").fetchall()
        desk.ws.erase(subject=ADA)
        with pytest.raises(DatabaseUnavailable, match="another connection is reading, and did not end within 0.1 s"):
            store.compact(wait=0.1)
        assert store.database.execute_sql("PRAGMA busy_timeout").fetchone() == (5000,)
        reader.rollback()
        assert store.compact(wait=0.1) == []


def test_a_writer_of_a_sqlite_file_is_waited_for_as_long_as_is_said(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store, closing(sqlite3.connect(str(store.database.database))) as writer:
        Desk(store).of(ADA)
        for statistics in (False, True):
            if statistics:
                store.database.execute_sql("ANALYZE")
            writer.execute("BEGIN IMMEDIATE")
            begun = monotonic()
            with pytest.raises(
                DatabaseUnavailable, match="another connection is writing, and did not end within 0.2 s"
            ):
                store.compact(wait=0.2)
            assert monotonic() - begun < 1.5
            assert store.database.execute_sql("PRAGMA busy_timeout").fetchone() == (5000,)
            writer.rollback()
            assert store.compact(wait=0.2) == []


def test_a_journal_that_is_kept_is_emptied_too(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'a.db'}") as store:
        desk = Desk(store)
        store.database.execute_sql("PRAGMA secure_delete = 0").fetchall()
        store.database.execute_sql("PRAGMA journal_mode = persist").fetchall()
        desk.of(ADA, "hers-alone-verbatim")
        desk.ws.erase(subject=ADA)
        assert any(b"hers-alone-verbatim" in path.read_bytes() for path in tmp_path.glob("a.db*"))
        assert store.compact() == []
        assert not any(b"hers-alone-verbatim" in path.read_bytes() for path in tmp_path.glob("a.db*"))
        assert store.database.execute_sql("PRAGMA journal_mode").fetchone() == ("persist",)


@contextmanager
def session(url: str) -> Iterator[Database]:
    """Another session, as another service would have one."""
    with open_store(url, migrate=False, **OPTIONS["postgres"]) as store:
        yield store.database


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        (
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1",
            r"can still be seen by backend \d+, postgres, reader, idle in",
        ),
        ("BEGIN; LOCK TABLE signals IN ACCESS SHARE MODE", r"signals. was in use and not free within 0.1 s"),
    ],
)
def test_a_transaction_on_postgres_that_stands_in_the_way_is_told_of(postgres_url: str, begin: str, told: str) -> None:
    with open_store(postgres_url, **OPTIONS["postgres"]) as store, session(postgres_url) as reader:
        desk = Desk(store)
        desk.of(ADA)
        reader.execute_sql("SET application_name = 'reader'")
        for statement in begin.split("; "):
            reader.execute_sql(statement)
        desk.ws.erase(subject=ADA)
        before = file_of(store, "workspaces")
        with pytest.raises(DatabaseUnavailable, match=told):
            store.compact(wait=0.1)
        assert (file_of(store, "workspaces") == before) == ("seen" in told)  # found out before anything is rewritten
        reader.execute_sql("ROLLBACK")
        assert store.compact(wait=0.1) == []


def file_of(store: SignalStore, table: str) -> int:
    number: int = store.database.execute_sql("SELECT pg_relation_filenode(%s::regclass)", (table,)).fetchone()[0]
    return number


def test_who_comes_while_tables_are_rewritten_can_still_see_old_samples(postgres_url: str) -> None:
    with open_store(postgres_url, **OPTIONS["postgres"]) as store, session(postgres_url) as reader:
        Desk(store).of(ADA)
        original = store.database.execute_sql

        def come_before_signals(sql: str, *more: Any) -> Any:
            if sql.startswith("VACUUM") and '"signals"' in sql:
                reader.execute_sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
                reader.execute_sql("SELECT 1")
            return original(sql, *more)

        store.database.execute_sql = come_before_signals  # type: ignore[method-assign]
        with pytest.raises(DatabaseUnavailable, match="can still be seen"):
            store.compact(wait=0.1)


@pytest.fixture
def role(administration: Database) -> Iterator[str]:
    """A role of the server that may log in, and no more. Asked for before the database, which goes first."""
    name = f"app_{uuid4().hex[:8]}"
    administration.execute_sql(f"CREATE ROLE {name} LOGIN")
    yield name
    administration.execute_sql(f"DROP ROLE {name}")


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))


def test_who_owns_the_tables_and_not_the_database_is_told_what_is_left(role: str, postgres_url: str) -> None:
    with session(postgres_url) as admin:
        admin.execute_sql(f"CREATE SCHEMA own AUTHORIZATION {role}")
    with open_store(as_role(postgres_url, role), schema="own", **OPTIONS["postgres"]) as store:
        desk = Desk(store)
        desk.of(ADA)
        assert desk.ws.erase(subject=ADA).signals == 1
        assert store.compact() == [STATISTICS]


def test_who_owns_nothing_is_told_so(role: str, postgres_url: str) -> None:
    with open_store(postgres_url, **OPTIONS["postgres"]) as store:
        store.database.execute_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        with (
            open_store(as_role(postgres_url, role), migrate=False, **OPTIONS["postgres"]) as other,
            pytest.raises(DatabaseUnavailable, match=r'skipped "workspaces", "users".*: only their owner'),
        ):
            other.compact()
