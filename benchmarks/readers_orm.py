"""How does SQLAlchemy's ORM read, used as its manual says, into objects with aware times and decoded documents?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

from .databases import PRAGMAS, Place
from .raw import column_text
from .readers import HALF, PAGE, Reader, Scene

TABLES: dict[str, str] = {
    "workspaces": "id name created_at updated_at",
    "users": "id email name created_at updated_at",
    "projects": "id workspace_id name description status created_at updated_at",
    "inbox_items": "id workspace_id type source source_ref title raw_content processed_content status"
    " assigned_project_id metadata created_at processed_at updated_at",
    "signals": "id workspace_id verbatim interpretation severity frequency user_segment source source_ref"
    " source_metadata status embedding_model embedding_hash ai_classification inbox_item_id merged_into_id"
    " occurred_at created_at updated_at claimed_until processed_at",
    "signal_projects": "id signal_id project_id linked_at linked_by link_reason confidence",
    "signal_personas": "id signal_id persona_id linked_at linked_by",
    "signal_tags": "id signal_id tag linked_at linked_by",
}
KEYS = {
    "signals.workspace_id": "workspaces",
    "signals.inbox_item_id": "inbox_items",
    "signal_projects.project_id": "projects",
    **{f"{table}.signal_id": "signals" for table in ("signal_projects", "signal_personas", "signal_tags")},
    **{f"{table}.linked_by": "users" for table in ("signal_projects", "signal_personas", "signal_tags")},
}
DOCUMENTS = ("source_metadata", "ai_classification", "metadata")


class Instant(sa.TypeDecorator[datetime]):
    """A time as the column of SQLite holds it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Any) -> Any:
        return None if value is None else column_text(value)

    def process_result_value(self, value: Any, _dialect: Any) -> Any:
        return None if value is None else datetime.fromisoformat(value[:-1]).replace(tzinfo=timezone.utc)


class SqlAlchemy(Reader):
    """A session for each call; relations by `selectinload`, of one row by `joinedload`."""

    name = "SQLAlchemy ORM"

    def open(self, place: Place, scene: Scene) -> None:
        self.scene, self.sqlite = scene, place.driver == "sqlite"
        if self.sqlite:
            self.engine = sa.create_engine(f"sqlite:///{place.file}")
            sa.event.listen(self.engine, "connect", _set_pragmas)
        else:
            driver = "psycopg2" if place.driver == "psycopg2" else "psycopg"
            self.engine = sa.create_engine(place.url.replace("postgresql://", f"postgresql+{driver}://", 1))
        self._map()

    def _map(self) -> None:
        metadata = sa.MetaData()
        tables = {
            name: sa.Table(name, metadata, *(self._column(name, column) for column in columns.split()))
            for name, columns in TABLES.items()
        }
        workspace, user, project, item, self.signal, *links = (type(name, (), {}) for name in TABLES)
        registry = self.registry = orm.registry()
        for mapped, name in ((workspace, "workspaces"), (user, "users"), (project, "projects"), (item, "inbox_items")):
            # `metadata` is a word of SQLAlchemy's own.
            own = {"metadata_": tables[name].c.metadata} if "metadata" in tables[name].c else {}
            registry.map_imperatively(mapped, tables[name], properties=own, exclude_properties=["metadata"])
        for mapped, name in zip(links, ("signal_projects", "signal_personas", "signal_tags"), strict=True):
            key = tables[name].c.linked_by
            own = {"linked_by_id": key, "linked_by": orm.relationship(user, foreign_keys=[key])}
            if name == "signal_projects":
                own["project"] = orm.relationship(project)
            registry.map_imperatively(mapped, tables[name], properties=own)
        names = ("project_links", "persona_links", "tag_links")
        hung = {name: orm.relationship(mapped) for name, mapped in zip(names, links, strict=True)}
        own = {"workspace": orm.relationship(workspace), "inbox_item": orm.relationship(item), **hung}
        registry.map_imperatively(self.signal, tables["signals"], properties=own)
        registry.configure()
        many = [orm.selectinload(getattr(self.signal, name)) for name in names]
        with_users = [
            one.selectinload(mapped.linked_by)
            for one, mapped in zip(many, links, strict=True)  # type: ignore[attr-defined]
        ]
        ones = [orm.selectinload(self.signal.workspace), orm.selectinload(self.signal.inbox_item)]  # type: ignore[attr-defined]
        self.options = [*ones, *with_users, many[0].selectinload(links[0].project)]  # type: ignore[attr-defined]

    def _column(self, table: str, name: str) -> Any:
        key = [sa.ForeignKey(f"{KEYS[f'{table}.{name}']}.id")] if f"{table}.{name}" in KEYS else []
        kind: Any = sa.Text
        if name in DOCUMENTS:
            kind = sa.JSON if self.sqlite else postgresql.JSONB
        elif name.endswith("_at") or name == "claimed_until":
            kind = Instant if self.sqlite else sa.DateTime(timezone=True)
        elif name == "confidence":
            kind = sa.Double
        return sa.Column(name, kind, *key, primary_key=name == "id")

    def close(self) -> None:
        self.registry.dispose()
        self.engine.dispose()

    def page(self) -> list[Any]:
        with orm.Session(self.engine) as session:
            return list(session.scalars(self.query(PAGE)))

    def deep(self) -> list[Any]:
        with orm.Session(self.engine) as session:
            return list(session.scalars(self.query(PAGE).where(self.beyond(self.scene.at, self.scene.key))))

    def whole(self) -> list[Any]:
        with orm.Session(self.engine) as session:
            rows = list(session.scalars(self.query(HALF).options(*self.options)))
            if len(rows) < len(self.scene.latest):
                more = self.query(HALF).where(self.beyond(rows[-1].created_at, rows[-1].id))
                rows += session.scalars(more.options(*self.options))
            return rows

    def query(self, limit: int) -> Any:
        signal: Any = self.signal
        query = sa.select(signal).where(signal.workspace_id == self.scene.workspace, signal.status != "archived")
        order = signal.created_at.desc(), signal.id.desc()
        return query.where(signal.merged_into_id.is_(None)).order_by(*order).limit(limit)

    def beyond(self, at: datetime, key: str) -> Any:
        signal: Any = self.signal
        there = (sa.literal(at, signal.created_at.type), sa.literal(key))
        return sa.tuple_(signal.created_at, signal.id) < sa.tuple_(*there)


def _set_pragmas(connection: Any, _record: object) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
