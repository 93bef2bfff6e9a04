"""Does each signal get the links that are its own, in their order, whatever its host's keys are like?"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import pytest
from conftest import ENGINES
from peewee import (
    AutoField,
    CharField,
    Database,
    FixedCharField,
    ForeignKeyField,
    IdentityField,
    Model,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from plans import statements

from signals_peewee import Hosts, SignalStore, Workspace

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LINKS = {"projects": "project_links", "personas": "persona_links", "tags": "tag_links"}


@pytest.fixture
def signals(store: SignalStore, workspace: Workspace) -> list[str]:
    """Two signals, the newer first, with links of each kind, made neither in the order of their keys nor names."""
    models: Any = store.models
    keys = [models.Signal.create(workspace=workspace.id, verbatim="words", source="other").id for _ in range(2)]
    for number, name in enumerate(("c", "a", "d", "b")):
        project = models.Project.create(workspace=workspace.id, name=name)
        for at, key in enumerate(keys):
            made: Any = {"signal": key, "linked_at": START + (number if at else -number) * timedelta(seconds=1)}
            models.SignalProject.create(project=project, **made)
            models.SignalPersona.create(persona_id=name, **made)
            models.SignalTag.create(tag=name, **made)
    return keys[::-1]


def names(row: Any) -> dict[str, list[str]]:
    """What hangs on a signal, of what was read along."""
    read = vars(row)
    of: dict[str, Callable[[Any], str]] = {
        "projects": lambda link: link.project.name,
        "personas": lambda link: link.persona_id,
        "tags": lambda link: link.tag,
    }
    return {name: [of[name](link) for link in read[place]] for name, place in LINKS.items() if place in read}


@pytest.mark.parametrize("include", [some for count in (1, 2, 3) for some in combinations(LINKS, count)], ids="+".join)
def test_links_come_in_the_order_of_their_making_whichever_are_asked_for(
    workspace: Workspace, signals: list[str], include: Any
) -> None:
    rows = {row.id: names(row) for row in workspace.page(include=include)}
    assert rows == {
        signals[0]: {name: ["c", "a", "d", "b"] for name in include},
        signals[1]: {name: ["b", "d", "a", "c"] for name in include},
    }


def test_links_that_were_made_at_one_instant_come_in_the_order_of_their_keys(
    store: SignalStore, workspace: Workspace
) -> None:
    models: Any = store.models
    signal = workspace.record("words", source="other").signal.id
    for key in ("c", "a", "b"):
        models.SignalTag.create(id=f"tag {key}", signal=signal, tag=f"tag {key}", linked_at=START)
        models.SignalPersona.create(id=f"persona {key}", signal=signal, persona_id=f"persona {key}", linked_at=START)
    assert names(workspace.get(signal, include=["personas", "tags"])) == {
        "personas": ["persona a", "persona b", "persona c"],
        "tags": ["tag a", "tag b", "tag c"],
    }


def test_a_project_that_goes_while_a_page_is_read_takes_its_link_along(
    store: SignalStore, workspace: Workspace, signals: list[str], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    project: Any = store.models.Project
    execute = database.execute_sql

    def execute_sql(sql: str, params: Any = None) -> Any:
        if 'FROM "projects"' in sql:
            monkeypatch.undo()
            project.delete().where(project.name == "d").execute()
        return execute(sql, params)

    monkeypatch.setattr(database, "execute_sql", execute_sql)
    read = [names(row)["projects"] for row in workspace.page(include=["projects"])]
    assert read == [["c", "a", "b"], ["b", "a", "c"]]


KEYS: dict[str, tuple[Any, Any]] = {
    "integer": (AutoField, 7),
    "uuid": (lambda: UUIDField(primary_key=True), uuid.UUID(int=7)),
    "text": (lambda: TextField(primary_key=True), 'a, "b" {c}'),
    "char": (lambda: FixedCharField(5, primary_key=True), "ab"),
    "identity": (IdentityField, 7),
}


@pytest.mark.parametrize(
    ("engine_name", "kind"),
    [(engine, kind) for engine in ENGINES for kind in KEYS if (engine, kind) != ("sqlite", "identity")],
    indirect=["engine_name"],
)
def test_hosts_rows_are_read_along_by_their_own_keys(database: Database, kind: str) -> None:
    make, key = KEYS[kind]
    tenant, initiative, person = hosts(database, make, make, make)
    store = SignalStore(database, hosts=Hosts(workspace=tenant, project=initiative, user=person))
    store.migrate()
    workspace = store.workspace(tenant.create(force_insert=True, pk=key))
    project = initiative.create(force_insert=True, pk=key, tenant=workspace.id)
    user = person.create(force_insert=True, pk=key)
    signal = workspace.record("words", source="other").signal
    workspace.link_project(signal, project, by=user)
    workspace.tag(signal, "export", by=user)
    with statements(database) as sent:
        row: Any = workspace.get(signal, include=["workspace", "projects", "tags"])
    read = [row.workspace, row.project_links[0].project, row.project_links[0].linked_by, row.tag_links[0].linked_by]
    assert [type(each) for each in read] == [tenant, initiative, person, person]
    assert [each.pk for each in read] == [key] * 4
    assert len(sent) == 6


def test_a_project_is_found_though_its_key_is_written_otherwise(database: Database) -> None:
    sqlite = isinstance(database, SqliteDatabase)
    if not sqlite:
        try:
            database.execute_sql("CREATE EXTENSION citext")
        except Exception as error:  # noqa: BLE001 - each driver has its own
            pytest.skip(f"this server has no citext: {error}")

    class CitextField(TextField):
        field_type = "citext"

    def make() -> Any:
        return TextField(primary_key=True, collation="NOCASE") if sqlite else CitextField(primary_key=True)

    tenant, initiative, _ = hosts(database, make=AutoField, project=make, user=AutoField)
    store = SignalStore(database, hosts=Hosts(workspace=tenant, project=initiative))
    store.migrate()
    models: Any = store.models
    workspace = store.workspace(tenant.create())
    initiative.create(force_insert=True, pk="Roadmap", tenant=workspace.id)
    keys = [workspace.record("words", source="other").signal.id for _ in range(2)]
    for key, project in zip(keys, ("ROADMAP", "roadmap"), strict=True):
        models.SignalProject.create(signal=key, project=project)
    read = [row.project_links[0].project for row in workspace.page(include=["projects"])]
    assert [project.pk for project in read] == ["Roadmap", "Roadmap"]
    assert read[0] is read[1]


def hosts(database: Database, make: Any, project: Any, user: Any) -> tuple[Any, Any, Any]:
    """Return a host's models of tenants, of what they plan, and of who works there."""
    meta = type("Meta", (), {"database": database, "legacy_table_names": False})
    tenant: Any = type("Tenant", (Model,), {"pk": make(), "name": CharField(default="acme"), "Meta": meta})
    fields = {"pk": project(), "tenant": ForeignKeyField(tenant, backref="+"), "name": CharField(default="p")}
    initiative: Any = type("Initiative", (Model,), {**fields, "Meta": meta})
    person: Any = type("Person", (Model,), {"pk": user(), "name": CharField(default="Ada"), "Meta": meta})
    database.create_tables([tenant, initiative, person])
    return tenant, initiative, person
