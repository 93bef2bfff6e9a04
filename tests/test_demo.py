"""`make demo` shows what the library does, and changes nothing when it is run again."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from signals_peewee.cli import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory) -> tuple[Path, list[str]]:
    """The folder in which the demo ran twice, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")

    def run() -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        script = [sys.executable, str(ROOT / "examples" / "demo.py")]
        ended = subprocess.run(script, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=True)
        assert ended.stderr == ""
        return ended.stdout

    return folder, [run(), run()]


def test_the_first_run_shows_the_steps_the_import_and_the_counts(demonstrated):
    _, (first, _) = demonstrated
    assert "demo.db is made" in first
    assert re.search(r"applied +signals_peewee:0001_", first)
    assert re.search(r"created +77\n", first)
    assert "row 22: the text is empty" in first
    assert "status    new 77" in first
    assert "source    email 21, slack 13" in first
    assert "severity  medium 25, high 22" in first


def test_the_second_run_changes_nothing_and_says_so(demonstrated):
    _, (_, second) = demonstrated
    assert "demo.db is here from last time" in second
    assert "none is pending" in second
    assert re.search(r"created +0\n   unchanged +77\n", second)
    assert "Nothing has changed" in second


def test_what_informs_a_project_is_linked_once_and_shown_both_times(demonstrated):
    _, shown = demonstrated
    sections = [text[text.index("6. What informs a project") : text.index("Try next")].splitlines() for text in shown]
    assert sections[0][1] == "   “Cancel a stop with one tap”: 3 linked, 0 linked before"
    assert sections[1][1] == "   “Cancel a stop with one tap”: 0 linked, 3 linked before"
    assert sections[0][2:] == sections[1][2:]
    assert sections[0][4] == "   2025-01-14  webhook    courier   Can't find the button to cancel a stop. Is there one?"
    assert "status    new 74, linked 3" in shown[1]


def test_it_fits_a_terminal_and_has_no_colour(demonstrated):
    _, shown = demonstrated
    lines = [line for text in shown for line in text.splitlines() if "--database" not in line]  # which hold a path
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in "".join(shown)


def test_what_it_says_to_try_next_works(demonstrated, monkeypatch, capsys):
    folder, (first, _) = demonstrated
    monkeypatch.chdir(folder)
    commands = re.findall(r"^   signals-peewee (.*)$", first, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        assert main(shlex.split(command)) == 0, capsys.readouterr().err
