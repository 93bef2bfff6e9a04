"""Do a host's own models work in every role, and come out unchanged?"""

from __future__ import annotations

import gc
import threading
import uuid
import weakref
from pathlib import Path
from typing import Any

import pytest
from catalog import catalog
from conftest import ENGINES
from peewee import (
    AutoField,
    BigAutoField,
    CharField,
    CompositeKey,
    Database,
    DatabaseProxy,
    DeferredForeignKey,
    FixedCharField,
    ForeignKeyField,
    IdentityField,
    IntegrityError,
    Model,
    SqliteDatabase,
    TextField,
    UUIDField,
)

from signals_peewee import Hosts, SignalStore
from signals_peewee.errors import HostsChanged, InvalidHosts, InvalidOption, NotFound, StepFailed
from signals_peewee.schema import tables

KEYS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "text": (lambda: TextField(primary_key=True), lambda n: f"key {n}", {"sqlite": "TEXT", "postgres": "text"}),
    "varchar": (
        lambda: CharField(30, primary_key=True),
        lambda n: f"key {n}",
        {"sqlite": "VARCHAR(30)", "postgres": "character varying(30)"},
    ),
    "char": (
        lambda: FixedCharField(3, primary_key=True),
        lambda n: f"ab{n}",
        {"sqlite": "CHAR(3)", "postgres": "character(3)"},
    ),
    "integer": (AutoField, lambda n: n, {"sqlite": "INTEGER", "postgres": "integer"}),
    "big integer": (
        lambda: BigAutoField(column_name="the key"),
        lambda n: n,
        {"sqlite": "INTEGER", "postgres": "bigint"},
    ),
    "uuid": (
        lambda: UUIDField(primary_key=True),
        lambda n: uuid.UUID(int=n),
        {"sqlite": "TEXT", "postgres": "uuid"},
    ),
    "identity": (IdentityField, lambda n: n, {"postgres": "integer"}),
}
ANY_KEY = pytest.mark.parametrize(
    ("engine_name", "kind"),
    [(engine, kind) for engine in ENGINES for kind, (_, _, types) in KEYS.items() if engine in types],
    indirect=["engine_name"],
)


def host_model(database: Any, name: str, /, **fields: Any) -> Any:
    meta = type("Meta", (), {"database": database, "table_name": f"host {name.lower()}s", "legacy_table_names": False})
    return type(name, (Model,), {**fields, "Meta": meta, "__module__": __name__})


def seen(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything that a host can see of its model."""
    passing = ("_sorted_field_list", "_table")
    meta = {
        key: dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value
        for key, value in vars(model._meta).items()
        if key not in passing
    }
    return dict(vars(model)), meta


@ANY_KEY
def test_a_host_plays_every_role_with_any_kind_of_key(database: Database, engine_name: str, kind: str) -> None:
    make, key, types = KEYS[kind]
    tenant = host_model(database, "Tenant", pk=make())
    person = host_model(database, "Person", pk=make())
    initiative = host_model(database, "Initiative", pk=make(), owner=ForeignKeyField(tenant, null=True))
    item = host_model(database, "Item", pk=make())
    hosts = (tenant, person, initiative, item)
    database.create_tables(hosts)
    before = [seen(model) for model in hosts]

    store = SignalStore(database, hosts=Hosts(workspace=tenant, user=person, project=initiative, inbox_item=item))
    store.migrate()
    models: Any = store.models
    rows = [model.create(force_insert=True, pk=key(1)) for model in hosts]
    rows[2].owner = rows[0]
    rows[2].save()
    workspace = store.workspace(rows[0])
    signal = workspace.record("words", source="email", source_ref="1", inbox_item_id=key(1)).signal
    again = {"verbatim": "words", "source": "email", "source_ref": "1", "inbox_item_id": key(1)}
    assert workspace.record(**again).outcome == "unchanged"
    assert workspace.record_many([again]).unchanged == 1
    link = models.SignalProject.create(signal=signal, project=rows[2], linked_by=rows[1])

    found = catalog(database)
    assert f"workspace_id {types[engine_name]} not null" in found["signals"]["columns"]
    assert f"inbox_item_id {types[engine_name]}" in found["signals"]["columns"]
    assert f"project_id {types[engine_name]} not null" in found["signal_projects"]["columns"]
    assert f"linked_by {types[engine_name]}" in found["signal_projects"]["columns"]

    read = workspace.get(signal.id, include=["workspace", "inbox_item", "projects"])
    assert (read.workspace, read.inbox_item) == (rows[0], rows[3])
    assert (read.project_links[0].project, read.project_links[0].linked_by) == (rows[2], rows[1])
    assert (read.workspace_id, type(read.workspace_id)) == (key(1), type(key(1)))
    assert store.workspace(key(1)).count() == 1
    with pytest.raises(NotFound):
        store.workspace(key(2))
    with pytest.raises(IntegrityError), database.atomic():
        models.SignalProject.create(signal=signal, project=key(9))

    person.delete().execute()
    item.delete().execute()
    assert models.SignalProject.get_by_id(link.id).linked_by_id is None
    assert models.Signal.get_by_id(signal.id).inbox_item_id is None
    initiative.delete().execute()
    assert models.SignalProject.select().count() == 0
    tenant.delete().execute()
    assert models.Signal.select().count() == 0
    assert [seen(model) for model in hosts] == before


def test_a_uuid_project_a_big_integer_user_and_a_workspace_of_its_own(database: Database) -> None:
    project = host_model(database, "Project", id=UUIDField(primary_key=True, default=uuid.uuid4))
    user = host_model(database, "User", id=BigAutoField())
    workspace = host_model(database, "Workspace", id=AutoField(), name=TextField())
    database.create_tables([project, user, workspace])
    store = SignalStore(database, hosts=Hosts(workspace=workspace, user=user, project=project))
    store.migrate()
    workspace.create(name="acme")
    inside = store.workspace_named("acme")
    signal = inside.record("words", source="slack").signal
    store.models.SignalProject.create(signal=signal, project=project.create(), linked_by=user.create())
    (link,) = inside.get(signal.id, include=["projects"]).project_links
    assert isinstance(link.project_id, uuid.UUID)
    user.delete().execute()
    project.delete().execute()
    assert inside.get(signal.id, include=["projects"]).project_links == []


def test_a_key_that_is_a_key_to_another_table_has_its_type(database: Database, engine_name: str) -> None:
    account = host_model(database, "Account", id=BigAutoField())
    profile = host_model(database, "Profile", account=ForeignKeyField(account, primary_key=True))
    database.create_tables([account, profile])
    store = SignalStore(database, hosts=Hosts(user=profile))
    store.migrate()
    kind = {"sqlite": "INTEGER", "postgres": "bigint"}[engine_name]
    assert f"linked_by {kind}" in catalog(database)["signal_projects"]["columns"]
    assert "signal_projects_linked_by_fkey: linked_by -> " in catalog(database)["signal_projects"]["keys"][0]


def test_one_host_in_two_roles(database: Database) -> None:
    account = host_model(database, "Account", id=AutoField())
    database.create_tables([account])
    store = SignalStore(database, hosts=Hosts(project=account, user=account))
    store.migrate()
    workspace = store.workspace_named("acme", create=True)
    signal, row = workspace.record("words", source="other").signal, account.create()
    store.models.SignalProject.create(signal=signal, project=row, linked_by=row)
    (link,) = workspace.page(include=["projects"]).items[0].project_links
    assert (link.project, link.linked_by) == (row, row)


def test_no_strangers_class_is_captured_and_none_captures() -> None:
    class Post(Model):
        author = DeferredForeignKey("User", null=True)
        place = DeferredForeignKey("Workspace", null=True)
        evidence = DeferredForeignKey("Signal", null=True)

    class User(Model):
        pass

    assert Post.author.rel_model is User

    class Signal(Model):
        pass

    class Project(Model):
        pass

    database = SqliteDatabase(":memory:", pragmas={"foreign_keys": 1})
    store = SignalStore(database)
    store.migrate()
    models: Any = store.models
    assert models.SignalProject.signal.rel_model is models.Signal
    assert models.SignalProject.project.rel_model is models.Project
    assert models.SignalProject.linked_by.rel_model is models.User
    assert models.Signal.merged_into.rel_model is models.Signal
    assert Post.evidence.rel_model is Signal
    assert isinstance(Post.place, DeferredForeignKey)

    class Workspace(Model):
        pass

    assert Post.place.rel_model is Workspace
    assert models.Signal.workspace.rel_model is models.Workspace
    waiting = {key.rel_model_name for key in DeferredForeignKey._unresolved}
    assert not {name for name in waiting if name.startswith("signals_peewee")}


def test_a_host_that_binds_or_deletes_does_not_touch_our_classes(tmp_path: Path) -> None:
    database, other = (SqliteDatabase(tmp_path / name, pragmas={"foreign_keys": 1}) for name in ("one.db", "two.db"))
    project = host_model(database, "Project", id=AutoField())
    database.create_tables([project])
    store = SignalStore(database, hosts=Hosts(project=project))
    with other.bind_ctx([project]):
        assert store.models.SignalProject._meta.database is database
    project.bind(database)
    project.create().delete_instance(recursive=True)  # our tables do not even exist
    assert (project._meta.backrefs, dict(project._meta.model_backrefs)) == ({}, {})
    database.close()


def test_a_dropped_store_leaves_nothing_behind(database: Database) -> None:
    project = host_model(database, "Project", id=AutoField())
    store = SignalStore(database, hosts=Hosts(project=project))
    classes = [weakref.ref(model) for model in store.models.owned]
    del store
    gc.collect()
    assert [each() for each in classes if each() is not None] == []
    assert all(not declared._meta.backrefs for declared in (tables.Workspace, tables.Signal))


def test_two_stores_on_two_databases_in_two_threads_do_not_meet(tmp_path: Path) -> None:
    kinds = [kind for kind, (_, _, types) in KEYS.items() if "sqlite" in types]
    wrong, ready = [], threading.Barrier(8)

    def work(number: int) -> None:
        try:
            database = SqliteDatabase(tmp_path / f"{number}.db", pragmas={"foreign_keys": 1})
            make, key, _ = KEYS[kinds[number % len(kinds)]]
            project = host_model(database, "Project", pk=make())
            ready.wait()
            with database.connection_context():
                database.create_tables([project])
                store = SignalStore(database, hosts=Hosts(project=project))
                store.migrate()
                workspace = store.workspace_named("acme", create=True)
                for n in range(1, 6):
                    signal = workspace.record(f"thread {number}", source="other", source_ref=str(n)).signal
                    row = project.create(force_insert=True, pk=key(n))
                    store.models.SignalProject.create(signal=signal, project=row)
                words = {signal.verbatim for signal in workspace.page(include=["projects"]).items}
                assert words == {f"thread {number}"}
                assert workspace.count() == 5
                assert all(model._meta.database is database for model in store.models.owned)
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            wrong.append((number, repr(error)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_store_on_a_proxy_is_bound_to_the_database_behind_it(database: Database) -> None:
    proxy = DatabaseProxy()
    with pytest.raises(InvalidOption, match="an initialised peewee Database"):
        SignalStore(proxy)  # type: ignore[arg-type]
    proxy.initialize(database)
    assert SignalStore(proxy).models.Signal._meta.database is database  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match=r"call init\(\) first"):
        SignalStore(SqliteDatabase(None))


class _Composite(Model):
    a, b = TextField(), TextField()

    class Meta:
        primary_key = CompositeKey("a", "b")


class _Keyless(Model):
    a = TextField()

    class Meta:
        primary_key = False


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (_Composite, "single-column key"),
        (_Keyless, "single-column key"),
        ("projects", "a Peewee model class"),
    ],
)
def test_a_model_that_cannot_play_a_role_is_refused(database: Database, model: Any, expected: str) -> None:
    with pytest.raises(InvalidHosts, match=f"project: .*{expected}"):
        SignalStore(database, hosts=Hosts(project=model))


@pytest.mark.parametrize("bound_to", [None, SqliteDatabase(":memory:"), SqliteDatabase(None), DatabaseProxy()])
def test_a_host_on_another_database_or_none_is_refused(database: Database, bound_to: Any) -> None:
    with pytest.raises(InvalidHosts, match="bound to the store's own database"):
        SignalStore(database, hosts=Hosts(user=host_model(bound_to, "User", id=AutoField())))


def test_the_key_from_project_to_workspace_is_found_named_or_asked_for(database: Database) -> None:
    tenant = host_model(database, "Tenant", id=AutoField())
    one = host_model(database, "One", tenant=ForeignKeyField(tenant))
    two = host_model(database, "Two", tenant=ForeignKeyField(tenant), parent=ForeignKeyField(tenant, backref="+"))
    none = host_model(database, "Shared", id=AutoField())

    def key(project: Any, named: Any = None) -> str | None:
        hosts = Hosts(workspace=tenant, project=project, project_workspace=named)
        return SignalStore(database, hosts=hosts).models.project_workspace

    assert (key(one), key(none), key(two, "parent"), key(two, two.tenant)) == ("tenant", None, "parent", "tenant")
    with pytest.raises(InvalidHosts, match="one of parent, tenant: the project has several"):
        key(two)
    with pytest.raises(InvalidHosts, match="project_workspace: got 'owner'"):
        key(two, "owner")


def test_a_store_opened_with_other_hosts_is_refused(database: Database) -> None:
    user = host_model(database, "User", id=AutoField())
    database.create_tables([user])
    SignalStore(database, hosts=Hosts(user=user)).migrate()
    plain = SignalStore(database)
    with pytest.raises(HostsChanged, match="user: got None, .*host users"):
        plain.migrate()
    with pytest.raises(HostsChanged, match="host users"):
        plain.workspace("any")
    moved = host_model(database, "User", id=UUIDField(primary_key=True))
    with pytest.raises(HostsChanged):
        SignalStore(database, hosts=Hosts(user=moved)).workspace("any")
    SignalStore(database, hosts=Hosts(user=user)).workspace_named("acme", create=True)


@pytest.mark.parametrize(("table", "remedy"), [("users", r"Hosts\(user=...\)"), ("signals", "another schema")])
def test_a_table_of_the_hosts_in_the_way_is_named_before_anything_is_changed(
    database: Database, table: str, remedy: str
) -> None:
    database.execute_sql(f"CREATE TABLE {table} (id integer PRIMARY KEY)")
    with pytest.raises(StepFailed, match=f"there is a table '{table}' already, and nothing was changed; .*{remedy}"):
        SignalStore(database).migrate()
    assert set(catalog(database)) == {table}


def test_a_table_in_the_way_can_be_plugged_in_afterwards(database: Database) -> None:
    person = type("Person", (Model,), {"id": AutoField(), "Meta": type("Meta", (), {"table_name": "users"})})
    person.bind(database)
    database.create_tables([person])
    with pytest.raises(StepFailed):
        SignalStore(database).migrate()
    SignalStore(database, hosts=Hosts(user=person)).migrate()


def test_rows_of_a_store_are_caught_and_shown_under_their_own_name(database: Database) -> None:
    store = SignalStore(database)
    store.migrate()
    with pytest.raises(tables.Signal.DoesNotExist):
        store.models.Signal.get_by_id("none")
    row = store.models.Workspace.create(name="acme")
    assert repr(row) == f"<Workspace {row.id}>"
