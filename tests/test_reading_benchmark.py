"""Do the benchmarks of reading still run, and would they notice a contender that reads something else?"""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="SQLAlchemy, a contender, is not installed: the extra `bench` has it")

from benchmarks import flat
from benchmarks.__main__ import main
from benchmarks.readers import SignalsPeewee


@pytest.fixture
def few(engine_name: str, request: pytest.FixtureRequest) -> list[str]:
    url = request.getfixturevalue("postgres_url") if engine_name == "postgres" else ""
    return ["--rows", "1", "--stored", "120", "--repeat", "1", "--engine", engine_name, "--postgres", url]


def test_every_contender_reads_the_same(few: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["--work", "reading", *few])
    printed = capsys.readouterr().out
    for name in ("by hand", "by hand, converted", "signals_peewee", "Peewee", "SQLAlchemy ORM"):
        assert name in printed


@pytest.mark.parametrize(
    ("kind", "less"),
    [
        ("page", lambda self: self.workspace.page(limit=49).items),
        ("deep", lambda self: self.workspace.page(limit=50).items),
        ("whole", lambda self: self.workspace.page(limit=500, include=["projects", "workspace"]).items),
    ],
)
def test_a_contender_that_reads_less_stops_it(
    few: list[str], monkeypatch: pytest.MonkeyPatch, kind: str, less: Any
) -> None:
    monkeypatch.setattr(SignalsPeewee, kind, less)
    with pytest.raises(SystemExit, match="not what was stored|not read along"):
        main(["--work", "reading", *few])


def test_calls_among_few_and_many_signals_are_compared(
    few: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flat, "CALLS", 3)
    main(["--work", "flat", "--many", "1200", *few])
    printed = capsys.readouterr().out
    for kind in flat.KINDS:
        assert kind in printed
