"""Does the benchmark still run, and would it notice a contender that stores something else?"""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="SQLAlchemy, a contender, is not installed: the extra `bench` has it")

from benchmarks.__main__ import main
from benchmarks.ours import SignalsPeewee


@pytest.fixture
def few(engine_name: str, request: pytest.FixtureRequest) -> list[str]:
    url = request.getfixturevalue("postgres_url") if engine_name == "postgres" else ""
    return ["--rows", "60", "--single", "5", "--repeat", "1", "--engine", engine_name, "--postgres", url]


def test_every_contender_stores_the_same_rows(few: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(few)
    printed = capsys.readouterr().out
    assert "signals_peewee" in printed
    assert "Peewee insert_many" in printed


def test_a_contender_that_stores_less_stops_it(few: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignalsPeewee, "new", lambda self, rows: None)
    monkeypatch.setattr(SignalsPeewee, "resent", lambda self, rows: None)
    with pytest.raises(SystemExit, match="signals_peewee on .* stored"):
        main(few)
