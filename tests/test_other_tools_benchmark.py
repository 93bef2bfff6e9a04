"""Does the comparison with other tools still run, and would it notice a step that ran twice, or not at all?"""

from __future__ import annotations

from pathlib import Path

import pytest
from peewee import Database

from benchmarks import other_tools_places, other_tools_trials
from benchmarks.other_tools import main
from benchmarks.other_tools_scripts import OURS


def test_this_runner_is_tried_in_every_way(
    engine_name: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    url = request.getfixturevalue("postgres_url") if engine_name == "postgres" else ""
    little = ["--only", "this runner", "--rounds", "1", "--rows", "1000", "--held", "0.1"]
    main([*little, "--engine", engine_name, "--postgres", url])
    printed = capsys.readouterr().out
    assert printed.count("succeeded | 8 of 8 |") == 3
    assert printed.count("is there once | yes |") == 3
    for cell in ("| finishes |", "| refused |", "| works |", "| all kept |" if engine_name == "sqlite" else " ms |"):
        assert cell in printed


def test_what_was_not_done_or_done_twice_is_told(url: str, database: Database, tmp_path: Path) -> None:
    places = other_tools_places.Databases(tmp_path)
    names = other_tools_trials.CHAIN
    assert other_tools_trials.wrong(url, names) == "no table books"
    with places.project(OURS, names[:1]) as project:
        other_tools_places.applied(project, url)
    assert other_tools_trials.wrong(url, names) == "no table authors, no column rating, changed 0×"
    with places.project(OURS, names) as project:
        other_tools_places.applied(project, url)
    assert other_tools_trials.wrong(url, names) == ""
    database.execute_sql("UPDATE books SET visits = visits + 1")
    database.execute_sql("INSERT INTO books (title, visits) VALUES ('Emma', 2)")
    assert other_tools_trials.wrong(url, names) == "4 rows for 3, changed 2×"
