"""Does an inbox item become signals exactly once, whoever tries, whoever dies, and whoever's table it is?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from children import children, go, told
from hypothesis import given
from hypothesis import strategies as st
from peewee import AutoField, Database, DateTimeField, ForeignKeyField, IntegerField, Model, TextField
from plans import statements

from signals_peewee import Hosts, SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidHosts, InvalidOption, InvalidSignal, NotFound
from signals_peewee.store import RejectedRow

SAID = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
TURN = """
rows = [{{"verbatim": f"words {{number}}"}} for number in range(3)]
wait()
tell([[[each.outcome, each.signal.id] for each in ws.from_inbox(item, rows)] for item in {items!r}])
"""
DIE = """
wait_before('UPDATE "inbox_items"')
ws.from_inbox({item!r}, [{{"verbatim": "one"}}, {{"verbatim": "two"}}])
"""


def item(store: SignalStore, workspace: Any, **more: Any) -> Any:
    values = {"type": "transcript", "source": "interview", "title": "A call", "raw_content": "raw words", **more}
    return store.models.InboxItem.create(workspace=workspace.id, **values)


def again(row: Any) -> Any:
    return type(row).get_by_id(row.get_id())


def count(store: SignalStore) -> int:
    return store.models.Signal.select().count()


def test_an_item_becomes_one_signal_of_what_it_says(store: SignalStore, workspace: Workspace) -> None:
    row = item(store, workspace, source_ref="call 7", metadata={"interviewee": "Ada"}, created_at=SAID)
    (recorded,) = workspace.from_inbox(row)
    assert (recorded.outcome, recorded.differences) == ("created", {})
    signal = workspace.get(recorded.signal.id)
    assert signal.as_row() == recorded.signal.as_row()
    assert (signal.verbatim, signal.source, signal.source_ref) == ("raw words", "interview", "call 7")
    assert (signal.source_metadata, signal.occurred_at) == ({"interviewee": "Ada"}, SAID)
    assert (signal.inbox_item_id, signal.status) == (row.id, "new")
    done = again(row)
    assert (done.status, done.updated_at) == ("assigned", done.processed_at)
    assert done.processed_at > done.created_at


def test_what_was_made_of_the_content_goes_before_the_content(store: SignalStore, workspace: Workspace) -> None:
    (recorded,) = workspace.from_inbox(item(store, workspace, processed_content="the gist", source_ref=""))
    assert (recorded.signal.verbatim, recorded.signal.source_ref) == ("the gist", None)


def test_an_item_becomes_the_signals_it_is_taken_apart_into(store: SignalStore, workspace: Workspace) -> None:
    row = item(store, workspace, source_ref="call 7", metadata={"interviewee": "Ada"})
    recorded = workspace.from_inbox(
        row.id,
        (
            each
            for each in [
                {"verbatim": "one", "severity": "high"},
                {"verbatim": "two", "source": "video", "source_ref": "2"},
            ]
        ),
    )
    assert [each.outcome for each in recorded] == ["created", "created"]
    one, two = (each.signal for each in recorded)
    assert (one.source, one.source_ref, one.severity, one.source_metadata) == ("interview", None, "high", None)
    assert (two.source, two.source_ref) == ("video", "2")
    assert one.inbox_item_id == two.inbox_item_id == row.id


def test_a_second_time_nothing_is_written_and_the_same_signals_come_back(
    store: SignalStore, workspace: Workspace
) -> None:
    row = item(store, workspace)
    first = workspace.from_inbox(row, [{"verbatim": str(number)} for number in range(20)])
    before = again(row)
    for rows in (None, [{"verbatim": "something else"}], []):
        second = workspace.from_inbox(row, rows)
        assert [each.signal.id for each in second] == sorted(each.signal.id for each in first)
        assert {(each.outcome, len(each.differences)) for each in second} == {("unchanged", 0)}
    assert [each.signal.verbatim for each in second] == [str(number) for number in range(20)]
    assert (again(row).__data__, count(store)) == (before.__data__, 20)


def test_an_item_of_which_nothing_came_is_done(store: SignalStore, workspace: Workspace) -> None:
    row = item(store, workspace)
    assert workspace.from_inbox(row, []) == []
    assert again(row).status == "assigned"
    assert workspace.from_inbox(row) == []


def test_rows_meet_what_is_stored_as_they_do_in_record(store: SignalStore, workspace: Workspace) -> None:
    source: Any = {"source": "interview"}
    for ref in ("kept", "contradicted", "another's"):
        workspace.record(ref, source_ref=ref, **source)
    workspace.record("another's", source_ref="taken", inbox_item_id=item(store, workspace), **source)
    row = item(store, workspace)
    workspace.record("same", source_ref="same", inbox_item_id=row, **source)
    recorded = workspace.from_inbox(
        row,
        [
            {"verbatim": "kept", "source_ref": "kept"},
            {"verbatim": "new", "source_ref": "new"},
            {"verbatim": "no", "source_ref": "contradicted"},
            {"verbatim": "same", "source_ref": "same"},
            {"verbatim": "new", "source_ref": "new"},
            {"verbatim": "newer", "source_ref": "new"},
            {"verbatim": "another's", "source_ref": "taken"},
            {"verbatim": "alone"},
        ],
    )
    assert [each.outcome for each in recorded] == [
        "updated",
        "created",
        "conflict",
        "unchanged",
        "unchanged",
        "conflict",
        "conflict",
        "created",
    ]
    assert recorded[0].differences == {"inbox_item_id": (None, row.id)}
    assert set(recorded[2].differences) == {"verbatim", "inbox_item_id"}
    assert set(recorded[6].differences) == {"inbox_item_id"}
    assert recorded[4].signal.id == recorded[1].signal.id
    assert {workspace.get(each.signal.id).verbatim for each in workspace.from_inbox(row)} == {
        "kept",
        "new",
        "same",
        "alone",
    }


ROWS = st.lists(
    st.fixed_dictionaries(
        {"verbatim": st.sampled_from(["a", "b"]), "source": st.sampled_from(["email", "slack"])},
        optional={
            "source_ref": st.sampled_from(["1", "2", None]),
            "severity": st.sampled_from(["high", "low"]),
            "source_metadata": st.sampled_from([{"channelId": "C1"}, {"channelId": "C2"}]),
        },
    ),
    max_size=6,
)


@given(before=ROWS, rows=ROWS)
def test_a_row_becomes_what_record_would_make_of_it(
    store: SignalStore, before: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    one, other = (store.workspace(store.models.Workspace.create(name="any")) for _ in range(2))
    items = [item(store, each) for each in (one, other)]
    for each in before:
        assert one.record(**each).outcome == other.record(**each).outcome
    together = one.from_inbox(items[0], rows)
    alone = [other.record(**each, inbox_item_id=items[1]) for each in rows]
    assert [each.outcome for each in together] == [each.outcome for each in alone]
    assert [set(each.differences) for each in together] == [set(each.differences) for each in alone]
    columns = ("verbatim", "source", "source_ref", "severity", "source_metadata")
    stored = [
        sorted(
            repr([[row.as_row()[name] for name in columns], row.inbox_item_id == its.id])
            for row in each.page(limit=500).items
        )
        for each, its in zip((one, other), items, strict=True)
    ]
    assert stored[0] == stored[1]


def test_a_row_that_is_refused_leaves_the_item_and_names_its_number(store: SignalStore, workspace: Workspace) -> None:
    row, good = item(store, workspace), {"verbatim": "good"}
    wrong: list[tuple[Any, str]] = [
        ({"verbatim": " "}, "verbatim"),
        ({"verbatim": "a", "source": "fax"}, "source"),
        ({"verbatim": "a", "colour": "red"}, "colour"),
        ({"verbatim": "a", "inbox_item_id": row.id}, "inbox_item_id"),
        ("words", "row"),
    ]
    for bad, field in wrong:
        with pytest.raises(InvalidSignal, match="row 2: ") as raised:
            workspace.from_inbox(row, [good, bad, good])
        assert isinstance(raised.value, RejectedRow)
        assert (raised.value.row_number, raised.value.field) == (2, field)
    assert (count(store), again(row).processed_at, again(row).status) == (0, None, "pending")
    assert [each.outcome for each in workspace.from_inbox(row, [good])] == ["created"]


def test_a_signal_that_was_there_tells_who_gave_it_its_item(store: SignalStore, workspace: Workspace) -> None:
    ada = store.models.User.create(email="ada@example.org")
    signal = workspace.record("words", source="interview", source_ref="1").signal
    row = item(store, workspace, raw_content="words", source_ref="1")
    (recorded,) = workspace.from_inbox(row, [{"verbatim": "words", "source_ref": "1"}], by=ada)
    assert (recorded.outcome, recorded.signal.id) == ("updated", signal.id)
    (event,) = store.models.SignalEvent.select()
    assert (event.kind, event.signal_id, event.created_by_id) == ("updated", signal.id, ada.id)
    assert (event.before, event.after) == ({"inbox_item_id": None}, {"inbox_item_id": row.id})


@pytest.mark.parametrize("rows", ["words", b"words", {"verbatim": "words"}, 7])
def test_rows_that_are_none_are_refused(store: SignalStore, workspace: Workspace, rows: Any) -> None:
    with pytest.raises(InvalidOption, match="rows: .*an iterable of mappings"):
        workspace.from_inbox(item(store, workspace), rows)


def test_an_item_that_says_nothing_is_refused(store: SignalStore, workspace: Workspace) -> None:
    row = item(store, workspace, raw_content=" ")
    with pytest.raises(InvalidSignal, match="verbatim: .*not an empty or blank text"):
        workspace.from_inbox(row)
    assert again(row).processed_at is None


def test_a_dismissed_item_is_refused(store: SignalStore, workspace: Workspace) -> None:
    row = item(store, workspace, status="dismissed")
    with pytest.raises(InvalidSignal, match="status: got 'dismissed'"):
        workspace.from_inbox(row)
    assert (count(store), again(row).status, again(row).processed_at) == (0, "dismissed", None)


def test_another_workspaces_item_reads_as_one_that_is_not_there(store: SignalStore, workspace: Workspace) -> None:
    theirs = item(store, store.workspace_named("other", create=True))
    messages = set()
    for wrong in (theirs.id, "0" * 21):
        with pytest.raises(NotFound) as raised:
            workspace.from_inbox(wrong)
        assert raised.value.field == "inbox item"
        messages.add(str(raised.value).replace(wrong, "KEY"))
    assert len(messages) == 1
    for strange in (theirs, None, 7, "a\0b"):
        with pytest.raises(NotFound, match="inbox item"):
            workspace.from_inbox(strange)
    with pytest.raises(NotFound, match="user"):
        workspace.from_inbox(item(store, workspace), by="nobody")
    assert count(store) == 0


def test_inside_the_hosts_transaction_it_is_rolled_back_with_the_rest(store: SignalStore, workspace: Workspace) -> None:
    row = item(store, workspace)
    with pytest.raises(ZeroDivisionError), store.database.atomic():
        workspace.from_inbox(row)
        raise ZeroDivisionError
    assert (count(store), again(row).processed_at) == (0, None)


def test_the_number_of_statements_does_not_grow_with_the_rows(
    store: SignalStore, workspace: Workspace, database: Database
) -> None:
    numbers = []
    for rows in (2, 50):
        row = item(store, workspace)
        with statements(database) as sent:
            workspace.from_inbox(row, [{"verbatim": str(number)} for number in range(rows)])
        numbers.append(len(sent))
    assert numbers[0] == numbers[1]


@pytest.fixture
def opened(url: str) -> Iterator[SignalStore]:
    with open_store(url) as store:
        store.workspace_named("acme", create=True)
        yield store


def test_workers_turn_an_item_once_and_all_get_its_signals(opened: SignalStore, url: str) -> None:
    workspace = opened.workspace_named("acme")
    items = [item(opened, workspace).id for _ in range(20)]
    with children(url, TURN.format(items=items), 4) as started:
        go(started)
        answers = [told(child) for child in started]
    for each in zip(*answers, strict=True):
        outcomes = sorted([outcome for outcome, _ in answer] for answer in each)
        assert outcomes == [["created"] * 3, ["unchanged"] * 3, ["unchanged"] * 3, ["unchanged"] * 3]
        assert len({tuple(id for _, id in answer) for answer in each}) == 1
    assert count(opened) == 60


def test_a_worker_killed_between_leaves_the_item_to_be_taken_again(opened: SignalStore, url: str) -> None:
    workspace = opened.workspace_named("acme")
    row = item(opened, workspace)
    with children(url, DIE.format(item=row.id)) as (child,):
        assert told(child) == "ready"
        child.kill()
        child.wait()
    assert (count(opened), again(row).processed_at, again(row).status) == (0, None, "pending")
    assert [each.outcome for each in workspace.from_inbox(row, [{"verbatim": "one"}])] == ["created"]


def host(database: Database, fields: dict[str, Any], **columns: Any) -> tuple[SignalStore, Any, Any]:
    """A store with a host's workspaces and inbox, and the two models."""
    meta = type("Meta", (), {"database": database, "legacy_table_names": False})
    tenant: Any = type("Tenant", (Model,), {"name": TextField(), "Meta": meta})
    owner = {"pk": AutoField(), "tenant": ForeignKeyField(tenant, backref="+")}
    mail: Any = type("Mail", (Model,), {**owner, **fields, "Meta": meta})
    database.create_tables([tenant, mail])
    mapped = {"inbox_columns": columns} if columns else {}
    store = SignalStore(database, hosts=Hosts(workspace=tenant, inbox_item=mail, **mapped))
    store.migrate()
    return store, tenant, mail


def test_a_hosts_own_inbox_is_read_and_written_where_it_is_mapped(database: Database) -> None:
    fields = {
        "body": TextField(),
        "gist": TextField(null=True),
        "channel": TextField(),
        "message": TextField(null=True),
        "status": IntegerField(default=1),
        "state": TextField(default="waiting"),
        "done_at": DateTimeField(null=True),
    }
    store, tenant, mail = host(
        database,
        fields,
        raw_content="body",
        processed_content=fields["gist"],
        source="channel",
        source_ref="message",
        processed_at="done_at",
        status="state",
    )
    acme, other = (store.workspace(tenant.create(name=name)) for name in ("acme", "other"))
    row = mail.create(tenant=acme.id, body="words", channel="email", message="m1")
    with pytest.raises(NotFound, match="inbox item"):
        other.from_inbox(row)
    before = store.engine.now()
    (recorded,) = acme.from_inbox(str(row.pk))
    signal = recorded.signal
    assert (signal.verbatim, signal.source, signal.source_ref) == ("words", "email", "m1")
    assert (signal.inbox_item_id, signal.source_metadata) == (row.pk, None)
    done = again(row)
    assert (done.status, done.state) == (1, "assigned")
    assert abs(done.done_at.replace(tzinfo=timezone.utc) - before).total_seconds() < 60
    assert [each.signal.id for each in acme.from_inbox(row)] == [signal.id]
    dismissed = mail.create(tenant=acme.id, body="words", channel="email", state="dismissed")
    with pytest.raises(InvalidSignal, match="dismissed"):
        acme.from_inbox(dismissed)


def test_a_hosts_fields_of_the_same_names_need_no_mapping_but_for_the_status(database: Database) -> None:
    fields = {
        "raw_content": TextField(),
        "source": TextField(),
        "processed_at": DateTimeField(null=True),
        "status": IntegerField(default=1),
    }
    store, tenant, mail = host(database, fields)
    acme = store.workspace(tenant.create(name="acme"))
    row = mail.create(tenant=acme.id, raw_content="words", source="email")
    assert [each.signal.verbatim for each in acme.from_inbox(row)] == ["words"]
    assert (again(row).status, again(row).processed_at is None) == (1, False)


def test_a_source_that_the_item_has_not_is_given_by_the_row(database: Database) -> None:
    store, tenant, mail = host(database, {"raw_content": TextField(), "processed_at": DateTimeField(null=True)})
    acme = store.workspace(tenant.create(name="acme"))
    row = mail.create(tenant=acme.id, raw_content="words")
    with pytest.raises(InvalidSignal, match="source: got None"):
        acme.from_inbox(row)
    with pytest.raises(RejectedRow, match="row 1: source: got None"):
        acme.from_inbox(row, [{"verbatim": "words"}])
    assert acme.from_inbox(row, [{"verbatim": "words", "source": "email"}])[0].outcome == "created"


def test_a_hosts_time_without_an_offset_is_refused_and_can_be_left_alone(database: Database) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    fields = {
        "raw_content": TextField(),
        "source": TextField(),
        "created_at": DateTimeField(default=lambda: naive),
        "processed_at": DateTimeField(null=True),
    }
    store, tenant, mail = host(database, fields)
    acme = store.workspace(tenant.create(name="acme"))
    row = mail.create(tenant=acme.id, raw_content="words", source="email")
    with pytest.raises(InvalidSignal, match=r"occurred_at: .*inbox_columns=\{'created_at': None\}"):
        acme.from_inbox(row)
    hosts = Hosts(workspace=tenant, inbox_item=mail, inbox_columns={"created_at": None})
    (recorded,) = SignalStore(database, hosts=hosts).workspace(acme.id).from_inbox(row)
    assert recorded.signal.occurred_at == recorded.signal.created_at


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"body": TextField, "processed_at": lambda: DateTimeField(null=True)}, "raw_content"),
        ({"raw_content": TextField}, "processed_at"),
        ({"raw_content": TextField, "processed_at": lambda: DateTimeField(default=datetime.now)}, "processed_at"),
    ],
)
def test_a_hosts_inbox_that_is_not_mapped_says_what_to_map(database: Database, fields: Any, missing: str) -> None:
    store, tenant, mail = host(database, {name: make() for name, make in fields.items()})
    acme = store.workspace(tenant.create(name="acme"))
    row = mail.create(tenant=acme.id, **{next(iter(fields)): "words"})
    with pytest.raises(
        InvalidHosts, match=rf"a field for {missing}: Hosts\(inbox_item=…, inbox_columns=\{{'{missing}'"
    ):
        acme.from_inbox(row)
    assert acme.record("words", source="email", inbox_item_id=row).outcome == "created"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"content": "body"}, "inbox_columns: got 'content', expected one of raw_content, processed_content"),
        ({"raw_content": "text"}, r"inbox_columns\['raw_content'\]: got 'text', expected a field of Mail: id, body"),
        ({"raw_content": 7}, "expected a field of Mail"),
        ({"processed_at": "body"}, r"inbox_columns\['processed_at'\]: .*null=True"),
        (["raw_content"], "inbox_columns: .*a mapping"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(database: Database, columns: Any, expected: str) -> None:
    meta = type("Meta", (), {"database": database})
    mail: Any = type("Mail", (Model,), {"body": TextField(), "Meta": meta})
    with pytest.raises(InvalidHosts, match=expected):
        SignalStore(database, hosts=Hosts(inbox_item=mail, inbox_columns=columns))


def test_a_mapping_without_an_inbox_is_refused(database: Database) -> None:
    with pytest.raises(InvalidHosts, match="beside an inbox_item of yours"):
        SignalStore(database, hosts=Hosts(inbox_columns={"raw_content": "body"}))
