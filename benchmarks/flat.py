"""Does a call cost the same among a million stored signals as among ten thousand? Both in turn, call by call."""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from signals_peewee import SignalStore, Workspace
from signals_peewee.store import open_store

from .databases import WORKSPACE, Place
from .rows import stream

FEW, MANY = 10_000, 1_000_000
CALLS = 400


class Scale:
    """A store with so many signals, and the calls on it."""

    def __init__(self, store: SignalStore, stored: int, analyse: str) -> None:
        self.stored = stored
        self.workspace: Workspace = store.workspace_named(WORKSPACE, create=True)
        self.workspace.record_many(stream(stored))
        models: Any = store.models
        store.database.execute_sql(analyse)
        self.project = models.Project.create(workspace=self.workspace.id, name="benchmark")
        self.after = self.workspace.page(limit=500).next_cursor
        keys = [key for (key,) in models.Signal.select(models.Signal.id).tuples().iterator()]
        self.keys = random.Random(20240229).sample(keys, 2 * CALLS)

    def page(self, _number: int) -> None:
        self.workspace.page()

    def next_page(self, _number: int) -> None:
        self.workspace.page(after=self.after)

    def get(self, number: int) -> None:
        self.workspace.get(self.keys[number])

    def record(self, number: int) -> None:
        self.workspace.record(f"words {number}", source="other", source_ref=f"flat {number}")

    def link(self, number: int) -> None:
        self.workspace.link_project(self.keys[CALLS + number], self.project)


KINDS: dict[str, Callable[[Scale, int], None]] = {
    "page": Scale.page,
    "next page": Scale.next_page,
    "get": Scale.get,
    "record": Scale.record,
    "link": Scale.link,
}


def report(place: Place, options: argparse.Namespace) -> str:
    """Fill two stores and return the medians of each call in both, and how they compare."""
    sizes = (min(FEW, options.many // 2), options.many)
    with ExitStack() as opened:
        analyse = "ANALYZE" if place.driver == "sqlite" else "VACUUM ANALYZE"
        scales = [Scale(opened.enter_context(_store(place, stored)), stored, analyse) for stored in sizes]
        return table(place, scales, measured(scales))


def measured(scales: list[Scale]) -> dict[tuple[int, str], list[float]]:
    """Return the seconds of each call in each store."""
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for number in range(CALLS):
        for kind, call in KINDS.items():
            for scale in scales if number % 2 else reversed(scales):
                start = time.perf_counter()
                call(scale, number)
                times[scale.stored, kind].append(time.perf_counter() - start)
    return times


def table(place: Place, scales: list[Scale], times: dict[tuple[int, str], list[float]]) -> str:
    """Return the medians, and the larger as multiples of the smaller."""
    medians = {key: statistics.median(seconds) for key, seconds in times.items()}
    few, many = (scale.stored for scale in scales)
    lines = [
        f"\n{place.version}, {place.driver}: medians of {CALLS} calls, µs",
        f"{'':16}{f'{few:,}':>12}{f'{many:,}':>12}{'ratio':>8}",
    ]
    for kind in KINDS:
        first, second = medians[few, kind], medians[many, kind]
        lines.append(f"{kind:16}{first * 1e6:12.0f}{second * 1e6:12.0f}{second / first:8.2f}")
    return "\n".join(lines)


def _store(place: Place, stored: int) -> SignalStore:
    if place.driver == "sqlite":
        return open_store(f"sqlite:///{place.folder / f'flat-{stored}.db'}")
    schema, options = f"flat_{place.driver}_{stored}", {"prefer_psycopg3": place.driver == "psycopg3"}
    with place.store() as store:
        store.database.execute_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return open_store(place.url, schema=schema, **options)
