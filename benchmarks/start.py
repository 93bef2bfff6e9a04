"""What does a start with nothing to do cost, beside reading and hashing the same scripts? Both in turn, many times."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from peewee import Database

from signals_peewee.runner import DirectorySource, MigrationRunner

from .databases import Place

SIZES = (10, 100, 1_000)
ROUNDS = 10
"""For each of --repeat."""
SCRIPT = '''"""Step {number}: what it is for, and why it was written like this.

{words}
"""
from peewee import IntegerField


def up(migrator, db):
    migrator.migrate(migrator.add_column("books", "column_{number}", IntegerField(null=True)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("books", "column_{number}"))
'''
Times = dict[str, list[float]]


def report(place: Place, options: argparse.Namespace) -> str:
    """Measure with some numbers of applied steps, and return the medians."""
    lines = [
        f"\n{place.version}, {place.driver}: a start with nothing to do, medians of {options.repeat * ROUNDS}, ms",
        f"{'applied steps':16}{'read and hash':>16}{'SELECT alone':>16}{'start':>12}{'ratio':>8}",
    ]
    for steps in SIZES:
        times = measured(place, scripts(place.folder / "steps", steps), options.repeat * ROUNDS)
        reading, select, start = (statistics.median(times[name]) for name in ("reading", "select", "start"))
        lines.append(f"{steps:<16,}{reading * 1e3:16.2f}{select * 1e3:16.2f}{start * 1e3:12.2f}{start / reading:8.2f}")
    return "\n".join(lines)


def scripts(folder: Path, steps: int) -> Path:
    """Write so many scripts of a usual length."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(1, steps + 1):
        text = SCRIPT.format(number=number, words="One line among others of a usual length, for a person.\n" * 5)
        (folder / f"{number:04d}_column_{number}.py").write_text(text, "utf-8")
    return folder


def measured(place: Place, folder: Path, rounds: int) -> Times:
    """Return the seconds of reading the scripts, of a start, and of its SELECT by itself."""
    times: Times = defaultdict(list)
    with place.store() as store:
        database: Database = store.database
        database.execute_sql("DROP TABLE IF EXISTS start_history")
        runner = MigrationRunner(database, DirectorySource(folder, name="start"), history_table="start_history")
        if len(runner.stamp()) != len(list(folder.iterdir())):
            raise SystemExit("not every script was recorded")
        for _ in range(rounds):
            times["reading"].append(_timed(lambda: read_and_hashed(folder), True))
            times["select"].append(_timed(lambda: database.execute_sql("SELECT * FROM start_history").fetchall(), True))
            times["start"].append(_timed(runner.up, False))
        database.execute_sql("DROP TABLE start_history")
    return times


def read_and_hashed(folder: Path) -> list[str]:
    """Return the hash of each script: the least that any check of a history has to do."""
    hashes = []
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - the fastest way: a Path for each file costs more
        with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123
            hashes.append(hashlib.sha256(file.read()).hexdigest())
    return hashes


def _timed(call: Callable[[], object], something: bool) -> float:
    begun = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - begun
    if bool(result) is not something:
        raise SystemExit(f"{call} returned {result!r}")
    return seconds
