"""Who reads? The first page, a page far down, and signals with all that belongs to them, newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .databases import PRAGMAS, WORKSPACE, Place
from .raw import column_text

PAGE, HALF = 50, 500
EVERYTHING = ("workspace", "inbox_item", "projects", "personas", "tags")
BEFORE = "id, workspace_id, verbatim, interpretation, severity, frequency, user_segment, source, source_ref"
AFTER = (
    "status, embedding_model, embedding_hash, ai_classification, inbox_item_id, merged_into_id, occurred_at,"
    " created_at, updated_at, claimed_until, processed_at"
)
LEAN = {
    "sqlite": "CASE WHEN instr(source_metadata, '\"rawPayload\"') AND json_valid(source_metadata)"
    " THEN json_remove(source_metadata, '$.rawPayload') ELSE source_metadata END",
    "postgres": "CASE jsonb_typeof(source_metadata) WHEN 'object' THEN source_metadata - 'rawPayload'"
    " ELSE source_metadata END",
}
SIGNALS = (
    f"SELECT {BEFORE}, {{lean}}, {AFTER} FROM signals WHERE workspace_id = {{mark}} AND status <> 'archived'"
    " AND merged_into_id IS NULL {bound} ORDER BY created_at DESC, id DESC LIMIT {mark}"
)
BOUND = "AND (created_at, id) < ({mark}, {mark})"
WORKSPACES = "SELECT id, name, created_at, updated_at FROM workspaces WHERE id {among}"
ITEMS = (
    "SELECT id, workspace_id, type, source, source_ref, title, raw_content, processed_content, status,"
    " assigned_project_id, metadata, created_at, processed_at, updated_at FROM inbox_items WHERE id {among}"
    " AND workspace_id = {mark}"
)
PROJECTS = (
    "SELECT l.id, l.signal_id, l.linked_by, l.project_id, l.linked_at, l.link_reason, l.confidence,"
    " p.id, p.workspace_id, p.name, p.description, p.status, p.created_at, p.updated_at"
    " FROM signal_projects AS l JOIN projects AS p ON p.id = l.project_id WHERE l.signal_id {among}"
    " AND p.workspace_id = {mark} ORDER BY l.linked_at, l.id"
)
NAMED = "SELECT id, signal_id, linked_by, {name}, linked_at FROM {table} WHERE signal_id {among} ORDER BY linked_at, id"
PERSONAS = NAMED.replace("{name}", "persona_id").replace("{table}", "signal_personas")
TAGS = NAMED.replace("{name}", "tag").replace("{table}", "signal_tags")
USERS = "SELECT id, email, name, created_at, updated_at FROM users WHERE id {among}"
LINKS = ("project_links", "persona_links", "tag_links")
ITEM_PLACE, TIME_PLACE = 14, 17
TIMES = {
    "signals": (16, 17, 18, 19, 20),
    "items": (11, 12, 13),
    "projects": (4, 12, 13),
    "others": (4,),
    "workspaces": (2, 3),
    "users": (3, 4),
}
DOCUMENTS = {"signals": (9, 13), "items": (10,)}


class Scene(NamedTuple):
    """What there is to read.

    Attributes:
        workspace: the key of the workspace.
        latest: the keys of the signals that have relations, newest first.
        deep: the keys of the page after `depth` signals.
        cursor: what stands after `depth` signals.
        at: the time of the last of them.
        key: its key.
        depth: how many that is.
    """

    workspace: str
    latest: list[str]
    deep: list[str]
    cursor: str
    at: datetime
    key: str
    depth: int


class Reader:
    """Somebody who takes part: `page`, `deep` and `whole` are timed."""

    name: str

    def keys(self, rows: Sequence[Any]) -> list[str]:
        """Return the keys of what was read."""
        return [row.id for row in rows]

    def belonging(self, rows: Sequence[Any]) -> dict[str, int]:
        """Count what was read along, so that nobody reads less; what would be read only now does not count."""
        links = [link for row in rows for name in LINKS for link in vars(row).get(name, ())]
        return {
            "workspace": sum(_at_hand(row, "workspace").name == WORKSPACE for row in rows),
            "item": sum(_at_hand(row, "inbox_item").title == "a title" for row in rows),
            "links": len(links),
            "users": sum(_at_hand(link, "linked_by").email.startswith("user") for link in links),
        }


class ByHand(Reader):
    """The driver alone: rows as it gives them, for relations sorted to their signals; nothing is converted."""

    name = "by hand"

    def open(self, place: Place, scene: Scene) -> None:
        self.scene = scene
        self.sqlite = place.driver == "sqlite"
        self.cursor: Any = _connected(place).cursor()
        words = {"mark": "?" if self.sqlite else "%s", "lean": LEAN["sqlite" if self.sqlite else "postgres"]}
        words["among"] = "IN (SELECT value FROM json_each(?))" if self.sqlite else "= ANY(%s)"
        self.first = SIGNALS.format(**words, bound="")
        self.next = SIGNALS.format(**words, bound=BOUND.format(**words))
        kinds = (WORKSPACES, ITEMS, PROJECTS, PERSONAS, TAGS, USERS)
        self.relations = [sql.format(**words) for sql in kinds]

    def close(self) -> None:
        self.cursor.connection.close()

    def page(self) -> list[Any]:
        return self.all(self.first, self.scene.workspace, PAGE)

    def deep(self) -> list[Any]:
        at = column_text(self.scene.at) if self.sqlite else self.scene.at
        return self.all(self.next, self.scene.workspace, at, self.scene.key, PAGE)

    def whole(self) -> list[Any]:
        rows = self.all(self.first, self.scene.workspace, HALF)
        read = self.related(rows)
        if len(rows) < len(self.scene.latest):
            read += self.related(self.all(self.next, self.scene.workspace, *self.bound(rows[-1]), HALF))
        return read

    def bound(self, row: tuple[Any, ...]) -> tuple[Any, str]:
        return row[TIME_PLACE], row[0]

    def related(self, rows: list[Any]) -> list[Any]:
        workspaces, items, projects, personas, tags, users = self.relations
        ids, mine = self.passed([row[0] for row in rows]), self.scene.workspace
        (workspace,) = self.all(workspaces, self.passed([mine]))
        keys = self.passed([row[ITEM_PLACE] for row in rows if row[ITEM_PLACE]])
        found = {item[0]: item for item in self.all(items, keys, mine)}
        links = [self.all(projects, ids, mine), self.all(personas, ids), self.all(tags, ids)]
        makers = self.passed(list({link[2] for kind in links for link in kind if link[2]}))
        known = {user[0]: user for user in self.all(users, makers)}
        hung = []
        for kind in links:
            of: dict[str, list[Any]] = {row[0]: [] for row in rows}
            for link in kind:
                of[link[1]].append((link, known.get(link[2])))
            hung.append(of)
        first, second, third = hung
        return [
            (row, workspace, found.get(row[ITEM_PLACE]), first[row[0]], second[row[0]], third[row[0]]) for row in rows
        ]

    def all(self, sql: str, *values: Any) -> list[Any]:
        self.cursor.execute(sql, values)
        rows: list[Any] = self.cursor.fetchall()
        return rows

    def passed(self, keys: list[str]) -> Any:
        return json.dumps(keys) if self.sqlite else keys

    def keys(self, rows: Sequence[Any]) -> list[str]:
        return [row[0] if isinstance(row[0], str) else row[0][0] for row in rows]

    def belonging(self, rows: Sequence[Any]) -> dict[str, int]:
        links = [(row, link) for row in rows for kind in row[3:] for link in kind]
        return {
            "workspace": sum(row[1][1] == WORKSPACE for row in rows),
            "item": sum(row[2][5] == "a title" for row in rows),
            "links": sum(link[0][1] == row[0][0] for row, link in links),
            "users": sum(link[1][1].startswith("user") for _, link in links),
        }


class Converted(ByHand):
    """The same, with its times and documents converted: tuples of what Python works with."""

    name = "by hand, converted"

    def all(self, sql: str, *values: Any) -> list[Any]:
        kind = self.kinds.get(sql, "signals")
        columns: list[Any] = list(zip(*super().all(sql, *values), strict=True))
        for place in TIMES[kind]:
            columns[place] = [value and self.time(value) for value in columns[place]]
        for place in DOCUMENTS.get(kind, ()) if self.sqlite else ():
            columns[place] = [value and json.loads(value) for value in columns[place]]
        return list(zip(*columns, strict=True))

    def open(self, place: Place, scene: Scene) -> None:
        super().open(place, scene)
        self.time = datetime.fromisoformat if self.sqlite else _to_utc
        self.kinds = dict(
            zip(self.relations, ("workspaces", "items", "projects", "others", "others", "users"), strict=True)
        )

    def bound(self, row: tuple[Any, ...]) -> tuple[Any, str]:
        at = row[TIME_PLACE]
        return (column_text(at) if self.sqlite else at), row[0]


class SignalsPeewee(Reader):
    """`page`, twice where all relations of a thousand are read."""

    name = "signals_peewee"

    def open(self, place: Place, scene: Scene) -> None:
        self.scene, self.store = scene, place.store()
        self.workspace = self.store.workspace(scene.workspace)

    def close(self) -> None:
        self.store.close()

    def page(self) -> list[Any]:
        return self.workspace.page(limit=PAGE).items

    def deep(self) -> list[Any]:
        return self.workspace.page(limit=PAGE, after=self.scene.cursor).items

    def whole(self) -> list[Any]:
        page = self.workspace.page(limit=HALF, include=EVERYTHING)
        if len(page.items) == len(self.scene.latest):
            return page.items
        return page.items + self.workspace.page(limit=HALF, include=EVERYTHING, after=page.next_cursor).items


def _at_hand(row: Any, name: str) -> Any:
    """Return a relation; Peewee would otherwise read it when it is looked at."""
    known = vars(row).get("__rel__", {name: None})
    if name not in known:
        raise SystemExit(f"{name} was not read along")
    return getattr(row, name)


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(timezone.utc)


def _connected(place: Place) -> Any:
    if place.driver == "sqlite":
        import sqlite3

        connection: Any = sqlite3.connect(place.file, isolation_level=None)
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        return connection
    if place.driver == "psycopg2":
        import psycopg2

        connection = psycopg2.connect(place.url)
    else:
        import psycopg

        connection = psycopg.connect(place.url)
    connection.autocommit = True
    return connection
