"""Which column holds an instant?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from peewee import SQL, Field

from ..errors import Refused
from .base import Engine, engine_for, plain_database
from .postgres import Postgres
from .sqlite import Sqlite


class DefaultNow(SQL):
    """The DEFAULT that is this instant, in the words of the database that a statement is rendered for."""

    def __init__(self) -> None:
        super().__init__("DEFAULT CURRENT_TIMESTAMP")

    def __sql__(self, ctx: Any) -> Any:
        # A context does not say which database it is of, but for the way in which it writes a parameter.
        engine = Sqlite if ctx.state.param == "?" else Postgres
        return ctx.literal(f"DEFAULT {engine.default_now}")


class InstantField(Field):
    """A TIMESTAMPTZ column: timestamptz on Postgres, fixed-width UTC text on SQLite, where text order is time order.

    A time with any offset is the same instant on both; one without is refused, because each would take it for another.

    Args:
        default_now: the database fills the column with the present instant where an insert leaves it out.
    """

    field_type = "TIMESTAMPTZ"
    engine: Engine | None = None

    def __init__(self, *, default_now: bool = False, **options: Any) -> None:
        self.default_now = default_now
        super().__init__(**options)
        if default_now:
            self.constraints = [*(self.constraints or ()), DefaultNow()]

    def bind(self, model: Any, name: str, set_attribute: bool = True) -> None:
        super().bind(model, name, set_attribute)
        if model._meta.database is not None:
            self.engine = engine_for(plain_database(model._meta.database))

    def db_value(self, value: datetime | None) -> Any:
        if isinstance(value, datetime):
            if value.utcoffset() is None:
                raise Refused(self.name, value, "a time with an offset, for example tzinfo=timezone.utc")
            value = value.astimezone(timezone.utc)
        return value if value is None or self.engine is None else self.engine.to_column(value)

    def python_value(self, value: Any) -> datetime | None:
        return value if value is None or self.engine is None else self.engine.from_column(value)


class SqlField(Field):
    """A column of any type, as SQL writes it: for a step, whose table may have what no class of Peewee stands for.

    Args:
        type: the type: "CITEXT", "INTEGER[]".
        options: those of every field.
    """

    def __init__(self, type: str, **options: Any) -> None:
        self.type = type
        super().__init__(**options)

    def ddl_datatype(self, ctx: Any) -> SQL:
        return SQL(self.type)  # Peewee would write JSONB for JSON
