"""Are rows that are read fast the same as those that Peewee reads, and can they be saved?"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from peewee import AutoField, Database, ForeignKeyField, Model, OperationalError, TextField, UUIDField
from plans import SCANS, plan, statements

from signals_peewee import Hosts, SignalFilter, SignalStore, Workspace, open_store

UTC = timezone.utc
START = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


def filled(store: SignalStore, workspace: Workspace) -> Any:
    """Store a signal with something in every column, and everything that may belong to one."""
    models: Any = store.models
    user = models.User.create(email="ada@example.org")
    project = models.Project.create(workspace=workspace.id, name="p", description="é")
    item = models.InboxItem.create(
        workspace=workspace.id, type="feedback", source="email", title="t", raw_content="r", metadata={"a": [1, None]}
    )
    other = models.Signal.create(workspace=workspace.id, verbatim="other", source="other", status="archived")
    signal = models.Signal.create(
        workspace=workspace.id,
        verbatim='don\'t – "quote" 日本語',
        interpretation="",
        severity="high",
        frequency="rare",
        user_segment="SMB",
        source="slack",
        source_ref="C1/1",
        source_metadata={"channelId": "C1", "n": 1.5, "deep": {"list": [1, None, True]}},
        embedding="AAAA",
        embedding_model="m",
        embedding_hash="h",
        ai_classification={"isNewInitiative": False},
        inbox_item=item,
        merged_into=other,
        occurred_at=START,
        created_at=START + timedelta(days=1),
        updated_at=datetime(1, 1, 3, tzinfo=UTC),
        claimed_until=datetime(9999, 12, 29, 23, 59, 59, 999999, tzinfo=UTC),
        processed_at=START.replace(microsecond=0),
    )
    models.SignalProject.create(signal=signal, project=project, linked_by=user, link_reason="why", confidence=0.1)
    models.SignalPersona.create(signal=signal, persona_id="Ada", linked_by=user)
    models.SignalTag.create(signal=signal, tag="export")
    return signal


def related(row: Any) -> list[Any]:
    links = [*row.project_links, *row.persona_links, *row.tag_links]
    users = [link.linked_by for link in links if link.linked_by]
    return [row, row.workspace, row.inbox_item, *links, *(link.project for link in row.project_links), *users]


def test_rows_are_what_peewee_reads(store: SignalStore, workspace: Workspace) -> None:
    id = filled(store, workspace).id
    everything: Any = ["workspace", "inbox_item", "projects", "personas", "tags", "embedding"]
    read = workspace.get(id, include=everything)
    for row in related(read):
        theirs = type(row).get_by_id(row.get_id())
        assert type(theirs) is type(row)
        assert theirs == row
        assert theirs.__data__ == row.__data__
        assert [*map(type, theirs.__data__.values())] == [*map(type, row.__data__.values())]
        assert (theirs.dirty_fields, row.dirty_fields, row.is_dirty()) == ([], [], False)
    assert read.occurred_at == START
    assert {value.tzinfo for value in read.__data__.values() if isinstance(value, datetime)} == {UTC}


def test_a_page_and_a_single_row_are_the_same(store: SignalStore, workspace: Workspace) -> None:
    id = filled(store, workspace).id
    row = workspace.get(id)
    assert "embedding" not in row.__data__
    assert workspace.page(SignalFilter(merged=True)).items[0].__data__ == row.__data__
    found = workspace.find("slack", "C1/1")
    assert found is not None
    assert found.__data__ == row.__data__


DOCUMENT: Any = {"channelId": "C1", "rawPayload": {"rawPayload": "é" * 100}, "own": {"rawPayload": 1}}
LEAN: Any = {"channelId": "C1", "own": {"rawPayload": 1}}


def test_a_page_leaves_the_raw_payload_out_unless_it_is_asked_for(workspace: Workspace) -> None:
    id = workspace.record("words", source="slack", source_ref="1", source_metadata=DOCUMENT).signal.id
    assert workspace.page().items[0].source_metadata == LEAN
    assert workspace.page(include=["raw_payload"]).items[0].source_metadata == DOCUMENT
    assert workspace.get(id).source_metadata == DOCUMENT
    found = workspace.find("slack", "1")
    assert found is not None
    assert found.source_metadata == DOCUMENT


@pytest.mark.parametrize(
    ("document", "read"),
    [
        (None, None),
        ({}, {}),
        ({"rawPayload": None}, {}),
        ({"n": 12345678901234567890, "e": 1e-7, "rawPayload": 1}, {"n": 12345678901234567890, "e": 1e-7}),
        ({'a"rawPayload"': "rawPayload"}, {'a"rawPayload"': "rawPayload"}),
        (["rawPayload", {"rawPayload": 1}], ["rawPayload", {"rawPayload": 1}]),
        ("rawPayload", "rawPayload"),
        (7, 7),
    ],
)
def test_of_a_document_a_page_leaves_out_one_key_and_nothing_else(
    store: SignalStore, workspace: Workspace, document: Any, read: Any
) -> None:
    store.models.Signal.create(workspace=workspace.id, verbatim="words", source="other", source_metadata=document)
    assert workspace.page().items[0].source_metadata == read


def test_a_document_that_is_none_is_read_as_it_stands(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        workspace = store.workspace_named("acme", create=True)
        for text in ('{"rawPayload": ', ' {"rawPayload": 1}\n', "{} {}", "words"):
            id = workspace.record("words", source="other").signal.id
            store.database.execute_sql("UPDATE signals SET source_metadata = ? WHERE id = ?", (text, id))
        assert [row.source_metadata for row in workspace.page(sort="oldest").items] == [
            '{"rawPayload": ',
            {},
            "{} {}",
            "words",
        ]


def test_a_row_without_its_payload_is_saved_without_harm_to_it(store: SignalStore, workspace: Workspace) -> None:
    id = workspace.record("words", source="slack", source_metadata=DOCUMENT).signal.id
    row = workspace.page().items[0]
    row.severity = "high"
    assert row.save() == 1
    stored = store.models.Signal.get_by_id(id)
    assert (stored.severity, stored.source_metadata) == ("high", DOCUMENT)


def test_saving_writes_what_was_set_and_nothing_else(
    store: SignalStore, workspace: Workspace, database: Database
) -> None:
    model: Any = store.models.Signal
    id = filled(store, workspace).id
    for row in (workspace.get(id), model.get_by_id(id), next(iter(model.select().where(model.id == id)))):
        with statements(database) as sent:
            assert row.save() == 0
            assert sent == []
            row.severity, row.user_segment = "low", None
            assert row.save() == 1
            ((update, parameters),) = sent
            assert update.count("=") == len(['"severity" =', '"user_segment" =', 'WHERE "id" ='])
            assert parameters == ["low", None, id]
            assert row.save() == 0
            assert len(sent) == 1
        assert (model.get_by_id(id).severity, model.get_by_id(id).verbatim) == ("low", row.verbatim)
        row.severity, row.user_segment = "high", "SMB"
        row.save()


def test_a_document_that_was_changed_in_place_is_saved_when_it_is_set(store: SignalStore, workspace: Workspace) -> None:
    row: Any = workspace.record("words", source="other", source_metadata={"channelId": "C1"}).signal
    row.source_metadata["channelId"] = "C2"
    row.save()
    assert workspace.get(row.id).source_metadata == {"channelId": "C1"}
    row.source_metadata = row.source_metadata
    row.save()
    assert workspace.get(row.id).source_metadata == {"channelId": "C2"}


def test_new_rows_are_written_whole_with_their_defaults(store: SignalStore, workspace: Workspace) -> None:
    model: Any = store.models.Signal
    given = {"workspace": workspace.id, "verbatim": "words", "source": "other"}
    created = model.create(**given)
    assert (created.dirty_fields, created.save()) == ([], 0)
    forced = model(**given)
    assert forced.save(force_insert=True) == 1
    bulk = [model(**given), model(**given, id="my own key")]
    model.bulk_create(bulk)
    model.insert_many([given]).execute()
    model.insert(given).execute()
    rows = list(model.select())
    assert {created.id, forced.id, bulk[0].id, "my own key"} < {row.id for row in rows}
    assert {(row.status, row.verbatim, row.created_at.tzinfo) for row in rows} == {("new", "words", UTC)}
    assert len(rows) == 6
    unsaved = model(**given)
    assert (unsaved.save(), model.select().count()) == (0, 6)
    copy = workspace.get(created.id)
    copy.id = "a copy"
    copy.save(force_insert=True)
    assert model.get_by_id("a copy").created_at == created.created_at
    bulk[0].verbatim = "other words"
    model.bulk_update(bulk[:1], ["verbatim"])
    assert model.get_by_id(bulk[0].id).verbatim == "other words"


class Shouting(TextField):
    """A field of a host that makes something of NULL too."""

    def python_value(self, value: Any) -> Any:
        return "NOTHING" if value is None else value.upper()


def host(database: Database, name: str, /, **fields: Any) -> Any:
    meta = type("Meta", (), {"database": database, "table_name": f"host_{name.lower()}", "legacy_table_names": False})
    return type(name, (Model,), {**fields, "Meta": meta, "__module__": __name__})


def test_a_hosts_rows_are_made_as_the_host_makes_them(database: Database) -> None:
    begun: list[Any] = []

    def __init__(self: Any, *args: Any, **fields: Any) -> None:
        Model.__init__(self, *args, **fields)
        self.begun = self.__data__.get("name")
        begun.append(self)

    tenant = host(database, "Tenant", id=AutoField(), name=Shouting(), motto=Shouting(null=True), __init__=__init__)
    person = host(database, "Person", key=UUIDField(primary_key=True), boss=ForeignKeyField("self", null=True))
    database.create_tables([tenant, person])
    store = SignalStore(database, hosts=Hosts(workspace=tenant, user=person))
    store.migrate()
    workspace = store.workspace(tenant.create(name="acme"))
    boss = person.create(key=UUID(int=1), force_insert=True)
    ada = person.create(key=UUID(int=2), boss=boss, force_insert=True)
    signal = workspace.record("words", source="other").signal
    store.models.SignalTag.create(signal=signal, tag="export", linked_by=ada)
    begun.clear()
    row = workspace.get(signal.id, include=["workspace", "tags"])
    assert (row.workspace.name, row.workspace.motto, row.workspace.begun) == ("ACME", "NOTHING", "ACME")
    assert begun == [row.workspace]
    assert (row.workspace.dirty_fields, tenant.get_by_id(row.workspace_id).begun) == ([], "ACME")
    assert row.tag_links[0].linked_by == person.get_by_id(ada.key)
    assert row.tag_links[0].linked_by.boss == boss


def test_a_host_that_hides_some_of_its_rows_is_asked_each_time(database: Database) -> None:
    hidden: set[str] = set()

    def select(cls: Any, *fields: Any) -> Any:
        return Model.select.__func__(cls, *fields).where(cls.name.not_in(hidden))  # type: ignore[attr-defined]

    person = host(database, "Person", id=AutoField(), name=TextField(), select=classmethod(select))
    database.create_tables([person])
    store = SignalStore(database, hosts=Hosts(user=person))
    store.migrate()
    workspace = store.workspace_named("acme", create=True)
    signal = workspace.record("words", source="other").signal
    for name in ("Ada", "Bob"):
        store.models.SignalPersona.create(signal=signal, persona_id=name, linked_by=person.create(name=name))

    def names() -> list[str | None]:
        links = workspace.get(signal.id, include=["personas"]).persona_links
        return [link.linked_by and link.linked_by.name for link in links]

    assert names() == ["Ada", "Bob"]
    hidden.add("Ada")
    assert names() == [None, "Bob"]


def test_two_stores_each_make_rows_of_their_own(database: Database, sqlite_url: str) -> None:
    store = SignalStore(database)
    store.migrate()
    with open_store(sqlite_url) as other:
        for each in (store, other, store):
            workspace = each.workspace_named("acme", create=True)
            workspace.record("words", source="other", occurred_at=START)
            (row, *_) = workspace.page(include=["workspace"]).items
            assert (type(row), type(row.workspace)) == (each.models.Signal, each.models.Workspace)
            assert row.occurred_at == START


def test_what_fails_while_rows_are_fetched_is_peewees_error(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        workspace = store.workspace_named("acme", create=True)
        for _ in range(9):
            workspace.record("words", source="other")
        looked_at: list[str] = []

        def lower(text: str) -> str:
            looked_at.append(text)
            if len(looked_at) > 3:
                raise ValueError(text)
            return text

        store.database.connection().create_function("lower", 1, lower)
        with pytest.raises(OperationalError) as raised:
            workspace.page(SignalFilter(text="words"))
        assert isinstance(raised.value.__context__ or raised.value.__cause__, sqlite3.OperationalError)


def test_what_belongs_to_signals_is_found_by_its_keys_though_there_are_no_statistics(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        workspace = store.workspace_named("acme", create=True)
        filled(store, workspace)
        with statements(store.database) as sent:
            include: Any = ["workspace", "inbox_item", "projects", "personas", "tags"]
            workspace.page(SignalFilter(merged=True), include=include)
        assert len(sent) == 7
        for statement in sent[1:]:
            found = plan(store.database, statement).replace("SCAN json_each", "")
            assert not [word for word in (*SCANS, "workspace_") if word in found], found
