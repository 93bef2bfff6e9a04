"""Does each field store what it is given, and refuse what cannot be stored?"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from peewee import Database, IntegrityError, Model

from signals_peewee import SignalStore
from signals_peewee.errors import InvalidOption, InvalidSignal, Refused
from signals_peewee.schema.ids import ALPHABET, new_ids, time_ordered

UTC = timezone.utc
INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture
def store(database: Database) -> SignalStore:
    store = SignalStore(database, vocabularies={"source": ["discord"]})
    store.migrate()
    return store


@pytest.fixture
def signal(store: SignalStore) -> Any:
    workspace = store.models.Workspace.create(name="acme")
    return lambda **columns: store.models.Signal.create(
        **{"workspace": workspace, "verbatim": "words", "source": "paste", **columns}
    )


def test_an_instant_is_read_back_in_utc_whatever_its_offset(store: SignalStore, signal: Any) -> None:
    said = datetime(2026, 1, 22, 15, 31, 0, 123456, tzinfo=INDIA)
    row = store.models.Signal.get_by_id(signal(occurred_at=said).id)
    assert row.occurred_at == said
    assert (row.occurred_at.tzinfo, row.occurred_at.isoformat()) == (UTC, "2026-01-22T10:01:00.123456+00:00")


def test_instants_are_ordered_as_instants_and_not_as_texts(store: SignalStore, signal: Any) -> None:
    early = signal(occurred_at=datetime(2026, 1, 1, 15, 31, tzinfo=INDIA)).id
    late = signal(occurred_at=datetime(2026, 1, 1, 12, 0, tzinfo=UTC)).id
    model = store.models.Signal
    assert [row.id for row in model.select(model.id).order_by(model.occurred_at)] == [early, late]
    assert model.get(model.occurred_at > datetime(2026, 1, 1, 17, 0, tzinfo=INDIA)).id == late


def test_a_steps_own_instants_are_the_same_on_both_databases(database: Database) -> None:
    from signals_peewee.runner.operations import InstantField

    meta = type("Meta", (), {"database": database, "table_name": "visits"})
    visit: Any = type("Visit", (Model,), {"at": InstantField(), "Meta": meta})
    visit.create_table()
    visit.create(at=datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=INDIA))
    ((read,),) = visit.select(visit.at).tuples()
    assert (read.isoformat(), read.tzinfo) == ("2025-12-31T19:32:03.456789+00:00", UTC)
    assert visit.select().where(visit.at == datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=INDIA)).exists()
    with pytest.raises(Refused, match="at: got .* expected a time with an offset"):
        visit.create(at=datetime(2026, 1, 1))  # noqa: DTZ001
    assert visit.select().count() == 1


def test_an_instant_on_sqlite_is_fixed_width_text(sqlite_url: str) -> None:
    from signals_peewee import open_store

    with open_store(sqlite_url) as store:
        model = store.models.Workspace
        model.create(name="a", created_at=datetime(2026, 1, 2, tzinfo=UTC))
        store.database.execute_sql("INSERT INTO workspaces (id, name) VALUES ('b', 'b')")
        texts = [text for (text,) in store.database.execute_sql("SELECT created_at FROM workspaces ORDER BY id")]
        assert texts[0] == "2026-01-02T00:00:00.000000Z"
        assert [len(text) for text in texts] == [27, 27]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 1), "an aware datetime"),  # noqa: DTZ001
        (date(2026, 1, 1), "not a date"),
        ("2026-01-01T00:00:00Z", "a datetime"),
        (datetime(1, 1, 1, tzinfo=INDIA), "between the years"),
        (datetime.max.replace(tzinfo=UTC), "between the years"),
    ],
)
def test_what_is_no_instant_is_refused_on_writing_and_comparing(
    store: SignalStore, signal: Any, value: object, expected: str
) -> None:
    model: Any = store.models.Signal
    with pytest.raises(InvalidSignal, match=f"occurred_at: .*{expected}"):
        signal(occurred_at=value)
    with pytest.raises(InvalidSignal, match=f"occurred_at: .*{expected}"):
        model.get(model.occurred_at == value)
    assert model.select().count() == 0


def test_a_vocabulary_is_checked_on_writing_and_comparing(store: SignalStore, signal: Any) -> None:
    model: Any = store.models.Signal
    expected = "severity: got 'urgent', expected one of critical, high, medium, low"
    for attempt in (
        lambda: signal(severity="urgent"),
        lambda: model.get(model.severity == "urgent"),
        lambda: list(model.select().where(model.severity.in_(["high", "urgent"]))),
        lambda: model.update(severity="urgent").execute(),
    ):
        with pytest.raises(InvalidSignal) as raised:
            attempt()
        assert str(raised.value) == expected
        assert (raised.value.field, raised.value.value) == ("severity", "urgent")


def test_a_word_can_be_registered_for_one_store(store: SignalStore, signal: Any) -> None:
    assert signal(source="discord").source == "discord"
    other = SignalStore(store.database)
    with pytest.raises(InvalidSignal, match="one of webhook, upload"):
        other.models.Signal.get(other.models.Signal.source == "discord")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"colour": ["red"]}, "vocabularies: got 'colour'"),
        ({"source": "discord"}, "a list of words"),
        ({"source": [""]}, "printable word"),
        ({"source": ["a\0"]}, "printable word"),
        ({"source": ["x" * 65]}, "1 to 64 characters"),
        ({"source": [" padded"]}, "printable word"),
    ],
)
def test_a_bad_vocabulary_is_refused(database: Database, more: Any, named: str) -> None:
    with pytest.raises(InvalidOption, match=named):
        SignalStore(database, vocabularies=more)


DOCUMENT = {
    "sourceUrl": "https://example.org/1",
    "own key": [1, 2.5, True, None, {"deep": ["\u2028", "🦊", '"\\']}],
    "large": [5.212061228535651e16, -1e300, 123456789012345.5, 5e-324, 9007199254740993],
    "rawPayload": {"text": "\\u0000 is six characters", "n": 12345678901234567890, "e": 1e-7},
}


def test_a_document_is_read_back_with_its_unknown_keys(store: SignalStore, signal: Any) -> None:
    model: Any = store.models.Signal
    row = model.get_by_id(signal(source_metadata=DOCUMENT).id)
    assert row.source_metadata == DOCUMENT
    assert model.get(model.source_metadata["own key"][4]["deep"][1] == "🦊").id == row.id
    assert model.select().where(model.source_metadata.has_key("sourceUrl")).count() == 1


def _deep(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels - 1):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [0, {"b": "x\0"}]}, r"source_metadata.a\[1\].b"),
        ({"a": "\ud800"}, "source_metadata.a"),
        ({"a\0": 1}, "source_metadata key"),
        ({"a": float("nan")}, "source_metadata.a"),
        ({"a": [float("inf")]}, r"source_metadata.a\[0\]"),
        ({1: "a"}, "source_metadata key"),
        ({"a": {None: 1}}, "source_metadata.a key"),
        ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, "source_metadata.a"),
        ({"a": b"bytes"}, "source_metadata.a"),
        ({"a": 10**5000}, "source_metadata.a"),
        (_deep(201), "source_metadata.a.a"),
        (_deep(5000), "source_metadata.a.a"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_a_document_that_cannot_be_stored_is_refused_with_its_path(
    store: SignalStore, signal: Any, value: object, path: str
) -> None:
    with pytest.raises(InvalidSignal, match=f"^{path}"):
        signal(source_metadata=value)
    assert store.models.Signal.select().count() == 0


def test_a_leaf_does_not_count_as_a_level(store: SignalStore) -> None:
    workspace = store.workspace_named("acme", create=True)
    for leaf in ("x", 1, None, 1.5, 1e300, {}):
        document: Any = leaf
        for _ in range(200 if leaf != {} else 199):
            document = {"a": document}
        recorded = workspace.record("words", source="other", source_metadata=document)
        assert workspace.get(recorded.signal.id).source_metadata == document
        assert (
            workspace.record_many([{"verbatim": "words", "source": "other", "source_metadata": document}]).created == 1
        )


def test_keys_that_repair_would_make_one_are_refused(store: SignalStore) -> None:
    workspace = store.workspace_named("acme", create=True)
    document: Any = {"\0": 1, "\ud800": 2}
    with pytest.raises(InvalidSignal, match="still different"):
        workspace.record("words", source="other", source_metadata=document, repair=True)


def test_a_document_of_the_greatest_depth_is_stored(store: SignalStore, signal: Any) -> None:
    assert store.models.Signal.get_by_id(signal(source_metadata=_deep(200)).id).source_metadata == _deep(200)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "fine\udfff"])
def test_a_text_that_postgres_cannot_store_is_refused_everywhere(signal: Any, text: str) -> None:
    for column in ("verbatim", "interpretation", "user_segment", "source_ref"):
        with pytest.raises(InvalidSignal, match=f"^{column}: .*NUL characters and lone surrogates"):
            signal(**{column: text})


def test_a_text_is_never_trimmed_or_normalised(store: SignalStore, signal: Any) -> None:
    words = "  e\u0301 \ufeff\u200d\r\n\t" + "x" * 100_000
    assert store.models.Signal.get_by_id(signal(verbatim=words).id).verbatim == words


def test_a_long_reference_is_refused_and_the_longest_is_stored(signal: Any) -> None:
    longest = "\N{FOX FACE}" * 512
    assert signal(source_ref=longest).source_ref == longest
    with pytest.raises(InvalidSignal, match="source_ref: .* at most 512 characters, got 513"):
        signal(source_ref=longest + "x")


@pytest.mark.parametrize("value", [1.5, -0.01, float("nan"), True, "0.5"])
def test_a_confidence_is_a_number_from_0_to_1(store: SignalStore, signal: Any, value: object) -> None:
    models = store.models
    row = signal()
    project = models.Project.create(workspace=row.workspace_id, name="p")
    with pytest.raises(InvalidSignal, match="confidence: .* a number from 0 to 1"):
        models.SignalProject.create(signal=row, project=project, confidence=value)


def test_a_confidence_is_found_again(store: SignalStore, signal: Any) -> None:
    models: Any = store.models
    row = signal()
    project = models.Project.create(workspace=row.workspace_id, name="p")
    models.SignalProject.create(signal=row, project=project, confidence=0.9)
    assert models.SignalProject.get(models.SignalProject.confidence == 0.9).confidence == 0.9


def test_a_row_written_by_plain_sql_gets_sound_values(store: SignalStore, signal: Any) -> None:
    workspace = signal().workspace_id
    before = datetime.now(UTC) - timedelta(seconds=5)
    param = store.database.param
    store.database.execute_sql(
        f"INSERT INTO signals (id, workspace_id, verbatim, source) VALUES ('by-hand', {param}, 'words', 'other')",
        (workspace,),
    )
    row = store.models.Signal.get_by_id("by-hand")
    assert row.status == "new"
    for name in ("occurred_at", "created_at", "updated_at"):
        assert before < getattr(row, name) < datetime.now(UTC) + timedelta(seconds=5)


def test_time_ordered_keys_sort_by_their_making() -> None:
    batch = time_ordered(500)
    assert batch == sorted(batch)
    assert len(set(batch)) == 500
    assert {len(key) for key in batch} == {21}
    assert set("".join(batch)) <= set(ALPHABET)
    assert "".join(sorted(ALPHABET)) == ALPHABET


def test_a_key_begins_with_the_milliseconds_of_its_making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signals_peewee.schema.ids.time.time_ns", lambda: 33 * 10**6)
    assert time_ordered(1)[0][:10] == "0000000011"
    monkeypatch.setattr("signals_peewee.schema.ids.time.time_ns", lambda: (32**10 - 1) * 10**6)
    assert time_ordered(1)[0][:10] == "vvvvvvvvvv"


def test_keys_sort_alike_in_python_and_the_database(store: SignalStore, signal: Any) -> None:
    keys = [signal().id for _ in range(50)]
    model: Any = store.models.Signal
    assert [row.id for row in model.select(model.id).order_by(model.id)] == sorted(keys)


def test_random_keys_are_one_argument_away(database: Database) -> None:
    store = SignalStore(database, ids="random")
    store.migrate()
    keys = [store.models.Workspace.create(name=str(n)).id for n in range(20)]
    assert {len(key) for key in keys} == {21}
    assert keys != sorted(keys)
    with pytest.raises(InvalidOption, match="'time' or 'random'"):
        new_ids("uuid")  # type: ignore[arg-type]


def test_emails_are_unique_whatever_their_case(store: SignalStore) -> None:
    store.models.User.create(email="Ada@example.org")
    with pytest.raises(IntegrityError):
        store.models.User.create(email="ada@EXAMPLE.org")
    assert store.models.User.select().count() == 1
