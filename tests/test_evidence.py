"""Is it told which signals informed a project, on whose word, and which signals nobody has looked at?"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import ENGINES
from peewee import AutoField, Database, FixedCharField, ForeignKeyField, IdentityField, Model, TextField, UUIDField
from plans import SCANS, SORTS, plan, statements

from signals_peewee import Hosts, SignalFilter, SignalStore, Workspace
from signals_peewee.errors import InvalidCursor, InvalidFilter, NotFound

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
Project = Callable[..., Any]


@pytest.fixture
def project(store: SignalStore, workspace: Workspace) -> Project:
    """Make a project."""

    def project(name: str = "p", into: Any = None) -> Any:
        return store.models.Project.create(workspace=into or workspace.id, name=name)

    return project


def link(store: SignalStore, workspace: Workspace, project: Any, minute: int = 0, **given: Any) -> str:
    """Record a signal and link it to a project at a minute; return the signal's id."""
    status = given.pop("status", "new")
    signal = workspace.record(f"words {minute}", source="other").signal
    models: Any = store.models
    models.Signal.update(status=status, merged_into=given.pop("merged_into", None)).where(
        models.Signal.id == signal.id
    ).execute()
    models.SignalProject.create(signal=signal, project=project, linked_at=START + minute * MINUTE, **given)
    return signal.id


def walk(workspace: Workspace, project: Any, **options: Any) -> list[str]:
    found, after = [], None
    while True:
        page = workspace.evidence(project, after=after, **options)
        found += [each.signal.id for each in page.items]
        after = page.next_cursor
        if after is None:
            return found


def test_evidence_says_who_linked_what_when_and_why(store: SignalStore, workspace: Workspace, project: Project) -> None:
    ada, first = store.models.User.create(email="ada@example.org"), project()
    older = link(store, workspace, first, 1)
    newer = link(store, workspace, first, 2, linked_by=ada, link_reason="she says so", confidence=0.9)
    link(store, workspace, project("another"), 3)
    page = workspace.evidence(first)
    assert page.next_cursor is None
    assert [(each.signal.id, each.signal.verbatim) for each in page.items] == [(newer, "words 2"), (older, "words 1")]
    told, silent = page.items
    assert (told.reason, told.linked_by, told.linked_at, told.confidence) == (
        "she says so",
        ada,
        START + 2 * MINUTE,
        0.9,
    )
    assert told.linked_by.email == "ada@example.org"
    assert (silent.reason, silent.linked_by, silent.linked_at, silent.confidence) == (None, None, START + MINUTE, None)
    ada.delete_instance()
    assert [each.linked_by for each in workspace.evidence(first.id).items] == [None, None]


def test_archived_and_merged_signals_are_no_evidence_and_do_not_count(
    store: SignalStore, workspace: Workspace, project: Project
) -> None:
    only = project()
    kept = link(store, workspace, only, status="linked")
    link(store, workspace, only, status="archived")
    link(store, workspace, only, merged_into=kept)
    assert [each.signal.id for each in workspace.evidence(only).items] == [kept]
    assert workspace.evidence_counts([only]) == {only.id: 1}
    assert workspace.count(SignalFilter(project=only)) == 1


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_a_walk_visits_each_once_though_all_were_linked_at_one_instant(
    store: SignalStore, workspace: Workspace, project: Project, limit: int
) -> None:
    only = project()
    made = [link(store, workspace, only) for _ in range(7)]
    found = walk(workspace, only, limit=limit)
    assert sorted(found) == sorted(made)
    links: Any = store.models.SignalProject
    assert found == [each.signal_id for each in links.select().order_by(links.id.desc())]


def test_a_walk_is_not_disturbed_by_what_is_linked_meanwhile(
    store: SignalStore, workspace: Workspace, project: Project
) -> None:
    only = project()
    made = [link(store, workspace, only, minute) for minute in range(5)]
    page = workspace.evidence(only, limit=2)
    found = [each.signal.id for each in page.items]
    while page.next_cursor:
        link(store, workspace, only, 60)
        page = workspace.evidence(only, limit=2, after=page.next_cursor)
        found += [each.signal.id for each in page.items]
    assert found == made[::-1]
    assert workspace.evidence(only, limit=3).next_cursor is not None
    assert workspace.evidence(only, limit=7).next_cursor is None


def test_a_cursor_of_evidence_is_for_its_project_and_workspace(
    store: SignalStore, workspace: Workspace, project: Project
) -> None:
    one, two = project("one"), project("two")
    for minute in range(2):
        link(store, workspace, one, minute)
        link(store, workspace, two, minute)
    cursor = workspace.evidence(one, limit=1).next_cursor
    assert cursor is not None
    with pytest.raises(InvalidCursor, match="the same workspace and project"):
        workspace.evidence(two, after=cursor)
    with pytest.raises(InvalidCursor, match="the same workspace and project"):
        workspace.evidence(one, after=workspace.page(limit=1).next_cursor)
    with pytest.raises(InvalidCursor, match="the same workspace, filter and sort"):
        workspace.page(after=cursor)
    for wrong in ("", "x", cursor[:-3], 5):
        with pytest.raises(InvalidCursor, match="the next_cursor of a page"):
            workspace.evidence(one, after=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 501}, {"limit": True}, {"include": ["history"]}])
def test_an_argument_out_of_range_is_refused(workspace: Workspace, project: Project, arguments: Any) -> None:
    with pytest.raises(InvalidFilter):
        workspace.evidence(project(), **arguments)
    with pytest.raises(InvalidFilter):
        workspace.orphans(1, **arguments)


def test_another_workspaces_project_reads_as_one_that_is_not_there(
    store: SignalStore, workspace: Workspace, project: Project
) -> None:
    other = store.workspace_named("other", create=True)
    theirs, mine = project("theirs", into=other.id), project("mine")
    link(store, other, theirs)
    attempts: list[Callable[[Any], Any]] = [workspace.evidence, lambda key: workspace.evidence_counts([mine, key])]
    for ask in attempts:
        with pytest.raises(NotFound) as foreign:
            ask(theirs.id)
        with pytest.raises(NotFound) as missing:
            ask("0" * 21)
        assert foreign.value.field == missing.value.field == "project"
        assert str(foreign.value).replace(theirs.id, "KEY") == str(missing.value).replace("0" * 21, "KEY")
        for wrong in (None, "a\0b", 7, object()):
            with pytest.raises(NotFound, match="project"):
                ask(wrong)


def test_a_link_across_workspaces_is_no_evidence(store: SignalStore, workspace: Workspace, project: Project) -> None:
    other, mine = store.workspace_named("other", create=True), project("mine")
    link(store, other, mine)
    assert workspace.evidence(mine).items == []
    assert workspace.evidence_counts([mine]) == {mine.id: 0}


def test_evidence_is_lean_unless_asked(store: SignalStore, workspace: Workspace, project: Project) -> None:
    only, models = project(), store.models
    metadata: Any = {"channelId": "C1", "rawPayload": {"big": "x"}}
    signal = workspace.record("words", source="slack", source_metadata=metadata).signal
    models.Signal.update(embedding="AAAA").execute()
    models.SignalProject.create(signal=signal, project=only)
    (lean,) = workspace.evidence(only).items
    assert (lean.signal.source_metadata, lean.signal.embedding) == ({"channelId": "C1"}, None)
    (whole,) = workspace.evidence(only, include=["raw_payload", "embedding", "projects"]).items
    assert (whole.signal.source_metadata, whole.signal.embedding) == (metadata, "AAAA")
    assert [each.project for each in whole.signal.project_links] == [only]


def test_the_number_of_queries_does_not_grow_with_the_evidence(
    store: SignalStore, workspace: Workspace, project: Project, database: Database
) -> None:
    only, ada = project(), store.models.User.create(email="ada@example.org")
    numbers = []
    for _ in range(2):
        for minute in range(5):
            link(store, workspace, only, minute, linked_by=ada)
        with statements(database) as sent:
            assert {each.linked_by for each in workspace.evidence(only).items} == {ada}
        numbers.append(len(sent))
    assert numbers == [3, 3]


def test_counts_are_one_query_and_none_is_a_zero(
    store: SignalStore, workspace: Workspace, project: Project, database: Database
) -> None:
    none, two, one = project("none"), project("two"), project("one")
    for of in (two, one, two):
        link(store, workspace, of)
    with statements(database) as sent:
        counts = workspace.evidence_counts([two, none.id, one, two])
    assert (len(sent), counts) == (1, {two.id: 2, none.id: 0, one.id: 1})
    assert list(counts) == [two.id, none.id, one.id]
    assert workspace.evidence_counts([]) == {}
    assert workspace.evidence_counts(each for each in [one]) == {one.id: 1}
    assert workspace.evidence_counts(one.id) == workspace.evidence_counts(one) == {one.id: 1}


KEYS: dict[str, tuple[Any, Any, Any]] = {
    "integer": (AutoField, 7, "7"),
    "uuid": (lambda: UUIDField(primary_key=True), uuid.UUID(int=7), str(uuid.UUID(int=7))),
    "char": (lambda: FixedCharField(5, primary_key=True), "ab", "ab"),
    "identity": (IdentityField, 7, "7"),
}


@pytest.mark.parametrize(
    ("engine_name", "kind"),
    [(engine, kind) for engine in ENGINES for kind in KEYS if (engine, kind) != ("sqlite", "identity")],
    indirect=["engine_name"],
)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_a_hosts_projects_are_counted_by_their_own_keys(database: Database, kind: str, shared: bool) -> None:
    make, key, text = KEYS[kind]
    meta = type("Meta", (), {"database": database, "legacy_table_names": False})
    tenant: Any = type("Tenant", (Model,), {"name": TextField(), "Meta": meta})
    owner = {} if shared else {"tenant": ForeignKeyField(tenant)}
    initiative: Any = type("Initiative", (Model,), {"pk": make(), **owner, "Meta": meta})
    database.create_tables([tenant, initiative])
    store = SignalStore(database, hosts=Hosts(workspace=tenant, project=initiative))
    store.migrate()
    acme, other = (store.workspace(tenant.create(name=name)) for name in ("acme", "other"))
    row = initiative.create(force_insert=True, pk=key, **({} if shared else {"tenant": acme.id}))
    signal = link(store, acme, row)
    for given in (row, key, text):
        assert acme.evidence_counts([given]) == {key: 1}
        assert [each.signal.id for each in acme.evidence(given).items] == [signal]
    if shared:
        assert other.evidence_counts([row]) == {key: 0}
        assert other.evidence(row).items == []
    else:
        with pytest.raises(NotFound):
            other.evidence_counts([row])


def test_orphans_are_new_old_and_linked_to_nothing(store: SignalStore, workspace: Workspace, project: Project) -> None:
    models: Any = store.models
    day = timedelta(days=1)
    now = datetime.now(timezone.utc)

    def make(days: float, into: Any = None, **columns: Any) -> str:
        values = {"verbatim": "words", "source": "other", "created_at": now - days * day, **columns}
        id: str = models.Signal.create(workspace=into or workspace.id, **values).id
        return id

    younger, oldest, old = make(8), make(30), make(9)
    make(6.9)
    make(10, status="reviewed")
    make(10, status="archived")
    make(10, merged_into=old)
    make(10, into=store.workspace_named("other", create=True).id)
    models.SignalProject.create(signal=make(10), project=project())
    models.SignalPersona.create(signal=make(10), persona_id="Ada")
    models.SignalTag.create(signal=oldest, tag="does not matter")
    whole = workspace.orphans(7 * day)
    assert ([each.id for each in whole.items], whole.next_cursor, whole.total) == ([oldest, old, younger], None, 3)
    assert workspace.orphans(7 * 86_400.0) == whole
    page, pages = workspace.orphans(7 * day, limit=1), []
    while True:
        assert page.total == 3
        pages += [each.id for each in page.items]
        if page.next_cursor is None:
            break
        page = workspace.orphans(7 * day, limit=1, after=page.next_cursor)
    assert pages == [oldest, old, younger]
    assert workspace.orphans(0).total == 4
    assert workspace.orphans(1e300).total == workspace.orphans(timedelta.max).total == 0
    cursor = workspace.orphans(7 * day, limit=1).next_cursor
    with pytest.raises(InvalidCursor, match="the same workspace and older_than"):
        workspace.orphans(6 * day, after=cursor)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), -timedelta.resolution, "7", None, True])
def test_an_age_that_is_none_is_refused(workspace: Workspace, wrong: Any) -> None:
    with pytest.raises(InvalidFilter, match="older_than: .*seconds or a timedelta, 0 or more and finite"):
        workspace.orphans(wrong)


def test_orphans_are_lean_unless_asked(workspace: Workspace) -> None:
    metadata: Any = {"channelId": "C1", "rawPayload": {"big": "x"}}
    workspace.record("words", source="slack", source_metadata=metadata)
    assert workspace.orphans(0).items[0].source_metadata == {"channelId": "C1"}
    (row,) = workspace.orphans(0, include=["raw_payload", "tags"]).items
    assert (row.source_metadata, row.tag_links) == (metadata, [])


@pytest.fixture
def many(store: SignalStore, workspace: Workspace, project: Project) -> Any:
    """Ten thousand signals, a fifth of them new, ten projects that the others inform, and statistics."""
    models: Any = store.models
    projects = [project(str(number)).id for number in range(10)]
    workspace.record_many({"verbatim": "words", "source": "other"} for _ in range(10_000))
    ids = [key for (key,) in models.Signal.select(models.Signal.id).order_by(models.Signal.id).tuples()]
    links = [
        {"signal": key, "project": projects[number % 10], "linked_at": START + number * MINUTE}
        for number, key in enumerate(ids)
        if number % 50 < 40
    ]
    with store.database.atomic():
        for at in range(0, len(links), 1000):
            part = links[at : at + 1000]
            models.SignalProject.insert_many(part).execute()
            models.SignalPersona.insert_many({"signal": each["signal"], "persona_id": "Ada"} for each in part).execute()
        linked = models.SignalProject.select(models.SignalProject.signal)
        models.Signal.update(status="linked").where(models.Signal.id.in_(linked)).execute()
    store.database.execute_sql("ANALYZE")
    return projects[0]


def test_evidence_is_read_from_its_index_without_a_sort(many: Any, workspace: Workspace, database: Database) -> None:
    for after in (None, workspace.evidence(many, limit=50).next_cursor):
        with statements(database) as sent:
            assert len(workspace.evidence(many, limit=50, after=after).items) == 50
        (statement,) = [each for each in sent if '"linked_at"' in each[0]]
        found = plan(database, statement)
        assert "signal_projects_project_idx" in found
        assert [word for word in (*SORTS, *SCANS) if word in found] == [], found


def test_orphans_are_read_from_an_index_without_a_sort(many: Any, workspace: Workspace, database: Database) -> None:
    for after in (None, workspace.orphans(0, limit=50).next_cursor):
        with statements(database) as sent:
            assert len(workspace.orphans(0, limit=50, after=after).items) == 50
        found = plan(database, sent[0])
        assert "signals_workspace_status_idx" in found
        assert [word for word in (*SORTS, *SCANS) if word in found] == [], found
