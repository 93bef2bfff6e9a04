"""Does a signal have exactly the links that it was given, the status that they mean, and a trace of each?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from merging_kit import statements as sent
from peewee import Database, ForeignKeyField, IntegrityError, TextField
from test_schema_hosts import ANY_KEY, KEYS, host_model

from signals_peewee import Hosts, SignalFilter, SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidSignal, NotFound
from signals_peewee.store import Linked, Unlinked
from signals_peewee.store.links import PERSONA, PROJECT, TAG

LONG = "x" * 201
MIDNIGHT = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Desk:
    """A workspace with a user and two projects in it, and what has become of its signals."""

    def __init__(self, store: SignalStore, name: str = "acme") -> None:
        self.ws, self.models = store.workspace_named(name, create=True), store.models
        self.user = self.models.User.create(email=f"ann@{name}.org").id
        self.one, self.two = (self.models.Project.create(workspace=self.ws.id, name=name).id for name in ("one", "two"))

    def signals(self, count: int, *, status: str = "new") -> list[str]:
        call = self.ws.count(SignalFilter(archived=True))
        self.ws.record_many({"verbatim": "words", "source": "slack", "source_ref": f"{call}.{n}"} for n in range(count))
        signal: Any = self.models.Signal
        query = signal.select(signal.id).where(signal.source_ref.startswith(f"{call}.")).order_by(signal.id)
        keys = [key for (key,) in query.tuples()]
        if status != "new":
            self.ws.set_status(keys, status)
        return keys

    def status(self, signal: str) -> str:
        return self.ws.get(signal).status

    def links(self, signal: str) -> dict[Any, tuple[Any, ...]]:
        """What a project link of a signal says, by the project."""
        link: Any = self.models.SignalProject
        names = (link.project, link.linked_at, link.linked_by, link.link_reason, link.confidence)
        return {project: said for project, *said in link.select(*names).where(link.signal == signal).tuples()}

    def events(self, signal: str) -> list[tuple[Any, ...]]:
        """(kind, by, before, after) of what happened to a signal, the first first."""
        event: Any = self.models.SignalEvent
        query = event.select().where(event.signal == signal).order_by(event.created_at, event.id)
        return [(each.kind, each.created_by_id, each.before, each.after) for each in query]

    def everything(self) -> list[Any]:
        models: Any = self.models
        tables = (models.Signal, models.SignalProject, models.SignalPersona, models.SignalTag, models.SignalEvent)
        return [list(table.select().order_by(table.id).dicts()) for table in tables]


@pytest.fixture
def desk(store: SignalStore) -> Desk:
    return Desk(store)


def told(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S.%fZ}"


def test_a_link_says_who_when_why_and_how_sure(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    before = datetime.now(timezone.utc)
    assert desk.ws.link_project(signal, desk.one, reason="they ask for it", confidence=0.9, by=desk.user) == Linked(
        1, 0
    )
    row = desk.ws.get(signal)
    assert row.status == "linked"
    assert before < row.updated_at < datetime.now(timezone.utc)
    assert desk.links(signal) == {desk.one: [row.updated_at, desk.user, "they ask for it", 0.9]}


def test_signals_and_the_project_are_named_by_key_or_row_each_once_or_often(desk: Desk) -> None:
    one, two, three = desk.signals(3)
    project = desk.models.Project.get_by_id(desk.one)
    assert desk.ws.link_project(desk.ws.get(one), project) == Linked(1, 0)
    assert desk.ws.link_project([two, desk.ws.get(two), one, two], desk.one) == Linked(1, 1)
    assert desk.ws.link_project((key for key in (one, three)), project) == Linked(1, 1)
    assert desk.ws.link_project([], project) == Linked(0, 0)
    assert desk.ws.unlink_project((key for key in (one, one, three)), project) == Unlinked(2, 0)
    assert desk.ws.unlink_project(iter([]), project) == Unlinked(0, 0)
    assert [set(desk.links(key)) for key in (one, two, three)] == [set(), {desk.one}, set()]


def test_a_link_that_is_there_is_kept_as_it_is_and_told_of_once(desk: Desk) -> None:
    one, two = desk.signals(2)
    desk.ws.link_project(one, desk.one, reason="first", confidence=0.5)
    kept, row, events = desk.links(one), desk.ws.get(one).as_row(), desk.events(one)
    assert desk.ws.link_project([one, two], desk.one, reason="second", by=desk.user) == Linked(1, 1)
    assert (desk.links(one), desk.ws.get(one).as_row(), desk.events(one)) == (kept, row, events)
    assert desk.links(two)[desk.one][1:] == [desk.user, "second", None]


@pytest.mark.parametrize(
    ("status", "linked", "unlinked"),
    [
        ("new", "linked", "reviewed"),
        ("reviewed", "linked", "reviewed"),
        ("linked", "linked", "reviewed"),
        ("archived", "archived", "archived"),
        ("triaged", "triaged", "triaged"),
    ],
)
def test_the_first_project_links_a_signal_and_the_last_one_unlinks_it(
    database: Database, status: str, linked: str, unlinked: str
) -> None:
    store = SignalStore(database, vocabularies={"status": ["triaged"]})
    store.migrate()
    desk = Desk(store)
    (signal,) = desk.signals(1, status=status)
    seen = []
    for change, project in (
        (desk.ws.link_project, desk.one),
        (desk.ws.link_project, desk.two),
        (desk.ws.unlink_project, desk.one),
        (desk.ws.unlink_project, desk.two),
    ):
        change(signal, project)
        seen.append(desk.status(signal))
    assert seen == [linked, linked, linked, unlinked]


def test_a_second_project_and_one_of_several_leave_the_status_that_somebody_set(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    desk.ws.link_project(signal, desk.one)
    desk.ws.set_status(signal, "new")
    desk.ws.link_project(signal, desk.two)
    assert desk.status(signal) == "new"
    desk.ws.unlink_project(signal, desk.one)
    desk.ws.unlink_project(signal, desk.two)
    assert desk.status(signal) == "new"
    desk.ws.link_project(signal, desk.one)
    desk.ws.unlink_project(signal, desk.two)
    assert desk.status(signal) == "linked"


def test_signals_of_one_call_each_get_what_is_theirs(desk: Desk) -> None:
    new, reviewed = desk.signals(1)[0], desk.signals(1, status="reviewed")[0]
    archived, elsewhere, there = desk.signals(1, status="archived")[0], *desk.signals(2, status="linked")
    every = [new, reviewed, archived, elsewhere, there]
    desk.ws.link_project(elsewhere, desk.two)
    desk.ws.link_project(there, desk.one)
    assert desk.ws.link_project(every, desk.one, by=desk.user) == Linked(4, 1)
    assert [desk.status(key) for key in every] == ["linked", "linked", "archived", "linked", "linked"]
    assert [desk.events(key)[-1][2] for key in every] == [{"status": "new"}, {"status": "reviewed"}, None, None, None]
    assert desk.ws.unlink_project([*every, *desk.signals(1)], desk.one) == Unlinked(5, 1)
    assert [desk.status(key) for key in every] == ["reviewed", "reviewed", "archived", "linked", "reviewed"]
    after = [desk.events(key)[-1][3] for key in every]
    assert after == [{"status": "reviewed"}, {"status": "reviewed"}, None, None, {"status": "reviewed"}]
    assert [desk.events(key)[-1][2].get("linked_by") for key in every] == [desk.user] * 4 + [None]


def test_the_history_keeps_what_a_link_said_after_it_is_gone(desk: Desk) -> None:
    (signal,) = desk.signals(1)
    desk.ws.link_project(signal, desk.one, reason="why", confidence=1, by=desk.user)
    at = desk.ws.get(signal).updated_at
    desk.ws.link_project(signal, desk.two)
    later = desk.ws.get(signal).updated_at
    desk.ws.unlink_project(signal, desk.two, by=desk.user)
    desk.ws.unlink_project(signal, desk.one)
    first = {
        "project": desk.one,
        "link_reason": "why",
        "confidence": 1.0,
        "linked_at": told(at),
        "linked_by": desk.user,
        "status": "linked",
    }
    second = {"project": desk.two, "link_reason": None, "confidence": None, "linked_at": told(later)}
    assert desk.events(signal) == [
        ("project_linked", desk.user, {"status": "new"}, first),
        ("project_linked", None, None, second),
        ("project_unlinked", desk.user, second, None),
        ("project_unlinked", None, first, {"status": "reviewed"}),
    ]
    assert desk.links(signal) == {}


def test_personas_and_tags_are_links_that_leave_the_status(desk: Desk) -> None:
    new, archived = desk.signals(1)[0], desk.signals(1, status="archived")[0]
    assert desk.ws.link_persona([new, archived], "Operations", by=desk.user) == Linked(2, 0)
    assert desk.ws.link_persona([new, archived], "Operations") == Linked(0, 2)
    assert desk.ws.tag(new, " Slow ") == Linked(1, 0)
    (persona,) = desk.ws.get(new, include=["personas"]).persona_links
    tag = desk.models.SignalTag.get()
    assert (persona.persona_id, persona.linked_by_id) == ("Operations", desk.user)
    assert (tag.signal_id, tag.tag, tag.linked_by_id) == (new, " Slow ", None)
    assert tag.linked_at == desk.ws.get(new).updated_at > persona.linked_at
    assert desk.ws.untag([new, archived], " Slow ", by=desk.user) == Unlinked(1, 1)
    assert desk.ws.untag(new, "slow") == Unlinked(0, 1)
    assert desk.ws.unlink_persona([new, archived], "Operations") == Unlinked(2, 0)
    assert (desk.status(new), desk.status(archived)) == ("new", "archived")
    of_persona = {"persona": "Operations", "linked_at": told(persona.linked_at), "linked_by": desk.user}
    of_tag = {"tag": " Slow ", "linked_at": told(tag.linked_at)}
    assert desk.events(new) == [
        ("persona_linked", desk.user, None, of_persona),
        ("tagged", None, None, of_tag),
        ("untagged", desk.user, of_tag, None),
        ("persona_unlinked", None, of_persona, None),
    ]


STRANGERS: dict[str, tuple[str, Callable[[Desk, Desk, str], Any]]] = {
    "an unknown signal": ("signal", lambda my, other, key: my.ws.link_project([key, "none"], my.one)),
    "a signal of another workspace": (
        "signal",
        lambda my, other, key: my.ws.link_project([key, other.ws.page().items[0]], my.one),
    ),
    "a signal that can be none": ("signal", lambda my, other, key: my.ws.tag([key, "\0"], "tag")),
    "no signal": ("signal", lambda my, other, key: my.ws.link_persona([key, None], "one")),  # type: ignore[list-item]
    "an unknown project": ("project", lambda my, other, key: my.ws.link_project(key, "none")),
    "a project of another workspace": ("project", lambda my, other, key: my.ws.link_project(key, other.one)),
    "its row": (
        "project",
        lambda my, other, key: my.ws.unlink_project(key, other.models.Project.get_by_id(other.one)),
    ),
    "no project": ("project", lambda my, other, key: my.ws.link_project(key, None)),
    "a project that can be none": ("project", lambda my, other, key: my.ws.link_project(key, "\0")),
    "an unknown user": ("user", lambda my, other, key: my.ws.link_project(key, my.one, by="none")),
    "an unknown user of a tag": ("user", lambda my, other, key: my.ws.tag(key, "tag", by=7)),
    "an unknown user who unlinks": ("user", lambda my, other, key: my.ws.unlink_project(key, my.two, by="none")),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_is_not_found_and_nothing_is_changed(desk: Desk, store: SignalStore, who: str) -> None:
    other, (key, linked) = Desk(store, "other"), desk.signals(2)
    other.signals(1)
    desk.ws.link_project(linked, desk.two)
    before = desk.everything()
    field, call = STRANGERS[who]
    with pytest.raises(NotFound) as raised:
        call(desk, other, key)
    assert raised.value.field == field
    assert desk.everything() == before


def test_a_project_of_another_workspace_reads_as_one_that_is_not_there(desk: Desk, store: SignalStore) -> None:
    (signal,), other = desk.signals(1), Desk(store, "other")
    messages = set()
    for project in (other.one, "none"):
        with pytest.raises(NotFound, match="project .* was not found; .* of this workspace") as raised:
            desk.ws.link_project(signal, project)
        messages.add(str(raised.value).replace(repr(project), "it"))
    assert len(messages) == 1


REFUSED: dict[str, tuple[str, Callable[[Workspace, Any, Any], Any]]] = {
    "a confidence above 1": ("confidence", lambda ws, ids, to: ws.link_project(ids, to, confidence=1.01)),
    "one below 0": ("confidence", lambda ws, ids, to: ws.link_project(ids, to, confidence=-0.01)),
    "one that is no number": ("confidence", lambda ws, ids, to: ws.link_project(ids, to, confidence=float("nan"))),
    "one that is a flag": ("confidence", lambda ws, ids, to: ws.link_project(ids, to, confidence=True)),
    "a reason that cannot be stored": ("reason", lambda ws, ids, to: ws.link_project(ids, to, reason="a\0b")),
    "a reason that is no text": ("reason", lambda ws, ids, to: ws.link_project(ids, to, reason=7)),
    "a blank persona": ("persona", lambda ws, ids, to: ws.link_persona(ids, " \n")),
    "a persona too long": ("persona", lambda ws, ids, to: ws.link_persona(ids, LONG)),
    "a persona that is no text": ("persona", lambda ws, ids, to: ws.unlink_persona(ids, None)),  # type: ignore[arg-type]
    "an empty tag": ("tag", lambda ws, ids, to: ws.tag(ids, "")),
    "a tag too long": ("tag", lambda ws, ids, to: ws.untag(ids, LONG)),
    "a tag that cannot be stored": ("tag", lambda ws, ids, to: ws.tag(ids, "\ud800")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_stored_is_refused_before_any_sql(desk: Desk, what: str) -> None:
    (signal,) = desk.signals(1)
    field, call = REFUSED[what]
    with sent() as statements, pytest.raises(InvalidSignal) as raised:
        call(desk.ws, signal, desk.one)
    assert (raised.value.field, statements) == (field, [])


def test_names_of_the_greatest_length_and_the_ends_of_confidence_are_stored(desk: Desk) -> None:
    one, two = desk.signals(2)
    for signal, confidence in ((one, 0), (two, 1)):
        desk.ws.link_project(signal, desk.one, confidence=confidence, reason="")
    assert [desk.links(key)[desk.one][2:] for key in (one, two)] == [["", 0.0], ["", 1.0]]
    name = "𝕏" * 200
    assert (desk.ws.tag(one, name), desk.ws.link_persona(one, name)) == (Linked(1, 0), Linked(1, 0))
    assert (desk.ws.untag(one, name), desk.ws.unlink_persona(one, name)) == (Unlinked(1, 0), Unlinked(1, 0))


CALLS: list[tuple[str, Callable[[Desk, list[str]], Any]]] = [
    ("link_project", lambda my, ids: my.ws.link_project(ids, my.one, reason="r", by=my.user)),
    ("link it again", lambda my, ids: my.ws.link_project(ids, my.one)),
    ("link another", lambda my, ids: my.ws.link_project(ids, my.two)),
    ("unlink_project", lambda my, ids: my.ws.unlink_project(ids, my.one, by=my.user)),
    ("unlink the last", lambda my, ids: my.ws.unlink_project(ids, my.two)),
    ("link_persona", lambda my, ids: my.ws.link_persona(ids, "p", by=my.user)),
    ("unlink_persona", lambda my, ids: my.ws.unlink_persona(ids, "p")),
    ("tag", lambda my, ids: my.ws.tag(ids, "t")),
    ("untag", lambda my, ids: my.ws.untag(ids, "t", by=my.user)),
]


def test_a_call_sends_the_same_statements_whatever_the_number_of_signals(desk: Desk) -> None:
    signals = desk.signals(1011)
    counts: dict[str, list[int]] = {name: [] for name, _ in CALLS}
    for ids in (signals[:1], signals[1:11], signals[11:]):
        for name, call in CALLS:
            with sent() as statements:
                call(desk, ids)
            counts[name].append(len(statements))
    assert {name: len(set(found)) for name, found in counts.items()} == dict.fromkeys(counts, 1)
    assert max(found[0] for found in counts.values()) <= 8
    assert [desk.ws.counts("status"), len(desk.events(signals[0]))] == [{"reviewed": 1011}, 8]


def test_every_link_that_comes_or_goes_is_a_change_of_its_signal_and_no_other_is(desk: Desk) -> None:
    changed, other = desk.signals(2)
    desk.ws.set_status(changed, "archived")
    untouched = desk.ws.get(other).as_row()
    event: Any = desk.models.SignalEvent
    for name, call in CALLS:
        before = desk.ws.get(changed).updated_at
        call(desk, [changed])
        after, told = desk.ws.get(changed).updated_at, event.select().order_by(event.created_at.desc()).get()
        assert told.created_at == after, name
        assert (after > before) == (name != "link it again"), name
    assert desk.ws.get(other).as_row() == untouched
    assert event.select().where(event.signal == other).count() == 0


@pytest.mark.parametrize("kind", [PROJECT, PERSONA, TAG], ids=lambda kind: kind.word)
def test_links_by_the_thousand_are_all_of_them_whole(desk: Desk, kind: Any) -> None:
    signals, project = desk.signals(1500), kind is PROJECT
    target = desk.one if project else 'a "strange"\\\t\nname\N{SNOWMAN}'
    link, unlink = {
        "project": (desk.ws.link_project, desk.ws.unlink_project),
        "persona": (desk.ws.link_persona, desk.ws.unlink_persona),
        "tag": (desk.ws.tag, desk.ws.untag),
    }[kind.word]
    facts = {"reason": 'say "\\N" \t\n', "confidence": 1 / 3} if project else {}
    assert link(signals[::3], target, by=desk.user) == Linked(500, 0)
    assert link(signals, target, **facts) == Linked(1000, 500)
    model: Any = getattr(desk.models, kind.model)
    assert sorted(model.select(model.signal, getattr(model, kind.target)).tuples()) == [
        (key, target) for key in sorted(signals)
    ]
    (row,) = model.select().where(model.signal == signals[1])
    assert not project or (row.link_reason, row.confidence) == (facts["reason"], facts["confidence"])
    assert unlink(signals, target) == Unlinked(1500, 0)
    assert model.select().count() == 0
    (linked, unlinked) = desk.events(signals[1])
    assert (linked[0], unlinked[0]) == (kind.linked, kind.unlinked)
    assert linked[3] == unlinked[2]
    assert linked[3][kind.word] == target


def test_signals_with_keys_of_their_own_are_linked(desk: Desk) -> None:
    names = ['it\'s "a" \\ key', "ключ\N{SNOWMAN}", "{1,2}", " "]
    for name in names:
        desk.models.Signal.create(id=name, workspace=desk.ws.id, verbatim="words", source="other")
    assert desk.ws.link_project(names, desk.one) == Linked(4, 0)
    assert desk.ws.tag(names * 100, "t") == Linked(4, 0)
    assert {name: (desk.status(name), len(desk.events(name))) for name in names} == dict.fromkeys(names, ("linked", 2))
    assert desk.ws.unlink_project(names, desk.one) == Unlinked(4, 0)


def test_each_change_is_later_than_the_one_before_whatever_the_clock_says(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (signal,) = desk.signals(1)
    times: Iterator[datetime] = iter([MIDNIGHT - timedelta(hours=number) for number in range(9)])
    monkeypatch.setattr("signals_peewee.store.changing.utc_now", lambda: next(times))
    seen = [desk.ws.get(signal).updated_at]
    for _ in range(2):
        for change in (desk.ws.link_project, desk.ws.unlink_project):
            change(signal, desk.one)
            seen.append(desk.ws.get(signal).updated_at)
    event: Any = desk.models.SignalEvent
    assert [at for (at,) in event.select(event.created_at).order_by(event.created_at).tuples()] == seen[1:]
    assert seen == sorted(set(seen))
    assert [kind for kind, *_ in desk.events(signal)] == ["project_linked", "project_unlinked"] * 2


def test_a_link_is_part_of_the_hosts_transaction(desk: Desk, database: Database) -> None:
    one, two = desk.signals(2)
    before = desk.everything()
    with database.atomic() as transaction:
        desk.ws.link_project(one, desk.one)
        desk.ws.tag(two, "t")
        transaction.rollback()
    assert desk.everything() == before
    with database.atomic():
        desk.ws.link_project(one, desk.one)
        with pytest.raises(NotFound):
            desk.ws.link_project([two, "none"], desk.one)
        with pytest.raises(IntegrityError), database.atomic():
            desk.models.SignalProject.create(signal=one, project=desk.one)
        desk.ws.link_project(two, desk.two)
    assert (set(desk.links(one)), set(desk.links(two))) == ({desk.one}, {desk.two})
    assert [len(desk.events(key)) for key in (one, two)] == [1, 1]


def test_the_tables_decide_in_one_transaction_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails last takes the link, the status and the event along."""
    signals = desk.signals(3)
    before = desk.everything()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("signals_peewee.store.linking.Linking._tell", fail)
    for change in (lambda: desk.ws.link_project(signals, desk.one), lambda: desk.ws.tag(signals, "t")):
        with pytest.raises(RuntimeError):
            change()
    assert desk.everything() == before


@ANY_KEY
def test_a_hosts_projects_and_users_are_linked_whatever_their_keys(database: Database, kind: str) -> None:
    make, key, _ = KEYS[kind]
    tenant = host_model(database, "Tenant", name=TextField())
    person = host_model(database, "Person", pk=make())
    initiative = host_model(database, "Initiative", pk=make(), owner=ForeignKeyField(tenant))
    database.create_tables([tenant, person, initiative])
    store = SignalStore(database, hosts=Hosts(workspace=tenant, user=person, project=initiative))
    store.migrate()
    mine, theirs = tenant.create(name="mine"), tenant.create(name="theirs")
    ann = person.create(force_insert=True, pk=key(1))
    own = initiative.create(force_insert=True, pk=key(1), owner=mine)
    foreign = initiative.create(force_insert=True, pk=key(2), owner=theirs)
    ws = store.workspace(mine)
    signals = [ws.record(f"words {number}", source="other").signal.id for number in range(300)]
    assert ws.link_project(signals[0], own, by=ann, confidence=0.5) == Linked(1, 0)
    assert ws.link_project(signals, key(1), by=key(1), confidence=0.5) == Linked(299, 1)
    for project in (foreign, key(2), key(3)):
        with pytest.raises(NotFound, match="project .* of this workspace"):
            ws.link_project(signals, project)
    with pytest.raises(NotFound, match="user "):
        ws.link_project(signals, own, by=key(2))
    models: Any = store.models
    (link,) = ws.get(signals[0], include=["projects"]).project_links
    assert (link.project, link.linked_by) == (own, ann)
    assert ws.unlink_project(signals, own, by=ann) == Unlinked(300, 0)
    shown = str(key(1)) if kind == "uuid" else key(1)
    for event in models.SignalEvent.select():
        side = event.after if event.kind == "project_linked" else event.before
        assert (side["project"], side["linked_by"], event.created_by_id) == (shown, shown, key(1))
    assert ws.counts("status") == {"reviewed": 300}


def test_a_hosts_projects_without_a_workspace_are_shared(database: Database) -> None:
    shared = host_model(database, "Initiative", name=TextField())
    database.create_tables([shared])
    store = SignalStore(database, hosts=Hosts(project=shared))
    store.migrate()
    project = shared.create(name="one")
    for name in ("acme", "other"):
        ws = store.workspace_named(name, create=True)
        signal = ws.record("words", source="other").signal
        assert ws.link_project(signal, project) == Linked(1, 0)
        assert ws.unlink_project([signal], str(project.id)) == Unlinked(1, 0)


def test_a_key_that_the_database_finds_in_another_spelling_is_linked_once(sqlite_url: str) -> None:
    with open_store(sqlite_url, migrate=False) as plain:
        initiative = host_model(plain.database, "Initiative", pk=TextField(primary_key=True, collation="NOCASE"))
        plain.database.create_tables([initiative])
        store = SignalStore(plain.database, hosts=Hosts(project=initiative))
        store.migrate()
        initiative.create(force_insert=True, pk="Roadmap")
        ws = store.workspace_named("acme", create=True)
        signal = ws.record("words", source="other").signal.id
        assert (ws.link_project(signal, "ROADMAP"), ws.link_project(signal, "roadmap")) == (Linked(1, 0), Linked(0, 1))
        assert store.models.SignalEvent.get().after["project"] == "Roadmap"
        assert ws.unlink_project(signal, "rOADMAP") == Unlinked(1, 0)
