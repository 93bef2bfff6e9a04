"""The commands that the pages show run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from signals_peewee.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "docs/cli.md", "docs/tutorial.md"]
STEP = "def up(migrator, db):\n    db.execute_sql('CREATE TABLE users (id INTEGER)')\n"
ANSWERS = "Comment ID,Date,Comment,FFT answer\n17,2025-01-08,Fine,Fine\n18,2025-01-09,Not fine,Not fine\n"


def commands(page: str) -> list[list[str]]:
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ signals-peewee ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_on_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feedback.csv").write_bytes((ROOT / "examples" / "feedback.csv").read_bytes())
    (tmp_path / "answers.csv").write_text(ANSWERS)
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "0001_users.py").write_text(STEP)
    found = commands(page)
    assert found
    for argv in found:
        if any(word.startswith("postgresql://") for word in argv):
            continue  # a server that is not ours to ask
        code = main(argv)
        assert code == 0, (argv, capsys.readouterr().err)


def test_every_flag_is_on_the_page_of_the_command_line():
    from signals_peewee.cli.parser import parser

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    subcommands = next(action for action in parser()._actions if action.dest == "command").choices
    for name, command in subcommands.items():
        assert f"\n## {name}\n" in page
        for flag in flags_of(command):
            assert flag == "-h" or f"`{flag}" in page or f" {flag}" in page, (name, flag)


def flags_of(command):
    """The flags of a command, and of the actions that it has."""
    for action in command._actions:
        yield from action.option_strings
        for under in action.choices.values() if isinstance(action.choices, dict) else ():
            yield from flags_of(under)


def test_every_action_of_migrate_is_on_the_page():
    from signals_peewee.cli.parser import parser

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    commands = next(action for action in parser()._actions if action.dest == "command").choices
    actions = next(action for action in commands["migrate"]._actions if action.dest == "action").choices
    assert set(actions) == {"up", "status", "plan", "down", "stamp", "check", "new", "repair"}
    for name in actions:
        assert f"\n| `{name}" in page


def test_every_exit_code_is_on_the_page_as_in_the_help():
    from signals_peewee.cli.parser import EXIT_CODES

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for code in re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE):
        assert f"\n| {code} |" in page
