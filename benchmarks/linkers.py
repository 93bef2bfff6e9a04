"""Who links signals, and sets their status? Each does the whole of it: lock, look, link, set the status, tell."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import repeat
from typing import Any

from signals_peewee.schema.ids import time_ordered

from .databases import PRAGMAS, WORKSPACE, Place
from .raw import column_text

REASON, CONFIDENCE = "they ask for it by name", 0.75
LINK = ("id", "signal_id", "project_id", "linked_at", "link_reason", "confidence")
EVENT = ("id", "signal_id", "kind", "created_at", "before", "after")
LOCK = "SELECT id, status FROM signals WHERE workspace_id = {mark} AND id {among} ORDER BY id"
KNOWN = "SELECT signal_id FROM signal_projects WHERE project_id = {mark} AND signal_id {among}"
SET = "UPDATE signals SET status = {mark}, updated_at = {mark} WHERE id {among}"
SET_ONE = "UPDATE signals SET status = {mark}, updated_at = {mark} WHERE id = {mark}"


class Linker:
    """Somebody who takes part.

    Attributes:
        kinds: what he does, each a method that is given the keys of the signals and of the project.
        tells: whether he writes events.
    """

    name: str
    kinds: tuple[str, ...] = ("link", "set")
    tells = True

    def prepare(self, count: int) -> None:
        """Make what is made before the clock starts."""


class SignalsPeewee(Linker):
    """`link_project` and `set_status`: checks, keys, times and documents are inside its clock."""

    name = "signals_peewee"

    def open(self, place: Place) -> None:
        self.store = place.store()
        self.workspace = self.store.workspace_named(WORKSPACE)

    def close(self) -> None:
        self.store.close()

    def link(self, ids: Sequence[str], project: str) -> None:
        self.workspace.link_project(ids, project, reason=REASON, confidence=CONFIDENCE)

    def set(self, ids: Sequence[str], _project: str) -> None:
        self.workspace.set_status(ids, "reviewed")


class ByHand(Linker):
    """The driver alone, whole batches at a time; keys are made before the clock starts."""

    mark, among = "%s", "= ANY(%s)"
    ending = " FOR NO KEY UPDATE"

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.name = f"{driver}, by hand"

    def open(self, place: Place) -> None:
        self.workspace, self.connection = place.workspace, connected(place)
        self.cursor = self.connection.cursor()

    def close(self) -> None:
        self.connection.close()

    def prepare(self, count: int) -> None:
        self.link_ids, self.event_ids = time_ordered(count), time_ordered(count)

    def link(self, ids: Sequence[str], project: str) -> None:
        at = self.begin()
        held = self.all(LOCK + self.ending, self.workspace, self.passed(ids))
        known = {key for (key,) in self.all(KNOWN, project, self.passed(ids))}
        keys = [key for key, _ in held if key not in known]
        assert {status for _, status in held} == {"new"}
        self.insert("signal_projects", LINK, self.link_ids, keys, (project, at, REASON, CONFIDENCE))
        self.set_all("linked", at, keys)
        self.tell(keys, "project_linked", at, *documents(project, at))
        self.connection.commit()

    def set(self, ids: Sequence[str], _project: str) -> None:
        at = self.begin()
        held = self.all(LOCK + self.ending, self.workspace, self.passed(ids))
        keys = [key for key, status in held if status != "reviewed"]
        assert {status for _, status in held} == {"new"}
        self.set_all("reviewed", at, keys)
        self.tell(keys, "status_set", at, '{"status":"new"}', '{"status":"reviewed"}')
        self.connection.commit()

    def begin(self) -> str:
        return str(column_text(datetime.now(timezone.utc)))

    def passed(self, ids: Sequence[str]) -> Any:
        return list(ids)

    def words(self, sql: str) -> str:
        return sql.format(mark=self.mark, among=self.among)

    def all(self, sql: str, *values: Any) -> list[Any]:
        self.cursor.execute(self.words(sql), values)
        return list(self.cursor.fetchall())

    def set_all(self, status: str, at: str, keys: Sequence[str]) -> None:
        self.cursor.execute(self.words(SET), (status, at, self.passed(keys)))

    def tell(self, keys: Sequence[str], *same: str) -> None:
        self.insert("signal_events", EVENT, self.event_ids, keys, same)

    def insert(self, table: str, names: Sequence[str], made: Sequence[str], keys: Sequence[str], same: Any) -> None:
        sql = f"COPY {table} ({', '.join(names)}) FROM STDIN"
        end = "\t" + "\t".join(map(str, same)) + "\n"
        text = "".join([f"{one}\t{other}{end}" for one, other in zip(made, keys, strict=False)])
        if self.driver == "psycopg2":
            self.cursor.copy_expert(sql, io.StringIO(text))
            return
        with self.cursor.copy(sql) as copy:
            copy.write(text)


class ByHandOnSqlite(ByHand):
    """One executemany for each table, one UPDATE for all the signals."""

    mark, among = "?", "IN (SELECT value FROM json_each(?))"
    ending = ""

    def begin(self) -> str:
        self.cursor.execute("BEGIN IMMEDIATE")
        return super().begin()

    def passed(self, ids: Sequence[str]) -> Any:
        return json.dumps(ids)

    def insert(self, table: str, names: Sequence[str], made: Sequence[str], keys: Sequence[str], same: Any) -> None:
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        self.cursor.executemany(sql, zip(made, keys, *map(repeat, same), strict=False))


class RowByRow(ByHand):
    """The same, but every write an executemany with a row for each signal, whose keys are made inside the clock."""

    def __init__(self, driver: str) -> None:
        super().__init__(driver)
        self.name = "executemany, row by row"

    def begin(self) -> str:
        super().prepare(self.count)
        return super().begin()

    def prepare(self, count: int) -> None:
        self.count = count

    def set_all(self, status: str, at: str, keys: Sequence[str]) -> None:
        self.cursor.executemany(self.words(SET_ONE), [(status, at, key) for key in keys])

    def insert(self, table: str, names: Sequence[str], made: Sequence[str], keys: Sequence[str], same: Any) -> None:
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join([self.mark] * len(names))})"
        self.cursor.executemany(sql, [(one, other, *same) for one, other in zip(made, keys, strict=False)])


class RowByRowOnSqlite(RowByRow, ByHandOnSqlite):
    """The same on SQLite."""


class Bare(RowByRow):
    """The status alone, row by row: nothing is locked, looked at or told."""

    kinds = ("set",)
    tells = False

    def __init__(self, driver: str) -> None:
        super().__init__(driver)
        self.name = "executemany, bare UPDATE"

    def set(self, ids: Sequence[str], _project: str) -> None:
        self.set_all("reviewed", self.begin(), ids)
        self.connection.commit()


class BareOnSqlite(Bare, ByHandOnSqlite):
    """The same on SQLite."""


def documents(project: str, at: str) -> tuple[str, str]:
    """Return what an event says of a link: before and after."""
    after = {
        "project": project,
        "link_reason": REASON,
        "confidence": CONFIDENCE,
        "linked_at": at,
        "status": "linked",
    }
    return '{"status":"new"}', json.dumps(after)


def connected(place: Place) -> Any:
    """Return a connection of the driver itself."""
    if place.driver == "sqlite":
        import sqlite3

        connection = sqlite3.connect(place.file, isolation_level=None)
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        return connection
    if place.driver == "psycopg2":
        import psycopg2

        return psycopg2.connect(place.url)
    import psycopg

    return psycopg.connect(place.url)
