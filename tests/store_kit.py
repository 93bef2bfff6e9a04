"""What do the proofs of the whole store share? A clock, keys that repeat, and a look at all that a workspace holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from conftest import OPTIONS
from peewee import Database

from signals_peewee import SignalStore, Workspace, open_store
from signals_peewee.engine.postgres import Postgres
from signals_peewee.engine.sqlite import Sqlite
from signals_peewee.schema import fields

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
TICK = timedelta(microseconds=1)
LINKS = {"projects": "project_id", "personas": "persona_id", "tags": "tag"}
Seen = dict[str, dict[Any, dict[str, Any]]]


class Pace:
    """The time and the keys of all stores that were opened in its block: both follow from where a test has come to.

    The keys are in no order of time, as with `ids="random"`, and the same on every database.
    """

    def __init__(self) -> None:
        self.now = START
        self._place, self._made = "", 0

    def at(self, place: str) -> None:
        """Make the same keys from here on as at any other time that a test was at this place."""
        self._place, self._made = place, 0

    def ids(self, count: int) -> list[str]:
        numbers = range(self._made, self._made + count)
        self._made += count
        return [hashlib.md5(f"{self._place} {number}".encode()).hexdigest()[:21] for number in numbers]


@contextmanager
def paced() -> Iterator[Pace]:
    """Let a test say what time it is, and make the keys."""
    pace = Pace()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signals_peewee.store.store.new_ids", lambda kind: pace.ids)
        # The body and not the name, which other modules have taken along.
        patch.setattr(fields, "_pace", pace, raising=False)
        patch.setattr(fields.utc_now, "__code__", eval("lambda: _pace.now").__code__)
        for engine in (Sqlite, Postgres):
            patch.setattr(engine, "now", lambda self: pace.now)
        yield pace


@contextmanager
def fresh_url(administration: Database, server: str) -> Iterator[str]:
    """The URL of a Postgres database that lasts as long as the block."""
    name = f"proof_{uuid4().hex[:12]}"
    administration.execute_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        administration.execute_sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def lasting_store(engine: str, request: pytest.FixtureRequest) -> Iterator[tuple[SignalStore, str]]:
    """A store of an engine for more than one test, and its URL."""
    if engine == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('tmp_path_factory').mktemp('proof') / 'signals.db'}"
        with open_store(url) as store:
            yield store, url
        return
    administration, server = (request.getfixturevalue(name) for name in ("administration", "postgres_server"))
    with fresh_url(administration, server) as url, open_store(url, **OPTIONS["postgres"]) as store:
        yield store, url


class Eye:
    """Reads all that a workspace holds, with one statement a table, rendered once."""

    def __init__(self, store: SignalStore | Workspace) -> None:
        models: Any = store.models
        self.database = store.engine.database
        mark = self.database.param
        mine = f"signal_id IN (SELECT id FROM signals WHERE workspace_id = {mark})"
        wheres: dict[Any, str] = {
            models.Workspace: f"id = {mark}",
            models.Project: f"workspace_id = {mark}",
            models.InboxItem: f"workspace_id = {mark}",
            models.Signal: f"workspace_id = {mark}",
        }
        for model in models.owned:
            if "signal_id" in model._meta.columns:
                wheres[model] = mine
        self._reads: dict[str, Any] = {}
        for model, where in wheres.items():
            meta = model._meta
            names = list(meta.columns)
            listed = ", ".join(f'"{name}"' for name in names)
            order = "created_at, id" if meta.table_name == "signal_events" else "id"
            sql = f'SELECT {listed} FROM "{meta.table_name}" WHERE {where} ORDER BY {order}'
            plain = ("TEXT", "UUID")
            converted = [
                (name, field.python_value) for name, field in meta.columns.items() if field.field_type not in plain
            ]
            self._reads[meta.table_name] = sql, names, converted

    def see(self, workspace: str) -> Seen:
        """Return every row of a workspace, by table and key, as Python values."""
        seen: Seen = {}
        for table, (sql, names, converted) in self._reads.items():
            seen[table] = rows = {}
            for values in self.database.execute_sql(sql, (workspace,)).fetchall():
                row = dict(zip(names, values, strict=True))
                for name, convert in converted:
                    if row[name] is not None:
                        row[name] = convert(row[name])
                rows[row["id"]] = row
        return seen


def difference(one: Any, other: Any) -> str:
    """Where two things differ, for a message: the first place, and what stands there in each."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        place = next((key for key in one if one[key] != other[key]), None)
        return "" if place is None else f"{place}: {difference(one[place], other[place])}"
    return f"\n{one!r}\n{other!r}"


def gist(seen: Seen) -> dict[str, Any]:
    """Return what a workspace holds without what differs from one making to the next: keys, times, and its own name.

    A signal goes by its source_ref, and a project by its name.
    """
    named = {key: row["source_ref"] for key, row in seen["signals"].items()}
    named |= {key: row["name"] for key, row in seen["projects"].items()}
    named |= {key: row["title"] for key, row in seen["inbox_items"].items()}
    told: dict[str, Any] = {}
    for key, row in seen["signals"].items():
        held = {name: named.get(row[name]) for name in ("inbox_item_id", "merged_into_id")}
        held |= {name: row[name] for name in ("verbatim", "status", "severity", "interpretation")}
        held |= {name: row[name] is not None for name in ("processed_at", "claimed_until", "embedding")}
        told[str(named[key])] = {**held, "events": []}
    for kind, column in LINKS.items():
        for row in seen[f"signal_{kind}"].values():
            links = told[str(named[row["signal_id"]])].setdefault(kind, [])
            links.append(named.get(row[column], row[column]))
            links.sort()
    for row in seen["signal_events"].values():
        told[str(named[row["signal_id"]])]["events"].append(
            (row["kind"], *(_shape(row[side], named) for side in ("before", "after")))
        )
    return told


def _shape(document: Any, named: dict[str, str]) -> Any:
    if not isinstance(document, dict):
        return named.get(document, document)
    times = ("linked_at", "processed_at", "occurred_at")
    copies = {name: sorted(named.get(key, key) for key in document[name]) for name in LINKS if name in document}
    plain = {name: _shape(value, named) for name, value in document.items() if name not in LINKS}
    return {**plain, **{name: bool(plain[name]) for name in times if name in plain}, **copies}
