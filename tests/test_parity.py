"""Do SQLite and Postgres answer alike? The same random calls are made on both, and everything readable is compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from conftest import ENGINES, OPTIONS
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database

from signals_peewee import SignalFilter, SignalsError, SignalStore, Workspace, open_store
from signals_peewee.schema.vocabularies import DEFAULTS

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
Both = tuple[SignalStore, SignalStore]

words = st.text(st.sampled_from("aAzZéÉßİı%_\\'\" \u00a0\n\U0001f98a\0\ud800"), max_size=6)
references = st.sampled_from([None, "1", "2", "3", "4", "é", "É", "e\u0301", "x" * 512, "x" * 513, ""])
documents = st.dictionaries(
    st.sampled_from(["a", "é", ""]),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | words | st.lists(words, max_size=2),
    max_size=3,
)
times = st.none() | st.integers(0, 10_000).map(lambda minutes: START + timedelta(minutes=minutes))


def of(name: str, *wrong: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*DEFAULTS[name], None, *wrong])


signals = st.fixed_dictionaries(
    {"verbatim": words, "source": of("source", "fax")},
    optional={
        "source_ref": references,
        "occurred_at": times,
        "interpretation": st.none() | words,
        "severity": of("severity", "urgent"),
        "frequency": of("frequency"),
        "user_segment": st.none() | words,
        "source_metadata": st.none() | documents,
    },
)
one = st.tuples(st.just("record"), signals, st.sampled_from(["keep", "update"]), st.booleans())
many = st.tuples(
    st.just("record_many"), st.lists(signals, max_size=8), st.sampled_from(["keep", "update"]), st.booleans()
)
filters = st.builds(
    SignalFilter,
    status=st.none() | st.sampled_from(["new", "archived"]),
    source=st.none() | st.sets(st.sampled_from(DEFAULTS["source"]), min_size=1, max_size=3),
    severity=st.none() | st.sampled_from(DEFAULTS["severity"]),
    segment=st.none() | st.text(st.sampled_from("aAé"), min_size=1, max_size=2),
    text=st.none() | st.text(st.sampled_from("aAzZéÉßİ%_\\'"), min_size=1, max_size=2),
    occurred_from=times,
    occurred_before=times,
    unlinked=st.booleans(),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_server: str, administration: Database) -> Iterator[Both]:
    if "postgres" not in ENGINES:
        pytest.skip("SIGNALS_TEST_ENGINES leaves Postgres out")
    name = f"parity_{uuid4().hex[:12]}"
    administration.execute_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    theirs = urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
    try:
        file = tmp_path_factory.mktemp("parity") / "signals.db"
        with open_store(f"sqlite:///{file}") as here, open_store(theirs, **OPTIONS["postgres"]) as there:
            yield here, there
    finally:
        administration.execute_sql(f"DROP DATABASE {name} WITH (FORCE)")


def perform(workspace: Workspace, call: tuple[Any, ...]) -> Any:
    kind, given_, on_existing, repair = call
    if kind == "record_many":
        report = workspace.record_many(given_, on_existing=on_existing, repair=repair, batch_size=3)
        return [getattr(report, name) for name in ("created", "unchanged", "updated", "conflicts", "rejected")], [
            str(rejection.reason) for rejection in report.rejections
        ]
    try:
        recorded = workspace.record(**given_, on_existing=on_existing, repair=repair)
    except SignalsError as error:
        return type(error), str(error)
    return recorded.outcome, sorted(recorded.differences), readable(recorded.signal)


def readable(signal: Any) -> tuple[Any, ...]:
    row = signal.as_row()
    when = row["occurred_at"] if row["occurred_at"] < datetime(2026, 2, 1, tzinfo=timezone.utc) else "now"
    names = ("verbatim", "interpretation", "severity", "frequency", "user_segment", "source", "source_ref", "status")
    return (*(row[name] for name in names), plain(row["source_metadata"]), when, row["updated_at"] == row["created_at"])


def plain(value: Any) -> Any:
    """A document without the order of its keys and the spelling of its numbers (jsonb writes 1e22 out)."""
    if isinstance(value, dict):
        return tuple(sorted((key, plain(item)) for key, item in value.items()))
    if isinstance(value, list):
        return tuple(map(plain, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(calls=st.lists(one | many, max_size=6), wanted=filters)
def test_the_same_calls_give_the_same_answers(both: Both, calls: list[Any], wanted: SignalFilter) -> None:
    here, there = (store.workspace_named("acme", create=True) for store in both)
    try:
        for call in calls:
            assert perform(here, call) == perform(there, call)
        for asked in (SignalFilter(), wanted):
            assert here.count(asked) == there.count(asked)
            for by in ("status", "source", "severity", "frequency"):
                assert here.counts(by, asked) == there.counts(by, asked)  # type: ignore[arg-type]
            for sort in ("newest", "oldest", "occurred", "updated"):
                read = [sorted(map(repr, map(readable, each.page(asked, sort=sort).items))) for each in (here, there)]  # type: ignore[arg-type]
                assert read[0] == read[1]
    finally:
        for store in both:
            store.models.Workspace.delete().execute()
