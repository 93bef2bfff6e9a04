"""What `import` stores, counts and refuses, on both databases."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime, timezone
from pathlib import Path

import pytest

from signals_peewee import open_store
from signals_peewee.cli import BadArgument, import_csv, main

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "feedback.csv"
ZERO = {"created": 0, "unchanged": 0, "updated": 0, "conflicts": 0, "rejected": 0}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, url, monkeypatch, capsys):
    """Write a file, import it, and return the exit code and what was said as JSON, or the error."""
    monkeypatch.setenv("DATABASE_URL", url)

    def run(content: str | bytes | None, *argv: str, code: int = 0):
        if content is not None:
            (folder / "file.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        ended = main(["import", "file.csv", "--json", *(word for flags in argv for word in shlex.split(flags))])
        said = capsys.readouterr()
        assert ended == code, said
        if said.err:
            assert said.out == ""
            assert said.err.count("\n") == 1
            return said.err
        return json.loads(said.out)

    return run


@pytest.fixture
def signals(url):
    """Return the stored signals of a workspace, in the order of their text."""

    def signals(workspace: str = "default"):
        with open_store(url) as store:
            page = store.workspace_named(workspace).page(limit=500, include=["raw_payload"])
            return sorted(page.items, key=lambda each: each.verbatim)

    return signals


def outcome(report) -> dict[str, int]:
    return {name: report[name] for name in ZERO if report[name]}


def test_a_file_that_has_grown_stores_its_new_rows_alone(run, signals):
    first = "feedback,priority\na,P1\nb,high\nc,low\n"
    assert outcome(run(first)) == {"created": 2, "rejected": 1}
    # Now most words of the guessed column are no severities, so it is not read as one any more.
    again = outcome(run(first + "d,P2\ne,P3\nf,P1\n"))
    assert (again["created"], [each.verbatim for each in signals()]) == (4, list("abcdef"))


def test_importing_twice_changes_nothing(run, signals):
    assert outcome(run("id,text\n1,a\n2,b\n")) == {"created": 2}
    before = [row.as_row() for row in signals()]
    assert outcome(run(None)) == {"unchanged": 2}
    assert [row.as_row() for row in signals()] == before


def test_a_row_becomes_a_signal_word_for_word(run, signals):
    run('ticket,when,text,segment\n 7 ,2025-03-04 09:00,"  two\r\nlines ",  bakery \n', "--id ticket --date when")
    (signal,) = signals()
    assert signal.verbatim == "  two\r\nlines "
    assert signal.source_ref == "7"
    assert signal.source == "upload"
    assert signal.user_segment == "bakery"
    assert signal.occurred_at == datetime(2025, 3, 4, 9, tzinfo=timezone.utc)
    assert signal.source_metadata == {"sourceName": "file.csv", "externalId": "7"}
    assert (signal.severity, signal.frequency, signal.interpretation, signal.status) == (None, None, None, "new")


def test_words_of_a_vocabulary_are_read_in_any_case(run, signals):
    assert outcome(run("text,channel,priority\na,SLACK, High \nb,,\n")) == {"created": 2}
    assert [(each.source, each.severity) for each in signals()] == [("slack", "high"), ("upload", None)]


def test_constants_stand_for_blank_cells_and_missing_columns(run, signals):
    run("text,sev\na,low\nb,\n", "--severity-column sev --severity high --source email --segment bakery")
    assert [(each.severity, each.source, each.user_segment) for each in signals()] == [
        ("low", "email", "bakery"),
        ("high", "email", "bakery"),
    ]


def test_a_constant_is_not_overruled_by_a_guess(run, signals):
    assert "source" not in run("text,channel\na,slack\n", "--source email")["columns"]
    assert signals()[0].source == "email"


def test_a_guess_is_given_up_where_most_words_are_strange(run, signals):
    report = run("text,priority\na,P1\nb,P2\nc,high\n")
    assert outcome(report) == {"created": 3}
    assert report["notes"] == [
        (
            "column 'priority' is not read as severity: 'P1' is none of critical, high, medium, low; "
            "name it with --severity-column to insist"
        )
    ]
    assert {each.severity for each in signals()} == {None}


def test_a_column_that_is_insisted_on_refuses_strange_words_by_row(run):
    report = run("text,priority\na,P1\nb,high\n", "--severity-column", "priority")
    assert outcome(report) == {"created": 1, "rejected": 1}
    assert report["rejections"][0]["row"] == 2
    assert "P1" in report["rejections"][0]["reason"]
    assert "critical, high, medium, low" in report["rejections"][0]["reason"]


def test_no_guess_takes_the_named_columns_alone(run, signals):
    run("id,text,severity\n1,a,low\n", "--no-guess", "--text", "text")
    assert signals()[0].severity is None
    assert signals()[0].source_ref.startswith("csv:")


def test_kept_columns_go_into_the_metadata(run, signals):
    run("text,Trust,Score,,\na,NEAS,5,x,y\n", "--keep", "Trust", "--keep", "@4")
    assert signals()[0].source_metadata == {"sourceName": "file.csv", "rawPayload": {"Trust": "NEAS", "@4": "x"}}


def test_rows_without_an_id_are_known_by_what_stands_in_them(run, signals):
    assert outcome(run("text,segment\nsame,a\nother,a\nsame,a\nsame,b\n")) == {"created": 4}
    assert outcome(run(None)) == {"unchanged": 4}
    assert outcome(run("text,segment\nnew,a\nsame,b\nsame,a\nsame,a\nother,a\n")) == {"created": 1, "unchanged": 4}
    assert len({each.source_ref for each in signals()}) == 5
    assert all(re.fullmatch(r"csv:[0-9a-f]{32}:[12]", each.source_ref) for each in signals())


def test_a_constant_does_not_change_what_a_row_is(run):
    run("text\na\n")
    assert outcome(run(None, "--severity", "high")) == {"updated": 1}


def test_a_changed_row_is_a_conflict_until_it_is_told_to_update(run, signals):
    run("id,text\n1,before\n")
    assert outcome(run("id,text\n1,after\n")) == {"conflicts": 1}
    assert signals()[0].verbatim == "before"
    assert outcome(run(None, "--update")) == {"updated": 1}
    assert signals()[0].verbatim == "after"


def test_a_row_that_repeats_an_id_is_compared_with_its_first(run, signals):
    assert outcome(run("id,text\n1,a\n1,a\n1,b\n")) == {"created": 1, "unchanged": 1, "conflicts": 1}
    assert [each.verbatim for each in signals()] == ["a"]


def test_bad_rows_are_counted_by_reason_and_the_first_are_named(run, signals):
    content = (
        "id,date,text,severity\n1,2025-01-01,good,low\n2,2025-01-01,,low\n3,2025-01-01,  ,low\n4,2025-02-30,x,low\n"
        "5,2025-01-01,x\n6,2025-01-01,x,urgent\n\n7,2025-01-01,nu\0l,low\n8,,fine,\n" + "9," + "x" * 600 + ",y,\n"
    )
    report = run(content)
    assert outcome(report) == {"created": 2, "rejected": 7}
    assert report["rows"] == 9
    assert [rejection["row"] for rejection in report["rejections"]] == [3, 4, 5, 6, 7, 9, 11]
    reasons = [rejection["reason"] for rejection in report["rejections"]]
    assert reasons[:4] == [
        "the text is empty",
        "the text is blank",
        "'2025-02-30' is no date that is read here",
        "3 cells where the header has 4",
    ]
    assert sum(report["reasons"].values()) == 7
    assert report["reasons"]["the text is empty"] == 1
    assert [each.verbatim for each in signals()] == ["fine", "good"]


def test_an_id_too_long_to_store_is_refused_with_its_row(run):
    report = run(f"id,text\n1,a\n{'x' * 513},b\n")
    assert outcome(report) == {"created": 1, "rejected": 1}
    assert report["rejections"][0]["row"] == 3
    assert "512" in report["rejections"][0]["reason"]


def test_reasons_are_counted_for_every_row_and_only_some_are_named(run):
    report = run("id,text\n" + "".join(f"{at},\n" for at in range(1000)))
    assert outcome(report) == {"rejected": 1000}
    assert report["reasons"] == {"the text is empty": 1000}
    assert [rejection["row"] for rejection in report["rejections"]] == list(range(2, 12))


def test_rows_are_numbered_right_however_many_were_refused_before(run):
    rows = "".join(f"{at},{'' if at % 2 else 'x'},{'urgent' if at % 100 == 0 else 'low'}\n" for at in range(5000))
    report = run("id,text,severity\n" + rows, "--severity-column", "severity")
    assert outcome(report) == {"created": 2450, "rejected": 2550}
    urgent = [each["row"] for each in report["rejections"] if "urgent" in each["reason"]]
    assert urgent == [row for row in (2, 102, 202) if row in urgent] != []


def test_strict_ends_with_1_where_a_row_was_rejected_or_in_conflict(run):
    run("id,text\n1,a\n2,\n", "--strict", code=1)
    run("id,text\n1,a\n", "--strict")
    run("id,text\n1,b\n", "--strict", code=1)


@pytest.mark.parametrize("argv", [(), ("--strict",)])
def test_a_dry_run_checks_every_row_and_needs_no_database(run, folder, monkeypatch, argv):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    report = run("id,text,severity\n1,a,low\n2,,low\n3,b,urgent\n4,c,low\n", "--dry-run", *argv, code=len(argv))
    assert report["dry_run"] is True
    assert (report["rows"], report["storable"], report["rejected"]) == (4, 2, 2)
    assert [rejection["row"] for rejection in report["rejections"]] == [3, 4]
    assert "created" not in report
    assert sorted(path.name for path in folder.iterdir()) == ["file.csv"]


def test_dates_are_read_as_told(run, signals):
    report = run("date,text\n3/12/2021,a\n30/09/2021 14:00,b\n", "--day-first", "--timezone Europe/London")
    assert report["notes"] == []
    assert [each.occurred_at for each in signals()] == [
        datetime(2021, 12, 3, tzinfo=timezone.utc),
        datetime(2021, 9, 30, 13, tzinfo=timezone.utc),
    ]


def test_a_date_that_can_only_be_read_the_other_way_round_is_read_so_and_said(run, signals):
    report = run("date,text\n3/12/2021,a\n3/31/2021,b\n31/3/2021,c\n", "--day-first")
    assert report["notes"] == [
        "1 dates, such as '3/31/2021', can only be read month first: --day-first may be wrong for others too"
    ]
    assert [f"{each.occurred_at:%d %m}" for each in signals()] == ["03 12", "31 03", "31 03"]


@pytest.mark.parametrize(
    ("content", "argv", "told"),
    [
        ("date,text\n2021-01-01,a\n3/4/2021,b\n", (), "dates like '3/4/2021': say --day-first, --month-first or"),
        ("name,score\na,5\n", (), "name it with --text (there are 'name', 'score')"),
        ("id,text\n1,a\n", ("--text Coment",), "there is no column 'Coment'; the columns are 'id', 'text'"),
        ("id,text\n1,a\n", ("--keep x",), "--keep: there is no column 'x'"),
        (b"text\ncaf\xe9\n", (), "byte 8 (0xe9) cannot be read; try --encoding cp1252"),
        (b"text\na\nb\n" * 5000 + b"caf\xe9\n", (), "byte 45,003 (0xe9)"),
        ("text\na\n" * 5000 + '"open\n', (), "row 10001 (line 10001): a quote opened there is never closed"),
        ("", (), "is empty"),
        ("text\na\n", ("--source fax",), "--source fax: expected one of webhook, upload"),
        ("text\na\n", ("--severity urgent",), "--severity urgent: expected one of critical, high, medium, low"),
        ("text\na\n", ("--frequency daily",), "--frequency daily: expected one of common, occasional, rare"),
        ("text\na\n", ("--timezone Mars",), "--timezone Mars: expected an IANA name"),
        ("text\na\n", ("--date-format %Q",), "--date-format %Q: expected a strptime format"),
        ("text\na\n", ("--delimiter ;;",), "--delimiter ;;: expected one character"),
        ("text\na\n", ("--encoding klingon",), "--encoding klingon is not known"),
        ("text\na\n", ("--header-rows 0",), "argument --header-rows"),
        ("text\na\n", ("--day-first --month-first",), "not allowed with argument"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do_and_stores_nothing(run, url, content, argv, told):
    error = run(content, *argv, code=2)
    assert told in error
    with open_store(url) as store:
        assert store.models.Signal.select().count() == 0


def test_pending_steps_are_refused_when_it_is_told_not_to_apply_them(run):
    assert "migrate" in run("text\na\n", "--no-migrate", code=3)
    run("text\na\n")
    assert outcome(run("text\na\n", "--no-migrate")) == {"unchanged": 1}


def test_a_header_alone_imports_nothing(run):
    report = run("id,text\n")
    assert (report["rows"], outcome(report)) == (0, {})


def test_the_summary_says_what_was_taken_for_what_and_what_was_refused(folder, sqlite_url, capsys):
    rows = "1,2025-01-01,a,P1\n2,2025-01-01,,P2\n3,x,b,P1\n"
    (folder / "file.csv").write_text(f"Comment ID,Date,Comment,Priority\n{rows}")
    assert main(["--database", sqlite_url, "import", "file.csv", "--source", "email"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out == (
        "file.csv into workspace 'default'\n"
        "  text from 'Comment', id from 'Comment ID', date from 'Date' (UTC where it says no zone); source\n  email\n"
        "  column 'Priority' is not read as severity: 'P1' is none of critical, high, medium, low; name it\n"
        "    with --severity-column to insist\n"
        "\n"
        "rows               3\n"
        "created            1\n"
        "unchanged          0\n"
        "updated            0\n"
        "conflicts          0\n"
        "rejected           2\n"
        "\n"
        "rejected, by reason\n"
        "      1  the text is empty\n"
        "      1  no date that is read here\n"
        "the first of them\n"
        "  row 3: the text is empty\n"
        "  row 4: 'x' is no date that is read here\n"
    )


def test_an_import_from_python_returns_the_same_report(folder, sqlite_url):
    Path("file.csv").write_text("id,text\n1,a\n2,\n")
    with open_store(sqlite_url) as store:
        report = import_csv(store.workspace_named("default", create=True), "file.csv", constants={"source": "email"})
    assert (report.rows, report.created, report.rejected) == (2, 1, 1)
    assert report.columns == {"source_ref": "id", "verbatim": "text"}
    assert [(each.row, each.reason) for each in report.rejections] == [(3, "the text is empty")]


@pytest.mark.parametrize("mapped", [{"columns": {"text": "text"}}, {"constants": {"status": "new"}}])
def test_columns_go_by_the_arguments_of_record(folder, sqlite_url, mapped):
    Path("file.csv").write_text("text\na\n")
    with open_store(sqlite_url) as store:
        workspace = store.workspace_named("default", create=True)
        with pytest.raises(BadArgument, match="expected some of verbatim, source_ref"):
            import_csv(workspace, "file.csv", **mapped)


def test_words_of_ones_own_are_known_to_an_import_from_python(folder, sqlite_url):
    Path("file.csv").write_text("text,source\na,Discord\n")
    with open_store(sqlite_url, vocabularies={"source": ["discord"]}) as store:
        workspace = store.workspace_named("default", create=True)
        assert import_csv(workspace, "file.csv").created == 1
        assert workspace.counts("source") == {"discord": 1}


def test_the_example_is_stored_whole(run, signals, folder):
    report = run(EXAMPLE.read_bytes())
    assert outcome(report) == {"created": 77, "rejected": 1}
    assert report["reasons"] == {"the text is empty": 1}
    assert set(report["columns"]) == {
        "verbatim", "source_ref", "occurred_at", "interpretation", "source", "severity", "frequency", "user_segment",
    }  # fmt: skip
    assert outcome(run(None)) == {"unchanged": 77, "rejected": 1}
    assert {each.source for each in signals()} == {
        "webhook", "upload", "paste", "video", "slack", "pylon", "email", "interview", "other",
    }  # fmt: skip


# real files


NHS = "--id 'Comment ID' --text 'FFT answer' --date Date --day-first"


def test_the_answers_of_patients_are_stored(run, shared_data, url):
    content = (shared_data / "nhs" / "v6framework_230831.csv").read_bytes()
    report = run(content, NHS)
    assert outcome(report) == {"created": 7400, "rejected": 508}
    assert report["reasons"] == {"the text is empty": 496, "the text is blank": 12}
    assert report["notes"] == [
        "289 dates, such as '10/17/2021', can only be read month first: --day-first may be wrong for others too"
    ]
    assert outcome(run(None, NHS)) == {"unchanged": 7400, "rejected": 508}
    with open_store(url) as store:
        workspace = store.workspace_named("default")
        found = workspace.find("upload", "NEAS PTS 540 - Q1")
        assert found.verbatim == "Cue waiting time by an hour."
        assert found.occurred_at == datetime(2021, 9, 30, tzinfo=timezone.utc)
        signal = store.models.Signal
        assert signal.select().where(signal.verbatim == "None").count() == 6


@pytest.mark.parametrize(("survey", "answers"), [("2020_H2", 53), ("2021_H1", 50)])
def test_a_survey_with_two_header_rows_is_stored(run, shared_data, survey, answers):
    content = (shared_data / "cncf" / f"CNCF_Maintainers_Survey_{survey}.csv").read_bytes()
    scale = "10 - strongly agree, 1 - strongly disagree."
    question = f"Would you recommend CNCF to other open source projects, and why?{scale}"
    report = run(content, f"--header-rows 2 --text '{question} / Why?'")
    assert outcome(report)["created"] == answers
    assert set(report["reasons"]) == {"the text is empty"}


def test_bug_reports_are_stored(run, shared_data):
    content = (shared_data / "gitbugs" / "SeaMonkey_bugs.csv").read_bytes()
    report = run(content)
    assert report["columns"] == {"verbatim": "Description", "source_ref": "Issue id", "occurred_at": "Created"}
    assert report["created"] + report["rejected"] == 1076
    assert set(report["reasons"]) <= {"the text is empty", "the text is blank"}
    assert len(report["notes"]) == 1


def test_short_questions_without_ids_are_stored(run, shared_data):
    content = (shared_data / "banking77" / "test.csv").read_bytes()
    assert outcome(run(content, "--keep", "category")) == {"created": 3080}
    assert outcome(run(None, "--keep", "category")) == {"unchanged": 3080}
