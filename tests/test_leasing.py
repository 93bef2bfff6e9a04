"""Is each unprocessed signal given to one worker at a time, and given again where that worker dies?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from children import children, go, tell_to_go, told
from peewee import Database
from plans import SCANS, SORTS, plan, statements

from signals_peewee import SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidOption, NotFound

WORKERS = 8
CLAIM = """
wait()
mine = []
while claimed := ws.claim_unprocessed(3, 3600):
    mine += [row.id for row in claimed]
tell(mine)
"""
DIE = """
claimed = ws.claim_unprocessed(2, 3600)
tell([row.id for row in claimed])
sys.stdin.readline()
"""


def record(workspace: Workspace, count: int) -> list[str]:
    return [workspace.record(f"words {number}", source="other").signal.id for number in range(count)]


def change(store: SignalStore, id: str, **columns: Any) -> None:
    store.models.Signal.update(columns).where(store.models.Signal.id == id).execute()


def read(store: SignalStore, id: str) -> Any:
    return store.models.Signal.get_by_id(id)


def past(store: SignalStore) -> None:
    """Let all leases end."""
    store.models.Signal.update(claimed_until=datetime(2020, 1, 1, tzinfo=timezone.utc)).execute()


def events(store: SignalStore) -> list[tuple[str, str, Any, Any, Any]]:
    event: Any = store.models.SignalEvent
    return [
        (each.signal_id, each.kind, each.before, each.after, each.created_by_id)
        for each in event.select().order_by(event.signal)
    ]


def test_the_oldest_unprocessed_signals_are_claimed_once(store: SignalStore, workspace: Workspace) -> None:
    made = record(workspace, 5)
    change(store, made[4], created_at=datetime(2020, 1, 1, tzinfo=timezone.utc))
    first = workspace.claim_unprocessed(2, 60)
    assert [row.id for row in first] == [made[4], made[0]]
    assert [row.id for row in workspace.claim_unprocessed(500, 60)] == made[1:4]
    assert workspace.claim_unprocessed(1, 60) == []


def test_what_is_archived_merged_processed_or_anothers_is_no_work(store: SignalStore, workspace: Workspace) -> None:
    kept, archived, merged, processed = record(workspace, 4)
    record(store.workspace_named("other", create=True), 1)
    change(store, archived, status="archived")
    change(store, merged, merged_into=kept)
    change(store, processed, processed_at=datetime.now(timezone.utc))
    assert [row.id for row in workspace.claim_unprocessed(10, 60)] == [kept]


def test_a_claimed_signal_is_whole_but_for_its_embedding(store: SignalStore, workspace: Workspace) -> None:
    metadata: Any = {"channelId": "C1", "rawPayload": {"big": "x"}}
    made = workspace.record("words", source="slack", source_metadata=metadata).signal
    change(store, made.id, embedding="AAAA")
    (claimed,) = workspace.claim_unprocessed(1, 60)
    assert (claimed.source_metadata, claimed.embedding) == (metadata, None)
    stored = read(store, made.id)
    assert claimed.as_row() == {**stored.as_row(), "embedding": None}
    assert stored.claimed_until is not None


def test_a_lease_is_no_change_of_the_signal(store: SignalStore, workspace: Workspace) -> None:
    (id,) = record(workspace, 1)
    before = read(store, id).as_row()
    workspace.claim_unprocessed(1, timedelta(minutes=1))
    after = read(store, id).as_row()
    assert {name for name in before if before[name] != after[name]} == {"claimed_until"}
    assert events(store) == []


def test_a_signal_whose_lease_is_over_is_claimed_again(store: SignalStore, workspace: Workspace) -> None:
    (id,) = record(workspace, 1)
    workspace.claim_unprocessed(1, 3600)
    assert workspace.claim_unprocessed(1, 3600) == []
    past(store)
    assert [row.id for row in workspace.claim_unprocessed(1, 3600)] == [id]


def test_a_lease_ends_by_the_databases_clock_whatever_the_workers_say(
    store: SignalStore, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(workspace, 1)
    for module in ("leasing", "changing", "orphans"):
        monkeypatch.setattr(
            f"signals_peewee.store.{module}.utc_now", lambda: datetime(2099, 1, 1, tzinfo=timezone.utc), raising=False
        )
    begun = store.engine.now()
    (claimed,) = workspace.claim_unprocessed(1, 3600)
    assert begun <= claimed.claimed_until - timedelta(hours=1) <= store.engine.now()
    assert workspace.claim_unprocessed(1, 3600) == []
    assert abs(begun - datetime.now(timezone.utc)) < timedelta(minutes=1)


@pytest.mark.parametrize("n", [0, 501, True, "5", 2.0, None])
def test_a_number_out_of_range_is_refused(workspace: Workspace, n: Any) -> None:
    with pytest.raises(InvalidOption, match="n: .*from 1 to 500"):
        workspace.claim_unprocessed(n, 60)


@pytest.mark.parametrize("lease", [0, -1, float("nan"), float("inf"), timedelta(0), "60", None, True])
def test_a_lease_that_is_none_is_refused(workspace: Workspace, lease: Any) -> None:
    with pytest.raises(InvalidOption, match="lease: .*seconds or a timedelta, more than 0 and finite"):
        workspace.claim_unprocessed(1, lease)


def test_a_lease_for_ever_lasts_a_thousand_years(workspace: Workspace) -> None:
    record(workspace, 2)
    for lease in (1e300, timedelta.max):
        (claimed,) = workspace.claim_unprocessed(1, lease)
        assert claimed.claimed_until is not None
        assert claimed.claimed_until.year > 3000


def test_what_is_processed_is_told_once_and_never_claimed_again(store: SignalStore, workspace: Workspace) -> None:
    ada = store.models.User.create(email="ada@example.org")
    one, two, three = record(workspace, 3)
    claimed = workspace.claim_unprocessed(2, 3600)
    assert workspace.mark_processed(claimed, by=ada) == 2
    assert workspace.mark_processed([two, three, three]) == 1
    assert workspace.mark_processed(three) == 0
    assert workspace.mark_processed([]) == 0
    rows = [read(store, id) for id in (one, two, three)]
    assert [row.claimed_until for row in rows] == [None] * 3
    assert [row.updated_at == row.processed_at for row in rows] == [True] * 3
    expected = [
        (row.id, "processed", {"processed_at": None}, {"processed_at": f"{row.processed_at:%Y-%m-%dT%H:%M:%S.%fZ}"}, by)
        for row, by in zip(rows, (ada.id, ada.id, None), strict=True)
    ]
    assert events(store) == sorted(expected)
    past(store)
    assert workspace.claim_unprocessed(10, 60) == []


def test_nothing_is_processed_before_it_is_said_to_be(store: SignalStore, workspace: Workspace) -> None:
    (id,) = record(workspace, 1)
    workspace.claim_unprocessed(1, 60)
    assert read(store, id).processed_at is None


def test_one_signal_that_is_not_there_leaves_all_unprocessed(store: SignalStore, workspace: Workspace) -> None:
    (mine,) = record(workspace, 1)
    (theirs,) = record(store.workspace_named("other", create=True), 1)
    for wrong in (theirs, "none", None):
        with pytest.raises(NotFound, match="signal"):
            workspace.mark_processed([mine, wrong])  # type: ignore[list-item]
    with pytest.raises(NotFound, match="user"):
        workspace.mark_processed(mine, by="nobody")
    assert read(store, mine).processed_at is None
    assert events(store) == []


def test_the_number_of_statements_does_not_grow_with_the_signals(workspace: Workspace, database: Database) -> None:
    numbers = []
    for count in (1, 20):
        record(workspace, count)
        with statements(database) as sent:
            assert workspace.mark_processed(workspace.claim_unprocessed(count, 60)) == count
        numbers.append(len(sent))
    assert numbers[0] == numbers[1]


def test_work_is_found_through_its_index_without_a_sort(
    store: SignalStore, workspace: Workspace, database: Database, engine_name: str
) -> None:
    signal: Any = store.models.Signal
    workspace.record_many({"verbatim": "words", "source": "other"} for _ in range(10_000))
    signal.update(processed_at=datetime.now(timezone.utc)).execute()
    workspace.record_many({"verbatim": "words", "source": "other"} for _ in range(1000))
    if engine_name == "postgres":  # which does so by itself
        database.execute_sql("ANALYZE")
    with statements(database) as sent:
        claimed = workspace.claim_unprocessed(50, 60)
    assert len(claimed) == 50
    plans = {each[0]: plan(database, each) for each in sent if "UPDATE" in each[0] or "ORDER BY" in each[0]}
    found = "".join(each for sql, each in plans.items() if "ORDER BY" in sql)
    assert "signals_workspace_unprocessed_idx" in found
    assert [word for word in (*SORTS, *SCANS) if word in found] == [], found
    (leased,) = (each for sql, each in plans.items() if sql.startswith("UPDATE"))
    assert "workspace" not in leased.partition("Filter")[0], leased


@pytest.fixture
def opened(url: str) -> Iterator[SignalStore]:
    with open_store(url) as store:
        store.workspace_named("acme", create=True)
        yield store


def test_many_workers_claim_each_signal_once(opened: SignalStore, url: str) -> None:
    made = record(opened.workspace_named("acme"), 200)
    with children(url, CLAIM, WORKERS) as started:
        go(started)
        claimed = [told(child) for child in started]
    assert sorted(id for ids in claimed for id in ids) == sorted(made)


def test_what_a_worker_held_when_it_was_killed_comes_back(opened: SignalStore, url: str) -> None:
    workspace = opened.workspace_named("acme")
    made = record(workspace, 3)
    with children(url, DIE) as (child,):
        assert told(child) == made[:2]
        child.kill()
        child.wait()
    assert [row.id for row in workspace.claim_unprocessed(10, 3600)] == made[2:]
    past(opened)
    assert [row.id for row in workspace.claim_unprocessed(10, 3600)] == made


def test_a_worker_killed_while_it_claims_has_claimed_nothing(opened: SignalStore, url: str) -> None:
    workspace = opened.workspace_named("acme")
    made = record(workspace, 2)
    with children(url, 'wait_before("UPDATE")\nws.claim_unprocessed(1, 3600)') as (child,):
        assert told(child) == "ready"
        child.kill()
        child.wait()
    found: list[str] = []
    while not found:  # Postgres lets go of the lock once it sees that the worker is gone
        found = [row.id for row in workspace.claim_unprocessed(1, 3600) if row.id == made[0]]
        past(opened)
    assert found == made[:1]


def test_what_somebody_is_changing_is_skipped_and_waited_for_by_nobody(postgres_url: str) -> None:
    """On SQLite there is one writer at a time, and so nothing to skip."""
    with open_store(postgres_url) as store:
        workspace = store.workspace_named("acme", create=True)
        made = record(workspace, 2)
        script = f'wait_before("INSERT")\nws.set_status({made[0]!r}, "reviewed")\ntell("done")'
        with children(postgres_url, script) as (child,):
            assert told(child) == "ready"
            store.database.execute_sql("SET lock_timeout = '5s'")
            assert [row.id for row in workspace.claim_unprocessed(2, 60)] == made[1:]
            tell_to_go(child)
            assert told(child) == "done"
        assert [row.id for row in workspace.claim_unprocessed(2, 60)] == made[:1]
