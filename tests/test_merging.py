"""Does one signal stand for others without anything being lost or counted twice, and what is refused?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from merging_kit import Desk, statements
from peewee import Database, ForeignKeyField, TextField
from test_schema_hosts import ANY_KEY, KEYS, host_model

from signals_peewee import Hosts, SignalFilter, SignalStore, Workspace
from signals_peewee.errors import InvalidMerge, NotFound
from signals_peewee.store import Merged

EVERY = SignalFilter(archived=True, merged=True)
DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def desk(store: SignalStore, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def test_a_merge_leaves_the_duplicates_out_and_as_they_were(desk: Desk) -> None:
    into, one, two = desk.signals(3)
    desk.ws.link_project(one, desk.one)
    desk.ws.tag([one, two], "slow")
    before = desk.rows(one), desk.rows(two)
    assert desk.ws.merge(into, [one, two]) == Merged(merged=2, skipped=0, projects=1, personas=0, tags=1)
    assert [row.id for row in desk.ws.page().items] == [into]
    assert (desk.ws.count(), desk.ws.count(EVERY)) == (1, 3)
    assert (desk.into(one), desk.into(two), desk.into(into)) == (into, into, None)
    assert (desk.rows(one), desk.rows(two)) == before
    assert (desk.status(one), desk.status(two)) == ("linked", "new")


def test_a_project_of_both_is_counted_once(desk: Desk) -> None:
    into, one, two = desk.signals(3)
    desk.ws.link_project([into, one, two], desk.one)
    desk.ws.link_project([one, two], desk.two)
    own = desk.rows(into)["projects"][desk.one]
    assert desk.ws.merge(into, [one, two]).projects == 1
    assert [desk.ws.count(SignalFilter(project=project)) for project in (desk.one, desk.two)] == [1, 1]
    assert desk.ws.evidence_counts([desk.one, desk.two]) == {desk.one: 1, desk.two: 1}
    assert desk.rows(into)["projects"][desk.one] == own


def test_what_is_copied_is_the_earliest_link_with_who_when_why_and_how_sure(desk: Desk) -> None:
    into, late, early = desk.signals(3)
    for signal, days, reason, sure in ((late, 2, "late", 0.2), (early, 1, "early", 0.9)):
        desk.models.SignalProject.create(
            signal=signal,
            project=desk.one,
            linked_at=START + days * DAY,
            linked_by=desk.user,
            link_reason=reason,
            confidence=sure,
        )
        desk.models.SignalPersona.create(signal=signal, persona_id="admin", linked_at=START + days * DAY)
        desk.models.SignalTag.create(signal=signal, tag="slow", linked_at=START + days * DAY, linked_by=desk.user)
    assert desk.ws.merge(into, [late, early]) == Merged(merged=2, skipped=0, projects=1, personas=1, tags=1)
    for kind, copies in desk.rows(into).items():
        (copy,), (source,) = copies.values(), desk.rows(early)[kind].values()
        assert copy["id"] != source["id"]
        assert {**copy, "id": "", "signal": ""} == {**source, "id": "", "signal": ""}


@pytest.mark.parametrize(
    ("status", "has_one", "expected"),
    [
        ("new", False, "linked"),
        ("reviewed", False, "linked"),
        ("archived", False, "archived"),
        ("linked", False, "linked"),
        ("reviewed", True, "reviewed"),
    ],
)
def test_the_first_project_makes_it_linked_and_revives_nothing(
    desk: Desk, status: str, has_one: bool, expected: str
) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    if has_one:
        desk.ws.link_project(into, desk.two)
    desk.ws.set_status(into, status)
    desk.ws.merge(into, duplicate)
    assert desk.status(into) == expected
    ((_, before, after),) = desk.events(into, "absorbed")
    moved = (None, None) if status == expected else ({"status": status}, "linked")
    assert (before, after.get("status")) == moved


def test_personas_and_tags_leave_the_status(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.tag(duplicate, "slow")
    desk.ws.link_persona(duplicate, "admin")
    desk.ws.merge(into, duplicate)
    assert (desk.status(into), desk.links(into)) == ("new", {"slow", "admin"})


def test_what_is_merged_already_is_skipped_and_nothing_happens_to_it(desk: Desk) -> None:
    into, one, two = desk.signals(3)
    desk.ws.merge(into, one)
    before = desk.everything()
    assert desk.ws.merge(into, [one, one]) == Merged(merged=0, skipped=1, projects=0, personas=0, tags=0)
    assert desk.ws.merge(into, []) == Merged(merged=0, skipped=0, projects=0, personas=0, tags=0)
    assert desk.everything() == before
    assert desk.ws.merge(into, [one, two]) == Merged(merged=1, skipped=1, projects=0, personas=0, tags=0)
    assert len(desk.events(one)) == 1


def test_a_signal_that_stands_for_others_can_be_merged_with_all_it_stands_for(desk: Desk) -> None:
    low, middle, top = desk.signals(3)
    desk.ws.link_project(low, desk.one)
    desk.ws.tag(middle, "slow")
    desk.ws.merge(middle, low)
    assert desk.ws.merge(top, middle) == Merged(merged=1, skipped=0, projects=1, personas=0, tags=1)
    assert (desk.into(low), desk.into(middle)) == (middle, top)
    assert desk.links(top) == {desk.one, "slow"}
    assert [row.id for row in desk.ws.page().items] == [top]


def test_rows_generators_and_one_signal_are_taken_as_well(desk: Desk) -> None:
    into, one, two = (desk.ws.get(signal) for signal in desk.signals(3))
    assert desk.ws.merge(into, one).merged == 1
    assert desk.ws.merge(into, (each for each in [two])).merged == 1
    desk.ws.unmerge(one)
    assert (desk.into(one.id), desk.into(two.id)) == (None, into.id)


def test_a_link_to_what_is_another_workspaces_by_now_stays_where_it_is(store: SignalStore, desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.link_project(duplicate, desk.one)
    other = store.workspace_named("other", create=True)
    project: Any = desk.models.Project
    project.update(workspace=other.id).where(project.id == desk.one).execute()
    assert desk.ws.merge(into, duplicate).projects == 0
    assert (desk.links(into), desk.status(into)) == (set(), "new")


# Refusals


def _itself(desk: Desk) -> tuple[str, list[str], str, str, str]:
    into, other = desk.signals(2)
    return into, [other, into], "duplicates", into, "leave it out"


def _merged(desk: Desk) -> tuple[str, list[str], str, str, str]:
    """Into one that another stands for: the error names the one at the top."""
    low, middle, top, duplicate = desk.signals(4)
    desk.ws.merge(middle, low)
    desk.ws.merge(top, middle)
    return low, [duplicate], "into", low, f"merge into '{top}', which stands for it"


def _circle(desk: Desk) -> tuple[str, list[str], str, str, str]:
    low, middle, top = desk.signals(3)
    desk.ws.merge(middle, low)
    desk.ws.merge(top, middle)
    return low, [top], "into", low, f"'{top}' does, a circle: unmerge it first"


def _twice(desk: Desk) -> tuple[str, list[str], str, str, str]:
    into, other, free, duplicate = desk.signals(4)
    desk.ws.merge(other, duplicate)
    return into, [free, duplicate], "duplicates", duplicate, f"'{other}' stands for this one: unmerge it first"


Refused = Callable[[Desk], tuple[str, list[str], str, str, str]]


@pytest.mark.parametrize("refused", [_itself, _merged, _circle, _twice])
def test_what_makes_no_sense_is_refused_with_a_way_out_and_changes_nothing(desk: Desk, refused: Refused) -> None:
    into, duplicates, field, value, remedy = refused(desk)
    desk.ws.link_project(duplicates, desk.one)
    before = desk.everything()
    with pytest.raises(InvalidMerge) as caught:
        desk.ws.merge(into, duplicates)
    error = caught.value
    assert (error.field, error.value, isinstance(error, ValueError)) == (field, value, True)
    assert error.expected.endswith(remedy)
    assert desk.everything() == before


def test_unmerging_what_is_not_merged_is_refused(desk: Desk) -> None:
    into, duplicate = desk.signals(2)
    desk.ws.merge(into, duplicate)
    before = desk.everything()
    with pytest.raises(InvalidMerge, match=f"id: got '{into}', expected a signal that another stands for"):
        desk.ws.unmerge(into)
    assert desk.everything() == before
    desk.ws.unmerge(duplicate)
    with pytest.raises(InvalidMerge):
        desk.ws.unmerge(duplicate)


@pytest.mark.parametrize("strange", ["0" * 21, "", "\0", None, 5, ["a"]])
def test_what_is_unknown_or_no_key_is_not_found(desk: Desk, strange: Any) -> None:
    into, duplicate = desk.signals(2)
    before = desk.everything()
    calls: list[Callable[[], object]] = [
        lambda: desk.ws.merge(strange, duplicate),
        lambda: desk.ws.merge(into, [duplicate, strange]),
        lambda: desk.ws.merge(strange, [strange, duplicate]),
        lambda: desk.ws.unmerge(strange),
    ]
    for call in calls:
        with pytest.raises(NotFound) as caught:
            call()
        assert (caught.value.field, caught.value.value) == ("signal", strange)
    with pytest.raises(NotFound, match="user"):
        desk.ws.merge(into, duplicate, by="nobody")
    assert desk.everything() == before


def test_nothing_reaches_across_workspaces(store: SignalStore, desk: Desk) -> None:
    other = store.workspace_named("other", create=True)
    foreign, merged, top = (other.record("words", source="slack").signal.id for _ in range(3))
    other.merge(top, merged)
    mine, duplicate = desk.signals(2)
    before = desk.everything()
    for call in (
        lambda: desk.ws.merge(mine, [duplicate, foreign]),
        lambda: desk.ws.merge(foreign, duplicate),
        lambda: desk.ws.merge(merged, foreign),
        lambda: desk.ws.unmerge(merged),
        lambda: desk.ws.unmerge(foreign),
    ):
        with pytest.raises(NotFound):
            call()
    assert desk.everything() == before


# Whatever the size, and whatever the host's keys


def test_the_statements_grow_with_neither_duplicates_nor_links_nor_depth(desk: Desk) -> None:
    def cost(count: int, depth: int) -> tuple[int, int]:
        into, *duplicates = desk.signals(count + 1)
        for number in range(count):
            desk.ws.tag(duplicates, f"tag {number}")
        desk.ws.link_project(duplicates, desk.one, by=desk.user)
        desk.ws.link_persona(duplicates, "admin")
        with statements() as merging:
            desk.ws.merge(into, duplicates, by=desk.user)
        for above in desk.signals(depth):
            desk.ws.merge(above, into)
            into = above
        for duplicate in duplicates[1:]:
            desk.ws.unmerge(duplicate)
        with statements() as unmerging:
            desk.ws.unmerge(duplicates[0], by=desk.user)
        return len(merging), len(unmerging)

    assert cost(1, 1) == cost(30, 4)


@ANY_KEY
def test_a_hosts_projects_and_users_may_have_any_kind_of_key(database: Database, kind: str) -> None:
    make, key, _ = KEYS[kind]
    tenant = host_model(database, "Tenant", pk=make(), name=TextField())
    person = host_model(database, "Person", pk=make())
    initiative = host_model(database, "Initiative", pk=make(), owner=ForeignKeyField(tenant))
    database.create_tables([tenant, person, initiative])
    store = SignalStore(database, hosts=Hosts(workspace=tenant, user=person, project=initiative))
    store.migrate()
    home = tenant.create(force_insert=True, pk=key(1), name="acme")
    user = person.create(force_insert=True, pk=key(2))
    projects = [initiative.create(force_insert=True, pk=key(n), owner=home).pk for n in (3, 4)]
    ws, link = store.workspace(home), store.models.SignalProject
    into, one, two = (ws.record("words", source="slack").signal.id for _ in range(3))
    ws.link_project(one, projects[0], by=user)
    ws.link_project(two, projects[0])
    ws.link_project(two, projects[1])
    assert ws.merge(into, [one, two], by=user) == Merged(merged=2, skipped=0, projects=2, personas=0, tags=0)
    copies = {each.project_id: each for each in link.select().where(link.signal == into)}
    assert {each.project_id: each.linked_by_id for each in copies.values()} == {projects[0]: user.pk, projects[1]: None}
    event: Any = store.models.SignalEvent
    listed = [each.after["projects"] for each in event.select().where(event.kind == "absorbed").order_by(event.id)]
    assert listed == [{str(projects[0]): copies[projects[0]].id}, {str(projects[1]): copies[projects[1]].id}]
    assert (ws.unmerge(one).projects, ws.unmerge(two, by=user).projects) == (0, 2)
    assert link.select().where(link.signal == into).count() == 0
