"""Does the benchmark of rebuilds still run?"""

from __future__ import annotations

import pytest

from benchmarks.rebuilding import main


def test_every_contender_changes_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rows", "50", "--repeat", "1"])
    printed = capsys.readouterr().out
    for name in ("bare statements", "signals_peewee", "playhouse", "NOT NULL by a rebuild, 50 rows"):
        assert name in printed
