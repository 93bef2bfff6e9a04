"""Does a drafted step, applied, leave no difference, and its reverse the one that was there?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drift_kit import CASES, MODELS, Case, build, with_collation
from drift_zoo import ZOO
from peewee import Database
from runner_kit import closing

from signals_peewee.runner import DirectorySource, MigrationRunner

closed = pytest.fixture(autouse=True)(closing)


class Drafts:
    """A folder into which every draft is written as its next step."""

    def __init__(self, database: Database, folder: Path, **options: Any) -> None:
        self.folder = folder / "drafted"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runner = MigrationRunner(database, DirectorySource(self.folder, name="app"), **options)

    def apply(self, models: Any) -> str:
        """Draft a step, apply it and return its text."""
        text = self.runner.draft(models)
        assert text is not None
        number = len(list(self.folder.glob("*.py"))) + 1
        (self.folder / f"{number:04}_draft.py").write_text(text, "utf-8")
        self.runner.up()
        return text


@pytest.fixture
def drafts(database: Database, tmp_path: Path) -> Drafts:
    return Drafts(database, tmp_path)


@pytest.mark.parametrize(
    ("engine_name", "wrong"),
    [pytest.param(engine, case, id=f"{engine}: {case.id}") for case in CASES for engine in case.engines],
    indirect=["engine_name"],
)
def test_a_draft_takes_every_difference_away_and_its_reverse_brings_it_back(
    engine_name: str, database: Database, drafts: Drafts, wrong: Case
) -> None:
    with_collation(engine_name)
    build(database, engine_name, wrong)
    before = drafts.runner.check(MODELS)
    drafts.apply(MODELS)
    assert str(drafts.runner.check(MODELS)) == "no difference"
    assert drafts.runner.draft(MODELS) is None
    drafts.runner.down()
    after = drafts.runner.check(MODELS)
    again = [] if wrong.for_good else [(one.kind, one.name) for one in before.differences]
    assert [(one.kind, one.name) for one in after.differences] == again


def test_a_draft_makes_the_tables_of_an_empty_database(engine_name: str, drafts: Drafts) -> None:
    with_collation(engine_name)
    text = drafts.apply(MODELS)
    assert "SqlField" not in text
    assert "db.execute_sql" not in text
    assert not drafts.runner.check(MODELS)
    drafts.runner.down()
    assert [one.kind for one in drafts.runner.check(MODELS).differences] == ["table", "table"]


ZOO_ON = [
    pytest.param(engine, kind.make, id=f"{engine}: {kind.make.__name__}") for kind in ZOO for engine in kind.engines
]


@pytest.mark.parametrize(("engine_name", "make"), ZOO_ON, indirect=["engine_name"])
def test_a_draft_makes_every_kind_of_table(engine_name: str, database: Database, drafts: Drafts, make: Any) -> None:
    models = make()
    drafts.apply(models)
    assert str(drafts.runner.check(models)) == "no difference"
    drafts.runner.down()
    assert {one.kind for one in drafts.runner.check(models).differences} == {"table"}
