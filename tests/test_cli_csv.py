"""What the command line makes of CSV files, before any database is asked."""

from __future__ import annotations

import csv
import tracemalloc
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals_peewee.cli.columns import guessed_columns, named_columns
from signals_peewee.cli.csv_file import CsvFile
from signals_peewee.cli.dates import AmbiguousDate, Dates, check_format, zone_named
from signals_peewee.cli.errors import BadArgument, BadFile


@pytest.fixture
def written(tmp_path):
    def write(content: str | bytes, **options) -> CsvFile:
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return CsvFile(path, **options)

    return write


def cells(file: CsvFile) -> list[list[str]]:
    return [list(row.cells) for row in file.opened().rows()]


def refused(file: CsvFile) -> list[tuple[int, str]]:
    return [(row.number, row.refused) for row in file.opened().rows() if row.refused]


def test_a_byte_order_mark_is_not_part_of_the_first_name(written):
    assert written(b"\xef\xbb\xbfid,text\n1,hello\n").opened().header == ("id", "text")


def test_newlines_stay_in_cells_and_become_spaces_in_names(written):
    file = written('"the\nname",id\n"two\r\nlines",1\r\n')
    assert file.opened().header == ("the name", "id")
    assert cells(file) == [["two\r\nlines", "1"]]


def test_no_break_spaces_in_names_are_spaces(written):
    assert written("FFT\u00a0\u00a0answer\u00a0,id\nx,1\n").opened().header == ("FFT answer", "id")


def test_line_separators_of_unicode_do_not_end_a_row(written):
    assert cells(written("text,id\na\u2028b\x0bc\x85d,1\n")) == [["a\u2028b\x0bc\x85d", "1"]]


def test_old_macintosh_line_ends_are_read(written):
    assert cells(written(b"text,id\rhello,1\rthere,2\r")) == [["hello", "1"], ["there", "2"]]


def test_rows_are_numbered_as_a_spreadsheet_does_and_empty_lines_are_passed_over(written):
    assert [row.number for row in written("text\na\n\nb\n\n").opened().rows()] == [2, 4]


def test_ragged_rows_are_refused_with_their_number_and_cost_no_other(written):
    file = written("a,b,c\n1,2\n1,2,3,4\n1,2,3\n")
    assert refused(file) == [(2, "2 cells where the header has 3"), (3, "4 cells where the header has 3")]
    assert cells(file)[-1] == ["1", "2", "3"]


def test_a_nul_refuses_its_row_on_every_python(written):
    file = written(b"text,id\nfi\0ne,1\nfine,2\n")
    assert refused(file) == [(2, "a NUL character, which no database stores")]
    assert cells(file)[-1] == ["fine", "2"]


def test_broken_quotes_refuse_their_row_alone(written):
    file = written('text,id\n"a"b,1\nc,2\n')
    assert [number for number, _ in refused(file)] == [2]
    assert cells(file)[-1] == ["c", "2"]


def test_a_quote_that_is_never_closed_names_its_row_and_line(written):
    with pytest.raises(BadFile, match=r"row 3 \(line 4\): a quote opened there is never closed"):
        cells(written('text,id\n"two\nlines",1\n"open,2\nc,3\n'))


def test_a_cell_larger_than_the_csv_module_allows_is_read(written):
    assert cells(written("text\n" + "x" * 1_000_000 + "\n")) == [["x" * 1_000_000]]


def test_a_file_that_is_one_endless_line_is_refused_in_bounded_memory(written, monkeypatch):
    monkeypatch.setattr("signals_peewee.cli.csv_file.MAX_CELL", 1000)
    with pytest.raises(BadFile, match="line 2 has more than 1,000 characters"):
        cells(written("text\n" + "x" * 5000))


@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_the_delimiter_is_found_out(written, delimiter, name):
    rows = [["id", "text, and more", "when"], ["1", "a; b", "x"], ["2", "c, d, e, f, g", "y"]]
    content = "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    assert cells(written(content)) == rows[1:]


def test_one_column_is_a_file_too(written):
    assert cells(written("feedback\nfine; really\n")) == [["fine; really"]]


def test_the_wrong_encoding_names_the_byte_and_a_way_out(written):
    content = b"text,id\n" + b"good,1\n" * 20_000 + "caf\u00e9,2\n".encode("cp1252")
    with pytest.raises(BadFile, match=r"is not utf-8: byte 140,011 \(0xe9\) cannot be read; try --encoding cp1252"):
        cells(written(content))
    assert cells(written(content, encoding="cp1252"))[-1] == ["caf\u00e9", "2"]


def test_the_byte_is_counted_from_the_beginning_of_the_file_with_its_mark(written):
    with pytest.raises(BadFile, match=r"byte 11 \(0xff\)"):
        cells(written(b"\xef\xbb\xbftext\nabc\xff\n"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_recognised(written, encoding):
    with pytest.raises(BadFile, match="try --encoding utf-16"):
        cells(written("text,id\nhello,1\n".encode(encoding)))
    assert cells(written("text,id\nhello,1\n".encode(encoding), encoding=encoding)) == [["hello", "1"]]


def test_a_file_cut_off_in_a_character_is_refused(written):
    with pytest.raises(BadFile, match="cannot be read"):
        cells(written("text\nabc\u20ac".encode()[:-1]))


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_does_not_exist_is_named(written, encoding):
    with pytest.raises(BadFile, match=f"--encoding {encoding} is not known"):
        written("text\nx\n", encoding=encoding).opened()


@pytest.mark.parametrize("content", ["", "\n\n", ",,\n", "\ufeff"])
def test_an_empty_file_is_no_csv(written, content):
    with pytest.raises(BadFile, match="is empty"):
        written(content).opened()


def test_a_header_alone_is_a_file_with_no_rows(written):
    assert cells(written("id,text\n")) == []


def test_paths_that_are_no_file_are_named(tmp_path):
    with pytest.raises(BadFile, match="is a directory"):
        CsvFile(tmp_path).opened()
    with pytest.raises(BadFile, match="does not exist"):
        CsvFile(tmp_path / "no.csv").opened()
    with pytest.raises(BadFile, match="not a regular file"):
        CsvFile(Path("/dev/null")).opened()
    with pytest.raises(BadFile, match="cannot be read"):
        CsvFile(tmp_path / ("x" * 300)).opened()


def test_two_header_rows_are_joined_as_survey_tools_mean_them(written):
    file = written("id,Which?,,Why not?\n,A,B,Response\n1,x,,because\n", header_rows=2)
    assert file.opened().header == ("id", "Which? / A", "Which? / B", "Why not? / Response")
    assert [(row.number, list(row.cells)) for row in file.opened().rows()] == [(3, ["1", "x", "", "because"])]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(rows=st.lists(st.tuples(TEXTS, TEXTS)), end=st.sampled_from(["\n", "\r\n"]))
def test_whatever_a_quoted_cell_holds_is_read_as_it_was_written(tmp_path, rows, end):
    path = tmp_path / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerows([("a", "b"), *rows])
    assert cells(CsvFile(path, delimiter=",")) == [list(row) for row in rows]


def test_reading_takes_constant_memory(tmp_path):
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as out:
            out.write("id,text\n")
            out.writelines(f"{at},{'some words ' * 20}\n" for at in range(rows))
        file = CsvFile(path).opened()
        tracemalloc.start()
        assert sum(1 for _ in file.rows()) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(50_000) < peak(1_000) + 100_000


HEADER = ("Feedback ID", "Why?", "", "Why?", "Date")


@pytest.mark.parametrize(("name", "place"), [("Feedback ID", 0), ("feedback  id", 0), ("@4", 3), ("DATE", 4)])
def test_a_column_is_named_as_in_the_header_without_case_or_by_number(name, place):
    assert named_columns(Path("f.csv"), HEADER, {"verbatim": name}) == {"verbatim": place}


def test_an_unknown_column_lists_those_there_are():
    told = r"^f.csv: --text: there is no column 'Coment'; the columns are 'Feedback ID', @2 \('Why\?'\), @3, @4"
    with pytest.raises(BadFile, match=told):
        named_columns(Path("f.csv"), HEADER, {"verbatim": "Coment"})


@pytest.mark.parametrize("name", ["@6", "@0", "", "@"])
def test_a_number_without_a_column_is_an_unknown_column(name):
    with pytest.raises(BadFile, match="there is no column"):
        named_columns(Path("f.csv"), HEADER, {"source_ref": name})


def test_a_name_that_two_columns_have_asks_which():
    with pytest.raises(BadFile, match="2 columns are called 'Why\\?'; say which: @2 or @4"):
        named_columns(Path("f.csv"), HEADER, {"verbatim": "Why?"})


def test_names_that_people_export_are_guessed():
    header = ("Comment_ID", "date-created", "Comment", "CHANNEL", "Priority", "How often", "Customer segment", "notes")
    assert guessed_columns(header, {}) == {
        "source_ref": 0,
        "occurred_at": 1,
        "verbatim": 2,
        "source": 3,
        "severity": 4,
        "frequency": 5,
        "user_segment": 6,
    }


def test_a_guess_takes_no_column_that_is_taken_or_that_two_share():
    assert guessed_columns(("text", "id", "id"), {}) == {"verbatim": 0}
    assert guessed_columns(("text", "comment"), {"interpretation": 1}) == {"verbatim": 0}
    assert guessed_columns(("text", "comment"), {"verbatim": 1}) == {}
    assert guessed_columns(("text", "source"), {}, without=["source"]) == {"verbatim": 0}


UTC = timezone.utc
NEW_YORK_WINTER = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-03-04", datetime(2025, 3, 4, tzinfo=UTC)),
        ("2025-03-04 09:12", datetime(2025, 3, 4, 9, 12, tzinfo=UTC)),
        ("2025-03-04T09:12:33.5Z", datetime(2025, 3, 4, 9, 12, 33, 500000, tzinfo=UTC)),
        ("2020-01-02 17:14:21+00:00", datetime(2020, 1, 2, 17, 14, 21, tzinfo=UTC)),
        ("2020-01-02T17:14:21.123456789-0500", datetime(2020, 1, 2, 17, 14, 21, 123456, tzinfo=NEW_YORK_WINTER)),
        ("2025/3/4 9:05 PM", datetime(2025, 3, 4, 21, 5, tzinfo=UTC)),
        ("2025-03-04 00:30 UTC", datetime(2025, 3, 4, 0, 30, tzinfo=UTC)),
    ],
)
def test_dates_with_the_year_first_need_no_flag(cell, expected):
    assert Dates().read(cell) == expected


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("30/09/2021", "day", datetime(2021, 9, 30, tzinfo=UTC)),
        ("3/12/2021", "day", datetime(2021, 12, 3, tzinfo=UTC)),
        ("3/12/2021", "month", datetime(2021, 3, 12, tzinfo=UTC)),
        ("3.12.2021 14:30", "day", datetime(2021, 12, 3, 14, 30, tzinfo=UTC)),
        ("3/31/2021", "day", datetime(2021, 3, 31, tzinfo=UTC)),
        ("31/3/2021", "month", datetime(2021, 3, 31, tzinfo=UTC)),
        ("1/13/2021 12:05:09 AM", "month", datetime(2021, 1, 13, 0, 5, 9, tzinfo=UTC)),
        ("1/13/2021, 12:05 p.m.", "month", datetime(2021, 1, 13, 12, 5, tzinfo=UTC)),
    ],
)
def test_dates_with_the_year_last_are_read_in_the_order_that_was_said(cell, order, expected):
    assert Dates(order).read(cell) == expected


@pytest.mark.parametrize("cell", ["03/04/2021", "30/09/2021", "3.12.2021"])
def test_an_order_is_never_guessed(cell):
    with pytest.raises(AmbiguousDate):
        Dates().read(cell)


@pytest.mark.parametrize(
    "cell",
    ["yesterday", "31/31/2025", "13/13/2025", "0/1/2025", "2025-02-30", "2025-13-01",
      "25-01-02", "2025-01-02 25:00", "2025-01-02 13:00 PM", "2025-01/02",
     "\u0662\u0660\u0662\u0665-01-02", "45000", "2025-01-02 10:00 +99:00"],
)  # fmt: skip
def test_what_is_no_date_is_refused(cell):
    with pytest.raises(ValueError):  # noqa: PT011 - whoever calls says which row
        Dates("day").read(cell)


def test_a_date_without_an_offset_is_in_the_zone_that_was_said():
    london = Dates("day", zone=zone_named("Europe/London"))
    assert london.read("01/07/2021 12:00").astimezone(UTC) == datetime(2021, 7, 1, 11, tzinfo=UTC)
    assert london.read("2021-07-01 12:00Z").astimezone(UTC) == datetime(2021, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "Europe"])
def test_a_zone_that_does_not_exist_is_named(name):
    with pytest.raises(BadArgument, match="--timezone"):
        zone_named(name)


def test_a_format_of_ones_own_is_the_only_form_then():
    dates = Dates(format=check_format("%d %b %Y"))
    assert dates.read("04 Mar 2025") == datetime(2025, 3, 4, tzinfo=UTC)
    with pytest.raises(ValueError, match="does not match"):
        dates.read("2025-03-04")


@pytest.mark.parametrize("form", ["%Q", "%", "dd/mm/yyyy", "%H:%M", ""])
def test_a_format_that_gives_no_whole_date_is_refused(form):
    with pytest.raises(BadArgument, match="--date-format"):
        check_format(form)
