"""Do the Python examples of the README and of docs/ run as they stand, and examples/evidence.py as the tutorial shows?

Those of a document run one after another, in one namespace and an empty folder; `<!-- skip: next -->` leaves one out.
What the other scripts in examples/ do is held to in test_demo.py and test_webhook.py.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_examples_run(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in Document.parse(str(file), PythonCodeBlockParser(), SkipParser()):
        example.evaluate()


def test_the_first_example_prints_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    next(iter(Document.parse(str(ROOT / "README.md"), PythonCodeBlockParser()))).evaluate()
    (said,) = re.findall(r"^It prints (.*)\.$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == re.findall("`(.*?)`", said)


def evidence(folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = [sys.executable, str(ROOT / "examples" / "evidence.py")]
    ended = subprocess.run(script, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=True)
    assert ended.stderr == ""
    return ended.stdout


def contents(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "evidence.db")) as database:
        return list(database.iterdump())


def test_the_evidence_is_what_the_tutorial_shows_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert evidence(tmp_path) == shown
    before = contents(tmp_path)
    again = evidence(tmp_path)
    assert again.splitlines()[:3] == [
        "feedback.csv: 0 created, 77 unchanged, 1 rejected",
        "about invoices: 0 linked, 2 linked before",
        "the same thing said twice: 0 merged, 1 merged before",
    ]
    assert again.splitlines()[3:] == shown.splitlines()[3:]
    assert contents(tmp_path) == before
