"""Does a merge stay whole while others merge, unmerge, link and delete?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from merging_kit import Desk
from test_recording_races import Children, children, deadlocks, go, line, until_blocked

from signals_peewee import SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidMerge, LostRace
from signals_peewee.store.copies import Staying

ROUNDS = 25
CALLS = """
from signals_peewee.errors import InvalidMerge

def told(call):
    try:
        call()
        return "done"
    except InvalidMerge as error:
        return error.field

def say(answer):
    print(json.dumps(answer), flush=True)

given = json.loads(sys.stdin.readline())
"""
MERGE_EACH_OTHER = """
for one, two in given:
    go()
    say(told(lambda: ws.merge(one, two) if int(me) else ws.merge(two, one)))
"""
UNMERGE_ONE = """
for signal in given:
    go()
    say(told(lambda: ws.unmerge(signal)))
"""
MERGE_ANYHOW = """
go()
chance = random.Random(int(me))
done = [0, 0]
for _ in range(60):
    if chance.random() < 0.5:
        into, *duplicates = chance.sample(given, chance.randint(2, 4))
        done[0] += told(lambda: ws.merge(into, duplicates)) == "done"
    else:
        done[1] += told(lambda: ws.unmerge(chance.choice(given))) == "done"
say(done)
"""
LINK_ANYHOW = """
go()
chance, (signals, projects) = random.Random(int(me)), given
for _ in range(80):
    signal, project, word = chance.choice(signals), chance.choice(projects), chance.choice("ab")
    if me == "0":
        told(lambda: ws.merge(*signals)) if chance.random() < 0.5 else told(lambda: ws.unmerge(signals[1]))
    else:
        chance.choice([
            lambda: ws.link_project(signal, project), lambda: ws.unlink_project(signal, project),
            lambda: ws.tag(signals, word), lambda: ws.untag(signal, word), lambda: ws.link_persona(signal, word),
        ])()
say("done")
"""
WORDS = {"project": "projects", "persona": "personas", "tag": "tags"}


@pytest.fixture
def store(url: str) -> Iterator[SignalStore]:
    with open_store(url) as store:
        yield store


@pytest.fixture
def desk(store: SignalStore) -> Desk:
    return Desk(store, store.workspace_named("acme", create=True))


def hand_out(started: Children, given: Any) -> None:
    assert [line(child) for child in started] == ["ready"] * len(started)
    for child in started:
        assert child.stdin
        child.stdin.write("go\n" + json.dumps(given) + "\n")
        child.stdin.flush()


def answers(started: Children) -> list[Any]:
    return [json.loads(line(child)) for child in started]


def test_of_two_merges_into_each_other_exactly_one_is_made(desk: Desk, url: str) -> None:
    pairs = [desk.signals(2) for _ in range(ROUNDS)]
    with children(url, CALLS + MERGE_EACH_OTHER, count=2) as started:
        hand_out(started, pairs)
        for one, two in pairs:
            go(started)
            assert sorted(answers(started)) == ["done", "into"]
            assert {desk.into(one), desk.into(two)} in ({None, one}, {None, two})
            assert len(desk.events(one) + desk.events(two)) == 2


def test_of_several_unmerges_of_one_signal_exactly_one_is_made(desk: Desk, url: str) -> None:
    into, *merged = desk.signals(ROUNDS + 1)
    desk.ws.link_project(merged, desk.one)
    desk.ws.merge(into, merged)
    with children(url, CALLS + UNMERGE_ONE, count=4) as started:
        hand_out(started, merged)
        for signal in merged:
            go(started)
            assert sorted(answers(started)) == ["done", "id", "id", "id"]
            assert len(desk.events(signal, "unmerged")) == 1
    assert (desk.links(into), desk.status(into)) == (set(), "reviewed")


def test_after_any_merges_at_once_there_is_no_circle_and_a_way_back(desk: Desk, url: str) -> None:
    signals = desk.signals(6)
    for number, signal in enumerate(signals):
        desk.ws.tag(signals[number : number + 2], f"tag {number}")
        desk.ws.link_project(signal, desk.one if number % 2 else desk.two)
    before = [desk.rows(signal) for signal in signals]
    with children(url, CALLS + MERGE_ANYHOW, count=4) as started:
        hand_out(started, signals)
        go(started)
        done = answers(started)
        assert [child.wait() for child in started] == [0] * 4
    counted = [sum(column) for column in zip(*done, strict=True)]
    assert all(counted)
    assert sum(len(desk.events(signal, "unmerged")) for signal in signals) == counted[1]
    for signal in signals:
        assert _top(desk, signal) in signals
    for signal in signals:
        if desk.into(signal) is not None:
            desk.ws.unmerge(signal)
    assert [desk.rows(signal) for signal in signals] == before


def _top(desk: Desk, signal: str) -> str:
    seen = [signal]
    while (above := desk.into(seen[-1])) is not None:
        assert above not in seen
        seen.append(above)
    return seen[-1]


def test_a_merge_copies_what_was_linked_before_it_and_nothing_else(desk: Desk, url: str) -> None:
    """As each history says, in which a merge is one instant of both signals."""
    signals = into, duplicate = desk.signals(2)
    with children(url, CALLS + LINK_ANYHOW, count=4) as started:
        hand_out(started, [signals, [desk.one, desk.two]])
        go(started)
        assert answers(started) == ["done"] * 4
    told = {signal: list(_history(desk, signal)) for signal in signals}
    for signal in signals:
        last = told[signal][-1][2]
        assert {key for names in last.values() for key in names} == desk.links(signal)
        assert desk.status(signal) == ("linked" if last["projects"] else desk.status(signal).replace("linked", "?"))
    merges = [(at, held) for at, kind, held in told[duplicate] if kind == "merged"]
    absorbed = [(at, held) for at, kind, held in told[into] if kind == "absorbed"]
    assert merges
    assert [at for at, _ in merges] == [at for at, _ in absorbed]
    for (_, gave), (_, has) in zip(merges, absorbed, strict=True):
        assert all(gave[word] <= has[word] for word in WORDS.values())
    event: Any = desk.models.SignalEvent
    held_at = dict(merges)
    for each in event.select().where(event.signal == into, event.kind == "absorbed"):
        for word in WORDS.values():
            assert set(each.after.get(word, {})) <= held_at[each.created_at][word]


def _history(desk: Desk, signal: str) -> Iterator[tuple[Any, str, dict[str, set[str]]]]:
    """(when, what happened, what the signal was linked to from then on), the first first."""
    event: Any = desk.models.SignalEvent
    held: dict[str, set[str]] = {word: set() for word in WORDS.values()}
    for each in event.select().where(event.signal == signal).order_by(event.created_at, event.id):
        before, after = each.before or {}, each.after or {}
        for word, words in WORDS.items():
            gone = {before[word]} if word in before else set(before.get(words, {}))
            come = {after[word]} if word in after else set(after.get(words, {}))
            assert (gone <= held[words], come & held[words]) == (True, set())
            held[words] = held[words] - gone | come
        yield each.created_at, each.kind, {word: set(names) for word, names in held.items()}


def test_an_unmerge_that_waited_finds_the_signal_merged_further_up(desk: Desk, store: SignalStore, url: str) -> None:
    low, middle, top = desk.signals(3)
    desk.ws.tag(low, "slow")
    desk.ws.merge(middle, low)
    with children(url, CALLS + UNMERGE_ONE, count=1) as started:
        hand_out(started, [low])
        with store.engine.write():
            desk.ws.merge(top, middle)
            go(started)
            until_blocked(store, started[0])
        assert answers(started) == ["done"]
    assert [desk.links(signal) for signal in (low, middle, top)] == [{"slow"}, set(), set()]
    assert [desk.into(signal) for signal in (low, middle, top)] == [None, top, None]


def test_an_unmerge_that_waited_finds_the_survivor_gone(desk: Desk, store: SignalStore, url: str) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.merge(into, duplicate)
    signal: Any = desk.models.Signal
    with children(url, CALLS + UNMERGE_ONE, count=1) as started:
        hand_out(started, [duplicate])
        with store.engine.write():
            signal.delete().where(signal.id == into).execute()
            go(started)
            until_blocked(store, started[0])
        assert answers(started) == ["id"]
    with pytest.raises(InvalidMerge):
        desk.ws.unmerge(duplicate)


def test_a_project_and_a_user_that_go_meanwhile_are_not_copied(desk: Desk, store: SignalStore, url: str) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one, by=desk.user)
    desk.ws.link_project(duplicate, desk.two, by=desk.user)
    project, user = desk.models.Project, desk.models.User
    with children(url, CALLS + MERGE_EACH_OTHER, count=1) as started:
        hand_out(started, [[duplicate, into]])
        with store.engine.write():
            user.delete().where(user.id == desk.user).execute()
            project.delete().where(project.id == desk.one).execute()
            go(started)
            until_blocked(store, started[0])
        assert answers(started) == ["done"]
    assert desk.into(duplicate) == into
    assert {key: row["linked_by"] for key, row in desk.rows(into)["projects"].items()} == {desk.two: None}


@pytest.mark.parametrize("role", ["User", "Project"])
def test_a_merge_keeps_users_and_projects_before_it_holds_signals(
    desk: Desk, store: SignalStore, url: str, role: str
) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one, by=desk.user)
    model = getattr(desk.models, role)
    with children(url, CALLS + MERGE_EACH_OTHER, count=1) as started:
        hand_out(started, [[duplicate, into]])
        with store.engine.write():
            list(store.engine.doomed(model.select()))
            go(started)
            until_blocked(store, started[0])
            desk.ws.tag([into, duplicate], "slow")
        assert answers(started) == ["done"]
        assert started[0].wait() == 0
    assert deadlocks(store) == 0
    assert desk.links(into) == {"slow", desk.one}


def test_a_merge_that_waited_copies_what_was_linked_meanwhile(desk: Desk, store: SignalStore, url: str) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    with children(url, CALLS + MERGE_EACH_OTHER, count=1) as started:
        hand_out(started, [[duplicate, into]])
        with store.engine.write():
            desk.ws.link_project(duplicate, desk.two, by=desk.user)
            go(started)
            until_blocked(store, started[0])
        assert answers(started) == ["done"]
    linked = {key: row["linked_by"] for key, row in desk.rows(into)["projects"].items()}
    assert linked == {desk.one: None, desk.two: desk.user}


def test_a_merge_whose_links_never_stay_gives_up_and_changes_nothing(
    desk: Desk, store: SignalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    before = [desk.rows(signal) for signal in (into, duplicate)]
    monkeypatch.setattr(Workspace, "_keep_named", lambda self, signals: Staying({}, {}))
    with pytest.raises(LostRace, match="changed 20 times meanwhile; call it again"):
        desk.ws.merge(into, duplicate)
    assert [desk.rows(signal) for signal in (into, duplicate)] == before
    assert desk.into(duplicate) is None
