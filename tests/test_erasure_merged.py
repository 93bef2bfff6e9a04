"""What becomes of the signals that an erased one stood for, and of those that stood for it?"""

from __future__ import annotations

import random
from typing import Any

import pytest
from erasure_kit import ADA, Desk
from store_replay import check_history

from signals_peewee import SignalStore
from signals_peewee.store import Erased

SEEDS = 12


@pytest.fixture
def desk(store: SignalStore) -> Desk:
    return Desk(store)


def test_a_duplicate_of_an_erased_signal_stands_for_itself_again(desk: Desk) -> None:
    item = desk.item(metadata={"from": ADA})
    gone, free, other = desk.of(ADA), desk.signal(inbox_item_id=item), desk.signal()
    desk.ws.tag(free, "hot")
    desk.ws.merge(gone, [free, other])
    at = desk.ws.get(free).updated_at
    # Its own: that it absorbed the two, and the copy of the tag.
    assert desk.ws.erase(subject=ADA) == Erased(signals=1, events=2, links=1, inbox_items=1)
    row = desk.ws.get(free)
    assert (row.merged_into_id, row.inbox_item_id) == (None, None)
    assert row.updated_at > at
    assert desk.ws.get(other).updated_at == row.updated_at
    assert desk.events(other, "unmerged") == [("unmerged", {"merged_into_id": gone}, {"merged_into_id": None})]
    assert desk.events(free, "unmerged", "updated") == [
        (
            "unmerged",
            {"merged_into_id": gone, "inbox_item_id": item},
            {"merged_into_id": None, "inbox_item_id": None},
        )
    ]
    assert list(desk.links(free)) == ["hot"]
    check_history(desk.ws, desk.seen(), free)


def test_what_a_merge_copied_from_an_erased_signal_goes_too(desk: Desk) -> None:
    gone, stands = desk.of(ADA), desk.signal()
    desk.ws.link_project(gone, desk.project)
    desk.ws.tag([gone, stands], "both")
    desk.ws.tag(gone, "hers")
    desk.ws.merge(stands, gone)
    copies = desk.links(stands)
    assert desk.ws.get(stands).status == "linked"
    assert desk.ws.erase(subject=ADA) == Erased(signals=1, events=4, links=5, inbox_items=0)
    assert list(desk.links(stands)) == ["both"]
    assert desk.ws.get(stands).status == "reviewed"
    check_history(desk.ws, desk.seen(), stands)
    listed = {"projects": {desk.project: copies[desk.project]}, "tags": {"hers": copies["hers"]}}
    assert desk.events(stands, "released") == [
        ("released", {"merged": gone, **listed, "status": "linked"}, {"status": "reviewed"})
    ]


def test_a_copy_that_only_erased_signals_gave_goes_and_one_that_another_gives_stays(desk: Desk) -> None:
    first, second, other, stands = (desk.signal() for _ in range(4))
    desk.ws.tag([first, second], "theirs")
    desk.ws.tag([first, other], "shared")
    desk.ws.merge(stands, [first, second, other])
    assert sorted(desk.links(stands)) == ["shared", "theirs"]
    assert desk.ws.erase(ids=[first, second]).links == 4
    assert sorted(desk.links(stands)) == ["shared"]
    check_history(desk.ws, desk.seen(), stands)


def test_what_goes_from_one_goes_from_those_above_it(desk: Desk) -> None:
    lowest, middle, top = (desk.signal() for _ in range(3))
    desk.ws.tag(lowest, "hers")
    desk.ws.merge(middle, lowest)
    desk.ws.merge(top, middle)
    at = max(desk.ws.get(key).updated_at for key in (middle, top))
    assert desk.ws.erase(ids=lowest).links == 3
    assert min(desk.ws.get(key).updated_at for key in (middle, top)) > at
    assert (desk.links(middle), desk.links(top)) == ({}, {})
    assert [list(before["tags"]) for _, before, _ in desk.events(top, "released")] == [["hers"]]
    for key in (middle, top):
        check_history(desk.ws, desk.seen(), key)


def test_those_above_are_left_alone_where_nothing_goes_from_below_them(desk: Desk) -> None:
    lowest, middle, top = (desk.signal() for _ in range(3))
    desk.ws.tag(lowest, "hers")
    desk.ws.merge(middle, lowest)
    desk.ws.merge(top, middle)
    desk.ws.untag(middle, "hers")  # so what the top one has is not from there any more
    at = desk.ws.get(top).updated_at
    assert desk.ws.erase(ids=lowest).links == 1
    assert (list(desk.links(top)), desk.events(top, "released")) == (["hers"], [])
    assert desk.ws.get(top).updated_at == at
    assert [kind for kind, *_ in desk.events(middle)] == ["absorbed", "merged", "untagged", "released"]


def test_a_chain_that_goes_is_told_of_once_above_it(desk: Desk) -> None:
    lowest, middle, top = (desk.signal() for _ in range(3))
    desk.ws.tag(lowest, "low")
    desk.ws.tag(middle, "mid")
    desk.ws.merge(middle, lowest)
    desk.ws.merge(top, middle)
    assert desk.ws.erase(ids=[lowest, middle]).links == 5
    assert desk.links(top) == {}
    ((_, before, _),) = desk.events(top, "released")
    assert (before["merged"], sorted(before["tags"])) == (middle, ["low", "mid"])
    check_history(desk.ws, desk.seen(), top)


def test_erasing_is_unmerging_and_then_erasing(store: SignalStore) -> None:
    """One call for many leaves what one after the other would, each unmerged before: links, status, pointers."""
    for seed in range(SEEDS):
        together, apart = (Desk(store, f"{seed} {kind}") for kind in ("together", "apart"))
        keys, gone = merged_anyhow(together, seed)
        together.ws.erase(ids=[keys[at] for at in gone])
        others, _ = merged_anyhow(apart, seed)
        _one_by_one(apart, [others[at] for at in gone])
        assert outline(together, keys) == outline(apart, others), seed


def merged_anyhow(desk: Desk, seed: int) -> tuple[list[str], list[int]]:
    """Make signals, and return their keys and the places of some of them."""
    chance = random.Random(seed)
    keys = [desk.signal(f"{number}") for number in range(8)]
    for tag in "abc":
        desk.ws.tag(chance.sample(keys, 3), tag)
    desk.ws.link_project(chance.sample(keys, 2), desk.project)
    for _ in range(7):
        _merge(desk, *chance.sample(keys, 2))
    desk.ws.untag(chance.sample(keys, 3), "a")
    return keys, chance.sample(range(8), 3)


def outline(desk: Desk, keys: list[str]) -> list[Any]:
    """What is left of them, as it is told by their places; their histories lead to it."""
    seen, place = desk.seen(), {key: at for at, key in enumerate(keys)}
    for key in seen["signals"]:
        check_history(desk.ws, seen, key)
    names = {desk.project: "project"}
    return sorted(
        (place[key], row["status"], place.get(row["merged_into_id"]), sorted(names.get(n, n) for n in desk.links(key)))
        for key, row in seen["signals"].items()
    )


def _merge(desk: Desk, into: str, duplicate: str) -> None:
    try:
        desk.ws.merge(into, duplicate)
    except ValueError:  # it is merged already, or would go round in a circle
        return


def _one_by_one(desk: Desk, gone: list[str]) -> None:
    for key in gone:
        if desk.ws.get(key).merged_into_id is not None:
            desk.ws.unmerge(key)
    signal = desk.models.Signal
    for key in gone:
        for (duplicate,) in list(signal.select(signal.id).where(signal.merged_into == key).tuples()):
            desk.ws.unmerge(duplicate)
        desk.ws.erase(ids=key)


@pytest.mark.parametrize("chain", [1, 2])
def test_a_copy_that_another_gives_says_what_that_one_says(desk: Desk, chain: int) -> None:
    gone, other = desk.of(ADA), desk.signal()
    desk.ws.link_project(gone, desk.project, reason=ADA, confidence=0.5, by=desk.user)
    desk.ws.link_project(other, desk.project, reason="b", confidence=0.25)
    tops = [desk.signal() for _ in range(chain)]
    desk.ws.merge(tops[0], [gone, other])
    for above, below in zip(tops[1:], tops, strict=False):
        desk.ws.merge(above, below)
    copies = [desk.links(key) for key in tops]
    assert [each.reason for each in desk.ws.evidence(desk.project).items] == [ADA]
    desk.ws.erase(subject=ADA)
    (shown,) = desk.ws.evidence(desk.project).items
    assert (shown.reason, shown.confidence, shown.linked_by) == ("b", 0.25, None)
    assert ADA not in repr(desk.seen())
    assert [desk.links(key) for key in tops] == copies
    for key in tops:
        check_history(desk.ws, desk.seen(), key)


def test_an_event_that_tells_why_a_copy_was_there_tells_it_no_longer(desk: Desk) -> None:
    gone, other, stands = desk.of(ADA), desk.signal(), desk.signal()
    desk.ws.link_project(gone, desk.project, reason="She is ill", confidence=0.5, by=desk.user)
    desk.ws.merge(stands, [gone, other])
    desk.ws.unlink_project(stands, desk.project)
    assert "She is ill" in repr(desk.events(stands))
    assert desk.ws.erase(ids=gone).redacted == 1
    assert "She is ill" not in repr(desk.seen())
    ((_, before, after),) = desk.events(stands, "project_unlinked")
    assert (before["project"], before["link_reason"], before["confidence"]) == (desk.project, None, None)
    assert (before["status"], after, "linked_by" in before) == ("linked", {"status": "reviewed"}, False)
    check_history(desk.ws, desk.seen(), stands)


def test_a_signal_that_stood_for_an_erased_one_before_has_none_of_its_words(desk: Desk) -> None:
    gone, other, stands = desk.of(ADA), desk.signal(), desk.signal()
    desk.ws.link_project(gone, desk.project, reason="She is ill")
    desk.ws.link_project(other, desk.project, reason="b")
    desk.ws.merge(stands, [gone, other])
    desk.ws.unmerge(gone)
    assert desk.ws.erase(ids=gone).signals == 1
    assert "She is ill" not in repr(desk.seen())
    check_history(desk.ws, desk.seen(), stands)


def test_a_signal_that_was_linked_for_the_same_reason_keeps_it(desk: Desk) -> None:
    gone, other, stands = desk.signal(), desk.signal(), desk.signal()
    desk.ws.link_project([gone, other, stands], desk.project, reason="both")
    desk.ws.merge(stands, [gone, other])
    desk.ws.unlink_project(stands, desk.project)
    events = desk.events(stands, "project_unlinked")
    assert desk.ws.erase(ids=gone).redacted == 0
    assert desk.events(stands, "project_unlinked") == events
