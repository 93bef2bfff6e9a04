"""Is what a call does there whole or not at all, whenever its process is killed?

A nursery, a process that has imported everything, forks one child after another. Each makes the call, and is killed
with SIGKILL just before or just after it hands the n-th statement to the driver (for every n), or at a random moment.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from conftest import DRIVER
from peewee import Case, fn
from store_kit import Eye, gist

from signals_peewee import SignalStore, Workspace, open_store

NURSERY = """
import json, os, signal, sys, time
from signals_peewee import open_store

SENDING = {"execute", "executemany", "copy_expert", "copy", "commit", "rollback"}
url, options = sys.argv[1], json.loads(sys.argv[2])
open_store(url, migrate=False, **options).close()

def counting(fatal):
    ticks = [0]
    def tick(frame, event, arg):
        if event in ("c_call", "c_return"):
            name, home = arg.__name__, type(getattr(arg, "__self__", None)).__module__
        else:
            name, home = frame.f_code.co_name, frame.f_globals.get("__name__", "")
        if name in SENDING and home.startswith(("sqlite3", "psycopg")):
            ticks[0] += 1
            if ticks[0] == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(tick)
    return ticks

def live(order):
    store = open_store(url, migrate=False, **options)
    workspace = store.workspace(order["workspace"])
    call = store.purge if order["method"] == "purge" else getattr(workspace, order["method"])
    begun, ticks = time.monotonic(), [0] if order["after"] else counting(order["at"])
    call(*order["args"], **order["kwargs"])
    sys.setprofile(None)
    store.close()
    print(json.dumps([ticks[0], time.monotonic() - begun]), flush=True)

print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        live(order)
        os._exit(0)
    if order["after"]:
        time.sleep(order["after"])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(json.dumps("killed" if os.WIFSIGNALED(status) else "survived" if status == 0 else "failed"), flush=True)
"""
MOMENTS = 8
ROWS = [
    {"verbatim": f"words {at}", "source": "slack", "source_ref": str(at), "source_metadata": {"customerEmail": "a@b.c"}}
    for at in range(300)
]
BATCH = 100


class Call(NamedTuple):
    """A call of a method of a workspace, or of the store's `purge`."""

    method: str
    args: list[Any]
    kwargs: dict[str, Any]

    def make(self, store: SignalStore, workspace: Workspace) -> Any:
        made = store.purge if self.method == "purge" else getattr(workspace, self.method)
        return made(*self.args, **self.kwargs)


class Nursery:
    """Where children are born and killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._said() == "ready"

    def send(self, workspace: str, call: Call, *, at: int | None = None, after: float | None = None) -> Any:
        """Let a child make a call, and say what became of it: killed, survived or failed; before that what it said."""
        assert self._process.stdin
        order = {"workspace": workspace, "at": at, "after": after, **call._asdict()}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._said())
        return (told, json.loads(self._said())) if isinstance(told, list) else (None, told)

    def _said(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def nursery(url: str, options: dict[str, Any]) -> Iterator[Nursery]:
    command = [sys.executable, "-c", NURSERY, url, json.dumps(options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            process.kill()


def filled(store: SignalStore, count: int = 30) -> Workspace:
    """A workspace with signals of which every third has links."""
    models = store.models
    key = models.Workspace.create(name="acme").id
    workspace = store.workspace(key)
    workspace.record_many(({**row, "source_ref": str(at)} for at, row in enumerate(ROWS[:1] * count)))
    return workspace


def keys(workspace: Workspace, every: int = 1) -> list[str]:
    signal: Any = workspace.models.Signal
    rows = signal.select(signal.id).where(signal.workspace == workspace.id).order_by(signal.created_at, signal.id)
    return [key for (key,) in rows.tuples()][::every]


def project(workspace: Workspace) -> str:
    made = workspace.models.Project.create(workspace=workspace.id, name="speed")
    return str(made.id)


def linking(store: SignalStore) -> tuple[Workspace, Call]:
    workspace = filled(store, 10_000)
    return workspace, Call("link_project", [keys(workspace), project(workspace)], {"reason": "said so"})


def unlinking(store: SignalStore) -> tuple[Workspace, Call]:
    workspace = filled(store)
    to = project(workspace)
    workspace.link_project(keys(workspace), to)
    return workspace, Call("unlink_project", [keys(workspace), to], {})


def merging(store: SignalStore) -> tuple[Workspace, Call]:
    workspace = filled(store)
    first, *others = keys(workspace)
    workspace.link_project(others[:10], project(workspace))
    workspace.link_persona(others[5:], "admin")
    workspace.tag(others, "hot")
    return workspace, Call("merge", [first, others], {})


def unmerging(store: SignalStore) -> tuple[Workspace, Call]:
    workspace, merge = merging(store)
    into, others = merge.args
    workspace.merge(into, others[0])
    return workspace, Call("unmerge", [others[0]], {})


def erasing(store: SignalStore) -> tuple[Workspace, Call]:
    workspace, _ = unmerging(store)
    return workspace, Call("erase", [], {"subject": "a@b.c"})


def taking_apart(store: SignalStore) -> tuple[Workspace, Call]:
    workspace = filled(store)
    item = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": "It is slow"}
    made = workspace.models.InboxItem.create(workspace=workspace.id, **item)
    rows = [{"verbatim": row["verbatim"], "source": "slack", "source_ref": f"new {at}"} for at, row in enumerate(ROWS)]
    return workspace, Call("from_inbox", [made.id, rows[:50]], {})


def purging(store: SignalStore) -> tuple[Workspace, Call]:
    workspace, _ = unmerging(store)
    return workspace, Call("purge", [workspace.id], {})


def archiving(store: SignalStore) -> tuple[Workspace, Call]:
    workspace, _ = unlinking(store)
    return workspace, Call("archive", [keys(workspace)], {})


def updating(store: SignalStore) -> tuple[Workspace, Call]:
    workspace = filled(store, 1)
    return workspace, Call("update", keys(workspace), {"verbatim": "It is quick", "severity": "low"})


CHANGES = (linking, unlinking, merging, unmerging, erasing, taking_apart, purging, archiving, updating)
CALLS = {each.__name__: each for each in CHANGES}
Prepare = Callable[[SignalStore], tuple[Workspace, Call]]


def look(store: SignalStore, workspace: Workspace) -> Any:
    """All that a workspace holds, or where that is much, how much."""
    signal: Any = store.models.Signal
    if workspace.count() <= len(ROWS):
        return gist(Eye(store).see(workspace.id))
    own = signal.select(signal.id).where(signal.workspace == workspace.id)
    changed = fn.SUM(Case(None, [(signal.updated_at > signal.created_at, 1)], 0))
    statuses = signal.select(signal.status, fn.COUNT(signal.id), changed).where(signal.workspace == workspace.id)
    link, event = store.models.SignalProject, store.models.SignalEvent
    return (
        sorted(statuses.group_by(signal.status).tuples()),
        link.select().where(link.signal.in_(own)).count(),
        event.select().where(event.signal.in_(own), event.kind == "project_linked").count(),
    )


def until_alone(store: SignalStore) -> None:
    """Wait until the server has noticed that a child is dead, and has rolled back what it was at."""
    if store.engine.name == "postgres":
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while store.database.execute_sql(others).fetchone() != (0,):
            pass


@pytest.fixture
def options(engine_name: str) -> dict[str, Any]:
    return {"prefer_psycopg3": DRIVER == "psycopg3"} if engine_name == "postgres" else {}


@pytest.mark.parametrize("prepare", CALLS.values(), ids=CALLS)
def test_a_call_is_there_whole_or_not_at_all(url: str, options: dict[str, Any], prepare: Prepare) -> None:
    with open_store(url, **options) as store, nursery(url, options) as born:
        workspace, call = prepare(store)
        nothing = look(store, workspace)
        (ticks, seconds), fate = born.send(workspace.id, call)
        whole = look(store, workspace)
        assert (fate, whole != nothing, ticks > 4) == ("survived", True, True)
        chance = random.Random()
        moments: list[dict[str, Any]] = [{"at": tick} for tick in range(1, ticks + 1)]
        moments += [{"after": seconds * chance.uniform(0.01, 1)} for _ in range(MOMENTS)]
        workspace, call = prepare(store)
        found = []
        for moment in moments:
            _, fate = born.send(workspace.id, call, **moment)
            assert fate == "killed" or "after" in moment
            until_alone(store)
            left = look(store, workspace)
            assert left in (nothing, whole), moment
            found.append(left == whole)
            if left == whole:
                workspace, call = prepare(store)
        swept = found[:ticks]
        assert swept == sorted(swept)
        assert {swept[0], swept[-1]} == {False, True}
    with open_store(url, **options) as store:
        workspace = store.workspace(workspace.id)
        call.make(store, workspace)
        assert look(store, workspace) == whole


def test_recording_many_is_there_by_whole_batches(url: str, options: dict[str, Any]) -> None:
    """Rows of the batches are new, filled in, and overwritten; what was told of them is there with them."""
    rows = [{**row, "severity": "high", "interpretation": str(at)} for at, row in enumerate(ROWS)]
    call = Call("record_many", [rows], {"batch_size": BATCH, "on_existing": "update"})

    def prepare(store: SignalStore) -> Workspace:
        workspace = store.workspace(store.models.Workspace.create(name="acme").id)
        workspace.record_many([{**row, "severity": "low"} for row in ROWS[::7]])
        return workspace

    with open_store(url, **options) as store, nursery(url, options) as born:
        allowed = []
        for done in range(0, len(rows) + 1, BATCH):
            workspace = prepare(store)
            workspace.record_many(rows[:done], batch_size=BATCH, on_existing="update")
            allowed.append(look(store, workspace))
        workspace = prepare(store)
        (ticks, seconds), fate = born.send(workspace.id, call)
        assert (fate, look(store, workspace) == allowed[-1]) == ("survived", True)
        chance, found = random.Random(), []
        moments: list[dict[str, Any]] = [{"at": tick} for tick in range(1, ticks + 1)]
        moments += [{"after": seconds * chance.uniform(0.01, 1)} for _ in range(MOMENTS)]
        for moment in moments:
            workspace = prepare(store)
            born.send(workspace.id, call, **moment)
            until_alone(store)
            left = look(store, workspace)
            assert left in allowed, moment
            found.append(allowed.index(left))
            call.make(store, workspace)
            assert look(store, workspace) == allowed[-1]
        swept = found[:ticks]
        assert swept == sorted(swept)
        assert set(swept) == {0, 1, 2, 3}
