"""Does the benchmark of starting still run, and would it notice one that did not read?"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import start
from benchmarks.__main__ import main


@pytest.fixture
def few(engine_name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    url = request.getfixturevalue("postgres_url") if engine_name == "postgres" else ""
    monkeypatch.setattr(start, "SIZES", (3,))
    monkeypatch.setattr(start, "ROUNDS", 2)
    return ["--work", "start", "--rows", "1", "--repeat", "1", "--engine", engine_name, "--postgres", url]


def test_a_start_is_measured_beside_reading_its_scripts(few: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(few)
    printed = capsys.readouterr().out
    assert "read and hash    SELECT alone       start   ratio" in printed
    assert "\n3 " in printed


def test_one_that_reads_nothing_stops_it(few: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "read_and_hashed", lambda folder: [])
    with pytest.raises(SystemExit, match=r"returned \[\]"):
        main(few)


def test_the_scripts_are_as_many_as_asked_for(tmp_path: Path) -> None:
    folder = start.scripts(tmp_path / "steps", 3)
    assert sorted(path.name for path in folder.iterdir()) == [f"000{n}_column_{n}.py" for n in (1, 2, 3)]
