"""How fast are Peewee and SQLAlchemy, used as their manuals say, on rows that are complete already?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from .databases import PRAGMAS, Place
from .raw import column_text
from .rows import COLUMNS, Row

CHUNK = 2000


class PlainPeewee:
    """Plain fields, insert_many in chunks below the limit of bound values, create() for one."""

    name = "Peewee insert_many"

    def open(self, place: Place) -> None:
        import peewee as pw

        self.sqlite = place.driver == "sqlite"
        if self.sqlite:
            self.database: Any = pw.SqliteDatabase(str(place.file), pragmas=PRAGMAS)
        else:
            self.database = pw.PostgresqlDatabase(place.url, prefer_psycopg3=place.driver == "psycopg3")
        kinds: dict[str, Any] = dict.fromkeys(COLUMNS, pw.TextField)
        kinds["source_metadata"] = pw.JSONField
        if not self.sqlite:
            kinds.update(dict.fromkeys(("occurred_at", "created_at", "updated_at"), pw.DateTimeField))
        fields = {name: kind(null=True) for name, kind in kinds.items() if name != "id"}
        meta = type("Meta", (), {"database": self.database, "table_name": "signals", "legacy_table_names": False})
        self.model: Any = type("Signal", (pw.Model,), {"id": pw.TextField(primary_key=True), **fields, "Meta": meta})
        self.database.connect()

    def close(self) -> None:
        self.database.close()

    def made(self, rows: Iterable[Row]) -> list[Row]:
        return [_dated(row) for row in rows] if self.sqlite else list(rows)

    def new(self, rows: Sequence[Row]) -> None:
        with self.database.atomic():
            for start in range(0, len(rows), CHUNK):
                self.model.insert_many(rows[start : start + CHUNK]).execute()

    def resent(self, rows: Sequence[Row]) -> None:
        with self.database.atomic():
            for start in range(0, len(rows), CHUNK):
                self.model.insert_many(rows[start : start + CHUNK]).on_conflict_ignore().execute()

    def one(self, rows: Sequence[Row]) -> None:
        for row in rows:
            with self.database.atomic():
                self.model.create(**row)


class SqlAlchemyCore:
    """`connection.execute(insert(table), rows)`, which is an executemany or batches of VALUES as the dialect likes."""

    name = "SQLAlchemy Core"

    def open(self, place: Place) -> None:
        import sqlalchemy as sa

        self.sqlite = place.driver == "sqlite"
        if self.sqlite:
            self.engine = sa.create_engine(f"sqlite:///{place.file}")
            sa.event.listen(self.engine, "connect", _set_pragmas)
        else:
            driver = "psycopg2" if place.driver == "psycopg2" else "psycopg"
            self.engine = sa.create_engine(place.url.replace("postgresql://", f"postgresql+{driver}://", 1))
        self.table = sa.Table("signals", sa.MetaData(), *(_column(name, self.sqlite) for name in COLUMNS))

    def close(self) -> None:
        self.engine.dispose()

    def made(self, rows: Iterable[Row]) -> list[Row]:
        return [_dated(row) for row in rows] if self.sqlite else list(rows)

    def new(self, rows: Sequence[Row]) -> None:
        import sqlalchemy as sa

        with self.engine.begin() as connection:
            connection.execute(sa.insert(self.table), rows)

    def resent(self, rows: Sequence[Row]) -> None:
        with self.engine.begin() as connection:
            connection.execute(self.upsert(self.table), rows)

    def one(self, rows: Sequence[Row]) -> None:
        import sqlalchemy as sa

        sql = sa.insert(self.table)
        for row in rows:
            with self.engine.begin() as connection:
                connection.execute(sql, row)

    def upsert(self, table: Any) -> Any:
        from sqlalchemy.dialects import postgresql, sqlite

        return (sqlite if self.sqlite else postgresql).insert(table).on_conflict_do_nothing()


class SqlAlchemyOrm(SqlAlchemyCore):
    """`session.add_all` of mapped objects, which are made while the clock runs."""

    name = "SQLAlchemy ORM"

    def open(self, place: Place) -> None:
        super().open(place)
        from sqlalchemy.orm import registry

        self.mapped: Any = type("Signal", (), {})
        self.registry = registry()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.registry.map_imperatively(self.mapped, self.table, primary_key=[self.table.c.id])

    def close(self) -> None:
        self.registry.dispose()
        super().close()

    def new(self, rows: Sequence[Row]) -> None:
        from sqlalchemy.orm import Session

        with Session(self.engine) as session, session.begin():
            session.add_all([self.mapped(**row) for row in rows])

    def resent(self, rows: Sequence[Row]) -> None:
        from sqlalchemy.orm import Session

        with Session(self.engine) as session, session.begin():
            session.execute(self.upsert(self.mapped), rows)

    def one(self, rows: Sequence[Row]) -> None:
        from sqlalchemy.orm import Session

        for row in rows:
            with Session(self.engine) as session, session.begin():
                session.add(self.mapped(**row))


def _column(name: str, sqlite: bool) -> Any:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

    if name == "source_metadata":
        return sa.Column(name, sa.JSON(none_as_null=True) if sqlite else postgresql.JSONB(none_as_null=True))
    if name.endswith("_at") and not sqlite:
        return sa.Column(name, sa.DateTime(timezone=True))
    return sa.Column(name, sa.Text, primary_key=name == "id")


def _set_pragmas(connection: Any, _record: object) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _dated(row: Row) -> Row:
    return {name: column_text(value) if name.endswith("_at") else value for name, value in row.items()}
