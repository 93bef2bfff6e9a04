"""How fast is a page, and how fast are signals with all that belongs to them? Everybody in turn, call by call."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from .databases import Place
from .readers import ByHand, Converted, Reader, Scene, SignalsPeewee
from .readers_peewee import Modelled
from .rows import made

TITLES = {"page": "a page of 50", "deep": "far down", "whole": "with relations"}
PAGE, DEEP, WHOLE, HALF = 50, 40_000, 1_000, 500
PAGES_A_ROUND, WHOLES_A_ROUND = 20, 5
"""Calls for each page, and calls that read the relations."""
Times = dict[tuple[str, str], list["Seconds"]]


class Seconds(NamedTuple):
    """How long a call took by the clock, and how long this process worked for it."""

    clock: float
    processor: float


def report(place: Place, options: argparse.Namespace) -> str:
    """Measure on one database, and return the medians as multiples of what is done by hand."""
    scene = filled(place, options.stored)
    return table(place, scene, measured(place, scene, options.repeat), options)


def measured(place: Place, scene: Scene, repeat: int) -> Times:
    """Return how long each contender took, kind by kind, checking before that all of them read the same."""
    everybody = [make() for make in contenders()]
    for reader in everybody:
        reader.open(place, scene)
        _check(reader, scene)
    times: Times = defaultdict(list)
    gc.collect()
    gc.freeze()  # so that nobody pays for what the others have left behind
    order, chance = [*everybody], random.Random(20240229)
    # Of both kinds in one turn: each is compared with the other too, and a busy moment is to fall on both.
    calls = [(reader, kind) for reader in everybody for kind in ("page", "deep")]
    for _ in range(repeat):
        for _ in range(PAGES_A_ROUND):
            chance.shuffle(calls)
            for reader, kind in calls:
                times[reader.name, kind].append(_timed(getattr(reader, kind)))
        for _ in range(WHOLES_A_ROUND):
            chance.shuffle(order)
            for reader in order:
                gc.collect()
                times[reader.name, "whole"].append(_timed(reader.whole))
    gc.unfreeze()
    for reader in everybody:
        reader.close()
    return times


def _timed(call: Callable[[], list[Any]]) -> Seconds:
    worked, start = time.process_time(), time.perf_counter()
    kept = call()
    took = Seconds(time.perf_counter() - start, time.process_time() - worked)
    del kept
    return took


def contenders() -> list[type[Reader]]:
    """Return who takes part; the first is what the others are compared with."""
    found: list[type[Reader]] = [ByHand, SignalsPeewee, Converted, Modelled]
    if importlib.util.find_spec("sqlalchemy"):
        from .readers_orm import SqlAlchemy

        found.append(SqlAlchemy)
    return found


def filled(place: Place, stored: int) -> Scene:
    """Store signals, and for the latest of them two projects, personas and tags each, and an inbox item."""
    place.clear()
    chance = random.Random(20240229)
    with place.store() as store:
        workspace = store.workspace(place.workspace)
        workspace.record_many(made(stored))
        models: Any = store.models
        for model in (models.Project, models.User, models.InboxItem):
            model.delete().execute()
        models.Signal.update(created_at=models.Signal.occurred_at).execute()
        latest = _keys(workspace, min(WHOLE, stored))
        users = [models.User.create(email=f"user{number}@example.com") for number in range(10)]
        with store.database.atomic():
            for key in latest:
                _belonging(models, place.workspace, key, users, chance)
            for number in range(20):
                name = f"Project {number}"
                project = models.Project.create(workspace=place.workspace, name=name, description="why " * 20)
                some = [key for at, key in enumerate(latest) if at % 20 in (number, (number + 1) % 20)]
                workspace.link_project(some, project, reason="they ask", by=users[number % 10])
        sqlite = place.driver == "sqlite"
        for sql in ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)") if sqlite else ("VACUUM ANALYZE", "CHECKPOINT"):
            store.database.execute_sql(sql)
        depth = min(DEEP, stored // 2)
        after, row = _after(workspace, depth)
        deep = [each.id for each in workspace.page(limit=PAGE, after=after).items]
        return Scene(place.workspace, latest, deep, after, row.created_at, row.id, depth)


def _belonging(models: Any, workspace: str, key: str, users: list[Any], chance: random.Random) -> None:
    given = {"type": "feedback", "source": "email", "title": "a title", "raw_content": "words " * 30}
    item = models.InboxItem.create(workspace=workspace, **given)
    models.Signal.update(inbox_item=item).where(models.Signal.id == key).execute()
    for number in chance.sample(range(12), 2):
        models.SignalPersona.create(signal=key, persona_id=f"Persona {number}", linked_by=chance.choice(users))
    for number in chance.sample(range(40), 2):
        models.SignalTag.create(signal=key, tag=f"tag-{number}", linked_by=chance.choice(users))


def _keys(workspace: Any, count: int) -> list[str]:
    keys, after = [], None
    while len(keys) < count:
        page = workspace.page(limit=min(HALF, count - len(keys)), after=after)
        keys += [row.id for row in page.items]
        after = page.next_cursor
    return keys


def _after(workspace: Any, depth: int) -> tuple[str, Any]:
    """Return the cursor after that many signals, and the last of them."""
    after: str | None = None
    row: Any = None
    for start in range(0, depth, HALF):
        page = workspace.page(limit=min(HALF, depth - start), after=after)
        after, row = page.next_cursor, page.items[-1]
    assert after is not None
    return after, row


def _check(reader: Reader, scene: Scene) -> None:
    pages = [reader.keys(getattr(reader, kind)()) for kind in TITLES]
    belonging = reader.belonging(reader.whole())
    expected = len(scene.latest)
    right = pages == [scene.latest[:PAGE], scene.deep, scene.latest]
    if not right or belonging != {
        "workspace": expected,
        "item": expected,
        "links": 6 * expected,
        "users": 6 * expected,
    }:
        raise SystemExit(f"{reader.name} read {belonging} with {[len(page) for page in pages]}, not what was stored")


def table(place: Place, scene: Scene, times: Times, options: argparse.Namespace) -> str:
    """Return the medians as multiples of what is done by hand."""
    medians = {key: statistics.median(each.clock for each in seconds) for key, seconds in times.items()}
    names = [reader.name for reader in contenders()]
    first = names[0]
    heading = (
        f"\n{place.version}, {place.driver}: {options.stored:,} signals, far down is after {scene.depth:,} of them,"
        f" relations of {len(scene.latest):,}; medians of {options.repeat} rounds"
    )
    lines = [
        heading,
        f"{'':28}" + "".join(f"{title:>16}" for title in TITLES.values()),
        f"{first + ', µs':28}" + "".join(f"{medians[first, kind] * 1e6:16.0f}" for kind in TITLES),
    ]
    for name in names:
        ratios = (medians[name, kind] / medians[first, kind] for kind in TITLES)
        lines.append(f"{name:28}" + "".join(f"{ratio:16.2f}" for ratio in ratios))
    if place.driver == "sqlite":  # where all the work is done in this process, and waiting for a turn is not counted
        worked = {key: statistics.median(each.processor for each in seconds) for key, seconds in times.items()}
        ratios = (worked[SignalsPeewee.name, kind] / worked[first, kind] for kind in TITLES)
        lines.append(f"{f'{SignalsPeewee.name}, processor':28}" + "".join(f"{ratio:16.2f}" for ratio in ratios))
    ours = medians[SignalsPeewee.name, "deep"] / medians[SignalsPeewee.name, "page"]
    return "\n".join([*lines, f"{SignalsPeewee.name}: far down takes {ours:.2f} of the first page"])
