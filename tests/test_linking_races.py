"""Do links, status and history agree, whoever links and unlinks at the same time and whoever dies?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pytest
from children import Child, children, go, told

from signals_peewee import SignalStore, Workspace, open_store
from signals_peewee.store import Unlinked

PROCESSES, SIGNALS, ROUNDS = 6, 12, 60
ANYHOW = """
import random
chance, signals, projects = random.Random(me), {signals!r}, {projects!r}

def some():
    return chance.sample(signals, chance.randint(1, len(signals)))

def change():
    if chance.random() < 0.5:
        done = ws.link_project(some(), chance.choice(projects), reason=str(me), confidence=me / 10)
        return [done.linked, done.skipped]
    done = ws.unlink_project(some(), chance.choice(projects))
    return [-done.unlinked, done.skipped]

wait()
"""
FOR_A_WHILE = "tell([sum(column) for column in zip(*(change() for _ in range({rounds})))])"
FOR_EVER = """
while True:
    change()
    tell("changed")
"""
ONE_OR_THE_OTHER = """
mine = {projects!r}[me]
wait()
for signal in {signals!r}:
    done = ws.link_project(signal, mine) if me else ws.unlink_project(signal, mine)
    tell(done.linked if me else done.unlinked)
    wait()
"""
UNLINK = """
wait()
done = ws.unlink_project({signals!r}, {project!r})
tell([done.unlinked, done.skipped])
"""
LINK = """
from signals_peewee.errors import NotFound
wait()
try:
    done = ws.link_project((key for key in {signals!r}), {project!r})
    tell([done.linked, done.skipped])
except NotFound as error:
    tell(error.field)
"""


class Scene(NamedTuple):
    """What the processes find, and how they find it."""

    store: SignalStore
    ws: Workspace
    signals: list[str]
    projects: list[str]
    url: str

    def children(self, script: str, count: int = 1, **more: Any) -> AbstractContextManager[list[Child]]:
        names = {"signals": self.signals, "projects": self.projects, "project": self.projects[0], **more}
        return children(self.url, script.format(**names), count)


@pytest.fixture
def scene(url: str) -> Iterator[Scene]:
    with open_store(url) as store:
        ws = store.workspace_named("acme", create=True)
        signals = [ws.record(f"words {number}", source="slack").signal.id for number in range(SIGNALS)]
        projects = [ws.models.Project.create(workspace=ws.id, name=name).id for name in ("one", "two", "three")]
        yield Scene(store, ws, signals, projects, url)


def linked(ws: Workspace, signal: str) -> set[str]:
    link: Any = ws.models.SignalProject
    return {project for (project,) in link.select(link.project).where(link.signal == signal).tuples()}


def check(ws: Workspace, signal: str) -> int:
    """Follow the history of a signal to what is stored; return how many events there are."""
    event: Any = ws.models.SignalEvent
    status, links = "new", dict[str, Any]()
    events = list(event.select().where(event.signal == signal).order_by(event.created_at, event.id))
    for each in events:
        comes = each.kind == "project_linked"
        with_link, without = (each.after, each.before) if comes else (each.before, each.after)
        with_link.pop("status", None)
        project = with_link["project"]
        if comes:
            assert project not in links
            links[project] = with_link
        else:
            assert links.pop(project) == with_link
        changes = len(links) == comes
        assert without == ({"status": status if comes else "reviewed"} if changes else None)
        status = ("linked" if comes else "reviewed") if changes else status
    assert (ws.get(signal).status, linked(ws, signal)) == (status, set(links))
    assert (status == "linked") == bool(links)
    assert len({each.created_at for each in events}) == len(events)
    return len(events)


def until_blocked(store: SignalStore, child: Child) -> None:
    """Wait until a process waits for what this one holds; on SQLite it does before it has read anything."""
    blocked = store.engine.name == "sqlite"
    while not blocked:
        assert child.poll() is None
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        (blocked,) = store.database.execute_sql(waiting).fetchone()


def test_many_processes_that_link_and_unlink_the_same_lose_nothing(scene: Scene) -> None:
    with scene.children(ANYHOW + FOR_A_WHILE, PROCESSES, rounds=ROUNDS) as started:
        go(started)
        left = sum(told(child)[0] for child in started)
        assert [child.wait() for child in started] == [0] * PROCESSES
    models: Any = scene.store.models
    assert models.SignalProject.select().count() == left
    events = sum(check(scene.ws, signal) for signal in scene.signals)
    assert events == models.SignalEvent.select().count() > left


def test_whoever_unlinks_the_last_project_while_another_is_linked_leaves_it_linked(scene: Scene) -> None:
    ws, (one, two, _) = scene.ws, scene.projects
    signals = scene.signals + [ws.record("words", source="slack").signal.id for _ in range(100)]
    ws.link_project(signals, one)
    with scene.children(ONE_OR_THE_OTHER, 2, signals=signals) as started:
        for _ in signals:
            go(started)
            assert [told(child) for child in started] == [1, 1]
    assert {frozenset(linked(ws, signal)) for signal in signals} == {frozenset({two})}
    assert ws.counts("status") == {"linked": len(signals)}
    assert {check(ws, signal) for signal in signals} == {3}


def test_after_kill_9_every_link_has_its_status_and_its_event(scene: Scene) -> None:
    with scene.children(ANYHOW + FOR_EVER, 3) as started:
        go(started)
        for child in started:
            for _ in range(10):
                assert told(child) == "changed"
            child.kill()
            child.wait()
    assert sum(check(scene.ws, signal) for signal in scene.signals) > 0
    scene.ws.link_project(scene.signals, scene.projects[0])
    assert scene.ws.unlink_project(scene.signals, scene.projects[0]) == Unlinked(SIGNALS, 0)


def test_a_link_that_somebody_writes_with_raw_sql_meanwhile_is_kept(scene: Scene) -> None:
    raw: Any = scene.store.models.SignalProject
    theirs, *others = scene.signals
    with scene.children(LINK) as started:
        with scene.store.engine.write():
            raw.create(signal=theirs, project=scene.projects[0], link_reason="raw")
            go(started)
            until_blocked(scene.store, started[0])
        assert told(started[0]) == [SIGNALS - 1, 1]
    assert [link.link_reason for link in raw.select().where(raw.signal == theirs)] == ["raw"]
    assert [check(scene.ws, signal) for signal in others] == [1] * (SIGNALS - 1)


def test_a_link_that_somebody_deletes_with_raw_sql_meanwhile_is_told_of_by_nobody_else(scene: Scene) -> None:
    raw: Any = scene.store.models.SignalProject
    theirs, *others = scene.signals
    scene.ws.link_project(scene.signals, scene.projects[0])
    with scene.children(UNLINK) as started:
        with scene.store.engine.write():
            raw.delete().where(raw.signal == theirs).execute()
            go(started)
            until_blocked(scene.store, started[0])
        assert told(started[0]) == [SIGNALS - 1, 1]
    assert [check(scene.ws, signal) for signal in others] == [2] * (SIGNALS - 1)
    event: Any = scene.store.models.SignalEvent
    assert [each.kind for each in event.select().where(event.signal == theirs)] == ["project_linked"]


@pytest.mark.parametrize(("kind", "left"), [("signal", SIGNALS - 1), ("project", SIGNALS)])
def test_what_somebody_deletes_meanwhile_is_not_found_and_nothing_is_linked(scene: Scene, kind: str, left: int) -> None:
    models: Any = scene.store.models
    model, key = {"signal": (models.Signal, scene.signals[3]), "project": (models.Project, scene.projects[0])}[kind]
    with scene.children(LINK) as started:
        with scene.store.engine.write():
            assert model.delete_by_id(key) == 1
            go(started)
            until_blocked(scene.store, started[0])
        assert told(started[0]) == kind
    assert models.SignalProject.select().count() == models.SignalEvent.select().count() == 0
    assert scene.ws.counts("status") == {"new": left}


@pytest.mark.parametrize(("commits", "expected"), [(True, [SIGNALS - 3, 3]), (False, [SIGNALS, 0])])
def test_a_link_inside_the_hosts_transaction_keeps_others_waiting_until_it_ends(
    scene: Scene, commits: bool, expected: list[int]
) -> None:
    with scene.children(LINK) as started:
        with scene.store.database.atomic() as transaction:
            scene.ws.link_project(scene.signals[:3], scene.projects[0])
            go(started)
            until_blocked(scene.store, started[0])
            if not commits:
                transaction.rollback()
        assert told(started[0]) == expected
    assert [check(scene.ws, signal) for signal in scene.signals] == [1] * SIGNALS
