"""Are signals found, paged through and counted right, each page from its index?"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import product
from typing import Any, get_args
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database, ModelSelect

from signals_peewee import SignalFilter, SignalStore, Workspace
from signals_peewee.errors import InvalidCursor, InvalidFilter, InvalidSignal, NotFound
from signals_peewee.store import hydrating
from signals_peewee.store.relations import Include

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
Fill = Callable[..., list[str]]


@pytest.fixture
def fill(store: SignalStore, workspace: Workspace) -> Fill:
    """Store signals a minute apart and return their ids, the first stored first."""

    def fill(*rows: dict[str, Any], into: Any = None) -> list[str]:
        made = []
        for number, columns in enumerate(rows):
            when = START + timedelta(minutes=number)
            given = {
                "verbatim": f"words {number}",
                "source": "other",
                "created_at": when,
                "occurred_at": when,
                **columns,
            }
            made.append(store.models.Signal.create(workspace=into or workspace.id, **given).id)
        return made

    return fill


@contextmanager
def queries() -> Iterator[list[str]]:
    seen: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("peewee")
    handler.emit = lambda record: seen.append(record.msg[0])  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield seen
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def ids(workspace: Workspace, wanted: SignalFilter | None = None, **options: Any) -> list[str]:
    return [row.id for row in workspace.page(wanted or SignalFilter(), **options).items]


def walk(workspace: Workspace, wanted: SignalFilter | None = None, **options: Any) -> list[str]:
    found, after = [], None
    while True:
        page = workspace.page(wanted or SignalFilter(), after=after, **options)
        found += [row.id for row in page.items]
        after = page.next_cursor
        if after is None:
            return found


def test_a_signal_is_got_by_its_id_and_found_by_its_reference(workspace: Workspace) -> None:
    made = workspace.record("words", source="slack", source_ref="C1/1").signal
    assert workspace.get(made.id).verbatim == "words"
    found = workspace.find("slack", "C1/1")
    assert found is not None
    assert found.id == made.id
    assert workspace.find("slack", "C1/2") is None
    assert workspace.find("email", "C1/1") is None
    with pytest.raises(InvalidSignal, match="source: got 'fax'"):
        workspace.find("fax", "1")


@pytest.mark.parametrize("wrong", ["none", "", "a\0b", "\ud800", 7, None, "x" * 10_000])
def test_an_id_that_is_none_is_not_found(workspace: Workspace, wrong: Any) -> None:
    with pytest.raises(NotFound, match="signal") as raised:
        workspace.get(wrong)
    assert isinstance(raised.value, LookupError)


def test_another_workspace_sees_nothing(store: SignalStore, workspace: Workspace) -> None:
    made = workspace.record("words", source="slack", source_ref="1").signal
    other = store.workspace_named("other", create=True)
    with pytest.raises(NotFound) as theirs:
        other.get(made.id)
    with pytest.raises(NotFound) as nobodys:
        other.get("0" * 21)
    assert str(theirs.value).replace(made.id, "ID") == str(nobodys.value).replace("0" * 21, "ID")
    assert other.find("slack", "1") is None
    assert (other.page().items, other.count(), other.counts("source")) == ([], 0, {})


@pytest.mark.parametrize("reference", [None, "", "x" * 513, "a\0", 7])
def test_a_reference_that_is_none_is_refused(workspace: Workspace, reference: Any) -> None:
    workspace.record("anonymous", source="slack")
    with pytest.raises(InvalidSignal, match="source_ref"):
        workspace.find("slack", reference)


def test_what_is_another_workspaces_by_now_is_not_read_along(store: SignalStore, workspace: Workspace) -> None:
    models: Any = store.models
    other = models.Workspace.create(name="other")
    item = models.InboxItem.create(workspace=workspace.id, type="feedback", source="email", title="t", raw_content="r")
    id = workspace.record("words", source="email", inbox_item_id=item.id).signal.id
    models.SignalProject.create(signal=id, project=models.Project.create(workspace=other, name="secret"))
    mine = models.Project.create(workspace=workspace.id, name="mine")
    models.SignalProject.create(signal=id, project=mine)
    models.InboxItem.update(workspace=other).execute()
    row = workspace.get(id, include=["inbox_item", "projects"])
    assert row.inbox_item is None
    assert [link.project.name for link in row.project_links] == ["mine"]


def test_pages_are_newest_first_and_the_cursor_goes_on(workspace: Workspace, fill: Fill) -> None:
    made = fill(*({} for _ in range(10)))
    first = workspace.page(limit=4)
    assert [row.id for row in first.items] == made[:5:-1]
    second = workspace.page(limit=4, after=first.next_cursor)
    assert [row.id for row in second.items] == made[5:1:-1]
    last = workspace.page(limit=4, after=second.next_cursor)
    assert ([row.id for row in last.items], last.next_cursor) == ([made[1], made[0]], None)
    assert walk(workspace, sort="oldest", limit=3) == made


def test_a_page_that_is_exactly_full_has_no_next(workspace: Workspace, fill: Fill) -> None:
    fill({}, {}, {})
    assert workspace.page(limit=3).next_cursor is None
    assert workspace.page(limit=2).next_cursor is not None


@pytest.mark.parametrize("sort", ["newest", "oldest", "occurred", "updated"])
@pytest.mark.parametrize("limit", [1, 7, 500])
def test_a_walk_visits_each_once_though_all_were_stored_at_one_instant(
    workspace: Workspace, fill: Fill, sort: Any, limit: int
) -> None:
    same = {"created_at": START, "updated_at": START, "occurred_at": START}
    made = fill(*(same for _ in range(20)))
    assert Counter(walk(workspace, sort=sort, limit=limit)) == Counter(made)


def test_a_walk_is_not_disturbed_by_what_is_stored_meanwhile(workspace: Workspace, fill: Fill) -> None:
    made = fill(*({} for _ in range(9)))
    page = workspace.page(limit=4)
    found = [row.id for row in page.items]
    while page.next_cursor:
        workspace.record("newer", source="other")
        page = workspace.page(limit=4, after=page.next_cursor)
        found += [row.id for row in page.items]
    assert found == made[::-1]


def test_occurred_sorts_by_when_it_was_said(workspace: Workspace, fill: Fill) -> None:
    first, second, third = fill(
        {"occurred_at": START + timedelta(days=2)}, {"occurred_at": START}, {"occurred_at": START + timedelta(days=1)}
    )
    assert walk(workspace, sort="occurred", limit=1) == [first, third, second]


def test_updated_sorts_by_the_last_change(workspace: Workspace, fill: Fill) -> None:
    first, second = fill({"updated_at": START + timedelta(days=1)}, {"updated_at": START})
    assert walk(workspace, sort="updated", limit=1) == [first, second]


@pytest.mark.parametrize(
    ("arguments", "field", "expected"),
    [
        ({"limit": 0}, "limit", "from 1 to 500"),
        ({"limit": 501}, "limit", "from 1 to 500"),
        ({"limit": True}, "limit", "an integer"),
        ({"limit": "5"}, "limit", "an integer"),
        ({"sort": "random"}, "sort", "one of newest, oldest, occurred, updated"),
        ({"sort": ["newest"]}, "sort", "one of newest"),
        ({"include": ["history"]}, "include", "some of workspace"),
        ({"include": "everything"}, "include", "some of workspace"),
        ({"filter": {"status": "new"}}, "filter", "a SignalFilter"),
    ],
)
def test_an_argument_out_of_range_is_refused(workspace: Workspace, arguments: Any, field: str, expected: str) -> None:
    with pytest.raises(InvalidFilter, match=expected) as raised:
        workspace.page(**arguments)
    assert raised.value.field == field


def _tampered(cursor: str, position: int, value: str) -> str:
    version, _, *content = bytes.fromhex(cursor).decode().split(" ")
    content = [version, *content]
    content[position] = value
    summed = crc32(" ".join(content[1:]).encode("utf-8", "surrogatepass"))
    return " ".join([content[0], f"{summed:08x}", *content[1:]]).encode("utf-8", "surrogatepass").hex()


def test_a_cursor_is_refused_where_it_does_not_belong(store: SignalStore, workspace: Workspace, fill: Fill) -> None:
    fill({}, {}, {})
    cursor = workspace.page(limit=1).next_cursor
    assert cursor is not None
    other = store.workspace_named("other", create=True)
    attempts: list[Callable[[], Any]] = [
        lambda: other.page(after=cursor),
        lambda: workspace.page(after=cursor, sort="oldest"),
        lambda: workspace.page(SignalFilter(status="new"), after=cursor),
        lambda: workspace.page(SignalFilter(tag="new"), after=cursor),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidCursor, match="the same workspace, filter and sort"):
            attempt()
    for wrong in (
        "",
        "x",
        "é",
        "a" * 1000,
        cursor[:-3],
        5,
        _tampered(cursor, 2, "yesterday"),
        _tampered(cursor, 2, ""),
        _tampered(cursor, 2, "2026-01-01T00:00:00"),
        _tampered(cursor, 3, "\ud800"),
    ):
        with pytest.raises(InvalidCursor, match="the next_cursor of a page"):
            workspace.page(after=wrong)  # type: ignore[arg-type]
    for position, value in ((0, "1"), (0, "[1,"), (0, ""), (3, "a\0")):
        with pytest.raises(InvalidCursor, match="made by this version"):
            workspace.page(after=_tampered(cursor, position, value))
    assert len(workspace.page(after=cursor, limit=500).items) == 2


def test_a_cursor_that_was_cut_or_changed_anywhere_is_refused(workspace: Workspace, fill: Fill) -> None:
    fill({}, {}, {})
    cursor = workspace.page(limit=1).next_cursor
    assert cursor is not None
    shorter = [cursor[:length] for length in range(len(cursor))] + [cursor[start:] for start in range(1, len(cursor))]
    other = [cursor[:at] + ("1" if digit == "0" else "0") + cursor[at + 1 :] for at, digit in enumerate(cursor)]
    for wrong in (*shorter, *other, cursor + "30", cursor + cursor):
        with pytest.raises(InvalidCursor):
            workspace.page(after=wrong)
    assert len(workspace.page(after=cursor)) == 2


def test_a_cursor_is_for_the_filter_and_not_for_how_it_was_written(workspace: Workspace, fill: Fill) -> None:
    fill({"severity": "high"}, {"severity": "low"}, {"severity": "high"})
    cursor = workspace.page(SignalFilter(severity=["low", "high"]), limit=1).next_cursor
    assert len(workspace.page(SignalFilter(severity={"high", "low"}), after=cursor).items) == 2


def test_archived_and_merged_signals_are_left_out_unless_asked_for(workspace: Workspace, fill: Fill) -> None:
    (kept,) = fill({})
    archived, merged, both = fill(
        {"status": "archived"}, {"merged_into": kept}, {"status": "archived", "merged_into": kept}
    )
    assert ids(workspace) == [kept]
    assert set(ids(workspace, SignalFilter(archived=True))) == {kept, archived}
    assert set(ids(workspace, SignalFilter(merged=True))) == {kept, merged}
    assert set(ids(workspace, SignalFilter(archived=True, merged=True))) == {kept, archived, merged, both}
    assert ids(workspace, SignalFilter(status="archived")) == [archived]
    assert workspace.count() == 1


def test_every_filter_finds_what_it_says(store: SignalStore, workspace: Workspace, fill: Fill) -> None:
    a, b, c, d = fill(
        {"severity": "high", "source": "slack", "user_segment": "SMB", "verbatim": "The EXPORT fails"},
        {"severity": "low", "frequency": "rare", "interpretation": "wants 100% export_"},
        {"status": "reviewed", "frequency": "common", "user_segment": "enterprise"},
        {"status": "linked", "source": "email", "verbatim": "Ärger mit ÄPFELN"},
    )
    models: Any = store.models
    project = models.Project.create(workspace=workspace.id, name="p")
    models.SignalProject.create(signal=a, project=project)
    models.SignalProject.create(signal=d, project=project)
    models.SignalPersona.create(signal=b, persona_id="Ada")
    models.SignalTag.create(signal=b, tag="export")
    models.SignalTag.create(signal=c, tag="export")
    models.SignalTag.create(signal=c, tag="Export")
    minute = timedelta(minutes=1)
    expected: list[tuple[SignalFilter, list[str]]] = [
        (SignalFilter(status="new"), [b, a]),
        (SignalFilter(status=["new", "reviewed"]), [c, b, a]),
        (SignalFilter(source=("slack", "email")), [d, a]),
        (SignalFilter(severity="high"), [a]),
        (SignalFilter(frequency={"rare", "common"}), [c, b]),
        (SignalFilter(segment="SMB"), [a]),
        (SignalFilter(segment=["SMB", "enterprise"]), [c, a]),
        (SignalFilter(project=project), [d, a]),
        (SignalFilter(project=project.id), [d, a]),
        (SignalFilter(project="none"), []),
        (SignalFilter(persona="Ada"), [b]),
        (SignalFilter(persona="ada"), []),
        (SignalFilter(tag="export"), [c, b]),
        (SignalFilter(tag="Export"), [c]),
        (SignalFilter(tag="exp"), []),
        (SignalFilter(tag="export") & SignalFilter(tag="Export"), [c]),
        (SignalFilter(tag="export", persona="Ada"), [b]),
        (SignalFilter(project=0), []),
        (SignalFilter(unlinked=True), [c, b]),
        (SignalFilter(text="export"), [b, a]),
        (SignalFilter(text="100%"), [b]),
        (SignalFilter(text="export_"), [b]),
        (SignalFilter(text="äPFEL"), []),
        (SignalFilter(text="Äpfel"), [d]),
        (SignalFilter(created_from=START + minute), [d, c, b]),
        (SignalFilter(created_before=START + minute), [a]),
        (SignalFilter(created_from=START + minute, created_before=START + 3 * minute), [c, b]),
        (SignalFilter(occurred_from=START + 3 * minute), [d]),
        (SignalFilter(occurred_before=START), []),
        (SignalFilter(status="new", text="export", unlinked=True), [b]),
        (SignalFilter(status="new") & SignalFilter(text="export") & SignalFilter(unlinked=True), [b]),
        (SignalFilter(severity=["high", "low"]) & SignalFilter(severity="low"), [b]),
        (SignalFilter(severity=[None]), [d, c]),
        (SignalFilter(severity=["high", None]), [d, c, a]),
        (SignalFilter(severity=[None]) & SignalFilter(severity="low"), []),
        (SignalFilter(frequency={None, "rare", "common"}), [d, c, b, a]),
        (SignalFilter(frequency=[None], severity=[None]), [d]),
        (SignalFilter(segment=[None, "SMB"]), [d, b, a]),
    ]
    for wanted, found in expected:
        assert ids(workspace, wanted) == found
        assert workspace.count(wanted) == len(found)
        assert walk(workspace, wanted, limit=1, sort="oldest") == found[::-1]
        assert sum(workspace.counts("source", wanted).values()) == len(found)


def test_the_parts_of_a_combined_filter_ask_together_for_archived_ones(workspace: Workspace, fill: Fill) -> None:
    (archived,) = fill({"status": "archived", "severity": "high"})
    assert ids(workspace, SignalFilter(severity="high") & SignalFilter(status="archived")) == [archived]
    assert ids(workspace, SignalFilter(severity="high") & SignalFilter(severity="high")) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"status": "done"}, "status"),
        ({"status": []}, "status"),
        ({"status": [1]}, "status"),
        ({"severity": 3}, "severity"),
        ({"severity": [None, "grave"]}, "severity"),
        ({"status": [None]}, "status"),
        ({"source": ["slack", None]}, "source"),
        ({"segment": ["\0"]}, "segment"),
        ({"text": "\ud800"}, "text"),
        ({"persona": 1}, "persona"),
        ({"tag": ["export"]}, "tag"),
        ({"unlinked": "yes"}, "unlinked"),
        ({"created_from": datetime(2026, 1, 1)}, "created_from"),  # noqa: DTZ001
        ({"occurred_before": "2026-01-01"}, "occurred_before"),
    ],
)
def test_a_filter_refuses_what_makes_no_sense(workspace: Workspace, given: Any, field: str) -> None:
    with pytest.raises(InvalidFilter) as raised:
        workspace.page(SignalFilter(**given))
    assert raised.value.field == field


@pytest.mark.parametrize("other", [None, {"status": "new"}, [SignalFilter()]])
def test_a_filter_combines_with_a_filter_alone(other: Any) -> None:
    with pytest.raises(InvalidFilter, match="^filter: got .*, expected a SignalFilter behind &"):
        SignalFilter() & other


def test_a_filter_is_a_value() -> None:
    assert SignalFilter(status=["new", "reviewed"]) == SignalFilter(status=("reviewed", "new", "new"))
    assert hash(SignalFilter(status="new")) == hash(SignalFilter(status=["new"]))
    assert SignalFilter() != SignalFilter(archived=True)
    with pytest.raises(TypeError):
        SignalFilter("new")  # type: ignore[misc]


def test_counts_group_and_agree_with_the_pages(workspace: Workspace, fill: Fill) -> None:
    fill(
        {"severity": "high", "source": "slack", "user_segment": "SMB"},
        {"severity": "low", "source": "slack", "frequency": "rare"},
        {"severity": "high", "status": "reviewed"},
        {"severity": "high", "status": "archived"},
        {},
    )
    assert workspace.counts("severity") == {"high": 2, None: 1, "low": 1}
    assert list(workspace.counts("severity")) == ["high", None, "low"]
    assert workspace.counts(by="source") == {"other": 2, "slack": 2}
    assert workspace.counts("status") == {"new": 3, "reviewed": 1}
    assert workspace.counts("frequency") == {None: 3, "rare": 1}
    assert workspace.counts("segment") == {None: 3, "SMB": 1}
    assert workspace.counts("severity", SignalFilter(source="slack")) == {"high": 1, "low": 1}
    with queries() as sent:
        workspace.counts("status")
    assert len(sent) == 1
    with pytest.raises(InvalidFilter, match="one of status, source, severity, frequency, segment"):
        workspace.counts("colour")  # type: ignore[arg-type]


def test_the_number_of_queries_does_not_grow_with_the_rows(
    store: SignalStore, workspace: Workspace, fill: Fill
) -> None:
    models: Any = store.models
    user = models.User.create(email="ada@example.org")
    project = models.Project.create(workspace=workspace.id, name="p")
    item = models.InboxItem.create(workspace=workspace.id, type="feedback", source="email", title="t", raw_content="r")
    everything: Any = get_args(Include)
    numbers = []
    for _ in range(2):
        for id in fill(*({"inbox_item": item, "embedding": "AAAA"} for _ in range(10))):
            models.SignalProject.create(signal=id, project=project, linked_by=user, link_reason="why", confidence=0.5)
            models.SignalPersona.create(signal=id, persona_id="Ada", linked_by=user)
            models.SignalPersona.create(signal=id, persona_id="Bob")
            models.SignalTag.create(signal=id, tag="export", linked_by=user)
        with queries() as sent:
            rows = workspace.page(include=everything, limit=500).items
            for row in rows:
                (link,) = row.project_links
                assert (link.project.name, link.linked_by.email, link.link_reason) == ("p", "ada@example.org", "why")
                assert (link.confidence, link.signal) == (0.5, row)
                assert [each.persona_id for each in row.persona_links] == ["Ada", "Bob"]
                assert [each.linked_by for each in row.persona_links] == [user, None]
                assert [(each.tag, each.linked_by.email) for each in row.tag_links] == [("export", "ada@example.org")]
                assert (row.workspace.name, row.inbox_item.title, row.embedding) == ("acme", "t", "AAAA")
        numbers.append((len(rows), len(sent)))
    assert numbers == [(10, 7), (20, 7)]


def test_what_is_one_row_in_the_database_is_one_object(store: SignalStore, workspace: Workspace, fill: Fill) -> None:
    models: Any = store.models
    user, project = models.User.create(email="ada@example.org"), models.Project.create(workspace=workspace.id, name="p")
    for id in fill({}, {}):
        models.SignalProject.create(signal=id, project=project, linked_by=user)
        models.SignalTag.create(signal=id, tag="export", linked_by=user)
    first, second = workspace.page(include=["workspace", "projects", "tags"]).items
    assert first.workspace is second.workspace
    assert first.project_links[0].project is second.project_links[0].project
    assert first.project_links[0].linked_by is second.tag_links[0].linked_by


def test_relations_that_are_not_there_are_empty(workspace: Workspace) -> None:
    id = workspace.record("words", source="other").signal.id
    row = workspace.get(id, include=["workspace", "inbox_item", "projects", "personas", "tags"])
    assert (row.inbox_item, row.project_links, row.persona_links, row.tag_links) == (None, [], [], [])


def test_an_embedding_is_read_only_when_asked_for(workspace: Workspace, fill: Fill) -> None:
    (id,) = fill({"embedding": "AAAA", "source_ref": "1"})
    with queries() as sent:
        assert workspace.get(id).embedding is None
        assert workspace.page().items[0].embedding is None
        assert workspace.find("other", "1") is not None
    assert not [sql for sql in sent if '"embedding"' in sql]
    assert workspace.get(id, include=["embedding"]).embedding == "AAAA"


def test_a_row_as_a_plain_mapping_has_every_column(store: SignalStore, workspace: Workspace) -> None:
    from signals_peewee import SignalRow

    row = workspace.record("words", source="slack", source_metadata={"channelId": "C1"}).signal.as_row()
    assert list(row) == [field.column_name for field in store.models.Signal._meta.sorted_fields]
    assert list(row) == list(SignalRow.__annotations__)
    assert (row["workspace_id"], row["source_metadata"]) == (workspace.id, {"channelId": "C1"})


FILTERS = {
    "all": SignalFilter(),
    "all with archived": SignalFilter(archived=True, merged=True),
    "status": SignalFilter(status="reviewed"),
    "source": SignalFilter(source="slack"),
    "severity": SignalFilter(severity="high"),
}
INDEX = {
    "all": "signals_workspace_created_idx",
    "all with archived": "signals_workspace_created_idx",
    "status": "signals_workspace_status_idx",
    "source": "signals_workspace_source_idx",
    "severity": "signals_workspace_severity_idx",
}


@pytest.fixture
def many(store: SignalStore, workspace: Workspace) -> Workspace:
    """Ten thousand signals, one in fifty of which any of the filters finds, and statistics."""
    model: Any = store.models.Signal
    rare = {"status": "reviewed", "source": "slack", "severity": "high"}
    common = {"status": "new", "source": "email", "severity": None}
    rows = [
        {
            "workspace": workspace.id,
            "verbatim": "words",
            "created_at": START + timedelta(minutes=n),
            **{name: rare[name] if (n + at) % 50 == 0 else common[name] for at, name in enumerate(common)},
        }
        for n in range(10_000)
    ]
    with store.database.atomic():
        for at in range(0, len(rows), 1000):
            model.insert_many(rows[at : at + 1000]).execute()
    store.database.execute_sql("ANALYZE")
    return workspace


WORDS = st.sampled_from(["new", "reviewed", "archived"])
SOURCES = st.sampled_from(["slack", "email", "other"])
SEGMENTS: st.SearchStrategy[Any] = st.sampled_from(["SMB", "enterprise", None])


def some(words: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(words, min_size=1, max_size=3, unique=True)


ASKED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "status": some(WORDS),
        "source": some(SOURCES),
        "segment": some(SEGMENTS),
        "text": st.sampled_from([None, "", "1", "WORDS"]),
        "tag": st.sampled_from([None, "odd", "even"]),
        "created_from": st.none() | st.integers(0, 30).map(lambda n: START + timedelta(minutes=n)),
        "created_before": st.none() | st.integers(0, 30).map(lambda n: START + timedelta(minutes=n)),
        "unlinked": st.booleans(),
        "archived": st.booleans(),
    },
)


def finds(asked: dict[str, Any], row: dict[str, Any]) -> bool:
    """What a filter says, in Python."""
    asked = {name: value for name, value in asked.items() if value is not None}
    return (
        all(row[name] in asked[name] for name in ("status", "source", "segment") if name in asked)
        and asked.get("text", "").lower() in row["verbatim"]
        and asked.get("tag", row["tag"]) == row["tag"]
        and asked.get("created_from", START)
        <= row["created_at"]
        < asked.get("created_before", datetime.max.replace(tzinfo=UTC))
        and not (asked.get("unlinked") and row["linked"])
    )


def test_every_filter_finds_its_own_whatever_was_asked_before(
    store: SignalStore, workspace: Workspace, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: Any = store.models
    monkeypatch.setattr(hydrating, "_MOST", 5)
    project = models.Project.create(workspace=workspace.id, name="p")
    statuses, sources = ["new", "reviewed", "archived"], ["slack", "email", "other"]
    segments = ["SMB", "enterprise", None, "SMB"]
    rows: list[dict[str, Any]] = [
        {
            "status": statuses[n % 3],
            "source": sources[n // 3 % 3],
            "segment": segments[n % 4],
            "verbatim": f"words {n}",
            "created_at": START + timedelta(minutes=n),
            "tag": ["even", "odd"][n % 2],
            "linked": n % 4 == 0,
        }
        for n in range(30)
    ]
    made = fill(
        *({"user_segment": row["segment"], **{name: row[name] for name in ("status", "source")}} for row in rows)
    )
    for id, row in zip(made, rows, strict=True):
        models.SignalTag.create(signal=id, tag=row["tag"])
        if row["linked"]:
            models.SignalProject.create(signal=id, project=project)

    @given(st.lists(ASKED, min_size=1, max_size=2))
    def check(asked: list[dict[str, Any]]) -> None:
        wanted = SignalFilter(**asked[0])
        for more in asked[1:]:
            wanted = wanted & SignalFilter(**more)
        archived = any(each.get("archived") or each.get("status") for each in asked)
        expected = [
            id
            for id, row in zip(made, rows, strict=True)
            if all(finds(each, row) for each in asked) and (archived or row["status"] != "archived")
        ]
        assert ids(workspace, wanted, sort="oldest", limit=500) == expected
        assert walk(workspace, wanted, limit=4) == expected[::-1]
        assert workspace.count(wanted) == len(expected)

    check()


def test_a_query_is_rendered_once_for_its_shape(
    workspace: Workspace, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = fill({"source_ref": "1"}, {"source_ref": "2", "source": "slack"}, {"source": "slack"})
    every: list[Callable[[Any, Any], Any]] = [
        lambda source, limit: ids(workspace, SignalFilter(source=source), limit=limit),
        lambda _, limit: ids(workspace, after=workspace.page(limit=limit).next_cursor, limit=limit),
        lambda source, limit: (found := workspace.find(source, str(limit))) and found.id,
    ]
    for read in every:
        read("email", 1)
    monkeypatch.setattr(ModelSelect, "sql", None)
    assert [read("slack", 2) for read in every] == [[third, second], [first], second]


def test_a_page_is_read_from_its_index_without_a_sort(many: Workspace, database: Database, engine_name: str) -> None:
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN "}[engine_name]
    for name, sort in product(FILTERS, ("newest", "oldest")):
        read: Any = partial(many.page, FILTERS[name], sort=sort, limit=50)
        for after in (None, read().next_cursor):
            plan = explained(database, explain, partial(read, after=after))
            assert INDEX[name] in plan, (name, sort, after)
            assert not [word for word in ("Sort", "B-TREE", "SCAN", "Seq Scan") if word in plan], plan


def explained(database: Database, explain: str, read: Callable[[], object]) -> str:
    """Return the database's plan for the one SELECT that `read` sends."""
    sent: list[tuple[str, Any]] = []
    original = database.execute_sql

    def remember(sql: str, params: Any = None) -> Any:
        sent.append((sql, params))
        return original(sql, params)

    database.execute_sql = remember  # type: ignore[method-assign]
    try:
        read()
    finally:
        database.execute_sql = original  # type: ignore[method-assign]
    ((sql, params),) = sent
    return "\n".join(str(row[-1]) for row in original(explain + sql, params))


def test_a_signal_is_read_again_by_its_row(workspace: Workspace) -> None:
    signal = workspace.record("words", source="slack").signal
    assert workspace.get(signal).verbatim == "words"


def test_a_page_is_walked_through(workspace: Workspace) -> None:
    workspace.record_many([{"verbatim": word, "source": "slack"} for word in ("a", "b")])
    page = workspace.page()
    assert {signal.verbatim for signal in page} == {"a", "b"}
    assert (len(page), len(workspace.page(SignalFilter(tag="none")))) == (2, 0)


def test_all_pages_are_walked_through_as_they_are_reached(store: SignalStore, workspace: Workspace, fill: Fill) -> None:
    made = fill(*({} for _ in range(7)))
    with queries() as sent:
        walked = workspace.walk(page_size=3, include=["tags"])
        assert ([next(walked).id for _ in range(3)], len(sent)) == (made[:3:-1], 2)
        workspace.tag(made[0], "export")
        assert [row.id for row in walked] == made[3::-1]
    assert [row.id for row in workspace.walk(sort="oldest", page_size=1)] == made
    (last,) = workspace.walk(SignalFilter(tag="export"), include=(name for name in ("tags", "projects")))
    assert ([link.tag for link in last.tag_links], last.project_links) == (["export"], [])
    assert list(workspace.walk(SignalFilter(tag="none"))) == []


@pytest.mark.parametrize("sort", ["newest", "oldest", "occurred"])
def test_a_walk_may_change_what_it_walks_through(workspace: Workspace, fill: Fill, sort: Any) -> None:
    made = fill(*({"source_ref": str(number)} for number in range(10)))
    walked = []
    for number, row in enumerate(workspace.walk(SignalFilter(status="new"), sort=sort, page_size=2)):
        walked.append(row.id)
        workspace.archive(row)
        if number < 5:
            workspace.record("stored meanwhile", source="slack", source_ref=f"meanwhile {number}")
    assert [id for id in walked if id in made] == (made if sort == "oldest" else made[::-1])
    assert len(set(walked)) == len(walked)


def test_a_walk_refuses_its_arguments_before_the_first_step(workspace: Workspace) -> None:
    for wrong in ({"page_size": 501}, {"sort": "best"}, {"include": ["history"]}, {"filter": "new"}):
        with pytest.raises(InvalidFilter):
            workspace.walk(**wrong)  # type: ignore[arg-type]


def test_a_filter_shows_what_it_asks_for() -> None:
    both = SignalFilter(tag="x") & SignalFilter(tag="y", archived=True)
    assert repr(both) == "SignalFilter(tag='x') & SignalFilter(tag='y', archived=True)"
    assert repr(SignalFilter()) == "SignalFilter()"


def test_an_include_that_is_no_list_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidFilter, match="include: got 7"):
        workspace.page(include=7)  # type: ignore[arg-type]
