"""The commands, on both databases: what they print, what they leave behind, and how they end."""

from __future__ import annotations

import json

import pytest

from signals_peewee import open_store
from signals_peewee.cli import main

FEEDBACK = (
    "id,date,feedback,channel,severity,how often,segment\n"
    "1,2025-01-06 08:12,The till froze,slack,critical,rare,café\n"
    "2,2025-01-07,Merci !,email,,,bakery\n"
    '3,2025-01-08,"one\ntwo, three",slack,low,common,café\n'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, url, monkeypatch, capsys):
    """Run a command on a fresh database; return its exit code, output and errors."""
    monkeypatch.setenv("DATABASE_URL", url)

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def stored(run, folder):
    """The same, with three pieces of feedback in it."""
    (folder / "feedback.csv").write_text(FEEDBACK, encoding="utf-8")
    assert run("import", "feedback.csv")[0] == 0
    return run


def answer(run, *argv: str):
    code, out, err = run(*argv, "--json")
    assert (code, err) == (0, ""), (out, err)
    return json.loads(out)


# migrate


def test_migrate_applies_every_step_visibly_and_then_has_nothing_to_do(run):
    code, out, err = run("migrate")
    assert (code, err) == (0, "")
    assert "applied   signals_peewee:0001_" in out
    assert run("migrate", "up") == (0, "nothing to do, 0 pending\n", "")


@pytest.fixture
def empty(run, folder):
    """A database without a table; a file without a byte is one to SQLite."""
    (folder / "signals.db").touch()
    return run


def test_migrate_status_ends_with_1_while_steps_are_pending_and_changes_nothing(empty):
    run = empty
    for _ in range(2):
        code, out, err = run("migrate", "status")
        assert (code, err) == (1, "")
        assert out.splitlines()[-1].endswith(" pending: run `signals-peewee migrate`")
    run("migrate")
    code, out, _ = run("migrate", "status")
    assert code == 0
    assert out.splitlines()[-1] == "nothing is pending"


def test_migrate_goes_up_to_a_step_and_back_through_it(empty):
    run = empty
    code, out, _ = run("migrate", "status", "--json")
    names = json.loads(out)["pending"]
    assert code == 1
    assert run("migrate", "up", names[0])[0] == 0
    standing = json.loads(run("migrate", "status", "--json")[1])
    assert [step["step"] for step in standing["steps"]] == names
    assert [step["state"] for step in standing["steps"]] == ["applied", *["pending"] * (len(names) - 1)]
    assert standing["pending"] == names[1:]
    assert answer(run, "migrate")["pending"] == []
    assert answer(run, "migrate", "down")["pending"] == names[-1:]
    assert answer(run, "migrate", "down", names[0])["pending"] == names
    assert answer(run, "migrate", "up")["pending"] == []
    assert answer(run, "migrate", "down", "--all")["pending"] == names


def test_migrate_refuses_a_step_that_does_not_exist(run):
    code, out, err = run("migrate", "up", "9999_nothing")
    assert (code, out) == (2, "")
    assert "9999_nothing" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("argv", [("up", "--all"), ("down", "0001", "--all"), ("status", "0001"), ("status", "--all")])
def test_migrate_refuses_what_makes_no_sense(run, argv):
    code, out, err = run("migrate", *argv)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


# list, show, counts


def test_list_shows_a_signal_a_line_and_where_the_next_page_begins(stored):
    code, out, err = stored("list", "--sort", "occurred", "--limit", "2")
    assert (code, err) == (0, "")
    head, first, second, more = out.splitlines()
    assert head.split() == ["id", "occurred", "(UTC)", "status", "source", "severity", "verbatim"]
    assert first.endswith("2025-01-08 00:00  new     slack   low       one two, three")
    assert second.endswith("2025-01-07 00:00  new     email   -         Merci !")
    cursor = more.removeprefix("more: add --after ")
    code, out, _ = stored("list", "--sort", "occurred", "--limit", "2", "--after", cursor)
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()] == ["verbatim", "froze"]


def test_list_takes_filters_that_may_be_repeated(stored):
    def found(*argv):
        return sorted(item["source_ref"] for item in answer(stored, "list", *argv)["items"])

    assert found() == ["1", "2", "3"]
    assert found("--severity", "low", "--severity", "critical") == ["1", "3"]
    assert found("--source", "slack", "--segment", "café", "--frequency", "rare") == ["1"]
    assert found("--text", "merci") == ["2"]
    assert found("--status", "reviewed") == []


def test_list_of_nothing_says_so(stored):
    assert stored("list", "--status", "linked") == (0, "no signals\n", "")


def test_list_as_json_has_the_columns_that_were_kept(run, folder):
    (folder / "feedback.csv").write_text("feedback,trust\nwords,NEAS\n")
    assert run("import", "feedback.csv", "--keep", "trust")[0] == 0
    (signal,) = answer(run, "list")["items"]
    assert signal["source_metadata"]["rawPayload"] == {"trust": "NEAS"}


def test_list_as_json_is_whole_and_stable(stored):
    page = answer(stored, "list", "--sort", "occurred", "--limit", "1")
    assert isinstance(page["next_cursor"], str)
    (signal,) = page["items"]
    assert len(signal.pop("id")) == 21
    for name in ("workspace_id", "created_at", "updated_at"):
        assert signal.pop(name)
    assert signal == {
        "verbatim": "one\ntwo, three",
        "interpretation": None,
        "severity": "low",
        "frequency": "common",
        "user_segment": "café",
        "source": "slack",
        "source_ref": "3",
        "source_metadata": {"sourceName": "feedback.csv", "externalId": "3"},
        "status": "new",
        "embedding_model": None,
        "embedding_hash": None,
        "ai_classification": None,
        "inbox_item_id": None,
        "merged_into_id": None,
        "occurred_at": "2025-01-08T00:00:00.000000Z",
        "claimed_until": None,
        "processed_at": None,
    }


def test_list_cuts_long_texts_and_disarms_what_would_drive_a_terminal(run, url):
    with open_store(url) as store:
        store.workspace_named("default", create=True).record("\x1b[31mred\x07 " + "語" * 500, source="other")
    _, out, _ = run("list")
    line = out.splitlines()[1]
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "�[31mred� 語" in line
    assert line.endswith("語…")
    assert sum(2 if each == "語" else 1 for each in line) <= 100


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--limit", "0"), "limit: got 0, expected an integer from 1 to 500"),
        (("--limit", "many"), "argument --limit: invalid int value: 'many'"),
        (("--severity", "urgent"), "expected one of critical, high, medium, low"),
        (("--sort", "best"), "argument --sort: invalid choice: 'best'"),
        (("--after", "nonsense"), "after: got 'nonsense', expected the next_cursor of a page"),
    ],
)
def test_list_refuses_what_does_not_exist(stored, argv, told):
    code, out, err = stored("list", *argv)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_cursor_is_for_the_filter_that_it_was_made_with(stored):
    cursor = answer(stored, "list", "--limit", "1")["next_cursor"]
    code, _, err = stored("list", "--limit", "1", "--source", "slack", "--after", cursor)
    assert code == 2
    assert "the same workspace, filter and sort" in err


def test_show_tells_everything_about_one_signal(stored):
    (item,) = answer(stored, "list", "--text", "two")["items"]
    code, out, err = stored("show", item["id"])
    assert (code, err) == (0, "")
    assert out.endswith("\n\none\ntwo, three\n")
    assert "occurred_at      2025-01-08 00:00" in out
    assert answer(stored, "show", item["id"]) == {**item, "projects": [], "personas": []}


def test_show_of_a_stranger_ends_with_4(stored):
    code, out, err = stored("show", "nothing")
    assert (code, out) == (4, "")
    assert err == "signals-peewee: signal 'nothing' was not found; expected the id of a signal of this workspace\n"


def test_show_finds_no_signal_of_another_workspace(stored, folder):
    (item,) = answer(stored, "list", "--text", "two")["items"]
    assert stored("import", "feedback.csv", "--workspace", "other")[0] == 0
    assert stored("show", item["id"], "--workspace", "other")[0] == 4


def test_counts_are_a_table_with_a_total(stored):
    assert stored("counts", "--by", "source") == (0, "source  count\nslack       2\nemail       1\ntotal       3\n", "")


def test_counts_as_json_have_null_for_what_is_not_set(stored):
    assert answer(stored, "counts", "--by", "severity", "--source", "email") == {
        "by": "severity",
        "counts": [{"value": None, "count": 1}],
        "total": 1,
    }


# flags of every command


def test_flags_may_stand_before_the_command_or_after_it(stored):
    assert answer(stored, "--workspace", "default", "counts") == answer(stored, "counts", "--workspace", "default")
    assert json.loads(stored("--json", "counts")[1])["total"] == 3


def test_the_database_flag_is_stronger_than_the_environment(stored, folder):
    code, _, err = stored("counts", "--database", "sqlite:///other.db")
    assert code == 3
    assert "there is no SQLite file other.db" in err
    assert not (folder / "other.db").exists()


def test_a_workspace_that_is_missing_is_made_by_import_alone(stored):
    for argv in (("list",), ("counts",), ("show", "x")):
        code, out, err = stored(*argv, "--workspace", "Fernway")
        assert (code, out) == (4, "")
        assert "workspace 'Fernway' was not found" in err
    assert stored("import", "feedback.csv", "--workspace", "Fernway")[0] == 0
    assert answer(stored, "counts", "--workspace", "Fernway")["total"] == 3


def test_reading_before_the_first_migration_says_what_to_do(run):
    code, out, err = run("list")
    assert (code, out) == (3, "")
    assert "migrate" in err
    assert err.count("\n") == 1


def test_help_of_every_command_fits_and_names_the_exit_codes(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "exit codes:" in out
    for command in ("migrate", "import", "list", "show", "counts"):
        assert run(command, "--help")[0] == 0
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("signals-peewee ")


@pytest.mark.parametrize("argv", [(), ("frobnicate",), ("list", "--no-such-flag"), ("show",), ("--data", "x", "list")])
def test_bad_usage_is_one_line_and_ends_with_2(run, argv):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("signals-peewee")
    assert err.count("\n") == 1


def test_a_schema_is_refused_on_sqlite(folder, capsys):
    assert main(["--database", "sqlite:///x.db", "--schema", "tenant_a", "migrate"]) == 2
    assert "schema" in capsys.readouterr().err


def test_a_schema_of_postgres_holds_everything(folder, postgres_url, capsys):
    flags = ["--database", postgres_url, "--schema", "tenant_a"]
    (folder / "feedback.csv").write_text(FEEDBACK, encoding="utf-8")
    assert main([*flags, "import", "feedback.csv"]) == 0
    capsys.readouterr()
    assert main([*flags, "counts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 3
    assert main([*flags[:2], "counts"]) == 3
