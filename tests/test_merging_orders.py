"""Does merging and unmerging in any order come back to where it began?"""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from merging_kit import Desk

from signals_peewee import SignalStore
from signals_peewee.errors import InvalidMerge

COUNT = 5
SIGNALS = st.integers(0, COUNT - 1)
THINGS = ("one", "two", "admin", "slow")
"""Two projects, a persona and a tag."""
PROJECTS = {"one", "two"}
OWN = st.lists(st.sets(st.sampled_from(THINGS)), min_size=COUNT, max_size=COUNT)
STATUSES = st.lists(st.sampled_from(["new", "reviewed", "linked", "archived"]), min_size=COUNT, max_size=COUNT)
MERGE = st.tuples(st.just("merge"), SIGNALS, st.sets(SIGNALS, min_size=1, max_size=3))
UNMERGE = st.tuples(st.just("unmerge"), SIGNALS)
TOUCH = st.tuples(st.sampled_from(["link", "unlink"]), SIGNALS, st.sampled_from(THINGS))
Call = tuple[Any, ...]


class Families:
    """What merging means, without copies: a signal has what it has itself, and what those merged into it have."""

    def __init__(self, own: list[set[str]], statuses: list[str]) -> None:
        self.own, self.statuses = own, list(statuses)
        self.onto: list[int | None] = [None] * len(own)

    def links(self, signal: int) -> set[str]:
        below = (other for other, onto in enumerate(self.onto) if onto == signal)
        return self.own[signal].union(*(self.links(other) for other in below))

    def all_links(self) -> list[set[str]]:
        return [self.links(signal) for signal in range(len(self.own))]

    def merge(self, into: int, duplicates: set[int]) -> bool:
        allowed = into not in duplicates and self.onto[into] is None
        if allowed and all(self.onto[each] in (None, into) for each in duplicates):
            self._move(dict.fromkeys(duplicates, into))
            return True
        return False

    def unmerge(self, signal: int) -> bool:
        merged = self.onto[signal] is not None
        self._move({signal: None})
        return merged

    def _move(self, onto: dict[int, Any]) -> None:
        before = self.all_links()
        for signal, to in onto.items():
            self.onto[signal] = to
        for signal, (had, has) in enumerate(zip(before, self.all_links(), strict=True)):
            if not had & PROJECTS and has & PROJECTS and self.statuses[signal] in ("new", "reviewed"):
                self.statuses[signal] = "linked"
            if had & PROJECTS and not has & PROJECTS and self.statuses[signal] == "linked":
                self.statuses[signal] = "reviewed"


class Real:
    """The same calls, on a workspace of their own."""

    def __init__(self, store: SignalStore, own: list[set[str]], statuses: list[str]) -> None:
        self.desk = Desk(store, store.workspace_named(str(uuid4()), create=True))
        self.signals = self.desk.signals(len(own))
        self.names = {self.desk.one: "one", self.desk.two: "two", "admin": "admin", "slow": "slow"}
        for signal, things in enumerate(own):
            for thing in sorted(things):
                self.touch("link", signal, thing)
        for signal, status in zip(self.signals, statuses, strict=True):
            self.desk.ws.set_status(signal, status)

    def touch(self, how: Literal["link", "unlink"], signal: int, thing: str) -> None:
        desk, key = self.desk, self.signals[signal]
        ways: dict[str, Any] = {
            "admin": desk.ws.link_persona if how == "link" else desk.ws.unlink_persona,
            "slow": desk.ws.tag if how == "link" else desk.ws.untag,
        }
        project = desk.ws.link_project if how == "link" else desk.ws.unlink_project
        target = {"one": desk.one, "two": desk.two}.get(thing, thing)
        ways.get(thing, project)(key, target)

    def merge(self, into: int, duplicates: set[int]) -> bool:
        return self._made(lambda: self.desk.ws.merge(self.signals[into], [self.signals[each] for each in duplicates]))

    def unmerge(self, signal: int) -> bool:
        return self._made(lambda: self.desk.ws.unmerge(self.signals[signal]))

    def _made(self, call: Any) -> bool:
        try:
            call()
        except InvalidMerge:
            return False
        return True

    def rows(self) -> list[dict[str, Any]]:
        """Of each signal its links, whole, by the key of the link."""
        found = []
        for signal in self.signals:
            kinds = self.desk.rows(signal).values()
            found.append({row["id"]: {**row, "name": name} for rows in kinds for name, row in rows.items()})
        return found

    def links(self) -> list[set[str]]:
        return [{self.names[row["name"]] for row in rows.values()} for rows in self.rows()]

    def columns(self) -> tuple[list[str], list[int | None]]:
        rows = [self.desk.ws.get(signal) for signal in self.signals]
        onto = [None if row.merged_into_id is None else self.signals.index(row.merged_into_id) for row in rows]
        return [row.status for row in rows], onto

    def copies(self, signal: str) -> set[str]:
        """The keys of the links that merges have made, and none has taken back."""
        copies: set[str] = set()
        for kind, before, after in self.desk.events(signal, "absorbed", "released"):
            listed = {key for kind in ("projects", "personas", "tags") for key in (after or {}).get(kind, {}).values()}
            gone = {key for kind in ("projects", "personas", "tags") for key in (before or {}).get(kind, {}).values()}
            copies = copies | listed if kind == "absorbed" else copies - gone
        return copies


@given(OWN, STATUSES, st.lists(st.one_of(MERGE, MERGE, UNMERGE), max_size=10), st.permutations(range(COUNT)))
def test_where_nobody_touched_a_link_every_order_of_merges_comes_back(
    store: SignalStore, own: list[set[str]], statuses: list[str], calls: list[Call], order: list[int]
) -> None:
    model, real = Families(own, statuses), Real(store, own, statuses)
    before = real.rows()
    for name, *arguments in [*calls, *(("unmerge", signal) for signal in order)]:
        assert getattr(real, name)(*arguments) == getattr(model, name)(*arguments)
        assert real.links() == model.all_links()
        assert real.columns() == (model.statuses, model.onto)
    assert real.rows() == before


@given(OWN, STATUSES, st.lists(st.one_of(MERGE, UNMERGE, TOUCH), max_size=12), st.permutations(range(COUNT)))
def test_what_people_linked_is_never_taken_and_all_else_is_told_of(
    store: SignalStore, own: list[set[str]], statuses: list[str], calls: list[Call], order: list[int]
) -> None:
    real = Real(store, own, statuses)
    people = real.rows()
    for name, *arguments in [*calls, *(("unmerge", signal) for signal in order)]:
        before = real.rows()
        if name in ("link", "unlink"):
            real.touch(name, *arguments)
            for mine, had, has in zip(people, before, real.rows(), strict=True):
                mine.update({key: row for key, row in has.items() if key not in had})
                for key in had.keys() - has.keys():
                    mine.pop(key, None)
        else:
            getattr(real, name)(*arguments)
        for signal, mine, has in zip(real.signals, people, real.rows(), strict=True):
            assert {key: row for key, row in has.items() if key in mine} == mine
            assert has.keys() - mine.keys() <= real.copies(signal)
