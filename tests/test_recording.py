"""Is a signal that is recorded once stored once, and what becomes of a second recording?"""

from __future__ import annotations

import enum
import inspect
import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import peewee as pw
import pytest
from peewee import Database

from signals_peewee import Hosts, NewSignal, SignalStore, Workspace
from signals_peewee.errors import InvalidHosts, InvalidOption, InvalidSignal, NotFound
from signals_peewee.store.checking import NAMES

UTC = timezone.utc
SAID = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
FULL: dict[str, Any] = {
    "verbatim": '  Export is slow,\nand “breaks” \\ "often" {a,b} 😀 \t',
    "source": "webhook",
    "source_ref": "https://desk.example/ticket/1?x=%s&y=',\\",
    "occurred_at": SAID,
    "interpretation": "export times out",
    "severity": "high",
    "frequency": "common",
    "user_segment": "enterprise",
    "source_metadata": {"ticketId": "1", "rawPayload": {"n": [1, 2.5, True, None, 'q"\\{}'], "deep": {"é": "😀"}}},
}


@pytest.fixture
def item(store: SignalStore, workspace: Workspace) -> Any:
    return _item(store, workspace)


def _item(store: SignalStore, workspace: Workspace) -> Any:
    columns = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": "…"}
    return store.models.InboxItem.create(workspace=workspace.id, **columns)


def stored(workspace: Workspace, id: str) -> Any:
    return workspace.get(id)


def count(workspace: Workspace) -> int:
    signal: Any = workspace.models.Signal
    return int(signal.select().where(signal.workspace == workspace.id).count())


def test_a_new_signal_comes_back_as_it_is_read_back(workspace: Workspace, item: Any) -> None:
    recorded = workspace.record(**FULL, inbox_item_id=item.id)
    assert (recorded.outcome, recorded.differences) == ("created", {})
    assert recorded.signal.as_row() == stored(workspace, recorded.signal.id).as_row()
    assert {name: recorded.signal.as_row()[name] for name in FULL} == FULL  # type: ignore[literal-required]
    assert recorded.signal.inbox_item.title == "a mail"
    assert recorded.signal.dirty_fields == []


def test_recording_fills_in_what_create_fills_in(store: SignalStore, workspace: Workspace) -> None:
    recorded = workspace.record("words", source="other").signal.as_row()
    created = store.models.Signal.create(workspace=workspace.id, verbatim="words", source="other").as_row()
    times = ("occurred_at", "created_at", "updated_at")
    differing = {name for name in recorded if recorded[name] != created[name]}  # type: ignore[literal-required]
    assert differing <= {"id", *times}
    assert len(recorded["id"]) == len(created["id"]) == 21
    assert recorded["id"][:10] <= created["id"][:10]
    assert all(timedelta(0) <= created[name] - recorded[name] < timedelta(minutes=1) for name in times)
    assert recorded["occurred_at"] == recorded["created_at"] == recorded["updated_at"]


def test_without_a_source_ref_every_call_creates(workspace: Workspace) -> None:
    outcomes = [workspace.record("again", source="paste").outcome for _ in range(3)]
    assert outcomes == ["created"] * 3
    assert count(workspace) == 3


def test_a_retry_is_unchanged(workspace: Workspace) -> None:
    first = workspace.record(**FULL)
    again = workspace.record(**FULL)
    assert (again.outcome, again.differences) == ("unchanged", {})
    assert again.signal.as_row() == first.signal.as_row()
    assert count(workspace) == 1


def test_only_what_is_passed_is_compared_and_never_the_metadata(workspace: Workspace) -> None:
    first = workspace.record(**FULL).signal
    fewer = workspace.record(
        FULL["verbatim"], source="webhook", source_ref=FULL["source_ref"], source_metadata={"webhookId": "retry-2"}
    )
    assert fewer.outcome == "unchanged"
    assert fewer.signal.as_row() == first.as_row()


def test_the_same_instant_in_another_zone_is_the_same(workspace: Workspace) -> None:
    workspace.record(**FULL)
    india = timezone(timedelta(hours=5, minutes=30))
    assert workspace.record(**{**FULL, "occurred_at": SAID.astimezone(india)}).outcome == "unchanged"


def test_empty_columns_are_filled(workspace: Workspace, item: Any) -> None:
    first = workspace.record(FULL["verbatim"], source="webhook", source_ref=FULL["source_ref"], occurred_at=SAID).signal
    filled = workspace.record(**FULL, inbox_item_id=item.id)
    empty = {
        "interpretation": (None, "export times out"),
        "severity": (None, "high"),
        "frequency": (None, "common"),
        "user_segment": (None, "enterprise"),
        "source_metadata": (None, FULL["source_metadata"]),
        "inbox_item_id": (None, item.id),
    }
    assert (filled.outcome, filled.differences) == ("updated", empty)
    assert filled.signal.as_row() == stored(workspace, first.id).as_row()
    assert filled.signal.updated_at > first.updated_at
    assert filled.signal.created_at == first.created_at


def test_a_contradiction_is_a_conflict_that_writes_nothing(workspace: Workspace) -> None:
    first = workspace.record(**{**FULL, "frequency": None}).signal
    for name, given in [
        ("verbatim", "other words"),
        ("verbatim", FULL["verbatim"].strip()),
        ("occurred_at", SAID + timedelta(microseconds=1)),
        ("severity", "low"),
        ("user_segment", "Enterprise"),
        ("interpretation", ""),
    ]:
        conflict = workspace.record(**{**FULL, name: given})
        assert conflict.outcome == "conflict"
        assert conflict.differences == {name: (FULL[name], given), "frequency": (None, "common")}
        assert conflict.signal.as_row() == stored(workspace, first.id).as_row() == first.as_row()


def test_on_existing_update_overwrites(workspace: Workspace) -> None:
    first = workspace.record(**FULL).signal
    change = {"verbatim": "other words", "severity": "low", "source_metadata": {"ticketId": "2"}}
    updated = workspace.record(**{**FULL, **change}, on_existing="update")
    assert updated.outcome == "updated"
    assert updated.differences == {name: (FULL[name], new) for name, new in change.items()}
    assert updated.signal.as_row() == stored(workspace, first.id).as_row()
    assert {**first.as_row(), **change, "updated_at": updated.signal.updated_at} == updated.signal.as_row()
    assert updated.signal.updated_at > first.updated_at
    assert workspace.record(**{**FULL, **change}, on_existing="update").outcome == "unchanged"


def test_on_existing_update_never_empties_a_column(workspace: Workspace) -> None:
    workspace.record(**FULL)
    few = workspace.record(FULL["verbatim"], source="webhook", source_ref=FULL["source_ref"], on_existing="update")
    assert few.outcome == "unchanged"
    assert few.signal.severity == "high"


def test_a_changed_verbatim_empties_the_embedding_of_the_words_before(store: SignalStore, workspace: Workspace) -> None:
    id = workspace.record(**FULL).signal.id
    signal: Any = store.models.Signal
    made = {"embedding": "AAAA", "embedding_model": "small", "embedding_hash": "of the first words"}
    signal.update(made).where(signal.id == id).execute()
    kept = workspace.record(**{**FULL, "severity": "low"}, on_existing="update").signal
    assert (kept.embedding_model, signal.get_by_id(id).embedding) == ("small", "AAAA")
    for record in (
        lambda words: workspace.record(**{**FULL, "verbatim": words}, on_existing="update"),
        lambda words: workspace.record_many([{**FULL, "verbatim": words}], on_existing="update"),
    ):
        signal.update(made).where(signal.id == id).execute()
        record(f"other words {record}")
        assert {name: getattr(signal.get_by_id(id), name) for name in made} == dict.fromkeys(made)
    assert workspace.get(id, include=["embedding"]).embedding is None


def test_documents_are_compared_as_json(workspace: Workspace) -> None:
    cases: list[tuple[Any, Any, str]] = [
        ({"a": 1}, {"a": 1.0}, "unchanged"),
        ({"a": 1}, {"a": True}, "updated"),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, "unchanged"),
        ({"a": 1e16}, {"a": 1e16}, "unchanged"),
        ({"a": 1}, {"a": 1, "b": None}, "updated"),
    ]
    for at, (one, other, outcome) in enumerate(cases):
        row: Any = {"verbatim": "words", "source": "slack", "source_ref": str(at)}
        workspace.record(**row, source_metadata=one)
        assert workspace.record(**row, source_metadata=other, on_existing="update").outcome == outcome, (one, other)


def test_the_identity_is_the_workspace_the_source_and_the_ref(store: SignalStore, workspace: Workspace) -> None:
    other = store.workspace_named("other", create=True)
    cases = [(workspace, "slack", "1"), (workspace, "email", "1"), (workspace, "slack", "1 "), (other, "slack", "1")]
    for where, source, ref in cases:
        assert where.record("words", source=source, source_ref=ref).outcome == "created"  # type: ignore[arg-type]


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("verbatim", {"verbatim": None}),
    ("verbatim", {"verbatim": 5}),
    ("verbatim", {"verbatim": b"bytes"}),
    ("verbatim", {"verbatim": ""}),
    ("verbatim", {"verbatim": " \n\t\u3000"}),
    ("verbatim", {"verbatim": "nul \0"}),
    ("verbatim", {"verbatim": "lone \ud83d"}),
    ("source", {"source": None}),
    ("source", {"source": "Slack"}),
    ("source", {"source": ["slack"]}),
    ("source_ref", {"source_ref": ""}),
    ("source_ref", {"source_ref": "x" * 513}),
    ("source_ref", {"source_ref": 7}),
    ("source_ref", {"source_ref": "\udc00"}),
    ("occurred_at", {"occurred_at": datetime.fromisoformat("2024-01-01")}),
    ("occurred_at", {"occurred_at": "2024-01-01T00:00:00Z"}),
    ("occurred_at", {"occurred_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}),
    ("severity", {"severity": "urgent"}),
    ("severity", {"severity": ""}),
    ("frequency", {"frequency": "often"}),
    ("interpretation", {"interpretation": "\0"}),
    ("user_segment", {"user_segment": 1}),
    ("source_metadata", {"source_metadata": []}),
    ("source_metadata.a", {"source_metadata": {"a": "\0"}}),
    ("source_metadata.a[1]", {"source_metadata": {"a": [1, float("nan")]}}),
    ("source_metadata.a.b", {"source_metadata": {"a": {"b": object()}}}),
    ("source_metadata key", {"source_metadata": {1: "a"}}),
    ("source_metadata key", {"source_metadata": {"\ud800": "a"}}),
]


def test_what_cannot_be_stored_is_refused_before_any_sql(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    for field, change in REFUSED:
        with caplog.at_level(logging.DEBUG, "peewee"):
            with pytest.raises(InvalidSignal) as single:
                workspace.record(**{**FULL, **change})
            report = workspace.record_many([{**FULL, **change}])
        assert caplog.records == [], change
        assert single.value.field == field
        assert (report.rejected, report.rejections[0].field) == (1, field)
        assert report.rejections[0].reason == str(single.value)


def test_a_source_ref_has_1_to_512_characters(workspace: Workspace) -> None:
    for length in (1, 512):
        for outcome in ("created", "unchanged"):
            assert workspace.record("words", source="slack", source_ref="😀" * length).outcome == outcome


def test_repair_replaces_what_cannot_be_stored(workspace: Workspace) -> None:
    given = {
        "verbatim": "a\0b\ud800",
        "source_ref": "\0",
        "interpretation": "\udfff",
        "user_segment": "\0",
        "source_metadata": {"k\0": ["\ud800", float("inf")]},
    }
    for _ in range(2):
        row = workspace.record(**given, source="slack", repair=True).signal.as_row()  # type: ignore[arg-type]
        assert {name: row[name] for name in given} == {  # type: ignore[literal-required]
            "verbatim": "a\ufffdb\ufffd",
            "source_ref": "\ufffd",
            "interpretation": "\ufffd",
            "user_segment": "\ufffd",
            "source_metadata": {"k\ufffd": ["\ufffd", None]},
        }
    assert workspace.record_many([{**given, "source": "slack"}], repair=True).unchanged == 1


def test_an_enum_that_is_a_text_is_stored_as_its_text(workspace: Workspace) -> None:
    class Source(str, enum.Enum):
        SLACK = "slack"

    assert type(workspace.record("words", source=Source.SLACK).signal.source) is str  # type: ignore[arg-type]
    assert workspace.record_many([{"verbatim": "words", "source": Source.SLACK}]).created == 1
    assert workspace.counts(by="source") == {"slack": 2}


def test_a_text_of_a_million_characters_is_stored(workspace: Workspace) -> None:
    text = "wörds " * 200_000
    id = workspace.record(text, source="upload", source_ref="long").signal.id
    assert stored(workspace, id).verbatim == text
    assert workspace.record(text, source="upload", source_ref="long").outcome == "unchanged"


def test_an_inbox_item_of_another_workspace_reads_as_one_that_is_not_there(
    store: SignalStore, workspace: Workspace, item: Any
) -> None:
    other = store.workspace_named("other", create=True)
    strange = _item(store, other).id
    for value in (strange, "no such id", "nul \0", 5, ["x"], b"\xff"):
        with pytest.raises(NotFound) as missing:
            workspace.record("words", source="slack", inbox_item_id=value)
        assert (missing.value.field, missing.value.value) == ("inbox item", value)
    assert count(workspace) == 0
    assert workspace.record("words", source="slack", inbox_item_id=item.id).outcome == "created"
    assert workspace.record("words", source="slack", inbox_item_id=item).signal.inbox_item_id == item.id


def test_a_workspace_that_was_deleted_is_not_found(store: SignalStore, workspace: Workspace, item: Any) -> None:
    store.models.Workspace.delete().execute()
    for given in ({}, {"inbox_item_id": item.id}):
        with pytest.raises(NotFound):
            workspace.record("words", source="slack", **given)
    with pytest.raises(NotFound, match="workspace"):
        workspace.record_many([{"verbatim": "words", "source": "slack"}])


def test_recording_is_undone_with_the_hosts_transaction(store: SignalStore, workspace: Workspace) -> None:
    workspace.record(**FULL)
    with store.database.atomic() as transaction:
        assert workspace.record("words", source="slack", source_ref="1").outcome == "created"
        assert workspace.record("words", source="slack", source_ref="1").outcome == "unchanged"
        assert workspace.record("words", source="slack", source_ref="1", severity="low").outcome == "updated"
        assert workspace.record_many([{"verbatim": "words", "source": "paste"}] * 5, batch_size=2).created == 5
        with pytest.raises(NotFound):
            workspace.record("words", source="slack", inbox_item_id="nobody's")
        assert count(workspace) == 7
        transaction.rollback()
    assert count(workspace) == 1


def test_a_refused_statement_leaves_the_hosts_transaction_usable(store: SignalStore, workspace: Workspace) -> None:
    gone = store.workspace_named("gone", create=True)
    with store.database.atomic():
        store.models.Workspace.delete_by_id(gone.id)
        for record in (lambda: gone.record("words", source="slack"), lambda: gone.record_many([_words()])):
            with pytest.raises(NotFound, match="workspace"):
                record()
        workspace.record("words", source="slack")
    assert count(workspace) == 1


def _words() -> dict[str, Any]:
    return {"verbatim": "words", "source": "slack"}


def test_rows_of_record_many_are_the_arguments_of_record() -> None:
    arguments = set(inspect.signature(Workspace.record).parameters) - {"self", "on_existing", "repair"}
    assert arguments == set(NewSignal.__annotations__) == set(NAMES)


def test_an_unknown_word_for_on_existing_is_refused(workspace: Workspace) -> None:
    for record in (
        lambda: workspace.record("words", source="slack", on_existing="replace"),  # type: ignore[arg-type]
        lambda: workspace.record_many([], on_existing="replace"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidOption, match="'keep' or 'update'"):
            record()


def _uuid_hosts(base: Any) -> tuple[Hosts, Callable[[], Any]]:
    workspace = type("Tenant", (base,), {"id": pw.UUIDField(primary_key=True, default=uuid.uuid4)})
    item = type("Mail", (base,), {"workspace": pw.ForeignKeyField(workspace)})
    return Hosts(workspace=workspace, inbox_item=item), lambda: workspace.create(id=uuid.uuid4())  # type: ignore[attr-defined]


def _number_hosts(base: Any) -> tuple[Hosts, Callable[[], Any]]:
    workspace = type("Tenant", (base,), {"id": pw.BigAutoField(), "name": pw.TextField(null=True)})
    item = type(
        "Mail",
        (base,),
        {
            "id": pw.UUIDField(primary_key=True, default=uuid.uuid4),
            "workspace": pw.ForeignKeyField(workspace, null=True),
        },
    )
    return Hosts(workspace=workspace, inbox_item=item), workspace.create  # type: ignore[attr-defined]


@pytest.mark.parametrize("hosts_of", [_uuid_hosts, _number_hosts])
def test_a_hosts_keys_of_any_type_are_stored_and_compared(database: Database, hosts_of: Callable[..., Any]) -> None:
    base = type("Base", (pw.Model,), {"Meta": type("Meta", (), {"database": database})})
    hosts, tenant = hosts_of(base)
    database.create_tables([hosts.workspace, hosts.inbox_item])
    store = SignalStore(database, hosts=hosts)
    store.migrate()
    one, other = tenant(), tenant()
    workspace = store.workspace(one)
    mine, strange = (hosts.inbox_item.create(workspace=each) for each in (one, other))
    row = {**FULL, "inbox_item_id": mine.id}
    signal = workspace.record(**row).signal
    assert signal.as_row() == stored(workspace, signal.id).as_row()
    assert (signal.workspace_id, signal.inbox_item_id) == (one.id, mine.id)
    assert workspace.record(**{**row, "inbox_item_id": str(mine.id)}).outcome == "unchanged"
    rows = [row, {**row, "source_ref": "2"}, {**row, "source_ref": "2", "severity": "low"}]
    for value in (strange.id, "nonsense", 1 << 80, uuid.uuid4()):
        with pytest.raises(NotFound, match="inbox item"):
            workspace.record(**{**row, "inbox_item_id": value})
        rows.append({**row, "inbox_item_id": value})
    for created in (1, 0):
        report = workspace.record_many(rows)
        assert (report.created, report.unchanged, report.conflicts, report.rejected) == (created, 2 - created, 1, 4)
    assert store.workspace(other).record(**{**FULL, "source_ref": "1"}).outcome == "created"


def test_an_inbox_without_a_workspace_is_shared(database: Database) -> None:
    base = type("Base", (pw.Model,), {"Meta": type("Meta", (), {"database": database})})
    item: Any = type("Mail", (base,), {"title": pw.TextField(default="")})
    database.create_tables([item])
    store = SignalStore(database, hosts=Hosts(inbox_item=item))
    store.migrate()
    workspace = store.workspace_named("acme", create=True)
    assert workspace.record("words", source="email", inbox_item_id=item.create().id).outcome == "created"
    with pytest.raises(NotFound):
        workspace.record("words", source="email", inbox_item_id=77)


def test_an_inbox_with_two_keys_to_the_workspace_has_to_say_which(database: Database) -> None:
    base = type("Base", (pw.Model,), {"Meta": type("Meta", (), {"database": database})})
    tenant: Any = type("Tenant", (base,), {})
    keys = {name: pw.ForeignKeyField(tenant, backref="+") for name in ("owner", "guest")}
    item: Any = type("Mail", (base,), keys)
    database.create_tables([tenant, item])
    with pytest.raises(InvalidHosts, match="one called workspace"):
        SignalStore(database, hosts=Hosts(workspace=tenant, inbox_item=item))


@pytest.mark.parametrize("ids", ["time", "random"])
def test_a_schema_and_the_kind_of_ids_are_kept(database: Database, engine_name: str, ids: Any) -> None:
    schema = 'tenant "a"' if engine_name == "postgres" else None
    store = SignalStore(database, schema=schema, ids=ids)
    store.migrate()
    workspace = store.workspace_named("acme", create=True)
    assert [workspace.record(**FULL).outcome for _ in range(2)] == ["created", "unchanged"]
    assert workspace.record(**{**FULL, "verbatim": "x"}, on_existing="update").outcome == "updated"
    assert workspace.record_many([{**FULL, "verbatim": "x"}, {**FULL, "source_ref": "2"}]).created == 1
