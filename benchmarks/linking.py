"""How fast are links and changes of status by the thousand, with their events? Everybody in turn, as for recording."""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from .databases import Place
from .linkers import Bare, BareOnSqlite, ByHand, ByHandOnSqlite, Linker, RowByRow, RowByRowOnSqlite, SignalsPeewee
from .linkers_orm import others
from .rows import made

TITLES = {"link": "links", "set": "statuses"}
KEPT = "benchmark_signals"
Times = dict[tuple[str, str], list[float]]


def report(place: Place, options: argparse.Namespace) -> str:
    """Measure on one database, and return the medians as multiples of what is done by hand."""
    ids, project = filled(place, options.rows)
    return table(place, measured(place, ids, project, options.repeat), options)


def measured(place: Place, ids: Sequence[str], project: str, repeat: int) -> Times:
    """Return the seconds of each contender, kind by kind, checking after each what has become of the signals."""
    times: Times = defaultdict(list)
    for _ in range(repeat):
        for make in contenders(place.driver):
            for kind in make().kinds:
                restore(place)
                contender: Any = make()
                contender.open(place)
                contender.prepare(len(ids))
                gc.collect()
                start = time.perf_counter()
                getattr(contender, kind)(ids, project)
                times[contender.name, kind].append(time.perf_counter() - start)
                contender.close()
                _check(place, contender, kind, len(ids), project)
    return times


def contenders(driver: str) -> list[Callable[[], Linker]]:
    """Return who takes part; the first is what the others are compared with."""
    hands: list[Any] = (
        [ByHandOnSqlite, RowByRowOnSqlite, BareOnSqlite] if driver == "sqlite" else [ByHand, RowByRow, Bare]
    )
    first, *rest = (lambda kind=kind: kind("sqlite3" if driver == "sqlite" else driver) for kind in hands)
    return [first, SignalsPeewee, *rest, *others()]


def filled(place: Place, count: int) -> tuple[list[str], str]:
    """Store signals, all of them new, and a project; keep them so that each contender finds the same."""
    place.clear()
    with place.store() as store:
        workspace = store.workspace(place.workspace)
        workspace.record_many(made(count))
        project = store.models.Project.create(workspace=place.workspace, name="benchmark")
        ids = [key for (key,) in store.models.Signal.select(store.models.Signal.id).tuples()]
        store.database.execute_sql("ANALYZE")
        if place.driver == "sqlite":
            store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            store.database.execute_sql(f"DROP TABLE IF EXISTS {KEPT}")
            store.database.execute_sql(f"CREATE TABLE {KEPT} AS SELECT * FROM signals")
    if place.driver == "sqlite":
        shutil.copy(place.file, place.folder / "filled.db")
    return ids, str(project.id)


def restore(place: Place) -> None:
    """Make everything as `filled` has left it."""
    place.clear()
    if place.driver == "sqlite":
        shutil.copy(place.folder / "filled.db", place.file)
        return
    with place.store() as store:
        for sql in (f"INSERT INTO signals SELECT * FROM {KEPT}", "VACUUM ANALYZE signals", "CHECKPOINT"):
            store.database.execute_sql(sql)


def _check(place: Place, contender: Linker, kind: str, count: int, project: str) -> None:
    status = "linked" if kind == "link" else "reviewed"
    expected = {("signal", status): count}
    if kind == "link":
        expected["link", project] = count
    if contender.tells:
        expected["event", '{"status": "new"}', status, project if kind == "link" else None] = count
    with place.store() as store:
        models: Any = store.models
        signal, link, event = models.Signal, models.SignalProject, models.SignalEvent
        found: Counter[Any] = Counter(("signal", *row) for row in signal.select(signal.status).tuples())
        found.update(("link", *row) for row in link.select(link.project).tuples())
        for before, after in event.select(event.before, event.after).tuples():
            found["event", json.dumps(before), after["status"], after.get("project")] += 1
    if found != expected:
        raise SystemExit(f"{contender.name} on {place.driver} left {found} and not {expected}")


def table(place: Place, times: Times, options: argparse.Namespace) -> str:
    """Return the medians as multiples of what is done by hand."""
    medians = {key: statistics.median(seconds) for key, seconds in times.items()}
    names = list(dict.fromkeys(name for name, _ in times))
    first = names[0]
    lines = [
        f"\n{place.version}, {place.driver}: {options.rows:,} signals in one call, medians of {options.repeat}",
        f"{'':28}" + "".join(f"{title:>12}" for title in TITLES.values()),
        f"{first + ', µs a signal':28}"
        + "".join(f"{medians[first, kind] / options.rows * 1e6:12.1f}" for kind in TITLES),
    ]
    for name in names:
        ratios = (medians[name, kind] / medians[first, kind] if (name, kind) in medians else None for kind in TITLES)
        lines.append(f"{name:28}" + "".join(f"{'' if ratio is None else f'{ratio:.2f}':>12}" for ratio in ratios))
    return "\n".join(lines)
