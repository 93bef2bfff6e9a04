"""Which steps has this database had? One row each, written in the transaction of the step's own change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple, cast, get_args

from peewee import SQL, DatabaseError, DoubleField, IntegerField, Model, TextField

from ..engine import InstantField
from ..engine.migrating import Migrating
from .frozen import base_for
from .scripts import Script

State = Literal["running", "reverting", "done", "retry", "retry-down"]
STATES: frozenset[str] = frozenset(get_args(State))
Tail = tuple[int, str, str, str] | None


class Row(NamedTuple):
    """A step as the history knows it.

    Attributes:
        position: its place in the order of application.
        source: the source it came from.
        name: its name there.
        checksum: of its text when it was applied; "" where it had none.
        description: its docstring then.
        state: "done"; "running" or "reverting" where it was begun and not finished; "retry" where it was begun, and is
            to be applied again; "retry-down" where it was begun to be reverted, and is to be reverted again.
        context: the description of its source's context, as JSON.
        applied_at: when it was begun, as the column holds it; `History.instant` makes a time of it.
        seconds: how long it took.
    """

    position: int
    source: str
    name: str
    checksum: str
    description: str
    state: State
    context: str
    applied_at: Any
    seconds: float

    @property
    def day(self) -> str:
        """When it was begun (UTC), for a message."""
        begun: Any = self.applied_at  # on Postgres in the session's time zone
        return str(begun.astimezone(timezone.utc) if isinstance(begun, datetime) else begun)[:10]

    @property
    def id(self) -> str:
        """The "source:name"."""
        return f"{self.source}:{self.name}"


class History:
    """The history table of one database and schema."""

    def __init__(self, migrating: Migrating, table: str, schema: str | None) -> None:
        self._migrating = migrating
        self._database = migrating.database
        self._table = table
        self._schema = schema
        self._model: Any = _declared(base_for(migrating.database, schema), table)

    def located(self) -> History:
        """Return the same history, to be found even where a step changes the search path."""
        return History(self._migrating, self._table, self._schema or self._migrating.schema_of(self._table))

    def read(self) -> list[Row] | None:
        """Return every row in the order of application, with one SELECT; None where there is no table yet."""
        model = self._model
        # Inside a transaction of the host's, a table that is missing must not make Postgres give up the whole of it.
        within = self._migrating.transaction_state() == "open"
        try:
            with self._database.savepoint() if within else nullcontext():
                query = model.select(*model._meta.sorted_fields).order_by(model.position)
                rows = self._database.execute(query).fetchall()
        except DatabaseError as error:
            if self._migrating.is_missing_table(error):
                return None
            raise
        return [Row._make(row) for row in rows]  # Peewee's conversion of every cell costs more than the SELECT

    def instant(self, row: Row) -> datetime:
        """Return when a step was begun (UTC)."""
        return self._migrating.engine.from_column(row.applied_at)

    def tail(self) -> Tail:
        """Return the end of the history: enough to see that another run went on meanwhile."""
        model = self._model
        columns = (model.position, model.source, model.name, model.state)
        for row in model.select(*columns).order_by(model.position.desc()).limit(1).tuples():
            return tuple(row)
        return None

    def state(self, step: Script) -> State | None:
        """Return the state of a step's row, or None where it has none."""
        model = self._model
        found = model.select(model.state).where((model.source == step.source) & (model.name == step.name))
        for (state,) in found.tuples():
            return cast("State", state)
        return None

    def create(self) -> None:
        """Make the table, and the schema it lives in, where they are missing."""
        self._migrating.make_schema(self._schema)
        with self._migrating.engine.write():
            self._model.create_table(safe=True)

    def add(self, row: Row) -> None:
        """Write a row."""
        self._model.insert(row._asdict()).execute()

    def update(self, row: Row, **columns: Any) -> None:
        """Change columns of a row."""
        self._model.update(columns).where(self._model.position == row.position).execute()

    def remove(self, row: Row) -> None:
        """Forget a step."""
        self._model.delete().where(self._model.position == row.position).execute()


def tail_of(rows: Sequence[Row]) -> Tail:
    """Return what `History.tail` returns while nobody else has written."""
    return (rows[-1].position, rows[-1].source, rows[-1].name, rows[-1].state) if rows else None


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(timezone.utc)


def _declared(base: type[Model], table: str) -> type[Model]:
    class Applied(base):  # type: ignore[misc, valid-type]
        position = IntegerField(primary_key=True)
        source = TextField()
        name = TextField()
        checksum = TextField()
        description = TextField()
        state = TextField()
        context = TextField()
        applied_at = InstantField()
        seconds = DoubleField()

        class Meta:
            table_name = table
            constraints = (SQL("UNIQUE (source, name)"),)

    return Applied
