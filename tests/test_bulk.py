"""Do batches reach the database as they are given, and does no comparison read a whole table?"""

from __future__ import annotations

import gc
import json
import weakref
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database

from signals_peewee import SignalStore, open_store
from signals_peewee.engine.bulk import Target, instant_texts
from signals_peewee.engine.bulk_postgres import PostgresBulk, array_text
from signals_peewee.schema.documents import encode
from signals_peewee.store.checking import Checks
from signals_peewee.store.checking_columns import Doubtful, as_columns, with_documents
from signals_peewee.store.columns import transposed
from signals_peewee.store.writing import Writer, writer

storable = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
special = st.text(st.sampled_from('{}",\\ \n\tNUL'), max_size=8) | st.just("NULL")


@given(values=st.lists(st.none() | storable | special, min_size=1))
def test_an_array_comes_out_of_postgres_as_it_went_in(administration: Database, values: list[str | None]) -> None:
    assert administration.execute_sql("SELECT %s::text[]", (array_text(values),)).fetchone() == (values,)


@given(values=st.lists(st.none() | st.datetimes(timezones=st.just(timezone.utc)), min_size=1))
def test_times_come_out_of_postgres_as_they_went_in(administration: Database, values: list[datetime | None]) -> None:
    (stored,) = administration.execute_sql(
        "SELECT array_agg(extract(epoch FROM t) ORDER BY n) FROM unnest(%s::timestamptz[]) WITH ORDINALITY a(t, n)",
        (array_text(instant_texts(values)),),
    ).fetchone()
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    given = [None if value is None else (value - epoch) // timedelta(microseconds=1) for value in values]
    assert [None if value is None else int(value * 1_000_000) for value in stored] == given


@given(values=st.lists(st.none() | st.datetimes(timezones=st.just(timezone.utc)), min_size=1))
def test_a_column_of_times_is_written_as_each_is(values: list[datetime | None]) -> None:
    assert instant_texts(values) == [
        value and value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z" for value in values
    ]


@given(rows=st.lists(st.tuples(st.none() | storable | special, st.none() | st.integers(-9, 9)), min_size=1))
def test_what_is_copied_comes_out_as_it_went_in(
    administration: Database, rows: list[tuple[str | None, int | None]]
) -> None:
    bulk = PostgresBulk(administration, Target('"copied"', {}, "c", ("a", "b"), "b"))
    columns = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    with administration.atomic() as transaction:
        administration.execute_sql("CREATE TEMP TABLE copied (a text, b int, c text)")
        assert bulk._copied(columns, {"c": "\\\t"})
        found = administration.execute_sql("SELECT a, b, c FROM copied").fetchall()
        transaction.rollback()
    assert found == [(a, b, "\\\t") for a, b in rows]


leaves = st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | storable
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(storable, inner), max_leaves=8)


@given(documents=st.lists(st.none() | st.dictionaries(storable, trees, max_size=3), min_size=1))
def test_documents_are_written_together_as_each_is_alone(documents: list[Any]) -> None:
    written = with_documents({"verbatim": documents, "source_metadata": documents})["source_metadata"]
    assert list(written) == [None if each is None else encode("source_metadata", each) for each in documents]


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Checks:
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('checks') / 'a.db'}") as store:
        return writer(store.engine, store.models).checks


ORDINARY = {
    "verbatim": "words",
    "source": "slack",
    "source_ref": "1",
    "occurred_at": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    "severity": "low",
    "source_metadata": {"a": [{"b": 1.5}, None, True], "c": {}},
}


def test_ordinary_rows_are_checked_by_the_column(checks: Checks) -> None:
    rows = [ORDINARY, {"verbatim": "é", "source": "email"}, {**ORDINARY, "source_ref": None, "severity": None}]
    assert with_documents(as_columns(rows, checks)) == transposed([checks.row(row, repair=False) for row in rows])


@pytest.mark.parametrize(
    "change",
    [
        {"verbatim": "\0"},
        {"verbatim": "\ud800é"},
        {"verbatim": " "},
        {"source_ref": ""},
        {"occurred_at": datetime.fromisoformat("2024-01-01")},
        {"severity": "bad"},
        {"source_metadata": {1: 2}},
        {"source_metadata": {"a": [float("inf")]}},
        {"source_metadata": {"a": 1e16}},
        {"source_metadata": {"a": {"b": ["\0"]}}},
        {"source_metadata": {"a": {"\ud800": 1}}},
        {"source_metadata": {"a": (1,)}},
        {"source_metadata": {"a": 10**5000}},
        {"source_metadata": json.loads("[" * 300 + "]" * 300)},
        {"unknown": 1},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_one_row_that_is_out_of_the_ordinary_sends_all_to_be_looked_at(checks: Checks, change: Any) -> None:
    with pytest.raises(Doubtful):
        as_columns([ORDINARY, {**ORDINARY, **change}, ORDINARY], checks)


def test_no_comparison_reads_a_whole_table(store: SignalStore, engine_name: str) -> None:
    workspace = store.workspace_named("acme", create=True)
    rows = [{"verbatim": f"words {n}", "source": "slack", "source_ref": str(n)} for n in range(3000)]
    workspace.record_many(rows)
    if engine_name == "postgres":
        store.database.execute_sql("ANALYZE")
    seen: list[str] = []
    execute = store.database.execute_sql

    def explained(sql: str, params: Any = None) -> Any:
        if sql.startswith("SELECT") and "signals" in sql and "temp." not in sql:
            explain = "EXPLAIN QUERY PLAN " if engine_name == "sqlite" else "EXPLAIN "
            seen.extend(str(row) for row in execute(explain + sql, params).fetchall())
        return execute(sql, params)

    store.database.execute_sql = explained  # type: ignore[method-assign]
    again = [{**row, "verbatim": "else"} for row in rows[:600]]
    assert workspace.record_many(again).conflicts == 600
    assert workspace.record_many(again, on_existing="update").updated == 600
    plan = "\n".join(seen)
    assert "source_ref_key" in plan
    assert "SCAN signals" not in plan
    assert "Seq Scan on signals" not in plan


def test_statements_are_rendered_once_for_a_shape_of_batch(store: SignalStore) -> None:
    workspace = store.workspace_named("acme", create=True)
    made: Writer = writer(store.engine, store.models)
    for start in range(0, 500, 50):
        workspace.record_many(
            [{"verbatim": "words", "source": "slack", "source_ref": str(n)} for n in range(start, start + 50)],
            batch_size=10,
        )
    assert len(made._bulk._rendered) == 2  # to compare, and to insert
    assert writer(store.engine, store.models) is made


def test_nothing_keeps_a_store_alive_that_has_recorded(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        store.workspace_named("acme", create=True).record("words", source="slack")
        models = weakref.ref(store.models)
    del store
    gc.collect()
    assert models() is None
