"""Careless use, in processes of its own: one clear line, an exit code that says which kind, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signals_peewee import open_store
from signals_peewee.cli import main

COMMAND = [sys.executable, "-m", "signals_peewee"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


@pytest.fixture
def run(tmp_path):
    def run(*argv: str, env: dict[str, str] | None = None, command: list[str] = COMMAND):
        return subprocess.run(
            [*command, *argv], cwd=tmp_path, env=environment(**(env or {})), capture_output=True, encoding="utf-8",
            check=False, timeout=120,
        )  # fmt: skip

    return run


@pytest.fixture
def refused(run):
    """Run what must fail; return the one line of its error, and check that nothing else was said."""

    def refused(code: int, *argv: str, **options) -> str:
        ended = run(*argv, **options)
        assert ended.returncode == code, ended
        assert ended.stdout == ""
        assert ended.stderr.startswith("signals-peewee")
        assert ended.stderr.count("\n") == 1, ended.stderr
        return ended.stderr

    return refused


@pytest.mark.parametrize(
    "url", ["mysql://root:secret@localhost/x", "signals.db", "sqlite://relative.db", "postgres", ""]
)
def test_a_url_that_is_none_names_those_that_are(refused, url):
    error = refused(2, "--database", url or "nonsense", "migrate")
    assert "sqlite:///" in error
    assert "secret" not in error


@pytest.mark.usefixtures("postgres_driver")
def test_an_unreachable_server_is_named_without_its_password(refused):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://app:secret@127.0.0.1:{free.getsockname()[1]}/feedback"
    for argv in (["migrate"], ["list"], ["counts"], ["migrate", "status"]):
        error = refused(3, "--database", url, *argv)
        assert "secret" not in error
        assert "127.0.0.1" in error


def test_a_missing_driver_names_what_to_install(refused, tmp_path):
    (tmp_path / "hidden.py").write_text(
        "import sys\nfor name in ('psycopg2', 'psycopg'):\n    sys.modules[name] = None\n"
        "from signals_peewee.cli import main\nsys.exit(main())\n"
    )
    error = refused(3, "--database", "postgresql://app@127.0.0.1/x", "migrate", command=[sys.executable, "hidden.py"])
    assert "pip install 'signals-peewee[postgres]'" in error


@pytest.mark.parametrize("command", [["migrate"], ["list"], ["import", "f.csv"], ["migrate", "status"]])
def test_a_directory_is_no_database(refused, tmp_path, command):
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "f.csv").write_text("text\na\n")
    assert "folder.db" in refused(3, "--database", "sqlite:///folder.db", *command)


@pytest.mark.parametrize("command", [["migrate"], ["list"], ["import", "f.csv"], ["migrate", "status"]])
def test_another_file_is_no_database(refused, tmp_path, command):
    (tmp_path / "letter.txt").write_text("Dear reader, " * 1000)
    (tmp_path / "f.csv").write_text("text\na\n")
    assert "letter.txt" in refused(3, "--database", "sqlite:///letter.txt", *command)
    assert (tmp_path / "letter.txt").read_text() == "Dear reader, " * 1000


def test_a_folder_that_does_not_exist_holds_no_database(refused, tmp_path):
    assert "nowhere" in refused(3, "--database", "sqlite:///nowhere/signals.db", "migrate")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", [["list"], ["counts"], ["show", "x"], ["migrate", "status"], ["migrate", "down"]])
def test_a_command_that_reads_makes_no_file(refused, tmp_path, command):
    error = refused(3, *command)
    assert "signals.db" in error
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_locked_is_waited_for_and_then_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("signals_peewee.engine.urls.BUSY_TIMEOUT", 0.05)
    (tmp_path / "f.csv").write_text("text\na\n")
    flags = ["--database", f"sqlite:///{tmp_path / 'signals.db'}"]
    assert main([*flags, "migrate"]) == 0
    holder = sqlite3.connect(tmp_path / "signals.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert main([*flags, "import", str(tmp_path / "f.csv")]) == 3
    finally:
        holder.close()
    assert "database is locked" in capsys.readouterr().err


def test_a_database_that_is_only_read_can_be_listed_and_not_written(run, refused, tmp_path):
    (tmp_path / "f.csv").write_text("text\na\n")
    assert run("import", "f.csv").returncode == 0
    (tmp_path / "g.csv").write_text("text\nb\n")
    only_read = ["--database", "sqlite:///signals.db?mode=ro"]
    assert json.loads(run(*only_read, "counts", "--json").stdout)["total"] == 1
    assert run(*only_read, "migrate", "status").returncode == 0
    error = refused(3, *only_read, "import", "g.csv")
    assert "signals.db" in error
    assert "readonly" in error
    assert json.loads(run(*only_read, "counts", "--json").stdout)["total"] == 1


def test_two_imports_of_one_file_at_once_store_it_once(url, tmp_path):
    many(tmp_path / "f.csv", 5000)
    command = [*COMMAND, "--database", url, "import", "f.csv", "--json"]
    both = [
        subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    reports = [json.loads(out) for out, _ in said]
    assert sum(report["created"] for report in reports) == 5000
    assert sum(report["unchanged"] for report in reports) == 5000
    assert stored(url) == 5000


@pytest.mark.parametrize("path", ["missing.csv", ".", "no/such/file.csv"])
def test_a_file_that_is_none_is_named_and_no_database_is_made(refused, tmp_path, path):
    assert path in refused(2, "import", path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ("nonsense", "expected module:NAME"),
        ("no_such_module:HOSTS", "a module that can be imported"),
        ("broken:HOSTS", "a module that can be imported (ZeroDivisionError: division by zero)"),
        ("brought:NOTHING", "a name that brought has"),
        ("brought:NUMBER", "a Hosts object, or a dict of models by role, not int"),
        ("brought:WRONG", "models by role"),
    ],
)
def test_hosts_that_are_none_say_what_was_looked_for(refused, tmp_path, hosts, told):
    (tmp_path / "brought.py").write_text("NUMBER = 1\nWRONG = {'tenant': 1}\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    assert told in refused(2, "--hosts", hosts, "list")


BROUGHT = """
from peewee import CharField, Model, SqliteDatabase
from signals_peewee import Hosts

database = SqliteDatabase("host.db", pragmas={"foreign_keys": 1})


class Team(Model):
    name = CharField()

    class Meta:
        database = database


database.create_tables([Team])
if not Team.select().count():
    Team.create(name="Billing")
database.close()
HOSTS = Hosts(workspace=Team)
MODELS = {"workspace": Team}
"""


@pytest.mark.parametrize("name", ["HOSTS", "MODELS"])
def test_models_of_the_host_bring_their_database(run, refused, tmp_path, name):
    (tmp_path / "brought.py").write_text(BROUGHT)
    (tmp_path / "f.csv").write_text("text\na\n")
    flags = ["--hosts", f"brought:{name}", "--workspace", "Billing"]
    assert "created            1" in run(*flags, "import", "f.csv").stdout
    assert json.loads(run(*flags, "counts", "--json").stdout)["total"] == 1
    assert not (tmp_path / "signals.db").exists()
    assert "workspace 'default'" in refused(4, "--hosts", f"brought:{name}", "import", "f.csv")
    assert "no URL beside" in refused(2, *flags, "--database", "sqlite:///x.db", "list")


def test_nothing_is_stored_of_a_file_that_breaks_in_the_middle(refused, run, tmp_path):
    good = b"".join(b"%d,good\n" % at for at in range(20_000))
    (tmp_path / "f.csv").write_bytes(b"id,text\n" + good + b"x,caf\xe9\n")
    assert "byte" in refused(2, "import", "f.csv")
    run("migrate")
    with open_store(f"sqlite:///{tmp_path / 'signals.db'}") as store:
        assert store.models.Signal.select().count() == 0


@POSIX
def test_a_file_whose_name_is_no_text_is_imported(run, tmp_path):
    name = os.fsdecode(b"caf\xe9.csv")
    (tmp_path / name).write_text("text\na\n")
    assert "created            1" in run("import", name).stdout
    assert json.loads(run("import", name, "--json").stdout)["unchanged"] == 1
    (item,) = json.loads(run("list", "--json").stdout)["items"]
    assert item["source_metadata"] == {"sourceName": "caf\N{REPLACEMENT CHARACTER}.csv"}


def test_output_that_cannot_be_encoded_is_shown_as_well_as_it_can(run, tmp_path):
    (tmp_path / "f.csv").write_text("text\ncafé 語\n", encoding="utf-8")
    assert run("import", "f.csv").returncode == 0
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    listed = run("list", env=ascii_only)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "caf" in listed.stdout
    (item,) = json.loads(run("list", "--json", env=ascii_only).stdout)["items"]
    assert item["verbatim"] == "café 語"


def many(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write("id,text\n")
        out.writelines(f"{at},feedback number {at} {'and more ' * 10}\n" for at in range(rows))


@POSIX
def test_a_reader_that_goes_away_is_no_error(run, tmp_path):
    many(tmp_path / "f.csv", 3000)
    run("import", "f.csv")
    with subprocess.Popen(
        [*COMMAND, "list", "--limit", "500", "--json"], cwd=tmp_path, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_said(tmp_path):
    with Path("/dev/full").open("w") as full:
        main(["--database", f"sqlite:///{tmp_path / 'signals.db'}", "migrate"])
        argv = [*COMMAND, "--database", f"sqlite:///{tmp_path / 'signals.db'}", "migrate", "status"]
        ended = subprocess.run(argv, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 74
    assert ended.stderr == b"signals-peewee: the output cannot be written: No space left on device\n"


def test_no_output_at_all_is_fine(run):
    assert (
        run(
            "-c",
            "from signals_peewee.cli import main; import sys; sys.stdout = None; sys.exit(main(['migrate']))",
            command=[sys.executable],
        ).returncode
        == 0
    )


@POSIX
def test_ctrl_c_says_what_was_kept_and_the_next_import_goes_on(tmp_path):
    rows = 300_000
    many(tmp_path / "f.csv", rows)
    url = f"sqlite:///{tmp_path / 'signals.db'}"
    assert main(["--database", url, "migrate"]) == 0
    # Said in so many words, because whoever runs the tests in the background has the signal ignored.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from signals_peewee.cli import main; sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "import", "f.csv"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        until = time.monotonic() + 60
        while stored(url) <= 20_000 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    kept = stored(url)
    assert (process.returncode, out) == (130, b"")
    said = re.fullmatch(
        "signals-peewee: interrupted; at least the first ([0-9,]+) rows of f.csv are stored and stay: "
        "run the same command again, and it goes on where it must\n",
        err.decode(),
    )
    assert said is not None
    assert 0 < int(said[1].replace(",", "")) <= kept < rows


def stored(url: str) -> int:
    with open_store(url, migrate=False) as store:
        count: int = store.models.Signal.select().count()
        return count


@POSIX
def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(rows: int) -> int:
        many(tmp_path / f"{rows}.csv", rows)
        code = (
            "import resource, sys; from signals_peewee.cli import main; code = main(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        )
        argv = ["--database", f"sqlite:///{rows}.db", "import", f"{rows}.csv", "--no-guess", "--text", "text"]
        ended = subprocess.run(
            [sys.executable, "-c", code, *argv], cwd=tmp_path, env=environment(), capture_output=True, check=True
        )
        return int(ended.stdout.splitlines()[-1])

    small, large = peak(5_000), peak(60_000)
    assert large < small + 20_000, (small, large)  # kilobytes


@POSIX
def test_a_terminal_gets_a_bar_and_a_pipe_does_not(tmp_path):
    import pty

    many(tmp_path / "f.csv", 30_000)
    ours, theirs = pty.openpty()
    importing, env = [*COMMAND, "import", "f.csv"], environment(TERM="xterm")
    with subprocess.Popen(importing, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=theirs) as process:
        out, _ = process.communicate(timeout=120)
    os.close(theirs)
    shown = b""
    try:
        while more := os.read(ours, 65536):
            shown += more
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert b"] 100%  30,000 of 30,000 rows" in shown
    assert b"30,000 rows" not in out
    assert b"created       30,000" in out
