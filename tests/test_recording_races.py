"""Is a signal stored once and whole, whoever records at the same time and whoever dies?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from signals_peewee import SignalStore, open_store

PROCESSES = 8
OPEN = """
import json, random, sys
from signals_peewee import open_store
store = open_store(sys.argv[1], migrate=False)
ws, me = store.workspace_named("acme"), sys.argv[2]

def go():
    print("ready", flush=True)
    sys.stdin.readline()

def rows(name, count, **more):
    made = [{"verbatim": f"words {n}", "source": "slack", "source_ref": f"{name} {n}", **more} for n in range(count)]
    random.Random(int(me)).shuffle(made)
    return made

def answer(report):
    print(json.dumps([report.created, report.unchanged, report.updated, report.conflicts]), flush=True)

go()
"""
MANY = """
answer(ws.record_many(rows("many", 2000), batch_size=250))
go()
outcomes = [ws.record(**row).outcome for row in rows("single", 40)]
print(json.dumps([outcomes.count(each) for each in ("created", "unchanged", "updated", "conflict")]), flush=True)
go()
answer(ws.record_many(rows("contradicting", 100, user_segment=me), batch_size=20))
go()
answer(ws.record_many(rows("overwriting", 100, user_segment=me), batch_size=20, on_existing="update"))
"""
ENDLESS = """
def endless():
    n = 0
    while True:
        yield {"verbatim": f"words {n}", "source": "upload", "source_ref": str(n)}
        n += 1
ws.record_many(endless(), batch_size=500, on_progress=lambda done: print(done, flush=True))
"""
CONTRADICT = """
recorded = ws.record("words", source="slack", source_ref="1", severity="high", frequency="rare")
print(json.dumps([recorded.outcome, recorded.signal.severity, recorded.signal.frequency]))
"""
Children = list["subprocess.Popen[str]"]


@pytest.fixture
def store(url: str) -> Iterator[SignalStore]:
    with open_store(url) as store:
        store.workspace_named("acme", create=True)
        yield store


@contextmanager
def children(url: str, script: str, count: int = PROCESSES) -> Iterator[Children]:
    command = [sys.executable, "-c", OPEN + script, url]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([*command, str(number)], **pipes) for number in range(count)]
    try:
        yield started
    finally:
        for child in started:
            child.kill()
            child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def go(started: Children) -> None:
    """Wait until all are ready, and then tell them all to go."""
    assert [line(child) for child in started] == ["ready"] * len(started)
    for child in started:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()


def until_blocked(store: SignalStore, child: subprocess.Popen[str]) -> None:
    """Wait until another process waits for what this one holds; on SQLite it does from its first statement."""
    blocked = store.engine.name == "sqlite"
    while not blocked:
        assert child.poll() is None
        waiting = (
            "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        (blocked,) = store.database.execute_sql(waiting).fetchone()


def deadlocks(store: SignalStore) -> int:
    """How many circles of waiting the server has broken since this database was made; SQLite has none."""
    if store.engine.name == "sqlite":
        return 0
    store.database.close()  # what a session has counted is certain to be told when it ends
    others = 1
    while others:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        (others,) = store.database.execute_sql(waiting).fetchone()
    (count,) = store.database.execute_sql(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    return int(count)


def summed(started: Children) -> list[int]:
    """The counts of created, unchanged, updated and conflicts, of all of them together."""
    go(started)
    return [sum(column) for column in zip(*(json.loads(line(child)) for child in started), strict=True)]


def stored(store: SignalStore) -> Counter[str]:
    signal: Any = store.models.Signal
    return Counter(ref.split()[0] for (ref,) in signal.select(signal.source_ref).tuples())


def test_many_processes_recording_the_same_store_it_once(store: SignalStore, url: str) -> None:
    others = PROCESSES - 1
    with children(url, MANY) as started:
        assert summed(started) == [2000, 2000 * others, 0, 0]
        assert summed(started) == [40, 40 * others, 0, 0]
        assert summed(started) == [100, 0, 0, 100 * others]
        assert summed(started) == [100, 0, 100 * others, 0]
        assert [child.wait() for child in started] == [0] * PROCESSES
    assert stored(store) == {"many": 2000, "single": 40, "contradicting": 100, "overwriting": 100}


def test_after_kill_9_whole_batches_are_stored_and_the_file_can_be_sent_again(store: SignalStore, url: str) -> None:
    with children(url, ENDLESS, count=1) as started:
        go(started)
        told = [int(line(started[0])) for _ in range(4)]
        started[0].kill()
        told += map(int, started[0].communicate()[0].split())
    signal: Any = store.models.Signal
    count = signal.select().count()
    assert count - told[-1] in (0, 500)
    rows = [{"verbatim": f"words {n}", "source": "upload", "source_ref": str(n)} for n in range(count + 100)]
    report = store.workspace_named("acme").record_many(rows)
    assert (report.created, report.unchanged) == (100, count)


def test_a_conflict_is_decided_on_the_row_that_can_no_longer_change(store: SignalStore, url: str) -> None:
    workspace = store.workspace_named("acme")
    first = workspace.record("words", source="slack", source_ref="1", severity="low").signal
    signal: Any = store.models.Signal
    with children(url, CONTRADICT, count=1) as started:
        with store.engine.write():
            signal.update(severity="high").where(signal.id == first.id).execute()
            go(started)
            if store.engine.name == "postgres":
                blocked = 0
                while not blocked:
                    assert started[0].poll() is None
                    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
                    (blocked,) = store.database.execute_sql(waiting).fetchone()
        assert json.loads(line(started[0])) == ["updated", "high", "rare"]


def test_two_transactions_that_wait_in_a_circle_are_both_made(store: SignalStore, url: str) -> None:
    """Batches take their identities in one order; two batches that meet in another are made again."""
    script = """
go()
def backwards():
    yield from rows("a", 50)
    yield from rows("b", 50)
pairs = list(backwards())
answer(ws.record_many(pairs if int(me) % 2 else pairs[::-1], batch_size=10, on_existing="update"))
"""
    with children(url, script, count=4) as started:
        go(started)
        assert summed(started) == [100, 300, 0, 0]


def test_rows_are_locked_in_the_order_of_their_keys_whatever_their_identity(store: SignalStore, url: str) -> None:
    workspace, signal = store.workspace_named("acme"), store.models.Signal
    for key, ref in (("a", "2"), ("b", "1")):
        signal.create(id=key, workspace=workspace.id, verbatim="words", source="slack", source_ref=ref)
    script = """
from signals_peewee.store.writing import writer
storing = writer(store.engine, store.models)
go()
with store.engine.write():
    found = storing.stored(storing.key(ws.id), [("slack", "1"), ("slack", "2")], lock=True)
    print(json.dumps([row["status"] for row in found.values()]), flush=True)
"""
    with children(url, script, count=1) as started:
        go(started)
        with store.engine.write():
            workspace.set_status("a", "reviewed")
            go(started)
            until_blocked(store, started[0])
            workspace.set_status("b", "reviewed")
        assert json.loads(line(started[0])) == ["reviewed", "reviewed"]
        assert started[0].wait() == 0
    assert deadlocks(store) == 0


def test_changes_and_overwrites_of_the_same_rows_never_wait_in_a_circle(store: SignalStore, url: str) -> None:
    workspace, signal = store.workspace_named("acme"), store.models.Signal
    for n in range(100):
        more = {"verbatim": "words", "source": "slack", "source_ref": f"x {99 - n}"}
        signal.create(id=f"{n:03}", workspace=workspace.id, **more)
    script = """
go()
for n in range(40):
    if int(me):
        ws.set_status([f"{n:03}" for n in range(100)], "reviewed" if n % 2 else "new")
    else:
        ws.record_many(rows("x", 100, user_segment=str(n)), on_existing="update")
print("done", flush=True)
"""
    with children(url, script, count=2) as started:
        go(started)
        go(started)
        assert [line(child) for child in started] == ["done"] * 2
        assert [child.wait() for child in started] == [0] * 2
    assert deadlocks(store) == 0
