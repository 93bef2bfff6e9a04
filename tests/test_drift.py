"""Is every difference between database and models found and named, and nothing that is none?"""

from __future__ import annotations

from typing import Any

import pytest
from drift_kit import CASES, MODELS, Case, build, case, with_collation
from drift_zoo import ZOO
from peewee import Database
from runner_kit import closing

from signals_peewee.runner import Drift, InlineSource, MigrationRunner

closed = pytest.fixture(autouse=True)(closing)


def nothing(migrator: Any, db: Any) -> None:
    """Do nothing."""


def runner(database: Any, **options: Any) -> MigrationRunner:
    return MigrationRunner(database, InlineSource("app", [nothing]), **options)


def drift(database: Any, *models: Any, **options: Any) -> Drift:
    return runner(database, **options).check(models)


@pytest.mark.parametrize(
    ("engine_name", "wrong"),
    [pytest.param(engine, case, id=f"{engine}: {case.id}") for case in CASES for engine in case.engines],
    indirect=["engine_name"],
)
def test_every_difference_is_found_and_named(engine_name: str, database: Database, wrong: Case) -> None:
    with_collation(engine_name)
    build(database, engine_name, wrong)
    found = drift(database, *MODELS)
    assert [(one.kind, one.table) for one in found.differences] == [(kind, "book") for kind, _ in wrong.differences]
    for one, (_, name) in zip(found.differences, wrong.differences, strict=True):
        assert name in ("*", one.name)
        assert one.expected != one.found


def test_the_same_table_without_any_of_them_differs_in_nothing(database: Database, engine_name: str) -> None:
    with_collation(engine_name)
    build(database, engine_name, case("right"))
    assert not drift(database, *MODELS)


ZOO_ON = [
    pytest.param(engine, kind.make, id=f"{engine}: {kind.make.__name__}") for kind in ZOO for engine in kind.engines
]


@pytest.mark.parametrize(("engine_name", "make"), ZOO_ON, indirect=["engine_name"])
def test_what_models_have_just_made_differs_in_nothing(engine_name: str, database: Database, make: Any) -> None:
    models = make()
    with database.bind_ctx(models):
        database.create_tables(models)
    assert str(drift(database, *models)) == "no difference"
