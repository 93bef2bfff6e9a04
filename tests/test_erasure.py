"""Is every trace of a person gone after an erasure, and nothing else?"""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from erasure_kit import ADA, Desk, busy, untouched
from merging_kit import statements
from peewee import AutoField, Database, Model, TextField
from plans import plan
from plans import statements as sent_to
from store_replay import check_history

from signals_peewee import Hosts, SignalFilter, SignalStore, open_store
from signals_peewee.errors import InvalidOption, InvalidSignal, NotFound
from signals_peewee.store import Erased

ALL = SignalFilter(archived=True, merged=True)


@pytest.fixture
def desk(store: SignalStore) -> Desk:
    return Desk(store)


@pytest.fixture
def other(store: SignalStore) -> Desk:
    """Another workspace, that holds the same."""
    other = Desk(store, "other")
    busy(other)
    return other


def test_a_person_is_erased_from_every_state_with_all_that_hangs_on_it(desk: Desk, other: Desk) -> None:
    first, second, third = busy(desk)
    with untouched(other):
        # Of the first: linked, tagged, archived; of the second: persona, tag, merged. Three copies went from the third.
        assert desk.ws.erase(subject="Ada@Example.ORG") == Erased(signals=2, events=6, links=6, inbox_items=1)
    assert desk.keys() == {third}
    assert [row.id for row in desk.ws.page(ALL).items] == [third]
    assert (desk.ws.count(ALL), desk.ws.find("email", "1")) == (1, None)
    with pytest.raises(NotFound):
        desk.ws.get(first)
    assert ADA not in repr(desk.seen()).casefold()
    assert second in repr(desk.events(third))
    assert desk.ws.erase(subject=ADA) == Erased(0, 0, 0, 0)


NAMED: list[Any] = [
    {"customerEmail": "ada@example.org"},
    {"customerEmail": "ADA@EXAMPLE.ORG", "rawPayload": None},
    {"interviewee": "Ada@example.org"},
    {"rawPayload": "ada@example.org"},
    {"rawPayload": {"user": {"emails": [7, None, ["x", {"work": "ada@Example.org"}]]}}},
    {"rawPayload": [[[["ada@example.org"]]]]},
]
NOT_NAMED: list[Any] = [
    None,
    {},
    {"customerEmail": "ada@example.org "},
    {"customerEmail": "grace+ada@example.org"},
    {"customerEmail": "ada@example.organic"},
    {"customerEmail": "ada@example_org"},
    {"sourceName": "ada@example.org"},
    {"rawPayload": {"ada@example.org": "grace@example.org"}},
    {"rawPayload": "from ada@example.org"},
]


def test_a_subject_is_found_wherever_metadata_names_it_and_nowhere_else(desk: Desk) -> None:
    """A part of a text is no match, nor is a key, another field of the metadata, or another column."""
    for metadata in [*NAMED, *NOT_NAMED]:
        desk.signal("ada@example.org", interpretation="ada@example.org", source_metadata=metadata)
    assert desk.ws.erase(subject=ADA) == Erased(signals=len(NAMED), events=0, links=0, inbox_items=0)
    assert [
        row.source_metadata for row in desk.models.Signal.select().order_by(desk.models.Signal.created_at)
    ] == NOT_NAMED


def test_case_is_that_of_every_alphabet(desk: Desk) -> None:
    spellings = {"ÁDA ÖZ": "áda öz", "straße": "STRASSE", "ΣΊΣΥΦΟΣ": "σίσυφος", "İ": "i̇", "%": "%"}
    for stored, asked in spellings.items():
        desk.of(stored)
        assert desk.ws.erase(subject=asked).signals == 1, stored


def test_case_is_all_that_may_differ(desk: Desk) -> None:
    for stored in ("élan", "elan", "%", "a_b"):
        desk.of(stored)
    for asked in ("e\u0301lan", "ela_", "a%", "_", "axb"):
        assert desk.ws.erase(subject=asked).signals == 0


def test_either_a_subject_or_ids(desk: Desk) -> None:
    key = desk.of(ADA)
    for given_ in ({}, {"subject": ADA, "ids": key}):
        with pytest.raises(InvalidOption, match="a subject or ids, and not both"):
            desk.ws.erase(**given_)
    for blank in ("", " \n", 7, "\0"):
        with pytest.raises(InvalidSignal, match="subject"):
            desk.ws.erase(subject=blank)  # type: ignore[arg-type]
    assert desk.keys() == {key}


def test_by_ids_nothing_goes_but_these_signals(desk: Desk, other: Desk) -> None:
    first, second, third = busy(desk)
    items = desk.seen()["inbox_items"]
    with untouched(other):
        assert desk.ws.erase(ids=[first, first]) == Erased(signals=1, events=3, links=2, inbox_items=0)
    assert desk.keys() == {second, third}
    assert desk.seen()["inbox_items"] == items
    assert desk.ws.erase(ids=desk.ws.get(third)).signals == 1
    assert desk.ws.erase(ids=iter(())) == Erased(0, 0, 0, 0)


def test_one_strange_id_erases_nothing(desk: Desk, other: Desk) -> None:
    keys = busy(desk)
    with untouched(desk), untouched(other):
        for strange in (next(iter(other.keys())), "nothing", 7, "\0"):
            with pytest.raises(NotFound, match="signal"):
                desk.ws.erase(ids=[*keys, strange])  # type: ignore[list-item]


def test_an_event_of_another_signal_that_repeats_the_subject_stays_without_it(desk: Desk, other: Desk) -> None:
    mine, _ = told_of(desk), told_of(other)
    with untouched(other):
        assert desk.ws.erase(subject=ADA) == Erased(0, 0, 0, 0, redacted=4)
    assert desk.ws.get(mine).source_metadata == {"customerEmail": "grace@example.org"}
    linked, (kind, before, after) = desk.events(mine)[-2:]
    assert desk.events(mine)[:-2] == [
        ("status_set", {"status": "new"}, {"status": "reviewed"}),
        ("updated", {}, {}),
        ("updated", {}, {}),
        ("updated", {"severity": None}, {"severity": "high"}),
    ]
    assert (linked[1], linked[2]["link_reason"]) == ({"status": "reviewed"}, None)
    assert (kind, before, after) == ("updated", {"interpretation": None}, {"interpretation": "Grace finds it slow"})
    assert ADA not in repr(desk.seen()).casefold()
    check_history(desk.ws, desk.seen(), mine)
    assert desk.ws.erase(subject=ADA) == Erased(0, 0, 0, 0)


@pytest.mark.parametrize("content", ['{"from": {"email": "ADA@example.org"}}', ' [1, ["Ada@example.org"]]'])
def test_an_inbox_item_that_is_a_queued_document_goes_for_a_value_in_it(desk: Desk, content: str) -> None:
    desk.item(content)
    words = ['{"ada@example.org": 1}', '{"from": "ada@example.org"', '"ada@example.org"', ADA, "[" * 100_000]
    kept = {desk.item(each) for each in words}
    assert desk.ws.erase(subject=ADA) == Erased(0, 0, 0, inbox_items=1)
    assert set(desk.seen()["inbox_items"]) == kept


def told_of(desk: Desk) -> str:
    """A signal whose history tells of her four times, though it names somebody else now."""
    key, grace = desk.of(ADA), "grace@example.org"
    desk.ws.set_status(key, "reviewed")
    desk.ws.update(key, source_metadata={"customerEmail": grace})
    desk.ws.update(key, source_metadata={"customerEmail": grace, "rawPayload": {"to": [ADA.upper()]}})
    desk.ws.update(key, source_metadata={"customerEmail": grace}, severity="high")
    desk.ws.link_project(key, desk.project, reason=ADA)
    desk.ws.update(key, interpretation="Grace finds it slow")
    return key


def test_a_word_that_names_a_status_a_persona_or_a_tag_is_no_trace(desk: Desk) -> None:
    key = desk.signal()
    desk.ws.tag(key, "Ada")
    desk.ws.link_persona(key, "Ada")
    desk.ws.set_status(key, "reviewed")
    before = desk.seen()
    for subject in ("Ada", "reviewed", "new"):
        assert desk.ws.erase(subject=subject) == Erased(0, 0, 0, 0)
    assert desk.seen() == before


def test_an_inbox_item_goes_for_its_metadata_or_for_a_signal_that_came_from_it(desk: Desk, other: Desk) -> None:
    named = desk.item("by metadata", metadata={"headers": {"from": ["ADA@example.org"]}})
    source = desk.item("by a signal", metadata={"headers": {"ada@example.org": "no"}})
    kept = desk.item("ada@example.org", metadata={"from": "ada@example.org, grace@example.org"})
    desk.of(ADA, inbox_item_id=source)
    beside = [desk.signal("Words", inbox_item_id=each) for each in (named, source, kept)]
    told = [desk.ws.get(key).updated_at for key in beside]
    with untouched(other):
        assert desk.ws.erase(subject=ADA) == Erased(signals=1, events=0, links=0, inbox_items=2)
    assert set(desk.seen()["inbox_items"]) == {kept}
    assert [desk.ws.get(key).inbox_item_id for key in beside] == [None, None, kept]
    for key, item, at in zip(beside[:2], (named, source), told, strict=False):
        assert desk.events(key) == [("updated", {"inbox_item_id": item}, {"inbox_item_id": None})]
        assert desk.ws.get(key).updated_at > at
        check_history(desk.ws, desk.seen(), key)
    assert desk.events(beside[2]) == []
    assert desk.ws.get(beside[2]).updated_at == told[2]


def test_a_signal_that_was_made_of_an_inbox_item_goes_with_it(desk: Desk) -> None:
    """It has the words and the metadata of the item, under whatever keys those are."""
    item = desk.item("It is slow", metadata={"from": "Ada@example.org"})
    (recorded,) = desk.ws.from_inbox(item)
    said = desk.signal("Grace, of Ada", source_metadata={"sourceName": ADA}, inbox_item_id=desk.item())
    assert recorded.signal.source_metadata == {"from": "Ada@example.org"}
    assert desk.ws.erase(subject=ADA) == Erased(signals=1, events=0, links=0, inbox_items=1)
    assert desk.keys() == {said}


def test_the_number_of_statements_does_not_grow(desk: Desk) -> None:
    sent = []
    for count in (1, 40):
        keys = [desk.of(f"{count}", inbox_item_id=desk.item()) for _ in range(count)]
        others = [desk.signal(inbox_item_id=desk.ws.get(key).inbox_item_id) for key in keys]
        desk.ws.link_project([*keys, *others], desk.project)
        desk.ws.tag(keys, "hers")
        for key, stands in zip(keys, others, strict=True):
            desk.ws.merge(key, desk.signal())
            desk.ws.merge(stands, key)
        with statements() as log:
            assert desk.ws.erase(subject=f"{count}").signals == count
        sent.append(len(log))
    assert sent[0] == sent[1]


def test_no_statement_reads_through_a_workspace_but_those_that_look_for_a_person(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        desk = Desk(store)
        busy(desk)
        with sent_to(store.database) as sent:
            desk.ws.erase(subject=ADA)
        plans = {sql: plan(store.database, (sql, parameters)) for sql, parameters in sent}
    assert [sql for sql, steps in plans.items() if "TEMP B-TREE FOR ORDER BY" in steps] == []
    (looking,) = [sql for sql, steps in plans.items() if "SCAN t1" in steps or "SCAN signal" in steps]
    assert 'FROM "inbox_items"' in looking  # page by page, in the order of its key


def test_looking_for_a_person_takes_memory_for_a_page(desk: Desk) -> None:
    payload = "x" * 5000
    metadata = {"rawPayload": payload}
    desk.ws.record_many({"verbatim": "w", "source": "email", "source_metadata": metadata} for _ in range(3000))
    tracemalloc.start()
    try:
        assert desk.ws.erase(subject=ADA) == Erased(0, 0, 0, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000  # the whole of it is three times as much


def test_pages_meet_without_a_gap(desk: Desk) -> None:
    rows = [{"verbatim": f"{n}", "source": "email", "source_metadata": {"customerEmail": ADA}} for n in range(1001)]
    desk.ws.record_many(rows)
    for _ in range(401):
        desk.item(metadata={"from": ADA})
    # Plain SQL wrote times in another form, all the same, so that only the key tells the rows apart.
    same = "2026-01-01T00:00:00Z"
    desk.store.database.execute_sql(f"UPDATE signals SET created_at = '{same}'")
    assert desk.ws.erase(subject=ADA) == Erased(signals=1001, events=0, links=0, inbox_items=401)


def test_a_hosts_inbox_is_never_touched(database: Database) -> None:
    class Ticket(Model):
        id = AutoField()
        body = TextField()

        class Meta:
            table_name = "tickets"

    Ticket.bind(database, bind_refs=False, bind_backrefs=False)
    Ticket.create_table()
    ticket = Ticket.create(body=f"from {ADA}")
    store = SignalStore(database, hosts=Hosts(inbox_item=Ticket))
    store.migrate()
    ws = store.workspace_named("acme", create=True)
    ws.record("words", source="email", source_metadata={"customerEmail": ADA}, inbox_item_id=ticket)
    stays = ws.record("words", source="email", inbox_item_id=ticket).signal.id
    assert ws.erase(subject=ADA) == Erased(signals=1, events=0, links=0, inbox_items=0)
    assert [row.body for row in Ticket.select()] == [f"from {ADA}"]
    assert ws.get(stays).inbox_item_id == ticket.id


def test_a_reason_that_is_the_subject_goes_and_its_link_stays(desk: Desk, other: Desk) -> None:
    keys = [desk.signal(reason) for reason in ("ADA@example.org", f"from {ADA}", "b")]
    for key, reason in zip(keys, ("ADA@example.org", f"from {ADA}", "b"), strict=True):
        desk.ws.link_project(key, desk.project, reason=reason, confidence=0.5)
    links = [desk.links(key) for key in keys]
    with untouched(other):
        assert desk.ws.erase(subject=ADA) == Erased(0, 0, 0, 0, redacted=1)
    assert [desk.links(key) for key in keys] == links
    shown = {each.signal.id: (each.reason, each.confidence) for each in desk.ws.evidence(desk.project).items}
    assert [shown[key] for key in keys] == [(None, 0.5), (f"from {ADA}", 0.5), ("b", 0.5)]
    for key in keys:
        check_history(desk.ws, desk.seen(), key)
