"""Does the history of a signal tell everything that happened to it, and lead from its creation to what is stored?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import ENGINES
from hypothesis import given
from hypothesis import strategies as st
from merging_kit import FULL, SAID, Desk, statements
from store_kit import Eye, lasting_store
from store_replay import check_history

from signals_peewee import SignalStore, Workspace, open_store
from signals_peewee.errors import NotFound
from signals_peewee.store import Event
from signals_peewee.store.history import COLUMNS

RECORDED = {
    **FULL,
    "occurred_at": "2024-02-29T12:30:15.123456Z",
    "ai_classification": None,
    "status": "new",
    "inbox_item_id": None,
    "merged_into_id": None,
    "processed_at": None,
}


@pytest.fixture
def desk(store: SignalStore, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def kinds(history: list[Event]) -> list[str]:
    return [event.kind for event in history]


def test_a_history_begins_with_what_was_recorded(desk: Desk) -> None:
    signal = desk.ws.record(**FULL).signal
    (created,) = desk.ws.history(signal.id)
    assert created == Event("created", signal.created_at, None, {}, RECORDED, None)  # type: ignore[arg-type]
    assert desk.ws.history(signal) == [created]


def test_recording_writes_no_event(desk: Desk) -> None:
    with statements() as sent:
        desk.ws.record("words", source="slack")
    assert len(sent) == 1
    desk.ws.record_many([FULL] * 3)
    desk.ws.record(**{**FULL, "severity": "low"})  # a conflict
    event: Any = desk.models.SignalEvent
    assert event.select().count() == 0


def test_every_change_is_told_with_who_when_before_and_after(desk: Desk) -> None:
    ws, user = desk.ws, desk.user
    signal, other = ws.record(**FULL).signal.id, ws.record("words", source="slack").signal.id
    ws.update(signal, severity="low", by=user)
    ws.set_status(signal, "reviewed")
    ws.link_project(signal, desk.one, reason="they ask for it", confidence=0.5, by=user)
    ws.link_persona(signal, "admin")
    ws.tag(signal, "hot")
    ws.merge(other, signal, by=user)
    ws.unmerge(signal)
    ws.untag(signal, "hot")
    ws.unlink_persona(signal, "admin")
    ws.unlink_project(signal, desk.one)
    ws.mark_processed(signal, by=user)
    ws.archive(signal)
    ws.restore(signal)
    history = ws.history(signal)
    assert kinds(history) == [
        "created", "updated", "status_set", "project_linked", "persona_linked", "tagged", "merged", "unmerged",
        "untagged", "persona_unlinked", "project_unlinked", "processed", "archived", "restored",
    ]  # fmt: skip
    assert kinds(ws.history(other)) == ["created", "absorbed", "released"]
    assert [event.by and event.by.id for event in history[:8]] == [None, user, None, user, None, None, user, None]
    assert [event.at for event in history] == sorted({event.at for event in history})
    assert history[-1].at == ws.get(signal).updated_at
    assert len({event.id for event in history}) == len(history)
    assert history[0].after == RECORDED
    told = {event.kind: (event.before, event.after) for event in history}
    assert told["updated"] == ({"severity": "high"}, {"severity": "low"})
    assert told["status_set"] == ({"status": "new"}, {"status": "reviewed"})
    assert told["archived"] == ({"status": "reviewed"}, {"status": "archived"})
    assert told["persona_linked"][0] == told["persona_unlinked"][1] == {}
    link = {"project": desk.one, "link_reason": "they ask for it", "confidence": 0.5, "status": "linked"}
    linked = told["project_linked"][1]
    assert linked == {**link, "linked_at": f"{history[3].at:%Y-%m-%dT%H:%M:%S.%fZ}", "linked_by": user}
    assert told["project_unlinked"] == (linked, {"status": "reviewed"})


def test_what_a_recording_fills_in_or_overwrites_is_told(desk: Desk) -> None:
    id = desk.ws.record("words", source="slack", source_ref="1", occurred_at=SAID).signal.id
    desk.ws.record("words", source="slack", source_ref="1", severity="low")
    desk.ws.record("words", source="slack", source_ref="1", severity="high")  # a conflict
    row = {"verbatim": "other", "source": "slack", "source_ref": "1", "occurred_at": SAID + timedelta(hours=1)}
    desk.ws.record_many([row, row], on_existing="update")
    created, filled, overwritten = desk.ws.history(id)
    assert (created.after["verbatim"], created.after["severity"]) == ("words", None)
    assert (filled.kind, filled.before, filled.after) == ("updated", {"severity": None}, {"severity": "low"})
    assert overwritten.before == {"verbatim": "words", "occurred_at": "2024-02-29T12:30:15.123456Z"}
    assert overwritten.after == {"verbatim": "other", "occurred_at": "2024-02-29T13:30:15.123456Z"}
    assert created.at < filled.at < overwritten.at == desk.ws.get(id).updated_at


def test_rows_of_one_batch_that_change_a_signal_are_one_event(desk: Desk) -> None:
    row = {"verbatim": "words", "source": "slack", "source_ref": "1"}
    rows: list[Any] = [row, {**row, "severity": "low"}, {**row, "frequency": "rare", "severity": "high"}]
    report = desk.ws.record_many(rows, on_existing="update")
    assert (report.created, report.updated) == (1, 2)
    (id,) = [each.id for each in desk.ws.page().items]
    created, updated = desk.ws.history(id)
    assert created.at < updated.at
    assert updated.before == {"severity": None, "frequency": None}
    assert updated.after == {"severity": "high", "frequency": "rare"}
    there_and_back = [{**row, "verbatim": "other", "user_segment": "SMB"}, row]
    assert desk.ws.record_many(there_and_back, on_existing="update").updated == 2
    assert desk.ws.history(id)[2].after == {"user_segment": "SMB"}
    assert desk.ws.record_many(there_and_back, on_existing="update").updated == 2
    assert len(desk.ws.history(id)) == 3
    assert desk.ws.history(id)[2].at == desk.ws.get(id).updated_at


def test_a_thousand_updated_rows_are_told_of_in_one_statement_more(desk: Desk) -> None:
    rows = [{"verbatim": "words", "source": "slack", "source_ref": str(number)} for number in range(1000)]
    desk.ws.record_many(rows)
    counts = []
    for severity, part in (("low", rows[:1]), ("low", rows)):
        with statements() as sent:
            desk.ws.record_many([{**row, "severity": severity} for row in part])
        counts.append(len([each for each in sent if "signal_events" in str(each)]))
    assert counts == [1, 1]
    events: Any = desk.models.SignalEvent
    assert events.select().where(events.kind == "updated").count() == 1000
    assert len({event.signal_id for event in events.select()}) == 1000


def test_an_update_by_recording_is_later_than_the_last_change_whatever_the_clocks(desk: Desk) -> None:
    signal, row = desk.models.Signal, {"verbatim": "words", "source": "slack", "source_ref": "1"}
    id = desk.ws.record(**row).signal.id  # type: ignore[arg-type]
    ahead = desk.ws.get(id).updated_at + timedelta(days=1)
    signal.update(updated_at=ahead).where(signal.id == id).execute()
    desk.ws.record(**row, severity="low")  # type: ignore[arg-type]
    desk.ws.record_many([{**row, "frequency": "rare"}])
    assert [event.at - ahead for event in desk.ws.history(id)[1:]] == [timedelta(microseconds=n) for n in (1, 2)]


def test_events_of_a_recording_are_undone_with_the_hosts_transaction(desk: Desk, store: SignalStore) -> None:
    id = desk.ws.record("words", source="slack", source_ref="1").signal.id
    with store.database.atomic() as transaction:
        desk.ws.record("words", source="slack", source_ref="1", severity="low")
        desk.ws.record_many([{"verbatim": "other", "source": "slack", "source_ref": "1"}], on_existing="update")
        assert kinds(desk.ws.history(id)) == ["created", "updated", "updated"]
        transaction.rollback()
    assert kinds(desk.ws.history(id)) == ["created"]


def test_a_history_takes_two_queries_however_long_it_is(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    email = desk.models.User.get_by_id(desk.user).email
    for length in (1, 2, 41):
        for number in range(length - len(desk.ws.history(signal))):
            desk.ws.update(signal, user_segment=f"{length} {number}", by=desk.user)
        with statements() as sent:
            history = desk.ws.history(signal)
            assert [event.by.email for event in history[1:]] == [email] * (length - 1)
        assert (len(history), len(sent)) == (length, 2)


def test_a_user_who_is_deleted_leaves_the_event(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    desk.ws.archive(signal, by=desk.user)
    desk.models.User.delete_by_id(desk.user)
    assert [(event.kind, event.by) for event in desk.ws.history(signal)] == [("created", None), ("archived", None)]


def test_a_strange_signal_has_no_history(desk: Desk, store: SignalStore) -> None:
    strange = Desk(store, store.workspace_named("other", create=True)).signals(1)[0]
    messages = set()
    for value in (strange, "0" * 21, "nul \0", 7, None):
        with pytest.raises(NotFound) as raised:
            desk.ws.history(value)  # type: ignore[arg-type]
        assert (raised.value.field, raised.value.value) == ("signal", value)
        messages.add(str(raised.value).replace(repr(value), "it"))
    assert len(messages) == 1


def test_what_is_written_past_the_library_seems_to_have_been_so_from_the_beginning(desk: Desk) -> None:
    signal = desk.ws.record(**FULL).signal
    desk.ws.update(signal, severity="low")
    row = desk.ws.get(signal.id)
    row.user_segment, row.severity = "SMB", "medium"
    row.save()
    created, updated = desk.ws.history(signal)
    assert (created.after["user_segment"], created.after["severity"]) == ("SMB", "high")
    assert updated.after == {"severity": "low"}


def test_what_happens_while_a_history_is_read_does_not_change_how_it_begins(url: str) -> None:
    with open_store(url) as store, open_store(url, migrate=False) as another:
        ws, meanwhile = (each.workspace_named("acme", create=True) for each in (store, another))
        signal = ws.record(**FULL).signal.id
        ws.update(signal, severity="medium")
        execute = store.database.execute_sql

        def overtaken(sql: str, *more: Any) -> Any:
            if "signal_events" in sql:
                meanwhile.update(signal, severity="low")
            return execute(sql, *more)

        store.database.execute_sql = overtaken  # type: ignore[method-assign]
        history = ws.history(signal)
    assert history[0].after == RECORDED
    assert [event.after for event in history[1:]] == [{"severity": "medium"}, {"severity": "low"}]


@pytest.fixture(scope="module", params=ENGINES)
def lasting(request: pytest.FixtureRequest) -> Iterator[SignalStore]:
    with lasting_store(request.param, request) as (store, _):
        yield store


few = st.sampled_from(["a", "b", "c"])
column = st.fixed_dictionaries(
    {},
    optional={
        "verbatim": few,
        "interpretation": st.none() | few,
        "severity": st.sampled_from([None, "low", "high"]),
        "source": st.sampled_from(["slack", "email"]),
        "source_metadata": st.none() | st.dictionaries(few, st.none() | st.booleans() | st.integers(0, 2), max_size=2),
        "ai_classification": st.none() | st.fixed_dictionaries({"clusterId": few}),
        "occurred_at": st.integers(0, 2).map(lambda hours: SAID + timedelta(hours=hours)),
    },
)
which = st.lists(st.integers(0, 2), min_size=1, max_size=3)
calls = st.one_of(
    st.tuples(st.just("update"), st.integers(0, 2), column),
    st.tuples(st.just("record"), st.integers(0, 2), column),
    st.tuples(st.sampled_from(["archive", "restore", "mark_processed"]), which),
    st.tuples(st.just("set_status"), which, st.sampled_from(["new", "reviewed", "linked", "archived"])),
    st.tuples(st.sampled_from(["link_project", "unlink_project"]), which, st.integers(0, 1)),
    st.tuples(st.sampled_from(["link_persona", "unlink_persona", "tag", "untag"]), which, few),
)


@given(calls=st.lists(calls, max_size=12))
def test_a_history_leads_from_what_was_recorded_to_what_is_stored(lasting: SignalStore, calls: list[Any]) -> None:
    desk = Desk(lasting, lasting.workspace(lasting.models.Workspace.create(name="acme").id))
    rows = [{**FULL, "source_ref": str(number)} for number in range(3)]
    signals = [desk.ws.record(**row).signal.id for row in rows]
    first = [desk.ws.history(signal)[0] for signal in signals]
    for call in calls:
        _make(desk, signals, rows, *call)
    seen = Eye(lasting).see(desk.ws.id)
    for signal, created, row in zip(signals, first, rows, strict=True):
        assert created.after == {**RECORDED, "source_ref": row["source_ref"]}
        assert desk.ws.history(signal)[0] == created
        assert list(created.after) == list(COLUMNS)
        check_history(desk.ws, seen, signal)


def _make(desk: Desk, signals: list[str], rows: list[Any], name: str, of: Any, *given: Any) -> None:
    ws = desk.ws
    if name == "update":
        ws.update(signals[of], **given[0])
    elif name == "record":
        changes = {key: value for key, value in given[0].items() if key not in ("source", "ai_classification")}
        row = ws.get(signals[of])
        ws.record(**{**rows[of], **changes, "source": row.source}, on_existing="update")
    else:
        project = name.endswith("project")
        more = [(desk.one, desk.two)[each] if project else each for each in given]
        getattr(ws, name)([signals[each] for each in of], *more)
