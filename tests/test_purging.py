"""Is everything of a workspace gone after a purge, and nothing of any other?"""

from __future__ import annotations

from typing import Any

import pytest
from erasure_kit import ADA, Desk, busy, untouched
from merging_kit import statements
from peewee import AutoField, Database, ForeignKeyField, Model, TextField

from signals_peewee import Hosts, SignalStore
from signals_peewee.errors import NotFound
from signals_peewee.schema.ids import LENGTH
from signals_peewee.store import Purged

ALL = Purged(signals=3, events=8, links=7, inbox_items=1, projects=1, workspaces=1)


@pytest.fixture
def desk(store: SignalStore) -> Desk:
    desk = Desk(store)
    busy(desk)
    return desk


@pytest.fixture
def other(store: SignalStore) -> Desk:
    """Another workspace, that holds the same."""
    other = Desk(store, "other")
    busy(other)
    return other


def everything(store: SignalStore) -> dict[str, list[Any]]:
    """Every row of every table of the library, as the database holds it."""
    tables = [model._meta.table_name for model in store.models.owned]
    return {table: sorted(store.database.execute_sql(f"SELECT * FROM {table}").fetchall()) for table in tables}


@pytest.mark.parametrize("given", ["row", "key"])
def test_a_workspace_is_purged_with_everything_in_it(desk: Desk, other: Desk, given: str) -> None:
    row = desk.models.Workspace.get_by_id(desk.ws.id)
    with untouched(other):
        assert desk.store.purge(row if given == "row" else desk.ws.id) == ALL
    assert {table: rows for table, rows in desk.seen().items() if rows} == {}
    for again in (row, desk.ws.id):
        with pytest.raises(NotFound, match="workspace"):
            desk.store.purge(again)
    with pytest.raises(NotFound, match="workspace"):
        desk.signal()


def test_what_is_left_is_what_was_there_without_it(store: SignalStore) -> None:
    other = Desk(store, "other")
    busy(other)
    before = everything(store)
    desk = Desk(store)
    busy(desk)
    store.purge(desk.ws.id)
    desk.models.User.delete_by_id(desk.user)  # users are of no workspace, and stay
    assert everything(store) == before


@pytest.mark.parametrize("unknown", ["0" * LENGTH, "", 7, None, "\0"])
def test_no_workspace_is_not_found(desk: Desk, unknown: Any) -> None:
    with untouched(desk), pytest.raises(NotFound, match="workspace"):
        desk.store.purge(unknown)


def test_a_purge_is_part_of_the_hosts_transaction(desk: Desk) -> None:
    with untouched(desk), desk.store.database.atomic() as transaction:
        assert desk.store.purge(desk.ws.id) == ALL
        transaction.rollback()


def test_the_number_of_statements_does_not_grow(store: SignalStore) -> None:
    sent = []
    for count in (1, 30):
        desk = Desk(store, f"{count}")
        desk.ws.tag([desk.of(ADA) for _ in range(count)], "hot")
        with statements() as log:
            assert store.purge(desk.ws.id).signals == count
        sent.append(len(log))
    assert sent[0] == sent[1]


def test_a_hosts_own_tables_are_never_touched(database: Database) -> None:
    class Base(Model):
        class Meta:
            database: Any = None

    class Tenant(Base):
        id = AutoField()

        class Meta:
            table_name = "tenants"

    class Initiative(Base):
        id = AutoField()
        tenant = ForeignKeyField(Tenant, on_delete="CASCADE", column_name="tenant_id")

        class Meta:
            table_name = "initiatives"

    class Ticket(Base):
        id = AutoField()
        body = TextField()

        class Meta:
            table_name = "tickets"

    models = [Tenant, Initiative, Ticket]
    database.bind(models, bind_refs=False, bind_backrefs=False)
    database.create_tables(models)
    mine, theirs = Tenant.create(), Tenant.create()
    initiative, ticket = Initiative.create(tenant=mine), Ticket.create(body="words")
    store = SignalStore(database, hosts=Hosts(workspace=Tenant, project=Initiative, inbox_item=Ticket))
    store.migrate()
    for tenant in (mine, theirs):
        ws = store.workspace(tenant)
        ws.tag(ws.record("words", source="email", inbox_item_id=ticket).signal.id, "hot")
    first: Any = next(iter(store.workspace(mine).page().items))
    store.workspace(mine).link_project(first, initiative)
    assert store.purge(mine) == Purged(signals=1, events=2, links=2, inbox_items=0, projects=0, workspaces=0)
    assert [len(list(model.select())) for model in models] == [2, 1, 1]
    assert (store.workspace(mine).count(), store.workspace(theirs).count()) == (0, 1)
    assert store.purge(mine.id) == Purged(0, 0, 0, 0, 0, 0)
