"""Is an erasure whole, and only what it should be, while others work and whoever dies?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from children import Child, children, go, tell_to_go, told
from erasure_kit import ADA, Desk, busy, untouched
from peewee import OperationalError
from store_replay import check_history

from signals_peewee import SignalStore, open_store
from signals_peewee.errors import NotFound

GRACE = "grace@example.org"
ERASE = f"""
def wait_before_writing():
    original = store.engine.write

    def write():
        store.engine.write = original
        wait()
        return original()

    store.engine.write = write

moment = sys.stdin.readline().strip()
wait_before_writing() if moment == "write" else wait_before(moment)
erased = ws.erase(subject={ADA!r})
tell([erased.signals, erased.events, erased.links, erased.inbox_items, erased.redacted])
"""
PURGE = "wait_before(sys.stdin.readline().strip())\nstore.purge(ws.id)"
RECORD = """
from signals_peewee.errors import NotFound
wait()
try:
    for number in range(10**6):
        ws.tag(ws.record("words", source="email").signal, "hot")
        if number == 5:
            tell("begun")
except NotFound as error:
    tell(error.field)
"""
ANYHOW = """
import random
from signals_peewee.errors import InvalidMerge, NotFound
from signals_peewee import SignalFilter

chance, done = random.Random(me), 0
project = next(iter(store.models.Project.select(store.models.Project.id).tuples()))[0]
item = store.models.InboxItem

def keys():
    return [row.id for row in ws.page(SignalFilter(merged=True, archived=True), limit=500).items]

def some(count):
    return chance.sample(keys(), count)

def come():
    key = item.create(workspace=ws.id, type="feedback", source="email", title="t", raw_content="c").id
    for _ in range(3):
        ws.record("words", source="email", inbox_item_id=key, source_metadata={"customerEmail": chance.choice("abc")})

wait()
for _ in range(50):
    try:
        chance.choice([
            come,
            lambda: ws.merge(*some(2)),
            lambda: ws.unmerge(*some(1)),
            lambda: ws.link_project(some(3), project),
            lambda: ws.untag(some(3), "hot"),
            lambda: ws.tag(some(3), "hot"),
            lambda: ws.erase(ids=some(2)),
            lambda: ws.erase(subject=chance.choice("abc")),
        ])()
        done += 1
    except (NotFound, InvalidMerge, ValueError):  # what it had found is gone, is merged, or there is too little left
        pass
tell(done)
"""


@pytest.fixture
def store(url: str) -> Iterator[SignalStore]:
    with open_store(url) as store:
        yield store


@pytest.fixture
def desk(store: SignalStore) -> Desk:
    return Desk(store)


def let_it_come_to(child: Child, words: str) -> None:
    """Let a child go on to the statement with these words, and wait until it stands there."""
    assert child.stdin
    child.stdin.write(f"{words}\n")
    child.stdin.flush()
    assert told(child) == "ready"


def test_who_is_somebody_else_by_the_time_of_erasing_stays(desk: Desk, url: str) -> None:
    changed, item = desk.of(ADA), desk.item(metadata={"from": ADA})
    gone = desk.of(ADA)
    with children(url, ERASE) as (child,):
        let_it_come_to(child, "write")
        desk.ws.update(changed, source_metadata={"customerEmail": GRACE})
        desk.models.InboxItem.update(metadata={"from": GRACE}).where(desk.models.InboxItem.id == item).execute()
        tell_to_go(child)
        # What the change tells of her goes all the same.
        assert told(child) == [1, 0, 0, 0, 1]
    assert desk.keys() == {changed}
    assert set(desk.seen()["inbox_items"]) == {item}
    assert ADA not in repr(desk.seen())
    assert gone not in repr(desk.seen())


def test_what_came_near_since_it_was_found_is_set_free(desk: Desk, url: str) -> None:
    gone, duplicate, stands, sibling = desk.of(ADA), desk.signal(), desk.signal(), desk.signal()
    desk.ws.tag(gone, "hers")
    with children(url, ERASE) as (child,):
        let_it_come_to(child, "write")
        item = desk.item()
        desk.ws.merge(gone, duplicate)
        desk.ws.merge(stands, gone)
        for key in (gone, sibling):
            desk.ws.update(key, inbox_item_id=item)
        tell_to_go(child)
        assert told(child) == [1, 4, 2, 1, 0]
    assert desk.keys() == {duplicate, stands, sibling}
    assert [desk.ws.get(key).merged_into_id for key in (duplicate, stands)] == [None, None]
    assert (desk.links(stands), desk.ws.get(sibling).inbox_item_id) == ({}, None)
    for key in (duplicate, stands, sibling):
        check_history(desk.ws, desk.seen(), key)


def test_what_comes_near_while_it_is_waited_for_is_set_free(postgres_url: str) -> None:
    """Where readers and writers do not wait for each other, a row is found before the change of another commits."""
    with open_store(postgres_url) as store:
        desk = Desk(store)
        gone, duplicate = desk.of(ADA), desk.signal()
        with children(postgres_url, ERASE) as (child,):
            with store.database.atomic():
                desk.ws.merge(gone, duplicate)
                let_it_come_to(child, "FOR UPDATE")
                tell_to_go(child)
                somebody_waits(store)
            assert told(child) == [1, 1, 0, 0, 0]
        assert desk.keys() == {duplicate}
        assert [kind for kind, *_ in desk.events(duplicate)] == ["merged", "unmerged"]
        check_history(desk.ws, desk.seen(), duplicate)


@pytest.mark.parametrize(
    ("script", "moment", "tables"),
    [
        (ERASE, 'DELETE FROM "signal_projects"', ["InboxItem", "Signal"]),
        (PURGE, 'DELETE FROM "signal_projects"', ["InboxItem", "Signal", "Project", "Workspace"]),
    ],
)
def test_nobody_refers_to_what_is_about_to_go(postgres_url: str, script: str, moment: str, tables: list[str]) -> None:
    """Or a link, a signal or an item would come between, and go or be changed without being counted or told of."""
    with open_store(postgres_url) as store:
        desk = Desk(store)
        busy(desk)
        with children(postgres_url, script) as (child,):
            let_it_come_to(child, moment)
            for table in tables:
                model = getattr(desk.models, table)
                with pytest.raises(OperationalError, match="could not obtain lock"):
                    list(model.select().for_update("FOR KEY SHARE NOWAIT"))


def somebody_waits(store: SignalStore) -> None:
    """Return when another session waits for a lock."""
    waiting = "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted"
    for _ in range(3000):
        if store.database.execute_sql(f"{waiting} AND a.datname = current_database()").fetchone():
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize(
    "moment",
    ['UPDATE "signals"', 'DELETE FROM "signal_tags"', 'DELETE FROM "signal_events"', 'DELETE FROM "inbox_items"'],
)
def test_after_kill_9_everything_is_as_it_was(desk: Desk, url: str, moment: str) -> None:
    desk.ws.merge(busy(desk)[0], desk.signal())
    with untouched(desk), children(url, ERASE) as (child,):
        let_it_come_to(child, moment)
        child.kill()
        child.wait()
    assert desk.ws.erase(subject=ADA).signals == 2


@pytest.mark.parametrize("moment", ['DELETE FROM "signals"', 'DELETE FROM "workspaces"'])
def test_after_kill_9_in_a_purge_everything_is_as_it_was(desk: Desk, url: str, moment: str) -> None:
    busy(desk)
    with untouched(desk), children(url, PURGE) as (child,):
        let_it_come_to(child, moment)
        child.kill()
        child.wait()
    assert desk.store.purge(desk.ws.id).signals == 3


def test_whoever_records_into_a_workspace_that_is_purged_finds_none(desk: Desk, url: str) -> None:
    with children(url, RECORD, 3) as started:
        go(started)
        assert [told(child) for child in started] == ["begun"] * 3
        purged = desk.store.purge(desk.ws.id)
        assert {told(child) for child in started} <= {"workspace", "signal"}
    assert purged.signals >= 18
    assert (purged.links, purged.events) in [(purged.signals - missing,) * 2 for missing in range(4)]
    for model in (desk.models.Signal, desk.models.SignalTag, desk.models.SignalEvent):
        assert model.select().count() == 0
    with pytest.raises(NotFound):
        desk.store.workspace(desk.ws.id)


def test_many_who_erase_and_merge_and_link_leave_whole_histories(desk: Desk, url: str) -> None:
    for number in range(60):
        desk.of("abc"[number % 3])
    with children(url, ANYHOW, 4) as started:
        go(started)
        done = [told(child) for child in started]
        assert [child.wait() for child in started] == [0] * 4
    assert sum(done) > 60
    seen = desk.seen()
    for key, row in seen["signals"].items():
        assert row["merged_into_id"] in (None, *seen["signals"])
        check_history(desk.ws, seen, key)
