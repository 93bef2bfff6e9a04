"""Do rows by the thousand mean what each of them means alone, in constant memory and whole batches?"""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter, OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals_peewee import IngestReport, NewSignal, SignalStore, Workspace
from signals_peewee.errors import InvalidOption, InvalidSignal, NotFound
from signals_peewee.store.reports import RejectedRow, Rejection

UTC = timezone.utc
SAID = datetime(2024, 2, 29, 12, tzinfo=UTC)


def made(count: int, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [
        {"verbatim": f"words {number}", "source": "slack", "source_ref": f"ref {number}", **more}
        for number in range(start, start + count)
    ]


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    return report.created, report.unchanged, report.updated, report.conflicts, report.rejected


def table(workspace: Workspace) -> list[dict[str, Any]]:
    """The signals of a workspace without what differs each time."""
    signal: Any = workspace.models.Signal
    rows = []
    for row in signal.select().where(signal.workspace == workspace.id).order_by(signal.created_at, signal.id):
        columns: dict[str, Any] = row.as_row()
        if columns["occurred_at"] == columns["created_at"]:
            columns["occurred_at"] = None
        columns["changed"] = columns["updated_at"] > columns["created_at"]
        for name in ("id", "workspace_id", "created_at", "updated_at"):
            del columns[name]
        rows.append(columns)
    return rows


def test_a_generator_is_stored_in_its_order(workspace: Workspace) -> None:
    assert counts(workspace.record_many((row for row in made(250)), batch_size=100)) == (250, 0, 0, 0, 0)
    assert [row["verbatim"] for row in table(workspace)] == [f"words {number}" for number in range(250)]


def test_a_file_that_is_sent_again_changes_nothing(workspace: Workspace) -> None:
    rows = made(250, source_metadata={"a": 1}, severity="low")
    workspace.record_many(rows, batch_size=100)
    before = table(workspace)
    for row in rows:
        row["source_metadata"] = {"retry": 2}
    assert counts(workspace.record_many(rows, batch_size=100)) == (0, 250, 0, 0, 0)
    assert table(workspace) == before


def test_a_row_that_is_stored_already_among_thousands_of_new_ones_is_found(workspace: Workspace) -> None:
    assert counts(workspace.record_many(made(3), batch_size=250)) == (3, 0, 0, 0, 0)
    rows = made(1500, 3)
    rows[700:700] = made(1)
    rows[1200:1200] = made(1, 1, verbatim="else")
    rows.append(made(1, 3)[0])
    assert counts(workspace.record_many(rows, batch_size=250)) == (1500, 2, 0, 1, 0)
    assert len(table(workspace)) == 1503


def test_a_file_that_has_grown_and_changed_is_told_apart(workspace: Workspace) -> None:
    workspace.record_many(made(300), batch_size=100)
    rows = made(400)
    rows[7]["verbatim"] = rows[150]["verbatim"] = "else"
    rows[8]["severity"] = rows[250]["source_metadata"] = None
    rows[9]["severity"], rows[251]["source_metadata"] = "low", {"a": 1}
    assert counts(workspace.record_many(rows, batch_size=100)) == (100, 296, 2, 2, 0)
    assert counts(workspace.record_many(rows, batch_size=100)) == (0, 398, 0, 2, 0)
    assert counts(workspace.record_many(rows, batch_size=100, on_existing="update")) == (0, 398, 2, 0, 0)
    assert [row["verbatim"] for row in table(workspace) if row["changed"]] == ["else", "words 9", "else", "words 251"]


def test_a_row_that_repeats_another_of_the_file_is_compared_with_it(store: SignalStore) -> None:
    row = made(1)[0]
    rows = [
        row,
        row,
        {**row, "severity": "low"},
        {**row, "severity": "high"},
        {**row, "source_ref": None},
        {**row, "source_ref": None},
        {**row, "severity": "low"},
        {**row, "verbatim": "else"},
    ]
    for batch_size in (1, 3, 100):
        workspace = store.workspace_named(f"batches of {batch_size}", create=True)
        assert counts(workspace.record_many(rows, batch_size=batch_size)) == (3, 2, 1, 2, 0)
        assert next((row["verbatim"], row["severity"]) for row in table(workspace)) == ("words 0", "low")


def test_with_update_the_last_of_the_file_stands(workspace: Workspace) -> None:
    row = made(1)[0]
    rows = [{**row, "verbatim": text} for text in ("one", "two", "two", "three")]
    assert counts(workspace.record_many(rows, on_existing="update")) == (1, 1, 2, 0, 0)
    assert [row["verbatim"] for row in table(workspace)] == ["three"]


def test_a_bad_row_costs_no_good_row(workspace: Workspace) -> None:
    rows: list[Any] = made(20)
    rows[3] = {**rows[3], "severity": "urgent"}
    rows[5] = "not a mapping"
    rows[11] = {**rows[11], "verbatum": "a typo", "verbatim": "x"}
    rows[12] = {"source": "slack"}
    report = workspace.record_many(rows, batch_size=6)
    assert counts(report) == (16, 0, 0, 0, 4)
    assert [(each.row_number, each.field) for each in report.rejections] == [
        (4, "severity"), (6, "row"), (12, "verbatum"), (13, "verbatim")]  # fmt: skip
    assert report.rejections[0].reason == "severity: got 'urgent', expected one of critical, high, medium, low"
    assert all(name in report.rejections[2].expected for name in NewSignal.__annotations__)


def test_the_report_keeps_the_first_rejections_and_counts_all(workspace: Workspace) -> None:
    rows = [*made(3), *({"verbatim": "", "source": "slack"} for _ in range(30)), *made(3, 3)]
    report = workspace.record_many(rows, max_rejected=4, batch_size=10)
    assert counts(report) == (6, 0, 0, 0, 30)
    assert [each.row_number for each in report.rejections] == [4, 5, 6, 7]
    assert workspace.record_many(rows, max_rejected=0).rejections == ()


def test_raise_names_the_row_and_keeps_the_batches_before(workspace: Workspace) -> None:
    rows = made(25)
    rows[17]["occurred_at"] = SAID.replace(tzinfo=None)
    with pytest.raises(RejectedRow, match=r"row 18: occurred_at: got datetime") as refused:
        workspace.record_many(rows, batch_size=10, on_error="raise")
    assert (refused.value.row_number, refused.value.field) == (18, "occurred_at")
    assert isinstance(refused.value, InvalidSignal)
    assert len(table(workspace)) == 10


def test_a_callable_is_given_each_rejection_before_its_batch_is_written(workspace: Workspace) -> None:
    seen: list[tuple[int, int]] = []

    def note(rejection: Rejection) -> None:
        seen.append((rejection.row_number, len(table(workspace))))

    rows = [*made(9), {"verbatim": " "}, *made(9, 9), {"verbatim": " "}]
    assert counts(workspace.record_many(rows, batch_size=10, on_error=note)) == (18, 0, 0, 0, 2)
    assert seen == [(10, 0), (20, 9)]


def test_an_inbox_item_that_is_not_there_rejects_its_rows_alone(store: SignalStore, workspace: Workspace) -> None:
    other = store.workspace_named("other", create=True)
    columns = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": "…"}
    mine, strange = (store.models.InboxItem.create(workspace=each.id, **columns).id for each in (workspace, other))
    rows = made(6)
    for row, item in zip(rows, [mine, strange, None, "nobody's", mine, "\0"], strict=True):
        row["inbox_item_id"] = item
    rows[4]["verbatim"] = ""
    report = workspace.record_many(rows)
    assert counts(report) == (2, 0, 0, 0, 4)
    assert [(each.row_number, each.field, each.value) for each in report.rejections] == [
        (2, "inbox item", strange),
        (4, "inbox item", "nobody's"),
        (5, "verbatim", ""),
        (6, "inbox item", "\0"),
    ]
    with pytest.raises(RejectedRow, match="row 2: inbox item"):
        workspace.record_many(rows, on_error="raise")


def test_an_inbox_item_deleted_after_it_was_looked_up_rejects_its_row(
    store: SignalStore, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": "…"}
    item = store.models.InboxItem.create(workspace=workspace.id, **columns)
    rows = made(3)
    rows[1]["inbox_item_id"] = item.id
    from signals_peewee.store.writing import Writer

    look = Writer.unknown_items

    def look_then_delete(writer: Writer, *arguments: Any) -> set[Any]:
        found = look(writer, *arguments)
        store.models.InboxItem.delete().execute()
        return found

    monkeypatch.setattr(Writer, "unknown_items", look_then_delete)
    report = workspace.record_many(rows)
    assert counts(report) == (2, 0, 0, 0, 1)
    assert (report.rejections[0].row_number, report.rejections[0].field) == (2, "inbox item")
    item = store.models.InboxItem.create(workspace=workspace.id, **columns)
    with pytest.raises(NotFound, match="inbox item"):
        workspace.record("words", source="slack", inbox_item_id=item.id)


def test_progress_tells_the_rows_done_after_each_batch(workspace: Workspace) -> None:
    seen: list[tuple[int, int]] = []
    workspace.record_many(
        [*made(24), {"verbatim": ""}],
        batch_size=10,
        on_progress=lambda done: seen.append((done, len(table(workspace)))),
    )
    assert seen == [(10, 10), (20, 20), (25, 24)]


def test_no_transaction_is_open_while_rows_are_pulled_or_callables_called(
    store: SignalStore, workspace: Workspace
) -> None:
    open_ones: list[bool] = []

    def note(*_: object) -> None:
        open_ones.append(store.database.in_transaction())

    def rows() -> Iterator[dict[str, Any]]:
        for row in [*made(15), {"verbatim": ""}, *made(15)]:
            note()
            yield row

    workspace.record_many(rows(), batch_size=4, on_error=note, on_progress=note)
    assert len(open_ones) == 31 + 1 + 8
    assert not any(open_ones)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_of_the_caller_comes_out_and_the_batches_before_stay(
    store: SignalStore, error: type[BaseException]
) -> None:
    def fail(*_: object) -> None:
        raise error

    def broken() -> Iterator[dict[str, Any]]:
        yield from made(25)
        raise error

    bad = [*made(25), {"verbatim": "", "source": "slack"}]
    cases: list[tuple[Any, dict[str, Any]]] = [
        (broken(), {}),
        (bad, {"on_error": fail}),
        (bad, {"on_progress": lambda done: fail() if done == 20 else None}),
    ]
    for number, (rows, options) in enumerate(cases):
        workspace = store.workspace_named(f"case {number}", create=True)
        with pytest.raises(error):
            workspace.record_many(rows, batch_size=10, **options)
        assert len(table(workspace)) == 20


def test_rows_that_undo_each_other_do_so_in_a_file_that_is_sent_again(workspace: Workspace) -> None:
    rows = [made(1, severity=word)[0] for word in ("low", "high")] + made(3, 1)
    assert counts(workspace.record_many(rows, on_existing="update")) == (4, 0, 1, 0, 0)
    assert counts(workspace.record_many(rows, on_existing="update")) == (0, 3, 2, 0, 0)
    assert table(workspace)[0]["severity"] == "high"


def test_an_empty_iterable_is_an_empty_report(workspace: Workspace) -> None:
    assert workspace.record_many([]) == IngestReport()


def test_options_that_make_no_sense_are_refused(workspace: Workspace) -> None:
    senseless: list[dict[str, Any]] = [
        {"batch_size": 0},
        {"batch_size": True},
        {"batch_size": 1.5},
        {"max_rejected": -1},
        {"on_error": "ignore"},
    ]
    for options in senseless:
        with pytest.raises(InvalidOption, match=next(iter(options))):
            workspace.record_many(made(1), **options)


def test_any_mapping_is_a_row(workspace: Workspace) -> None:
    rows: list[Any] = [MappingProxyType(made(1)[0]), OrderedDict(made(1, 1)[0]), *made(1, 2)]
    assert counts(workspace.record_many(rows)) == (3, 0, 0, 0, 0)


def test_memory_does_not_grow_with_the_file(workspace: Workspace) -> None:
    early: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(40_000):
            yield {"verbatim": f"words {number} " * 5, "source": "upload", "source_metadata": {"n": number}}

    def progress(done: int) -> None:
        if done == 10_000:
            early.append(tracemalloc.get_traced_memory()[1])

    tracemalloc.start()
    try:
        workspace.record_many(rows(), on_progress=progress)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < early[0] * 1.1


@pytest.mark.parametrize("one_by_one", [True, False])
def test_naughty_strings_are_stored_as_they_are(workspace: Workspace, shared_data: Path, one_by_one: bool) -> None:
    strings = json.loads((shared_data / "blns" / "blns.json").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = [
        {"verbatim": text, "source": "other", "source_ref": str(at), "source_metadata": {"rawPayload": {text: [text]}}}
        for at, text in enumerate(strings)
    ]
    if one_by_one:
        refused = sum(_refusal(workspace, row) is not None for row in rows)
    else:
        # What follows a batch of new rows goes the fastest way.
        refused = workspace.record_many([*made(250), *rows], batch_size=250).rejected
        workspace.models.Signal.delete().where(workspace.models.Signal.source == "slack").execute()
    assert (refused, len(table(workspace))) == (2, 513)
    good = {row["source_ref"]: row for row in rows if row["verbatim"].strip()}
    for row in table(workspace):
        assert {name: row[name] for name in good[row["source_ref"]]} == good[row["source_ref"]]
    again = workspace.record_many(rows)
    assert counts(again) == (0, 513, 0, 0, 2)


words = st.text(st.sampled_from("ab \n\\\"'{},\0\ud800é\u3000😀%"), max_size=4) | st.text(max_size=6) | st.none()
zones = st.sampled_from([UTC, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=-8)), None])
times = st.none() | st.builds(
    lambda days, zone: (SAID + timedelta(days=days)).replace(tzinfo=zone), st.integers(0, 2), zones
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words
documents = st.dictionaries(
    words | st.integers(),
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=2,
)
rows_given = st.fixed_dictionaries(
    {
        "verbatim": st.sampled_from(["words", "other words"]) | words,
        "source": st.sampled_from(["slack", "slack", "email", "nowhere"]),
    },
    optional={
        "source_ref": st.sampled_from(["1", "2", "2", "é\\", "", None]),
        "occurred_at": times,
        "interpretation": words,
        "severity": st.sampled_from(["low", "high", None, "bad"]),
        "frequency": st.sampled_from(["rare", None]),
        "user_segment": words,
        "source_metadata": st.none() | documents | st.just({"a": 1}),
    },
)
number = 0


@given(
    rows=st.lists(rows_given, max_size=12),
    batch_size=st.integers(1, 13),
    on_existing=st.sampled_from(["keep", "update"]),
    repair=st.booleans(),
)
def test_many_rows_mean_what_each_means_alone(
    store: SignalStore, rows: list[Any], batch_size: int, on_existing: Any, repair: bool
) -> None:
    global number  # noqa: PLW0603 - each example has its own two workspaces
    number += 1
    alone, together = (store.workspace_named(f"{name} {number}", create=True) for name in ("alone", "together"))
    for _ in range(2):
        outcomes: Counter[str] = Counter()
        options: dict[str, Any] = {"on_existing": on_existing, "repair": repair}
        found = [_refusal(alone, row, outcomes, **options) for row in rows]
        reasons = [(at, reason) for at, reason in enumerate(found, 1) if reason is not None]
        report = together.record_many(rows, batch_size=batch_size, **options)
        assert counts(report) == (
            *(outcomes[name] for name in ("created", "unchanged", "updated", "conflict")), len(reasons))  # fmt: skip
        assert [(each.row_number, each.reason) for each in report.rejections] == reasons
        assert _sorted(table(together)) == _sorted(table(alone))


def _refusal(workspace: Workspace, row: Any, outcomes: Counter[str] | None = None, **options: Any) -> str | None:
    try:
        recorded = workspace.record(**row, **options)
    except InvalidSignal as error:
        return str(error)
    if outcomes is not None:
        outcomes[recorded.outcome] += 1
    return None


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)
