"""Is the store what its model says? Random calls are made on both databases and on the model, and all is compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import ENGINES
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from store_calls import (
    LINKERS,
    NO_FACTS,
    Worlds,
    batches,
    changes,
    existing,
    facts,
    filters,
    includes,
    itemless,
    one,
    project,
    rows,
    some,
    sorts,
    strangers,
    subjects,
    user,
)
from store_calls import name as names
from store_kit import lasting_store, paced
from store_model_state import event_order, without_copies
from store_three import Three, every_page

from signals_peewee import SignalFilter, Workspace

PARTS = 10
STEPS = 30


@pytest.fixture(scope="module")
def worlds(request: pytest.FixtureRequest) -> Iterator[Worlds]:
    if set(ENGINES) != {"sqlite", "postgres"}:
        pytest.skip("SIGNALS_TEST_ENGINES leaves one of the two out")
    with (
        paced() as pace,
        lasting_store("sqlite", request) as (here, _),
        lasting_store("postgres", request) as (there, _),
    ):
        yield Worlds(pace, [here, there])


class Machine(Three):
    """The calls that a sequence is made of."""

    @rule(delta=st.sampled_from([-86400, -1, 0, 60, 86400]))
    def time_passes(self, delta: int) -> None:
        self.pace.now += timedelta(seconds=delta)

    @rule(row=rows, on_existing=existing)
    def record(self, row: dict[str, Any], on_existing: Any) -> None:
        row = self.row(row)
        self.make(
            lambda ws: ws.record(**row, on_existing=on_existing),
            lambda: self.model.record(**row, on_existing=on_existing),
        )

    @rule(rows=batches, on_existing=existing, batch_size=st.sampled_from([2, 100]))
    def record_many(self, rows: list[Any], on_existing: Any, batch_size: int) -> None:
        rows = [self.row(row) for row in rows]
        self.make(
            lambda ws: ws.record_many(rows, on_existing=on_existing, batch_size=batch_size),
            lambda: self.model.record_many(rows, on_existing, batch_size),
        )

    @rule(which=one, changes=changes, item=st.none() | st.sampled_from([0, 1, 8]), by=user)
    def update(self, which: int, changes: dict[str, Any], item: int | None, by: Any) -> None:
        key, by = self.signal(which), self.pick("user", by)
        given = {**changes, **({} if item is None else {"inbox_item_id": self.pick("item", item)})}
        self.make(lambda ws: ws.update(key, by=by, **given), lambda: self.model.update(key, by=by, **given))

    @rule(which=some, stranger=strangers, status=st.sampled_from(["new", "reviewed", "linked", "archived"]), by=user)
    def set_status(self, which: list[int], stranger: Any, status: str, by: Any) -> None:
        keys, by = self.signals(which, stranger), self.pick("user", by)
        self.make(lambda ws: ws.set_status(keys, status, by=by), lambda: self.model.set_status(keys, status, by))

    @rule(which=some, stranger=strangers, by=user)
    def archive(self, which: list[int], stranger: Any, by: Any) -> None:
        keys, by = self.signals(which, stranger), self.pick("user", by)
        self.make(lambda ws: ws.archive(keys, by=by), lambda: self.model.archive(keys, by))

    @rule(wanted=filters)
    def archive_what_fits(self, wanted: SignalFilter) -> None:
        keys = self.model.page(wanted)
        self.make(lambda ws: ws.archive(wanted), lambda: self.model.archive(keys))

    @rule(which=some, stranger=strangers, by=user)
    def restore(self, which: list[int], stranger: Any, by: Any) -> None:
        keys, by = self.signals(which, stranger), self.pick("user", by)
        self.make(lambda ws: ws.restore(keys, by=by), lambda: self.model.restore(keys, by))

    @rule(which=some, stranger=strangers, to=project, facts=facts, by=user)
    def link_project(self, which: list[int], stranger: Any, to: int, facts: dict[str, Any], by: Any) -> None:
        keys, by, to_ = self.signals(which, stranger), self.pick("user", by), self.pick("project", to)
        link = {"link_reason": facts.get("reason"), "confidence": facts.get("confidence")}
        self.make(
            lambda ws: ws.link_project(keys, to_, **facts, by=by),
            lambda: self.model.link("projects", keys, to_, by, **link),
        )

    @rule(which=some, stranger=strangers, to=project, by=user)
    def unlink_project(self, which: list[int], stranger: Any, to: int, by: Any) -> None:
        keys, by = self.signals(which, stranger), self.pick("user", by)
        to_ = self.linked("projects", keys, to) or self.pick("project", to)
        self.make(lambda ws: ws.unlink_project(keys, to_, by=by), lambda: self.model.unlink("projects", keys, to_, by))

    @rule(kind=st.sampled_from(["personas", "tags"]), which=some, stranger=strangers, to=names, by=user)
    def link_name(self, kind: str, which: list[int], stranger: Any, to: str, by: Any) -> None:
        keys, by, method = self.signals(which, stranger), self.pick("user", by), LINKERS[kind][0]
        self.make(lambda ws: method(ws, keys, to, by=by), lambda: self.model.link(kind, keys, to, by))

    @rule(kind=st.sampled_from(["personas", "tags"]), which=some, stranger=strangers, to=names, by=user)
    def unlink_name(self, kind: str, which: list[int], stranger: Any, to: str, by: Any) -> None:
        keys, by, method = self.signals(which, stranger), self.pick("user", by), LINKERS[kind][1]
        to_ = self.linked(kind, keys, len(to)) or to
        self.make(lambda ws: method(ws, keys, to_, by=by), lambda: self.model.unlink(kind, keys, to_, by))

    @rule(n=st.integers(1, 4), lease=st.sampled_from([60, 3600.5, timedelta(days=2)]))
    def claim_unprocessed(self, n: int, lease: Any) -> None:
        self.make(lambda ws: ws.claim_unprocessed(n, lease), lambda: self.model.claim_unprocessed(n, lease))

    @rule(which=some, stranger=strangers, by=user)
    def mark_processed(self, which: list[int], stranger: Any, by: Any) -> None:
        keys, by = self.signals(which, stranger), self.pick("user", by)
        self.make(lambda ws: ws.mark_processed(keys, by=by), lambda: self.model.mark_processed(keys, by))

    @rule(into=one, which=some, sound=st.sampled_from([True] * 5 + [False]), stranger=strangers, by=user)
    def merge(self, into: int, which: list[int], sound: bool, stranger: Any, by: Any) -> None:
        key, keys, by = self.signal(into), self.signals(which, stranger), self.pick("user", by)
        if sound:  # most others are refused
            standing = [each.id for each in self.model.signals.values() if each.merged_into_id is None]
            key = standing[into % len(standing)] if standing else key
            keys = [each for each in keys if each not in self.model.signals or (each in standing and each != key)]
        self.make(lambda ws: ws.merge(key, keys, by=by), lambda: self.model.merge(key, keys, by))

    @rule(which=one, sound=st.sampled_from([True] * 5 + [False]), by=user)
    def unmerge(self, which: int, sound: bool, by: Any) -> None:
        merged = [each.id for each in self.model.signals.values() if each.merged_into_id is not None]
        if sound and not merged:
            self.merge(which, [which + 1, which + 2], True, None, by)
            return
        key, by = merged[which % len(merged)] if sound else self.signal(which), self.pick("user", by)
        self.make(lambda ws: ws.unmerge(key, by=by), lambda: self.model.unmerge(key, by))

    @rule(into=one, duplicate=one, changes=st.lists(st.tuples(one, st.sampled_from([*LINKERS]), names), max_size=3))
    def merge_and_unmerge(self, into: int, duplicate: int, changes: list[Any]) -> None:
        """What is changed in between decides what stays."""
        self.merge(into, [duplicate, duplicate + 1], True, None, None)
        merged = [each.id for each in self.model.signals.values() if each.merged_into_id is not None]
        if merged:
            key = merged[duplicate % len(merged)]
            for which, kind, to in changes:
                chosen = key if which % 2 else str(self.model.signals[key].merged_into_id)
                self.switch(kind, chosen, to)
            self.make(lambda ws: ws.unmerge(key), lambda: self.model.unmerge(key))

    def switch(self, kind: str, key: str, to: str) -> None:
        """Take a link away where there is one, and put one there where there is none."""
        to = self.linked(kind, [key], len(to)) or (self.here["projects"][0] if kind == "projects" else to)
        linking, unlinking = LINKERS[kind]
        if to in self.model.signals[key].links[kind]:
            self.make(lambda ws: unlinking(ws, key, to), lambda: self.model.unlink(kind, [key], to))
        else:
            self.make(lambda ws: linking(ws, key, to), lambda: self.model.link(kind, [key], to, **NO_FACTS[kind]))

    @rule(which=some, stranger=strangers)
    def erase(self, which: list[int], stranger: Any) -> None:
        keys = self.signals(which[:2], stranger)
        self.make(lambda ws: ws.erase(ids=keys), lambda: self.model.erase(keys))

    @rule(subject=subjects)
    def erase_somebody(self, subject: str) -> None:
        self.make(lambda ws: ws.erase(subject=subject), lambda: self.model.erase(subject=subject))

    @rule(item=project, rows=st.none() | batches.map(itemless), by=user)
    def from_inbox(self, item: int, rows: Any, by: Any) -> None:
        key, by = self.pick("item", item), self.pick("user", by)
        self.make(lambda ws: ws.from_inbox(key, rows, by=by), lambda: self.model.from_inbox(key, rows, by))

    @rule(which=some, row=rows)
    def the_host_rolls_back(self, which: list[int], row: dict[str, Any]) -> None:
        keys, given = list(dict.fromkeys(self.signals(which, None))), itemless([row])[0]

        def calls(ws: Workspace) -> None:
            with ws.engine.database.atomic() as transaction:
                ws.record(**given, on_existing="update")
                ws.link_project(keys, self.here["projects"][1])
                ws.archive(keys)
                ws.mark_processed(keys)
                ws.erase(ids=keys[:1])
                transaction.rollback()

        self.make(calls, lambda: None)

    @rule(wanted=filters, to=st.none() | project, sort=sorts, limit=st.sampled_from([1, 2, 100]), include=includes)
    def page(self, wanted: SignalFilter, to: Any, sort: Any, limit: int, include: Any) -> None:
        if to is not None:
            wanted &= SignalFilter(project=self.pick("project", to), archived=True)

        def ask(ws: Workspace, after: str | None) -> Any:
            return ws.page(wanted, sort=sort, limit=limit, after=after, include=include)

        self.make(lambda ws: every_page(ws, ask)[0], lambda: self.model.page(wanted, sort), include)

    @rule(wanted=filters, by=st.sampled_from(["status", "source", "severity", "frequency", "segment"]))
    def counts(self, wanted: SignalFilter, by: Any) -> None:
        self.make(
            lambda ws: (ws.count(wanted), ws.counts(by, wanted)),
            lambda: (len(self.model.page(wanted)), self.model.counts(by, wanted)),
        )

    @rule(which=one, include=includes)
    def get(self, which: int, include: Any) -> None:
        key = self.signal(which)
        whole = {*include, "raw_payload"}
        self.make(lambda ws: ws.get(key, include=include), lambda: self.model.get(key), whole)

    @rule(which=one)
    def history(self, which: int) -> None:
        key = self.signal(which)

        def told(ws: Workspace) -> Any:
            created, *events = ws.history(key)
            assert (created.kind, created.id, created.by, created.before) == ("created", None, None, {})
            sides = [(without_copies(dict(event.before)), without_copies(dict(event.after))) for event in events]
            told = [(event.kind, event.at, event.by, *both) for event, both in zip(events, sides, strict=True)]
            return sorted(told, key=event_order)

        self.make(told, lambda: self.model.history(key))

    @rule(source=st.sampled_from(["slack", "email"]), ref=st.sampled_from(["1", "2", "3"]))
    def find(self, source: str, ref: str) -> None:
        self.make(lambda ws: ws.find(source, ref), lambda: self.model.find(source, ref))

    @rule(age=st.sampled_from([0, 3600.0, timedelta(days=1)]), limit=st.sampled_from([1, 2, 100]), include=includes)
    def orphans(self, age: Any, limit: int, include: Any) -> None:
        def ask(ws: Workspace, after: str | None) -> Any:
            return ws.orphans(age, limit=limit, after=after, include=include)

        def asked(ws: Workspace) -> Any:
            found, page = every_page(ws, ask)
            return found, page.total

        self.make(asked, lambda: self.model.orphans(age), include)

    @rule(to=project, limit=st.sampled_from([1, 2, 100]), include=includes)
    def evidence(self, to: int, limit: int, include: Any) -> None:
        key = self.pick("project", to)

        def ask(ws: Workspace, after: str | None) -> Any:
            return ws.evidence(key, limit=limit, after=after, include=include)

        self.make(lambda ws: every_page(ws, ask)[0], lambda: self.model.evidence(key), include)

    @rule(to=st.lists(project, max_size=3))
    def evidence_counts(self, to: list[int]) -> None:
        keys = [self.pick("project", each) for each in to]
        self.make(lambda ws: ws.evidence_counts(keys), lambda: self.model.evidence_counts(keys))


@pytest.mark.parametrize("part", range(PARTS))
def test_both_databases_do_what_the_model_does(worlds: Worlds, part: int) -> None:
    class Part(Machine):
        pass

    Part.worlds = worlds
    examples = max(1, settings().max_examples // 2)
    run_state_machine_as_test(Part, settings=settings(max_examples=examples, stateful_step_count=STEPS))
