"""How do Peewee and SQLAlchemy link, used as their manuals say, on plain tables?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from signals_peewee.schema.ids import time_ordered

from .databases import PRAGMAS, Place
from .linkers import CONFIDENCE, EVENT, LINK, REASON, Linker, documents
from .raw import column_text

SIGNAL = ("id", "workspace_id", "status", "updated_at")
TIMES = ("linked_at", "created_at", "updated_at")
DOCUMENTS = ("before", "after")
CHUNK = 2000
Row = dict[str, Any]


class PlainPeewee(Linker):
    """`select`, `insert_many` and `update` in chunks below the limit of bound values."""

    name = "Peewee"

    def open(self, place: Place) -> None:
        import peewee as pw

        self.workspace, self.sqlite = place.workspace, place.driver == "sqlite"
        if self.sqlite:
            self.database: Any = pw.SqliteDatabase(str(place.file), pragmas=PRAGMAS, lock_type="IMMEDIATE")
        else:
            self.database = pw.PostgresqlDatabase(place.url, prefer_psycopg3=place.driver == "psycopg3")
        self.signal, self.linked, self.event = (
            self._model(table, names)
            for table, names in (("signals", SIGNAL), ("signal_projects", LINK), ("signal_events", EVENT))
        )
        self.database.connect()

    def _model(self, table: str, names: Sequence[str]) -> Any:
        import peewee as pw

        kinds: dict[str, Any] = dict.fromkeys(names, pw.TextField)
        kinds |= dict.fromkeys(DOCUMENTS, pw.JSONField)
        kinds |= {"confidence": pw.DoubleField}
        if not self.sqlite:
            kinds |= dict.fromkeys(TIMES, pw.DateTimeField)
        fields = {name: kinds[name](null=True) for name in names if name != "id"}
        meta = type("Meta", (), {"database": self.database, "table_name": table, "legacy_table_names": False})
        return type(table, (pw.Model,), {"id": pw.TextField(primary_key=True), **fields, "Meta": meta})

    def close(self) -> None:
        self.database.close()

    def link(self, ids: Sequence[str], project: str) -> None:
        with self.database.atomic():
            held, at = self._held(ids), self._now()
            mine = self.linked.project_id == project
            chosen = (
                self.linked.select(self.linked.signal_id).where(mine, self.linked.signal_id.in_(part))
                for part in _parts(list(held))
            )
            known = {key for query in chosen for (key,) in query.tuples()}
            keys = [key for key in held if key not in known]
            self._insert(self.linked, _links(keys, project, at))
            self._set(keys, "linked", at)
            self._insert(self.event, _events(keys, "project_linked", at, *documents(project, str(at))))

    def set(self, ids: Sequence[str], _project: str) -> None:
        with self.database.atomic():
            held, at = self._held(ids), self._now()
            keys = [key for key, status in held.items() if status != "reviewed"]
            self._set(keys, "reviewed", at)
            self._insert(self.event, _events(keys, "status_set", at, '{"status":"new"}', '{"status":"reviewed"}'))

    def _now(self) -> Any:
        now = datetime.now(timezone.utc)
        return column_text(now) if self.sqlite else now

    def _held(self, ids: Sequence[str]) -> dict[str, str]:
        held: dict[str, str] = {}
        for part in _parts(sorted(ids)):
            which = (self.signal.workspace_id == self.workspace, self.signal.id.in_(part))
            query = self.signal.select(self.signal.id, self.signal.status).where(*which).order_by(self.signal.id)
            held |= (query if self.sqlite else query.for_update()).tuples()
        return held

    def _set(self, keys: Sequence[str], status: str, at: Any) -> None:
        for part in _parts(keys):
            self.signal.update(status=status, updated_at=at).where(self.signal.id.in_(part)).execute()

    def _insert(self, model: Any, rows: Sequence[Row]) -> None:
        for part in _parts(rows):
            model.insert_many(part).execute()


class SqlAlchemyCore(Linker):
    """`insert` with a list of rows, `update` with `in_`, in chunks below the limit of bound values."""

    name = "SQLAlchemy Core"

    def open(self, place: Place) -> None:
        import sqlalchemy as sa

        self.workspace, self.sqlite = place.workspace, place.driver == "sqlite"
        if self.sqlite:
            self.engine = sa.create_engine(f"sqlite:///{place.file}")
            sa.event.listen(self.engine, "connect", _set_pragmas)
        else:
            driver = "psycopg2" if place.driver == "psycopg2" else "psycopg"
            self.engine = sa.create_engine(place.url.replace("postgresql://", f"postgresql+{driver}://", 1))
        self.signal, self.linked, self.event = (
            sa.Table(table, sa.MetaData(), *(self._column(name) for name in names))
            for table, names in (("signals", SIGNAL), ("signal_projects", LINK), ("signal_events", EVENT))
        )

    def _column(self, name: str) -> Any:
        import sqlalchemy as sa
        from sqlalchemy.dialects import postgresql

        if name in DOCUMENTS:
            return sa.Column(name, sa.JSON() if self.sqlite else postgresql.JSONB())
        if name in TIMES and not self.sqlite:
            return sa.Column(name, sa.DateTime(timezone=True))
        return sa.Column(name, sa.Double if name == "confidence" else sa.Text, primary_key=name == "id")

    def close(self) -> None:
        self.engine.dispose()

    def link(self, ids: Sequence[str], project: str) -> None:
        import sqlalchemy as sa

        with self.engine.begin() as connection:
            held, at = self._held(connection, ids), self._now()
            columns = self.linked.c
            chosen = (
                sa.select(columns.signal_id).where(columns.project_id == project, columns.signal_id.in_(part))
                for part in _parts(list(held))
            )
            known = {key for query in chosen for (key,) in connection.execute(query)}
            keys = [key for key in held if key not in known]
            connection.execute(sa.insert(self.linked), _links(keys, project, at))
            self._set(connection, keys, "linked", at)
            events = _events(keys, "project_linked", at, *documents(project, str(at)))
            connection.execute(sa.insert(self.event), events)

    def set(self, ids: Sequence[str], _project: str) -> None:
        import sqlalchemy as sa

        with self.engine.begin() as connection:
            held, at = self._held(connection, ids), self._now()
            keys = [key for key, status in held.items() if status != "reviewed"]
            self._set(connection, keys, "reviewed", at)
            events = _events(keys, "status_set", at, '{"status":"new"}', '{"status":"reviewed"}')
            connection.execute(sa.insert(self.event), events)

    def _now(self) -> Any:
        now = datetime.now(timezone.utc)
        return column_text(now) if self.sqlite else now

    def _held(self, connection: Any, ids: Sequence[str]) -> dict[str, str]:
        import sqlalchemy as sa

        held: dict[str, str] = {}
        columns = self.signal.c
        for part in _parts(sorted(ids)):
            which = (columns.workspace_id == self.workspace, columns.id.in_(part))
            query = sa.select(columns.id, columns.status).where(*which).order_by(columns.id).with_for_update()
            held |= dict(connection.execute(query).all())
        return held

    def _set(self, connection: Any, keys: Sequence[str], status: str, at: Any) -> None:
        import sqlalchemy as sa

        for part in _parts(keys):
            query = sa.update(self.signal).where(self.signal.c.id.in_(part)).values(status=status, updated_at=at)
            connection.execute(query)


def _links(keys: Sequence[str], project: str, at: Any) -> list[Row]:
    same = {"project_id": project, "linked_at": at, "link_reason": REASON, "confidence": CONFIDENCE}
    return [{"id": made, "signal_id": key, **same} for made, key in zip(time_ordered(len(keys)), keys, strict=True)]


def _events(keys: Sequence[str], kind: str, at: Any, before: str, after: str) -> list[Row]:
    same = {"kind": kind, "created_at": at, "before": json.loads(before), "after": json.loads(after)}
    return [{"id": made, "signal_id": key, **same} for made, key in zip(time_ordered(len(keys)), keys, strict=True)]


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _set_pragmas(connection: Any, _record: object) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def others() -> Iterable[type[Linker]]:
    """Return those that are installed."""
    import importlib.util

    return [PlainPeewee, *([SqlAlchemyCore] if importlib.util.find_spec("sqlalchemy") else [])]
