"""In which order do the steps of several sources run?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database, SqliteDatabase
from runner_kit import closing, opened, write

from signals_peewee.errors import InvalidDependency, UnknownStep
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, migrate


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


@pytest.fixture
def database(sqlite_url: str) -> Database:
    """The order does not depend on the engine."""
    return opened(sqlite_url)


def nothing(migrator: Any, db: Database) -> None:
    """Do nothing."""


def source(name: str, *depends_on: Sequence[str]) -> InlineSource:
    return InlineSource(name, [InlineStep(nothing, nothing, depends_on=names) for names in depends_on])


def test_a_step_comes_after_those_it_depends_on_whatever_the_order_of_the_sources(database: Database) -> None:
    app = source("app", [], ["auth:0001_nothing"], ["auth:0002_nothing"])
    auth = source("auth", [], ["app:0001_nothing"])
    assert migrate(database, app, auth) == [
        "app:0001_nothing",
        "auth:0001_nothing",
        "auth:0002_nothing",
        "app:0002_nothing",
        "app:0003_nothing",
    ]
    assert MigrationRunner(database, [app, auth]).down("auth:0002_nothing") == [
        "app:0003_nothing",
        "app:0002_nothing",
        "auth:0002_nothing",
    ]


def test_scripts_say_what_they_depend_on(database: Database, tmp_path: Path) -> None:
    step = "def up(migrator, db):\n    pass\n"
    late = write(tmp_path / "late", _0001_a=f'depends_on = ["early:0001_b"]\n\n\n{step}')
    early = write(tmp_path / "early", _0001_b=step)
    sources = [DirectorySource(late, name="late"), DirectorySource(early, name="early")]
    (first, second) = MigrationRunner(database, sources).plan().steps
    assert (first.id, second.id, second.depends_on) == ("early:0001_b", "late:0001_a", ("early:0001_b",))
    assert migrate(database, *sources) == ["early:0001_b", "late:0001_a"]


def test_a_dependency_that_was_applied_needs_no_source(database: Database) -> None:
    migrate(database, source("auth", []))
    with pytest.raises(InvalidDependency, match="app:0001_nothing depends on auth:0001_nothing: there is no such step"):
        migrate(database, source("app", ["auth:0001_nothing"]))
    assert migrate(database, source("app", ["auth:0001_nothing"]), source("auth", [])) == ["app:0001_nothing"]


def test_steps_that_wait_for_each_other_are_named(database: Database) -> None:
    sources = source("app", ["auth:0001_nothing"]), source("auth", ["app:0001_nothing"])
    with pytest.raises(
        InvalidDependency, match="app:0001_nothing depends on auth:0001_nothing: they wait for each"
    ) as caught:
        migrate(database, *sources)
    assert (caught.value.step, caught.value.depends_on) == ("app:0001_nothing", ("auth:0001_nothing",))
    assert database.get_tables() == []


def test_a_step_that_waits_for_a_later_one_of_its_source_is_named(database: Database) -> None:
    with pytest.raises(InvalidDependency, match="wait for each other"):
        migrate(database, source("app", ["app:0002_nothing"], []))


def test_a_target_takes_along_what_it_needs_and_no_more(database: Database) -> None:
    app = source("app", [], [], ["auth:0001_nothing"], [])
    auth = source("auth", [], [])
    runner = MigrationRunner(database, [app, auth])
    assert runner.up("auth:0001_nothing") == ["auth:0001_nothing"]
    assert runner.up("app:0003_nothing") == ["app:0001_nothing", "app:0002_nothing", "app:0003_nothing"]
    assert runner.status().pending == ("app:0004_nothing", "auth:0002_nothing")


def test_a_name_that_two_sources_have_must_be_said_in_full(database: Database) -> None:
    runner = MigrationRunner(database, [source("app", []), source("auth", [])])
    with pytest.raises(UnknownStep, match="one of app:0001_nothing, auth:0001_nothing"):
        runner.up("0001_nothing")


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=30), st.integers(1, 4), st.integers(0, 29)
)
def test_every_order_respects_numbers_and_dependencies(wanted: list[list[int]], sources: int, target: int) -> None:
    names = [f"s{place % sources}:{place // sources + 1:04d}_nothing" for place in range(len(wanted))]
    earlier = [[names[i] for i in depends if i < place] for place, depends in enumerate(wanted)]
    made = [source(f"s{n}", *earlier[n::sources]) for n in range(min(sources, len(names)))]
    database = SqliteDatabase(":memory:")
    runner = MigrationRunner(database, made)
    needed = runner.up(names[target % len(names)])
    order = needed + runner.up()
    assert sorted(order) == sorted(names)
    assert needed[-1] == names[target % len(names)]
    place = {name: n for n, name in enumerate(order)}
    for name, depends in zip(names, earlier, strict=True):
        assert all(place[other] < place[name] for other in depends)
    for n in range(len(names) - sources):
        assert place[names[n]] < place[names[n + sources]]
    assert runner.down(all=True) == order[::-1]
    database.close()
