"""Does a store live inside a host: in its transactions, threads, pools, forks and event loop?"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import OPTIONS
from playhouse.db_url import connect
from playhouse.pool import MaxConnectionsExceeded, PooledDatabase

from signals_peewee import SignalFilter, SignalStore, Workspace
from signals_peewee.errors import DatabaseUnavailable
from signals_peewee.store import Linked

THREADS = 8
CALLS = 40


@pytest.fixture
def project(store: SignalStore, workspace: Workspace) -> Any:
    return store.models.Project.create(workspace=workspace.id, name="Faster exports")


@pytest.fixture
def user(store: SignalStore) -> Any:
    return store.models.User.create(email="ines@example.org")


def everything(store: SignalStore) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables of a store."""
    return {model._meta.table_name: list(model.select().order_by(model.id).dicts()) for model in store.models.owned}


# The host's transaction


def test_a_rollback_of_the_host_takes_all_calls_along_and_their_events(
    store: SignalStore, workspace: Workspace, project: Any, user: Any
) -> None:
    kept, other = (workspace.record(name, source="email", source_ref=name).signal for name in ("kept", "other"))
    item = store.models.InboxItem.create(
        workspace=workspace.id, type="feedback", source="email", title="t", raw_content="from the inbox"
    )
    before = everything(store)
    with pytest.raises(KeyError), store.database.atomic():
        gone = workspace.record("gone", source="email", source_ref="gone").signal
        workspace.record_many([{"verbatim": str(number), "source": "email"} for number in range(5)], batch_size=2)
        workspace.record("changed", source="email", source_ref="kept", on_existing="update")
        assert workspace.link_project([kept, gone], project, by=user) == Linked(2, 0)
        workspace.link_persona(kept, "driver")
        workspace.tag([kept, gone], "export", by=user)
        workspace.merge(kept, [gone, other], by=user)
        workspace.unmerge(gone)
        workspace.update(kept.id, severity="high", by=user)
        workspace.archive(SignalFilter(source="email"))
        workspace.restore(kept)
        workspace.from_inbox(item)
        workspace.claim_unprocessed(2, 60)
        workspace.mark_processed(kept)
        workspace.erase(ids=gone)
        assert len(workspace.history(kept.id)) == 12
        raise KeyError
    assert everything(store) == before


def test_a_savepoint_of_the_host_takes_back_its_own_calls_alone(
    store: SignalStore, workspace: Workspace, project: Any
) -> None:
    with store.database.atomic():
        signal = workspace.record("words", source="email").signal
        with pytest.raises(KeyError), store.database.atomic():
            workspace.link_project(signal, project)
            raise KeyError
        workspace.tag(signal, "kept")
    row = workspace.get(signal.id, include=["projects", "tags"])
    assert ([link.tag for link in row.tag_links], row.project_links, row.status) == (["kept"], [], "new")
    assert [event.kind for event in workspace.history(signal.id)] == ["created", "tagged"]


def test_what_is_refused_inside_the_hosts_transaction_costs_nothing_else(
    store: SignalStore, workspace: Workspace, project: Any
) -> None:
    with store.database.atomic():
        signal = workspace.record("words", source="email").signal
        for wrong in (
            lambda: workspace.link_project([signal, "none"], project),
            lambda: workspace.link_project(signal, "none"),
            lambda: workspace.tag(signal, " "),
            lambda: workspace.merge(signal, signal),
            lambda: workspace.set_status(signal, "done"),
        ):
            with pytest.raises((LookupError, ValueError)):
                wrong()
        workspace.link_project(signal, project)
    assert workspace.get(signal.id).status == "linked"


# Threads and pools


class Connections:
    """Which connections of a database are open, and how many were at the same time."""

    def __init__(self, database: Any) -> None:
        self.open: set[int] = set()
        self.most = 0
        connect, close, lock = database._connect, database._close, threading.Lock()

        def opening() -> Any:
            made = connect()
            with lock:
                self.open.add(id(made))
                self.most = max(self.most, len(self.open))
            return made

        def closing(connection: Any, *more: Any) -> Any:
            with lock:
                self.open.discard(id(connection))
            return close(connection, *more)

        database._connect, database._close = opening, closing


def opened(url: str, *, pooled: bool = False, **options: Any) -> Any:
    """A database as a host opens it."""
    engine = "sqlite" if url.startswith("sqlite") else "postgres"
    if pooled:
        scheme, rest = url.split("://", 1)
        url = f"{scheme}+pool://{rest}"
        options = {"check_same_thread": False, **options} if engine == "sqlite" else options
    return connect(url, unquote_user=True, unquote_password=True, **OPTIONS[engine], **options)


def acme(database: Any) -> Any:
    """A workspace of a store that has just built its tables."""
    store = SignalStore(database)
    store.migrate()
    return store.workspace_named("acme", create=True)


def on_threads(call: Callable[[int], Any], *, calls: int = CALLS, threads: int = THREADS) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(call, range(calls)))


def test_connection_context_gives_each_thread_a_connection_and_leaves_none(url: str) -> None:
    database = opened(url)
    connections = Connections(database)
    with database.connection_context():
        workspace = acme(database)
    together = threading.Barrier(THREADS)

    def request(number: int) -> str:
        with database.connection_context():
            if number < THREADS:
                together.wait()  # so that all of them have one at the same time
            return workspace.record("words", source="email", source_ref=str(number % 10)).outcome

    outcomes = on_threads(request)
    assert (outcomes.count("created"), outcomes.count("unchanged")) == (10, 30)
    assert (connections.most, connections.open) == (THREADS, set())


def test_a_pool_smaller_than_the_threads_serves_them_all(url: str) -> None:
    pool = opened(url, pooled=True, max_connections=3, timeout=60)
    assert isinstance(pool, PooledDatabase)
    with pool.connection_context():
        workspace = acme(pool)
        project = workspace.models.Project.create(workspace=workspace.id, name="Faster exports")

    def request(number: int) -> int:
        with pool.connection_context():
            signal = workspace.record("words", source="email", source_ref=str(number)).signal
            return workspace.link_project(signal, project).linked

    assert sum(on_threads(request)) == CALLS
    with pool.connection_context():
        assert workspace.evidence_counts([project]) == {project.id: CALLS}
    assert len(pool._connections) <= 3
    assert pool._in_use == {}
    pool.close_all()


def test_a_pool_gets_a_connection_back_clean_whatever_a_request_left(url: str) -> None:
    pool = opened(url, pooled=True, max_connections=1, timeout=1)
    with pool.connection_context():
        workspace = acme(pool)
    with pytest.raises(KeyError), pool.connection_context():
        pool.begin()
        workspace.record("left in a transaction", source="email")
        raise KeyError
    with pool.connection_context():
        assert workspace.record("words", source="email").outcome == "created"
        assert workspace.count() == 1
    pool.close_all()


def test_without_a_context_a_pool_runs_dry_and_the_error_says_so(url: str) -> None:
    pool = opened(url, pooled=True, max_connections=2)
    with pool.connection_context():
        workspace = acme(pool)
    done = threading.Barrier(3)

    def request() -> None:
        workspace.count()
        done.wait()

    threads = [threading.Thread(target=request) for _ in range(2)]
    for thread in threads:
        thread.start()
    done.wait()
    for thread in threads:
        thread.join()
    with pytest.raises(DatabaseUnavailable, match="connection_context") as raised:
        workspace.count()
    assert isinstance(raised.value.__cause__, MaxConnectionsExceeded)
    pool.close_all()


def test_two_stores_on_two_databases_in_two_threads_never_meet(sqlite_url: str, url: str) -> None:
    urls = [url, f"{sqlite_url}.other"]
    together = threading.Barrier(2)

    def service(number: int) -> tuple[set[str], Any]:
        database = opened(urls[number])
        with database.connection_context():
            store = SignalStore(database)
            store.migrate()
            together.wait()
            workspace = store.workspace_named("acme", create=True)
            project = store.models.Project.create(workspace=workspace.id, name="one")
            for each in range(50):
                signal = workspace.record(f"of {number}", source="email", source_ref=str(each)).signal
                workspace.link_project(signal, project)
                workspace.tag(signal, f"tag {number}")
            seen = {(each.signal.verbatim, each.reason) for each in workspace.evidence(project, limit=500).items}
            assert workspace.evidence_counts([project]) == {project.id: 50}
            assert {tag for (tag,) in store.models.SignalTag.select(store.models.SignalTag.tag).tuples()} == {
                f"tag {number}"
            }
            together.wait()
            return seen, store

    (ours, one), (others, other) = on_threads(service, calls=2, threads=2)
    assert (ours, others) == ({("of 0", None)}, {("of 1", None)})
    assert set(one.models.owned).isdisjoint(other.models.owned)
    for store in (one, other):
        assert all(model._meta.database is store.database for model in store.models.owned)


# Processes


FORK = """
import json, os, sys, traceback
from playhouse.db_url import connect
from signals_peewee import SignalStore

url, options, way, children = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], 4
database = connect(url, unquote_user=True, unquote_password=True, **options)
store = SignalStore(database)
store.migrate()
workspace = store.workspace_named("acme", create=True)
project = store.models.Project.create(workspace=workspace.id, name="one")
workspace.record("of the parent", source="email", source_ref="before")
assert not database.is_closed()
if way == "at fork":
    os.register_at_fork(after_in_child=database.dispose)
if way == "closed before":
    database.close()
    getattr(database, "close_idle", lambda: None)()

def work(who):
    for number in range(25):
        signal = workspace.record("words", source="email", source_ref=f"{who} {number}").signal
        workspace.link_project(signal, project)
        workspace.record("words", source="email", source_ref=f"shared {number}")

def child(number):
    if way == "dispose":
        database.dispose()
    assert database.is_closed()
    work(number)
    database.close()

started = []
for number in range(children):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child(number)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    started.append(pid)
work("parent")
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]
counts = workspace.evidence_counts([project])
print(json.dumps([codes, workspace.count(), counts[project.id], workspace.record("again", source="email").outcome]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("pooled", [False, True], ids=["plain", "pooled"])
@pytest.mark.parametrize("way", ["dispose", "at fork", "closed before"])
def test_forked_children_work_beside_their_parent(url: str, engine_name: str, way: str, pooled: bool) -> None:
    options = dict(OPTIONS[engine_name])
    if pooled:
        scheme, rest = url.split("://", 1)
        url = f"{scheme}+pool://{rest}"
    command = [sys.executable, "-c", FORK, url, json.dumps(options), way]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.stderr == ""
    # One of the parent before, 25 of each of five processes, and 25 that all of them record.
    assert json.loads(ended.stdout) == [[0, 0, 0, 0], 1 + 5 * 25 + 25, 5 * 25, "created"]


# An event loop


def test_an_event_loop_makes_many_calls_at_once_through_to_thread(url: str) -> None:
    database = opened(url)
    connections = Connections(database)
    with database.connection_context():
        workspace = acme(database)
        project = workspace.models.Project.create(workspace=workspace.id, name="Faster exports")

    def receive(number: int) -> str:
        with database.connection_context():
            recorded = workspace.record(f"words {number % 50}", source="slack", source_ref=str(number % 50))
            workspace.link_project(recorded.signal, project)
            return recorded.outcome

    def informed() -> int:
        with database.connection_context():
            return workspace.evidence_counts([project])[project.id]

    async def host() -> tuple[list[str], int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(12))
        outcomes = await asyncio.gather(*(asyncio.to_thread(receive, number) for number in range(150)))
        return outcomes, await asyncio.to_thread(informed)

    outcomes, count = asyncio.run(host())
    assert (outcomes.count("created"), outcomes.count("unchanged"), count) == (50, 100, 50)
    assert connections.open == set()


def test_a_task_that_is_cancelled_leaves_a_call_whole(url: str) -> None:
    """A thread cannot be stopped: what it began is done, or not, and never half."""
    database = opened(url)
    connections = Connections(database)
    with database.connection_context():
        workspace = acme(database)
        signals = [workspace.record("words", source="email", source_ref=str(each)).signal.id for each in range(20)]
    begun = threading.Event()

    def tag() -> None:
        begun.set()
        with database.connection_context():
            workspace.tag(signals, "export")

    async def host() -> None:
        task = asyncio.create_task(asyncio.to_thread(tag))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(host())  # which waits for the threads of its executor
    with database.connection_context():
        assert workspace.count(SignalFilter(tag="export")) == 20
        assert {len(workspace.history(key)) for key in signals} == {2}
    assert connections.open == set()
