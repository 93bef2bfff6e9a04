"""Does an update change what is named and nothing else, checked as a recording is, and never the identity of two?"""

from __future__ import annotations

import enum
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from children import children, go, told
from merging_kit import FULL, SAID, Desk, statements
from peewee import Database, ForeignKeyField
from test_schema_hosts import ANY_KEY, KEYS, host_model

from signals_peewee import Hosts, SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidSignal, NotFound
from signals_peewee.store import UNSET

CHANGES: dict[str, Any] = {
    "verbatim": "  It is “quick”,\nnow \\ 😀 \t",
    "interpretation": "",
    "severity": "low",
    "frequency": "rare",
    "user_segment": "SMB",
    "source": "email",
    "source_ref": "https://x.example/?y=%s&z=',\\",
    "source_metadata": {"ticketId": "2", "deep": {"é": [None, 'q"\\{}']}},
    "ai_classification": {"isNewInitiative": True, "projectMatches": [{"projectId": "p", "confidence": 0.9}]},
    "occurred_at": datetime(2025, 1, 1, tzinfo=timezone.utc),
}
NULLABLE = {name for name in CHANGES if name not in ("verbatim", "source", "occurred_at")}


@pytest.fixture
def desk(store: SignalStore, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def item(desk: Desk) -> Any:
    columns = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": "…"}
    return desk.models.InboxItem.create(workspace=desk.ws.id, **columns)


def in_json(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", CHANGES)
def test_only_the_column_that_is_named_changes(desk: Desk, name: str) -> None:
    first = desk.ws.record(**FULL).signal
    updated = desk.ws.update(first.id, by=desk.user, **{name: CHANGES[name]})
    assert updated.as_row() == {**first.as_row(), name: CHANGES[name], "updated_at": updated.updated_at}
    assert updated.as_row() == desk.ws.get(first.id).as_row()
    assert updated.updated_at > first.updated_at
    assert updated.dirty_fields == []
    before, after = {name: in_json(FULL.get(name))}, {name: in_json(CHANGES[name])}
    assert desk.events(first.id) == [("updated", before, after)]
    assert desk.ws.history(first.id)[1].by.id == desk.user


def test_all_columns_change_in_one_event(desk: Desk) -> None:
    first, mail = desk.ws.record(**FULL).signal, item(desk)
    updated = desk.ws.update(first, **CHANGES, inbox_item_id=mail)
    changed = {**CHANGES, "inbox_item_id": mail.id}
    assert updated.as_row() == {**first.as_row(), **changed, "updated_at": updated.updated_at}
    ((_, before, after),) = desk.events(first.id)
    assert before == {name: in_json(FULL.get(name)) for name in changed}
    assert after == {name: in_json(value) for name, value in changed.items()}


def test_none_empties_a_column_that_may_be_empty(desk: Desk) -> None:
    first = desk.ws.record(**FULL, inbox_item_id=item(desk)).signal
    desk.ws.update(first.id, ai_classification={"clusterId": "1"})
    emptied = dict.fromkeys([*NULLABLE, "inbox_item_id"])
    row = desk.ws.update(first.id, **emptied)
    assert row.as_row() == {**first.as_row(), **emptied, "updated_at": row.updated_at}
    signal: Any = desk.models.Signal
    stored = signal.select().where(signal.source_metadata.is_null(), signal.ai_classification.is_null())
    assert [each.id for each in stored] == [first.id]


REFUSED: list[tuple[str, Any, str]] = [
    ("verbatim", None, "verbatim"),
    ("verbatim", " \n", "verbatim"),
    ("verbatim", "nul \0", "verbatim"),
    ("source", None, "source"),
    ("source", "fax", "source"),
    ("source_ref", "", "source_ref"),
    ("source_ref", "x" * 513, "source_ref"),
    ("occurred_at", None, "occurred_at"),
    ("occurred_at", datetime.fromisoformat("2024-01-01"), "occurred_at"),
    ("severity", "urgent", "severity"),
    ("frequency", "often", "frequency"),
    ("interpretation", "\ud800", "interpretation"),
    ("user_segment", 1, "user_segment"),
    ("source_metadata", [], "source_metadata"),
    ("source_metadata", {"a": float("nan")}, "source_metadata.a"),
    ("ai_classification", "x", "ai_classification"),
    ("ai_classification", {"a": [1, "\0"]}, "ai_classification.a[1]"),
]


@pytest.mark.parametrize(("name", "value", "field"), REFUSED)
def test_what_cannot_be_stored_is_refused_before_any_sql(desk: Desk, name: str, value: Any, field: str) -> None:
    id = desk.ws.record(**FULL).signal.id
    with statements() as sent, pytest.raises(InvalidSignal) as raised:
        desk.ws.update(id, **{"user_segment": "SMB", name: value})
    assert (raised.value.field, sent) == (field, [])


def test_a_name_that_is_no_column_of_an_update_is_no_argument(desk: Desk) -> None:
    id = desk.ws.record(**FULL).signal.id
    for name in ("status", "workspace_id", "embedding", "merged_into_id", "created_at", "typo"):
        with pytest.raises(TypeError, match=name):
            desk.ws.update(id, **{name: "x"})


def test_what_is_equal_is_no_change(desk: Desk) -> None:
    first = desk.ws.record(**{**FULL, "source_metadata": {"a": 1, "b": [2]}}).signal
    everything = desk.everything()
    india = timezone(timedelta(hours=5, minutes=30))
    same = {**FULL, "occurred_at": SAID.astimezone(india), "source_metadata": {"b": [2.0], "a": 1.0}}
    for given in (same, {}, {"ai_classification": None}, {"severity": UNSET, "inbox_item_id": None}):
        assert desk.ws.update(first.id, **given).as_row() == first.as_row()
    assert desk.everything() == everything
    assert desk.ws.update(first.id, source_metadata={"a": True, "b": [2]}).updated_at > first.updated_at
    desk.ws.update(first.id, **{**FULL, "source_metadata": None, "user_segment": "SMB"})
    (_, before, after) = desk.events(first.id)[-1]
    assert (before.keys(), after) == (
        {"source_metadata", "user_segment"},
        {"source_metadata": None, "user_segment": "SMB"},
    )


def test_an_enum_that_is_a_text_is_stored_as_its_text(desk: Desk) -> None:
    class Word(str, enum.Enum):
        LOW = "low"

    id = desk.ws.record(**FULL).signal.id
    assert type(desk.ws.update(id, severity=Word.LOW, user_segment=Word.LOW).severity) is str
    assert desk.ws.counts("severity") == {"low": 1}
    assert desk.events(id)[0][2] == {"severity": "low", "user_segment": "low"}


def test_a_changed_verbatim_empties_the_embedding_of_the_words_before(desk: Desk) -> None:
    id = desk.ws.record(**FULL).signal.id
    signal: Any = desk.models.Signal
    made = {"embedding": "AAAA", "embedding_model": "small", "embedding_hash": "of the first words"}
    signal.update(made).where(signal.id == id).execute()
    assert desk.ws.update(id, verbatim=FULL["verbatim"], severity="low").embedding_model == "small"
    assert signal.get_by_id(id).embedding == "AAAA"
    updated = desk.ws.update(id, verbatim="other words")
    assert updated.__data__ == desk.ws.get(id).__data__
    assert (updated.embedding_model, updated.embedding_hash) == (None, None)
    assert {name: getattr(signal.get_by_id(id), name) for name in made} == dict.fromkeys(made)
    assert desk.events(id)[-1][1:] == ({"verbatim": FULL["verbatim"]}, {"verbatim": "other words"})


def test_an_identity_that_another_signal_has_is_refused_and_named(desk: Desk, store: SignalStore) -> None:
    row = {"verbatim": "words", "source": "slack"}
    one, two = (desk.ws.record(**row, source_ref=ref).signal.id for ref in "12")  # type: ignore[arg-type]
    mail = desk.ws.record("words", source="email", source_ref="1").signal.id
    everything = desk.everything()
    for key, field, given, other in (
        (one, "source_ref", {"source_ref": "2", "severity": "low"}, two),
        (one, "source", {"source": "email"}, mail),
        (two, "source_ref", {"source": "email", "source_ref": "1"}, mail),
    ):
        with pytest.raises(InvalidSignal) as raised:
            desk.ws.update(key, **given)
        assert (raised.value.field, raised.value.value) == (field, given[field])
        assert repr(other) in raised.value.expected
        with store.database.atomic():
            with pytest.raises(InvalidSignal, match=other):
                desk.ws.update(key, **given)
            assert desk.everything() == everything
    desk.ws.update(two, source_ref=None)
    desk.ws.update(mail, source_ref=None, source="slack")
    assert desk.ws.update(one, source_ref="2").source_ref == "2"
    theirs = store.workspace_named("other", create=True)
    assert theirs.update(theirs.record("words", source="slack").signal, source_ref="2").source_ref == "2"
    assert desk.ws.find("slack", "2").id == one  # type: ignore[union-attr]


RACE = """
from signals_peewee.errors import InvalidSignal
for number in range(20):
    mine = ws.find("slack", f"{me} {number}").id
    wait()
    try:
        tell(["won", ws.update(mine, source_ref=f"common {number}").id])
    except InvalidSignal as error:
        tell([error.field, error.expected])
"""


def test_of_many_that_are_given_one_identity_at_once_one_gets_it(url: str) -> None:
    processes = 4
    with open_store(url) as store:
        ws = store.workspace_named("acme", create=True)
        refs = [f"{me} {number}" for me in range(processes) for number in range(20)]
        ws.record_many({"verbatim": "words", "source": "slack", "source_ref": ref} for ref in refs)
        with children(url, RACE, processes) as started:
            for _ in range(20):
                go(started)
                answers = [told(child) for child in started]
                ((_, winner),) = [each for each in answers if each[0] == "won"]
                lost = [said for what, said in answers if what == "source_ref" and winner in said]
                assert len(lost) == processes - 1
        event: Any = store.models.SignalEvent
        assert event.select().count() == 20


def test_another_process_that_takes_the_identity_in_between_is_named_in_the_hosts_transaction(url: str) -> None:
    script = """
from signals_peewee.errors import InvalidSignal
mine = ws.find("slack", "mine").id
with store.database.atomic():
    ws.archive(mine)
    wait()
    try:
        ws.update(mine, source_ref="taken")
    except InvalidSignal as error:
        tell([error.field, error.expected])
    ws.restore(mine)
tell(ws.get(mine).status)
"""
    with open_store(url) as store:
        ws = store.workspace_named("acme", create=True)
        ws.record("words", source="slack", source_ref="mine")
        if store.engine.name == "sqlite":  # where nobody else writes meanwhile
            script = script.replace("with store", "wait()\nwith store", 1).replace("    wait()\n", "", 1)
        with children(url, script) as (child,):
            assert told(child) == "ready"
            other = ws.record("words", source="slack", source_ref="taken").signal.id
            assert child.stdin
            child.stdin.write("go\n")
            child.stdin.flush()
            field, expected = told(child)
            assert (field, repr(other) in expected, told(child)) == ("source_ref", True, "reviewed")


def test_an_inbox_item_of_another_workspace_reads_as_one_that_is_not_there(desk: Desk, store: SignalStore) -> None:
    id = desk.ws.record(**FULL).signal.id
    strange = item(Desk(store, store.workspace_named("other", create=True)))
    everything, messages = desk.everything(), set()
    for value in (strange.id, "no such id"):
        with pytest.raises(NotFound) as raised:
            desk.ws.update(id, inbox_item_id=value, severity="low")
        assert (raised.value.field, raised.value.value) == ("inbox item", value)
        messages.add(str(raised.value).replace(repr(value), "it"))
    assert len(messages) == 1
    for value in ("nul \0", 5, ["x"], strange):
        with pytest.raises(NotFound, match="inbox item"):
            desk.ws.update(id, inbox_item_id=value)
    assert desk.everything() == everything


def test_a_strange_signal_or_user_is_not_found_before_any_write(desk: Desk, store: SignalStore) -> None:
    id = desk.ws.record(**FULL).signal.id
    other = Desk(store, store.workspace_named("other", create=True))
    theirs = other.ws.record(**FULL).signal
    everything = desk.everything()
    for value in (theirs, theirs.id, "0" * 21, 7, None, [id]):
        with pytest.raises(NotFound, match="signal"):
            desk.ws.update(value, severity="low")  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="user"):
        desk.ws.update(id, severity="low", by="nobody")
    assert desk.everything() == everything


@ANY_KEY
def test_a_hosts_keys_of_any_type_are_compared_and_told(database: Database, kind: str) -> None:
    make, key, _ = KEYS[kind]
    tenant = host_model(database, "Tenant", pk=make())
    person, mail = (
        host_model(database, "Person", pk=make()),
        host_model(database, "Mail", pk=make(), of=ForeignKeyField(tenant)),
    )
    database.create_tables([tenant, person, mail])
    store = SignalStore(database, hosts=Hosts(workspace=tenant, user=person, inbox_item=mail))
    store.migrate()
    ws = store.workspace(tenant.create(force_insert=True, pk=key(1)))
    user = person.create(force_insert=True, pk=key(1))
    one, two = (mail.create(force_insert=True, pk=key(number), of=key(1)) for number in (1, 2))
    id = ws.record("words", source="email", inbox_item_id=one).signal.id
    assert len([ws.update(id, inbox_item_id=given) for given in (one, key(1))]) == len(ws.history(id)) + 1
    assert ws.update(id, inbox_item_id=two, by=user).inbox_item_id == key(2)
    _, event = ws.history(id)
    plain = json.loads(json.dumps([key(1), key(2)], default=str))
    assert [event.before, event.after] == [{"inbox_item_id": each} for each in plain]
    assert event.by == user


def test_a_document_of_as_many_levels_as_can_be_stored_can_be_told(desk: Desk) -> None:
    deep: Any = {}
    for _ in range(199):
        deep = {"a": deep}
    signal = desk.ws.record(**{**FULL, "source_metadata": deep}).signal
    desk.ws.update(signal, source_metadata=None)
    desk.ws.update(signal, source_metadata=deep)
    assert [event.before.get("source_metadata") for event in desk.ws.history(signal)] == [None, deep, None]


def test_an_update_is_later_than_the_last_change_whatever_the_clocks(desk: Desk) -> None:
    first = desk.ws.record(**FULL).signal
    ahead = first.updated_at + timedelta(days=1)
    signal: Any = desk.models.Signal
    signal.update(updated_at=ahead).where(signal.id == first.id).execute()
    updated = desk.ws.update(first, severity="low")
    assert updated.updated_at == desk.ws.history(first)[1].at == ahead + timedelta(microseconds=1)


def test_an_update_is_undone_with_the_hosts_transaction(desk: Desk, store: SignalStore) -> None:
    id = desk.ws.record(**FULL).signal.id
    everything = desk.everything()
    with store.database.atomic() as transaction:
        assert desk.ws.update(id, severity="low").severity == "low"
        with pytest.raises(InvalidSignal):
            desk.ws.update(id, severity="urgent")
        assert desk.ws.update(id, severity="medium").severity == "medium"
        transaction.rollback()
    assert desk.everything() == everything
