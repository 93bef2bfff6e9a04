"""Does a signal get the status that was asked for, do archived ones stay away, and does restoring ask the links?"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from children import children, go, told
from merging_kit import Desk, statements
from peewee import Database
from test_linking_races import until_blocked

from signals_peewee import SignalFilter, SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidFilter, InvalidSignal, NotFound
from signals_peewee.schema.vocabularies import DEFAULTS

EVERYTHING = SignalFilter(archived=True, merged=True)


@pytest.fixture
def desk(store: SignalStore, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def statuses(desk: Desk, signals: list[str]) -> list[str]:
    return [desk.status(signal) for signal in signals]


def test_any_status_follows_any_other(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    pairs = list(permutations(DEFAULTS["status"], 2))
    assert len(pairs) == 12
    for one, other in pairs:
        desk.ws.set_status(signal, one)
        before = desk.ws.get(signal).updated_at
        assert (desk.ws.set_status(signal, other), desk.status(signal)) == (1, other)
        assert desk.ws.get(signal).updated_at > before
        assert desk.events(signal)[-1] == ("status_set", {"status": one}, {"status": other})


def test_only_signals_that_had_another_status_are_counted_told_of_and_moved(desk: Desk) -> None:
    one, two, three = desk.signals(3)
    desk.ws.set_status(two, "reviewed")
    row = desk.ws.get(two)
    assert desk.ws.set_status([one, two, three, one], "reviewed", by=desk.user) == 2
    assert statuses(desk, [one, two, three]) == ["reviewed"] * 3
    assert [len(desk.events(signal)) for signal in (one, two, three)] == [1, 1, 1]
    assert desk.ws.get(two).as_row() == row.as_row()
    assert desk.ws.set_status([], "archived") == 0


def test_a_status_that_no_vocabulary_knows_is_refused_before_any_sql(desk: Desk, database: Database) -> None:
    (signal,) = desk.signals(1)
    for word in ("done", "New", None, ["new"]):
        with statements() as sent, pytest.raises(InvalidSignal) as raised:
            desk.ws.set_status(signal, word)  # type: ignore[arg-type]
        assert (raised.value.field, raised.value.value, sent) == ("status", word, [])
        assert "new, reviewed, linked, archived" in raised.value.expected
    more = SignalStore(database, vocabularies={"status": ["parked"]}).workspace(desk.ws.id)
    assert (more.set_status(signal, "parked"), more.get(signal).status) == (1, "parked")


def test_an_enum_that_is_a_text_is_a_status(desk: Desk) -> None:
    class Word(str, enum.Enum):
        REVIEWED = "reviewed"

    (signal,) = desk.signals(1)
    assert desk.ws.set_status(signal, Word.REVIEWED) == 1
    assert desk.events(signal) == [("status_set", {"status": "new"}, {"status": "reviewed"})]


def test_archived_signals_are_left_out_and_keep_their_links(desk: Desk) -> None:
    one, two = desk.signals(2)
    desk.ws.link_project([one, two], desk.one)
    assert desk.ws.archive(iter([one]), by=desk.user) == 1
    assert [row.id for row in desk.ws.page().items] == [two]
    assert (desk.ws.count(), desk.ws.counts("status")) == (1, {"linked": 1})
    assert [row.id for row in desk.ws.page(SignalFilter(status="archived")).items] == [one]
    assert desk.links(one) == {desk.one}
    assert desk.ws.get(one).status == "archived"


def test_archiving_counts_those_that_were_not_archived(desk: Desk) -> None:
    signals = desk.signals(4)
    assert desk.ws.archive(desk.ws.get(signals[0])) == 1
    assert desk.ws.archive([*signals, signals[1]]) == 3
    assert desk.ws.archive(signals) == 0
    assert desk.ws.archive([]) == 0
    assert [desk.events(signal) for signal in signals] == [
        [("archived", {"status": "new"}, {"status": "archived"})] for _ in signals
    ]


def test_a_filter_archives_what_a_page_would_visit(desk: Desk) -> None:
    signals = desk.signals(6)
    desk.ws.tag(signals[:4], "spam")
    desk.ws.archive(signals[0])
    desk.ws.merge(signals[5], signals[1])
    assert desk.ws.archive(SignalFilter(tag="ham")) == 0
    assert desk.ws.archive(SignalFilter(tag="spam", text="words 3")) == 1
    assert desk.ws.archive(SignalFilter(tag="spam")) == 2  # the fourth, and the one that got the tag by the merge
    assert statuses(desk, signals) == ["archived", "new", "archived", "archived", "new", "archived"]
    assert desk.ws.archive(SignalFilter(tag="spam", merged=True, archived=True)) == 1
    assert desk.ws.archive(SignalFilter(tag="spam", merged=True, archived=True)) == 0
    assert desk.ws.archive(SignalFilter()) == 1
    assert desk.ws.counts("status", EVERYTHING) == {"archived": 6}


def test_a_filter_finds_nothing_of_another_workspace(desk: Desk, store: SignalStore) -> None:
    other = Desk(store, store.workspace_named("other", create=True))
    theirs = other.signals(3)
    desk.signals(2)
    assert desk.ws.archive(SignalFilter(archived=True, merged=True)) == 2
    assert statuses(other, theirs) == ["new"] * 3


def test_a_filter_with_an_unknown_word_is_refused(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    with pytest.raises(InvalidFilter):
        desk.ws.archive(SignalFilter(source="fax"))
    assert desk.status(signal) == "new"


def test_restoring_returns_to_what_the_links_say(desk: Desk) -> None:
    linked, bare, unlinked, told_of, untouched = signals = desk.signals(5)
    desk.ws.link_project([linked, unlinked], desk.one)
    desk.ws.link_persona(told_of, "admin")
    desk.ws.archive(signals[:4])
    desk.ws.unlink_project(unlinked, desk.one)
    assert desk.ws.restore([*signals, linked], by=desk.user) == 4
    assert statuses(desk, signals) == ["linked", "reviewed", "reviewed", "reviewed", "new"]
    assert [desk.events(signal)[-1] for signal in (linked, bare)] == [
        ("restored", {"status": "archived"}, {"status": status}) for status in ("linked", "reviewed")
    ]
    assert desk.events(untouched) == []
    assert (desk.ws.restore(signals), desk.ws.restore([])) == (0, 0)


def test_what_was_linked_while_it_was_archived_is_restored_as_linked(desk: Desk) -> None:
    signals = desk.signals(2)
    desk.ws.archive(signals)
    desk.ws.link_project(signals[0], desk.one)
    assert statuses(desk, signals) == ["archived", "archived"]
    desk.ws.restore(signals)
    assert statuses(desk, signals) == ["linked", "reviewed"]


def test_a_merged_signal_is_archived_and_restored_as_any_other(desk: Desk) -> None:
    one, two = desk.signals(2)
    desk.ws.merge(one, two)
    assert (desk.ws.archive(two), desk.status(two)) == (1, "archived")
    assert (desk.ws.restore(two), desk.status(two), desk.into(two)) == (1, "reviewed", one)


CALLS: dict[str, Callable[[Workspace, Any, Any], Any]] = {
    "set_status": lambda ws, ids, by: ws.set_status(ids, "reviewed", by=by),
    "archive": lambda ws, ids, by: ws.archive(ids, by=by),
    "restore": lambda ws, ids, by: ws.restore(ids, by=by),
}


@pytest.mark.parametrize("name", CALLS)
def test_one_strange_signal_or_user_makes_a_call_not_found_before_any_write(
    desk: Desk, store: SignalStore, name: str
) -> None:
    call = CALLS[name]
    strange = Desk(store, store.workspace_named("other", create=True)).signals(1)[0]
    signals = desk.signals(3)
    desk.ws.archive(signals[0])
    everything = desk.everything()
    messages = set()
    for value in (strange, "0" * 21, "nul \0", 7, None):
        with pytest.raises(NotFound) as raised:
            call(desk.ws, [*signals, value], None)
        assert (raised.value.field, raised.value.value) == ("signal", value)
        messages.add(str(raised.value).replace(repr(value), "it"))
    assert len(messages) == 1
    for user in ("nobody", 7):
        with pytest.raises(NotFound, match="user"):
            call(desk.ws, signals, user)
    assert desk.everything() == everything


def test_a_call_sends_the_same_statements_whatever_the_number_of_signals(desk: Desk) -> None:
    signals = desk.signals(1011)
    counts: dict[str, set[int]] = {name: set() for name in (*CALLS, "filter")}
    for tag, ids in (("a", signals[:1]), ("b", signals[1:11]), ("c", signals[11:])):
        for name, call in CALLS.items():
            with statements() as sent:
                assert call(desk.ws, ids, desk.user) == len(ids)
            counts[name].add(len(sent))
        desk.ws.tag(ids, tag)
        with statements() as sent:
            assert desk.ws.archive(SignalFilter(tag=tag), by=desk.user) == len(ids)
        counts["filter"].add(len(sent))
    assert [len(found) for found in counts.values()] == [1] * 4
    assert max(max(found) for found in counts.values()) <= 7


def test_a_change_is_later_than_the_last_one_whatever_the_clocks(desk: Desk) -> None:
    one, two = desk.signals(2)
    model: Any = desk.models.Signal
    ahead = desk.ws.get(one).updated_at + timedelta(days=1)
    model.update(updated_at=ahead).where(model.id == one).execute()
    desk.ws.archive([one, two])
    desk.ws.restore(one)
    assert [each.at - ahead for each in desk.ws.history(one)[1:]] == [timedelta(microseconds=n) for n in (1, 2)]
    assert [desk.ws.get(signal).updated_at - ahead for signal in (one, two)] == [
        timedelta(microseconds=n) for n in (2, 1)
    ]


def test_changes_are_undone_with_the_hosts_transaction(desk: Desk) -> None:
    signals = desk.signals(2)
    everything = desk.everything()
    with desk.ws.engine.database.atomic() as transaction:
        assert desk.ws.set_status(signals, "reviewed") == 2
        assert desk.ws.archive(SignalFilter(status="reviewed")) == 2
        with pytest.raises(NotFound):
            desk.ws.restore([*signals, "nobody's"])
        with pytest.raises(NotFound):
            desk.ws.archive(signals, by="nobody")
        assert desk.ws.restore(signals) == 2
        assert statuses(desk, signals) == ["reviewed"] * 2
        transaction.rollback()
    assert desk.everything() == everything


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("ws.archive(SignalFilter(unlinked=True))", 1),
        ("ws.archive(SignalFilter(status='new'))", 1),
        ("ws.set_status({signals!r}, 'linked')", 1),
    ],
)
def test_who_waits_for_a_signal_decides_on_what_it_has_become(url: str, call: str, answer: int) -> None:
    """Of two signals one is being linked to a project by another process when the call comes to it."""
    with open_store(url) as store:
        desk = Desk(store, store.workspace_named("acme", create=True))
        one, two = signals = desk.signals(2)
        script = f"from signals_peewee import SignalFilter\nwait()\ntell({call.format(signals=signals)})"
        with children(url, script) as started:
            with store.engine.write():
                desk.ws.link_project(one, desk.one)
                go(started)
                until_blocked(store, started[0])
            assert told(started[0]) == answer
        assert desk.status(one) == "linked"
        assert [event.kind for event in desk.ws.history(one)] == ["created", "project_linked"]
        assert len(desk.ws.history(two)) == 2


def test_who_waits_to_restore_a_signal_asks_the_links_that_it_then_has(url: str) -> None:
    with open_store(url) as store:
        desk = Desk(store, store.workspace_named("acme", create=True))
        (one,) = desk.signals(1)
        desk.ws.archive(one)
        with children(url, f"wait()\ntell(ws.restore({one!r}))") as started:
            with store.engine.write():
                desk.ws.link_project(one, desk.one)
                go(started)
                until_blocked(store, started[0])
            assert told(started[0]) == 1
        assert desk.status(one) == "linked"
