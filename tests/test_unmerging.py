"""Is there a way back from a merge, and what does the history tell of both?"""

from __future__ import annotations

from typing import Any

import pytest
from merging_kit import Desk
from peewee import Database

from signals_peewee import SignalStore, Workspace
from signals_peewee.errors import InvalidMerge
from signals_peewee.store import Unmerged


@pytest.fixture
def desk(store: SignalStore, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def test_unmerging_takes_back_what_was_copied(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.tag(into, "own")
    desk.ws.link_project(duplicate, desk.one, reason="why", confidence=0.5, by=desk.user)
    desk.ws.link_persona(duplicate, "admin")
    desk.ws.tag(duplicate, "slow")
    desk.ws.tag(duplicate, "own")
    before = desk.rows(into), desk.rows(duplicate)
    desk.ws.merge(into, duplicate)
    assert desk.ws.unmerge(duplicate) == Unmerged(projects=1, personas=1, tags=1)
    assert (desk.rows(into), desk.rows(duplicate)) == before
    assert (desk.into(duplicate), desk.ws.count()) == (None, 2)
    assert (desk.status(into), desk.status(duplicate)) == ("reviewed", "linked")


@pytest.mark.parametrize("first", [0, 1])
def test_what_another_duplicate_gives_stays_in_whatever_order(desk: Desk, first: int) -> None:
    into, *duplicates = desk.signals(3)
    desk.ws.link_project(duplicates, desk.one)
    desk.ws.merge(into, duplicates)
    assert desk.ws.unmerge(duplicates[first]) == Unmerged(projects=0, personas=0, tags=0)
    assert (desk.links(into), desk.status(into)) == ({desk.one}, "linked")
    assert desk.ws.unmerge(duplicates[1 - first]) == Unmerged(projects=1, personas=0, tags=0)
    assert (desk.links(into), desk.status(into)) == (set(), "reviewed")


def test_a_link_that_somebody_has_touched_stays(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    desk.ws.tag(duplicate, "slow")
    desk.ws.merge(into, duplicate)
    desk.ws.unlink_project(into, desk.one)
    desk.ws.link_project(into, desk.one, reason="our own now")
    touched = desk.rows(into)["projects"]
    assert desk.ws.unmerge(duplicate) == Unmerged(projects=0, personas=0, tags=1)
    assert desk.rows(into) == {"projects": touched, "personas": {}, "tags": {}}
    assert desk.status(into) == "linked"


def test_a_copy_goes_although_the_duplicate_has_lost_the_link_itself(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.tag(duplicate, "slow")
    desk.ws.merge(into, duplicate)
    desk.ws.untag(duplicate, "slow")
    assert desk.ws.unmerge(duplicate) == Unmerged(projects=0, personas=0, tags=1)
    assert desk.links(into) == set()


def test_what_was_copied_from_another_later_is_not_taken_for_the_first_copy(desk: Desk) -> None:
    into, one, two = desk.signals(3)
    desk.ws.tag(one, "slow")
    desk.ws.merge(into, one)
    for signal in (into, one):
        desk.ws.untag(signal, "slow")
    desk.ws.tag(two, "slow")
    desk.ws.merge(into, two)
    desk.ws.untag(two, "slow")
    assert desk.ws.unmerge(one).tags == 0
    assert desk.links(into) == {"slow"}
    assert desk.ws.unmerge(two).tags == 1


def test_what_the_duplicate_was_given_afterwards_is_no_copy(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.merge(into, duplicate)
    desk.ws.tag([into, duplicate], "slow")
    assert desk.ws.unmerge(duplicate).tags == 0
    assert desk.links(into) == {"slow"}


@pytest.mark.parametrize(("status", "expected"), [("linked", "reviewed"), ("new", "new"), ("archived", "archived")])
def test_when_the_last_project_goes_only_a_linked_signal_changes(desk: Desk, status: str, expected: str) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    desk.ws.merge(into, duplicate)
    desk.ws.set_status(into, status)
    desk.ws.unmerge(duplicate)
    assert desk.status(into) == expected


def test_what_goes_goes_from_all_that_stood_above_and_stays_where_it_was_before(desk: Desk) -> None:
    low, middle, high, top = desk.signals(4)
    desk.ws.link_project(low, desk.one)
    desk.ws.tag([low, high], "slow")
    desk.ws.merge(middle, low)
    desk.ws.merge(high, middle)
    desk.ws.merge(top, high)
    assert desk.ws.unmerge(low) == Unmerged(projects=3, personas=0, tags=1)
    assert [desk.links(signal) for signal in (middle, high, top)] == [set(), {"slow"}, {"slow"}]
    assert [desk.status(signal) for signal in (middle, high, top)] == ["reviewed", "reviewed", "reviewed"]
    assert [desk.into(signal) for signal in (low, middle, high, top)] == [None, high, top, None]


def test_what_goes_stays_above_where_another_gives_it(desk: Desk) -> None:
    low, middle, other, top = desk.signals(4)
    desk.ws.tag([low, other], "slow")
    desk.ws.merge(middle, low)
    desk.ws.merge(top, [middle, other])
    assert desk.ws.unmerge(low).tags == 1
    assert [desk.links(signal) for signal in (middle, top)] == [set(), {"slow"}]
    assert len(desk.events(top, "released")) == 0
    assert desk.ws.unmerge(other).tags == 1


def test_what_somebody_unlinked_in_the_middle_goes_above_only_with_the_middle_one(desk: Desk) -> None:
    low, middle, top = desk.signals(3)
    desk.ws.tag(low, "slow")
    desk.ws.merge(middle, low)
    desk.ws.merge(top, middle)
    desk.ws.untag(middle, "slow")
    assert desk.ws.unmerge(low).tags == 0
    assert desk.links(top) == {"slow"}
    assert desk.ws.unmerge(middle).tags == 1
    assert desk.links(top) == set()


def test_one_that_stood_for_others_keeps_them_when_it_is_released(desk: Desk) -> None:
    low, middle, top = desk.signals(3)
    desk.ws.tag(low, "slow")
    desk.ws.merge(middle, low)
    desk.ws.merge(top, middle)
    assert desk.ws.unmerge(middle).tags == 1
    assert [desk.links(signal) for signal in (low, middle, top)] == [{"slow"}, {"slow"}, set()]
    assert desk.into(low) == middle


def test_a_signal_whose_survivor_was_deleted_stands_for_itself(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.merge(into, duplicate)
    desk.models.Signal.delete().where(desk.models.Signal.id == into).execute()
    assert [row.id for row in desk.ws.page().items] == [duplicate]
    with pytest.raises(InvalidMerge):
        desk.ws.unmerge(duplicate)


def test_a_way_out_of_what_plain_sql_has_made(store: SignalStore, desk: Desk) -> None:
    """A circle, and a duplicate of another workspace's signal."""
    one, two, free = desk.signals(3)
    foreign = store.workspace_named("other", create=True).record("words", source="slack").signal.id
    signal: Any = desk.models.Signal
    for key, onto in ((one, two), (two, one)):
        signal.update(merged_into=onto).where(signal.id == key).execute()
    with pytest.raises(InvalidMerge, match="unmerge it first"):
        desk.ws.merge(one, free)
    desk.ws.unmerge(one)
    assert (desk.into(one), desk.into(two)) == (None, one)
    signal.update(merged_into=foreign).where(signal.id == free).execute()
    with pytest.raises(InvalidMerge, match="unmerge it first"):
        desk.ws.merge(free, two)
    assert desk.ws.unmerge(free) == Unmerged(projects=0, personas=0, tags=0)
    assert (desk.into(free), desk.events(foreign)) == (None, [])


# History


def test_a_merge_and_its_reverse_are_events_of_both(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    desk.ws.tag(duplicate, "slow")
    desk.ws.merge(into, duplicate, by=desk.user)
    rows = desk.rows(into)
    copies = {"projects": {desk.one: rows["projects"][desk.one]["id"]}, "tags": {"slow": rows["tags"]["slow"]["id"]}}
    desk.ws.unmerge(duplicate, by=desk.user)
    whole = {"merged": duplicate, **copies, "status": "linked"}
    assert desk.events(into) == [
        ("absorbed", {"status": "new"}, whole),
        ("released", whole, {"status": "reviewed"}),
    ]
    assert desk.events(duplicate, "merged", "unmerged") == [
        ("merged", {"merged_into_id": None}, {"merged_into_id": into}),
        ("unmerged", {"merged_into_id": into}, {"merged_into_id": None}),
    ]
    assert [each.kind for each in desk.ws.history(into)] == ["created", "absorbed", "released"]
    event: Any = desk.models.SignalEvent
    both = event.select().where(event.kind.in_(["absorbed", "released", "merged", "unmerged"]))
    assert {each.created_by_id for each in both} == {desk.user}
    assert desk.ws.get(into).updated_at == max(each.created_at for each in both)


@pytest.mark.parametrize("ids", ["time", "random"])
def test_each_duplicate_has_its_own_event_in_the_order_given(database: Database, ids: Any) -> None:
    store = SignalStore(database, ids=ids)
    store.migrate()
    desk = Desk(store, store.workspace_named("acme", create=True))
    into, plain, *duplicates = desk.signals(7)
    for number, duplicate in enumerate(duplicates):
        desk.ws.link_project(duplicate, desk.project(f"project {number}"))
    desk.ws.merge(into, [plain, *reversed(duplicates)])
    events = desk.events(into)
    assert [after["merged"] for _, _, after in events] == [plain, *reversed(duplicates)]
    assert events[0] == ("absorbed", None, {"merged": plain})
    assert [before for _, before, _ in events] == [None, {"status": "new"}, None, None, None, None]
    assert ["status" in after for _, _, after in events] == [False, True, False, False, False, False]
    assert [len(after.get("projects", ())) for _, _, after in events] == [0, 1, 1, 1, 1, 1]


def test_a_chain_tells_each_survivor_what_went_from_it(desk: Desk) -> None:
    low, middle, top, apart = desk.signals(4)
    desk.ws.tag(low, "slow")
    desk.ws.merge(middle, low)
    desk.ws.merge(top, [middle, apart])
    copies = {signal: desk.rows(signal)["tags"]["slow"]["id"] for signal in (middle, top)}
    seen = desk.ws.get(apart).updated_at
    desk.ws.unmerge(low)
    assert desk.events(middle, "released") == [("released", {"merged": low, "tags": {"slow": copies[middle]}}, None)]
    assert desk.events(top, "released") == [("released", {"merged": middle, "tags": {"slow": copies[top]}}, None)]
    assert desk.ws.get(low).updated_at == desk.ws.get(middle).updated_at == desk.ws.get(top).updated_at
    assert desk.ws.get(apart).updated_at == seen


def test_the_original_archived_what_was_merged_into_itself(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    with pytest.raises(InvalidMerge):
        desk.ws.merge(signal, [signal])
    assert (desk.status(signal), desk.into(signal), desk.events(signal)) == ("new", None, [])


def test_a_merge_goes_back_with_the_hosts_transaction(store: SignalStore, desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    before = desk.everything()
    with store.database.atomic() as host:
        desk.ws.merge(into, duplicate)
        desk.ws.unmerge(duplicate)
        desk.ws.merge(duplicate, into)
        host.rollback()
    assert desk.everything() == before
