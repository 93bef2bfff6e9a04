"""Does the benchmark of links still run, and would it notice a contender that does something else?"""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="SQLAlchemy, a contender, is not installed: the extra `bench` has it")

from benchmarks.__main__ import main
from benchmarks.linkers import SignalsPeewee


@pytest.fixture
def few(engine_name: str, request: pytest.FixtureRequest) -> list[str]:
    url = request.getfixturevalue("postgres_url") if engine_name == "postgres" else ""
    return ["--work", "linking", "--rows", "30", "--repeat", "1", "--engine", engine_name, "--postgres", url]


def test_every_contender_links_and_tells_the_same(few: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(few)
    printed = capsys.readouterr().out
    for name in ("by hand", "signals_peewee", "row by row", "bare UPDATE", "Peewee", "SQLAlchemy Core"):
        assert name in printed


def test_a_contender_that_does_less_stops_it(few: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignalsPeewee, "set", lambda self, ids, project: None)
    with pytest.raises(SystemExit, match="signals_peewee on .* left"):
        main(few)
