"""Can one workspace tell that another exists? Every operation is tried with what is another's and with what is not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from conftest import ENGINES
from store_cases import ALL, CASES, Call, World, a_world
from store_kit import Eye, Seen, lasting_store

from signals_peewee import SignalsError, SignalStore, Workspace
from signals_peewee.errors import InvalidCursor, NotFound
from signals_peewee.schema.ids import LENGTH

MISSING = "0" * LENGTH
Pair = tuple[World, World]
PLACES = [(name, place) for name, case in CASES.items() for place in case.given]
BY_USERS = sorted(
    name
    for name, method in inspect.getmembers(Workspace, inspect.isfunction)
    if not name.startswith("_") and "by" in inspect.signature(method).parameters and name != "counts"
)


@pytest.fixture(scope="module", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn, for as long as the tests of this file take."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def shared(engine_name: str, request: pytest.FixtureRequest) -> Iterator[SignalStore]:
    with lasting_store(engine_name, request) as (store, _):
        yield store


@pytest.fixture
def worlds(shared: SignalStore) -> Pair:
    """My workspace and another's, which hold the same."""
    user = shared.models.User.create(email=f"{uuid4().hex}@example.org").id
    return a_world(shared, user), a_world(shared, user)


@pytest.fixture(scope="module")
def still(shared: SignalStore) -> Pair:
    """The same for the tests in which nothing may change."""
    user = shared.models.User.create(email="ann@example.org").id
    return a_world(shared, user), a_world(shared, user)


def seen(*worlds: World) -> list[Seen]:
    return [Eye(world.ws).see(world.ws.id) for world in worlds]


def outcome(call: Call, world: World, key: Any) -> Any:
    """What a call answers, without the key that it was given."""
    try:
        return call(world, key)
    except SignalsError as error:
        field, expected = getattr(error, "field", None), getattr(error, "expected", None)
        return type(error), str(error).replace(repr(key), "…"), field, expected


def test_every_operation_is_tried() -> None:
    public = {name for name, _ in inspect.getmembers(Workspace, inspect.isfunction) if not name.startswith("_")}
    assert set(CASES) == public


def foreign(world: World, place: str) -> str:
    return {"item": world.item, "project": world.project, "a project among mine": world.project}.get(
        place, world.project if place == "filter" else world.signals[1]
    )


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_what_is_anothers_reads_as_what_is_not(still: Pair, name: str, place: str) -> None:
    mine, theirs = still
    before, call = seen(mine, theirs), CASES[name].given[place]
    told = outcome(call, mine, foreign(theirs, place))
    assert told == outcome(call, mine, MISSING)
    if place == "filter":
        assert not told
    else:
        assert issubclass(told[0], (NotFound, ValueError))
        assert "was not found" in told[1]
    assert seen(mine, theirs) == before


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_what_can_be_no_key_is_not_found(still: Pair, name: str, place: str) -> None:
    before = seen(*still)
    for strange in (7, b"7", "", "\0", "\ud800", (1, 2), object()):
        told = outcome(CASES[name].given[place], still[0], strange)
        if place == "filter":
            assert not told
        else:
            assert "was not found" in told[1]
    assert seen(*still) == before


def test_a_cursor_of_another_workspace_leads_nowhere(worlds: Pair) -> None:
    mine, theirs = worlds
    for world in worlds:
        world.ws.link_project(world.signals[:2], world.project)
    asked: list[Callable[..., Any]] = [
        lambda world, **more: world.ws.page(ALL, limit=1, **more),
        lambda world, **more: world.ws.evidence(world.project, limit=1, **more),
    ]
    for ask in asked:
        cursor = ask(theirs).next_cursor
        assert ask(theirs, after=cursor).items
        with pytest.raises(InvalidCursor):
            ask(mine, after=cursor)


@pytest.mark.parametrize("name", [name for name, place in PLACES if place == "signal"])
def test_a_row_of_another_workspace_is_no_way_in(still: Pair, name: str) -> None:
    mine, theirs = still
    row = theirs.ws.get(theirs.signals[1])
    before = seen(mine, theirs)
    told = outcome(CASES[name].given["signal"], mine, row)
    assert told[0] is NotFound
    assert seen(mine, theirs) == before


@pytest.mark.parametrize("name", CASES)
def test_an_operation_touches_its_own_workspace_alone(worlds: Pair, name: str) -> None:
    mine, theirs = worlds
    my_past, their_past = seen(mine, theirs)
    CASES[name].meant(mine)
    my_present, their_present = seen(mine, theirs)
    assert their_present == their_past
    assert (my_present == my_past) == CASES[name].quiet


@pytest.mark.parametrize("name", BY_USERS)
def test_a_user_belongs_to_no_workspace_and_has_to_exist(worlds: Pair, name: str) -> None:
    mine, theirs = worlds
    before = seen(mine, theirs)
    for strange in (MISSING, mine.ws.id, 7, "\0"):
        with pytest.raises(NotFound) as told:
            CASES[name].meant(mine, by=strange)
        assert (told.value.field, told.value.value) == ("user", strange)
    assert seen(mine, theirs) == before
    CASES[name].meant(mine, by=mine.user)
