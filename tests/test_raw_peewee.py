"""Can a host ask with raw Peewee what the store has no call for, through the junction and from both its sides?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from peewee import JOIN, PREFETCH_TYPE, AutoField, Database, ForeignKeyField, Load, Model, TextField, fn, prefetch

from signals_peewee import Hosts, SignalStore, Workspace
from signals_peewee.store import Linked


@contextmanager
def queries(database: Database) -> Iterator[list[str]]:
    """The statements that are sent inside the block."""
    sent: list[str] = []
    execute = database.execute_sql

    def noted(sql: str, *more: Any) -> Any:
        sent.append(sql)
        return execute(sql, *more)

    database.execute_sql = noted  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        del database.execute_sql


@pytest.fixture
def linked(store: SignalStore, workspace: Workspace) -> SignalStore:
    """One informs A, two informs A and B, three informs B, four informs nothing."""
    one, two, three, _ = (
        workspace.record(name, source="email", source_ref=name).signal for name in ("one", "two", "three", "four")
    )
    user = store.models.User.create(email="ines@example.org")
    a, b = (store.models.Project.create(workspace=workspace.id, name=name) for name in "AB")
    workspace.link_project([one, two], a, by=user, reason="they ask for it")
    workspace.link_project([two, three], b)
    workspace.tag([one, three], "export")
    return store


def names(links: Any) -> list[str]:
    return sorted(link.project.name for link in links)


def test_raw_peewee_joins_through_the_junction(linked: SignalStore) -> None:
    models = linked.models
    signal, link, project = models.Signal, models.SignalProject, models.Project
    of_b = signal.select().join(link).join(project).where(project.name == "B").order_by(signal.source_ref)
    assert [row.verbatim for row in of_b] == ["three", "two"]

    pairs = link.select(link, signal, project).join(signal).switch(link).join(project)
    with queries(linked.database) as sent:
        seen = sorted((each.signal.verbatim, each.project.name) for each in pairs)
    assert seen == [("one", "A"), ("three", "B"), ("two", "A"), ("two", "B")]
    assert len(sent) == 1

    counted = project.select(project.name, fn.COUNT(link.id)).join(link).group_by(project.name).order_by(project.name)
    assert list(counted.tuples()) == [("A", 2), ("B", 2)]

    nothing = signal.select(signal.verbatim).where(~fn.EXISTS(link.select(link.id).where(link.signal == signal.id)))
    assert [row.verbatim for row in nothing] == ["four"]


def test_prefetch_reads_signals_links_and_projects_in_three_queries(linked: SignalStore) -> None:
    models = linked.models
    with queries(linked.database) as sent:
        rows = prefetch(models.Signal.select().order_by(models.Signal.source_ref), models.SignalProject, models.Project)
        seen = [(row.verbatim, names(row.project_links)) for row in rows]
    assert seen == [("four", []), ("one", ["A"]), ("three", ["B"]), ("two", ["A", "B"])]
    assert len(sent) == 3


def test_with_related_reads_a_tree_under_a_limit(linked: SignalStore) -> None:
    models, whole = linked.models, PREFETCH_TYPE.MATERIALIZE
    signal, link = models.Signal, models.SignalProject
    loads = (
        Load(signal.project_links, strategy=whole).then(
            Load(link.project, strategy=whole), Load(link.linked_by, strategy=whole)
        ),
        Load(signal.tag_links, strategy=whole),
    )
    with queries(linked.database) as sent:
        rows = list(signal.select().order_by(signal.source_ref).limit(2).with_related(*loads))
        seen = [(row.verbatim, names(row.project_links), [each.tag for each in row.tag_links]) for row in rows]
        makers = [each.linked_by.email for row in rows for each in row.project_links]
    assert seen == [("four", [], []), ("one", ["A"], ["export"])]
    assert makers == ["ines@example.org"]
    assert len(sent) == 5


def test_the_host_reads_through_the_junction_from_its_own_side(database: Database) -> None:
    class Team(Model):
        id = AutoField()

    class Initiative(Model):
        id = AutoField()
        team = ForeignKeyField(Team, backref="initiatives")
        title = TextField()

    with database.bind_ctx([Team, Initiative], bind_refs=False, bind_backrefs=False):
        database.create_tables([Team, Initiative])
        store = SignalStore(database, hosts=Hosts(workspace=Team, project=Initiative))
        store.migrate()
        team = Team.create()
        a, b = (Initiative.create(team=team, title=title) for title in "AB")
        workspace = store.workspace(team)
        signal = workspace.record("words", source="email").signal
        workspace.link_project(signal, a)
        link: Any = store.models.SignalProject
        informed = Initiative.select().join(link, on=(link.project == Initiative.id))
        assert list(informed) == [a]
        counted = (
            Initiative.select(Initiative.title, fn.COUNT(link.id))
            .join(link, JOIN.LEFT_OUTER, on=(link.project == Initiative.id))
            .group_by(Initiative.title)
            .order_by(Initiative.title)
        )
        assert list(counted.tuples()) == [("A", 1), ("B", 0)]
        through: Any = store.models.Signal.select().join(link).join(Initiative).where(Initiative.team == team)
        assert [row.verbatim for row in through] == ["words"]
        rows: Any = store.models.Signal.select().with_related(
            Load(store.models.Signal.project_links).then(link.project)
        )
        assert [[each.project.title for each in row.project_links] for row in rows] == [["A"]]
        with pytest.raises(AttributeError, match="unable to find foreign key"):
            prefetch(link.select(), Initiative)  # the price of leaving the host's models as they are
        assert workspace.evidence_counts([a, b]) == {a.id: 1, b.id: 0}


def test_what_raw_peewee_wrote_the_store_reads(linked: SignalStore, workspace: Workspace) -> None:
    models: Any = linked.models
    row = models.Signal.create(workspace=workspace.id, verbatim="raw", source="other")
    project = models.Project.get(name="A")
    models.SignalProject.create(signal=row, project=project)
    assert (row.status, len(row.id)) == ("new", 21)
    assert workspace.evidence(project).items[0].signal.verbatim == "raw"
    assert workspace.link_project(row, project) == Linked(0, 1)
    assert workspace.unlink_project(row, project).unlinked == 1
