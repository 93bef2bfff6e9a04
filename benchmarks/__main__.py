"""Who is how fast? Everybody in turn on the same rows, several times, so that a busy minute falls on all."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import flat, linking, reading, stalls, start
from .databases import Place, places
from .orms import PlainPeewee, SqlAlchemyCore, SqlAlchemyOrm
from .ours import SignalsPeewee
from .raw import RawPostgres, RawSqlite
from .rows import Row, checksum, complete, made

KINDS = {"new": "new rows", "resent": "re-sent", "one": "one at a time"}
Times = dict[tuple[str, str], list[float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print a table for each database and driver."""
    options = _parser().parse_args(arguments)
    rows = made(options.rows)
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        places(options.engine.split(","), options.postgres, Path(folder)) as found,
    ):
        for place in found:
            if "recording" in options.work:
                times = measured(place, rows, min(options.single, len(rows)), options.repeat)
                print(table(place, times, options), flush=True)
            if "linking" in options.work:
                print(linking.report(place, options), flush=True)
            if "reading" in options.work:
                print(reading.report(place, options), flush=True)
            if "flat" in options.work:
                print(flat.report(place, options), flush=True)
            if "start" in options.work:
                print(start.report(place, options), flush=True)
            if "stalls" in options.work and place in found[:2]:  # one driver of Postgres is enough: the server stalls
                print(stalls.report(place, options), flush=True)


def measured(place: Place, rows: Sequence[Row], single: int, repeat: int) -> Times:
    """Return the seconds of each contender, kind by kind, checking after each that all the rows are stored."""
    times: Times = defaultdict(list)
    for _ in range(repeat):
        for make in contenders(place.driver):
            contender = make()
            _bulk(place, contender, rows, times)
            _singly(place, contender, rows[:single], times)
    return times


def contenders(driver: str) -> list[Callable[[], Any]]:
    """Return who takes part; SQLAlchemy where it is installed."""
    raw: Callable[[], Any] = RawSqlite if driver == "sqlite" else lambda: RawPostgres(driver)
    others = [SqlAlchemyCore, SqlAlchemyOrm] if importlib.util.find_spec("sqlalchemy") else []
    return [raw, SignalsPeewee, PlainPeewee, *others]


def _bulk(place: Place, contender: Any, rows: Sequence[Row], times: Times) -> None:
    place.clear()
    contender.open(place)
    for kind in ("new", "resent"):
        prepared = contender.made(rows if isinstance(contender, SignalsPeewee) else complete(rows, place.workspace))
        times[contender.name, kind].append(_timed(getattr(contender, kind), prepared))
    contender.close()
    _check(place, contender, rows)


def _singly(place: Place, contender: Any, rows: Sequence[Row], times: Times) -> None:
    place.clear()
    contender.open(place)
    prepared = contender.made(rows if isinstance(contender, SignalsPeewee) else complete(rows, place.workspace))
    times[contender.name, "one"].append(_timed(contender.one, prepared))
    contender.close()
    _check(place, contender, rows)


def _timed(work: Callable[[Any], None], rows: Any) -> float:
    gc.collect()
    start = time.perf_counter()
    work(rows)
    return time.perf_counter() - start


def _check(place: Place, contender: Any, rows: Sequence[Row]) -> None:
    expected = _expected(rows, place.workspace)
    if place.stored() != expected:
        raise SystemExit(f"{contender.name} on {place.driver} stored {place.stored()} and not {expected}")


_known: dict[tuple[int, str], tuple[int, str]] = {}


def _expected(rows: Sequence[Row], workspace: str) -> tuple[int, str]:
    key = (len(rows), workspace)
    if key not in _known:
        from .databases import _plain
        from .rows import COMPARED

        whole = complete(rows, workspace)
        _known[key] = len(rows), checksum([_plain([row[name] for name in COMPARED]) for row in whole])
    return _known[key]


def table(place: Place, times: Times, options: argparse.Namespace) -> str:
    """Return the medians as multiples of the raw driver's."""
    names = list(dict.fromkeys(name for name, _ in times))
    medians = {key: statistics.median(seconds) for key, seconds in times.items()}
    raw = names[0]
    single = min(options.single, options.rows)
    lines = [
        f"\n{place.version}, {place.driver}: {options.rows:,} rows, {single:,} singly, medians of {options.repeat}",
        f"{'':24}" + "".join(f"{title:>16}" for title in KINDS.values()),
        f"{raw + ', µs a row':24}"
        + "".join(f"{medians[raw, kind] / (single if kind == 'one' else options.rows) * 1e6:16.1f}" for kind in KINDS),
    ]
    for name in names:
        ratios = (medians[name, kind] / medians[raw, kind] for kind in KINDS)
        lines.append(f"{name:24}" + "".join(f"{ratio:16.2f}" for ratio in ratios))
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--work", default="recording", help="recording, linking, reading, flat, start, stalls; or several"
    )
    parser.add_argument(
        "--many", type=int, default=1_000_000, help="signals stored at most, for flat; rows, for stalls"
    )
    parser.add_argument("--only", default="", help="only operations with this in their name, for stalls")
    parser.add_argument("--stored", type=int, default=200_000, help="how many signals are stored, for reading")
    parser.add_argument("--rows", type=int, default=50_000, help="how many for new rows and the re-sent file")
    parser.add_argument("--single", type=int, default=2_000, help="how many of them one at a time")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; the medians are printed")
    parser.add_argument("--engine", default="sqlite,postgres", help="sqlite, postgres or both")
    parser.add_argument(
        "--postgres", default="", help="the URL of a database to empty, or an installed major version; else the wheel's"
    )
    return parser


if __name__ == "__main__":
    main()
