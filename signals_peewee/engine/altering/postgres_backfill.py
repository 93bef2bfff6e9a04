"""How do the rows of a Postgres table get a value for a column, some at a time?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from peewee import Database, Node

from ...errors import UnfitRows
from .changes import Backfill
from .fields import is_called
from .postgres_table import TableNow, listed, quoted, rows
from .postgres_text import literal_of, text_of
from .postgres_unfit import key_of

T = TypeVar("T")
Key = tuple[Any, ...]

_PARAMETERS = 30_000


class Attempted(Protocol):
    """Runs the work of a batch in a transaction of its own, or in that of the step."""

    def __call__(self, work: Callable[[], T], /, *tables: TableNow) -> T: ...


class Filling:
    """Goes through a table in the order of its key, a transaction a batch; where it was killed, another goes on.

    Afterwards it goes through again for rows that came meanwhile, written by code that does not know the column.

    Args:
        database: where the table is.
        table: the table.
        change: what to fill, with what.
    """

    def __init__(self, database: Database, table: TableNow, change: Backfill) -> None:
        if change.batch_size < 1:
            raise ValueError(f"a batch has at least 1 row, not {change.batch_size}")
        self._database = database
        self._table = table
        self._column = table.column(change.column)
        self._value = change.value
        self._null = f"{quoted(change.column)} IS NULL"
        self._by_default = change.where is None
        self._pending = self._null if change.where is None else f"({text_of(database, change.where)})"
        self._key = key_of(table)
        keyless = not table.primary_key
        if keyless and table.partitioned:
            raise ValueError(f"table {table.name!r} is partitioned and has no primary key: fill its partitions")
        # Without a key a row that was changed cannot be told from one that was not, unless the condition tells.
        self._batch = None if keyless and not self._by_default else change.batch_size
        self._types = ["tid"] if keyless else [table.column(name).plain for name in self._key]

    def run(self, attempted: Attempted, tell: Callable[[int, int | None], None]) -> None:
        """Fill every row.

        Args:
            attempted: what a batch runs inside.
            tell: is called after each batch with the rows filled and all that were to be filled.

        Raises:
            UnfitRows: the value of a row is NULL, which would leave it to be filled for ever.
        """
        total = rows(self._database, f"SELECT count(*) FROM {self._table.sql} WHERE {self._pending}")[0][0]
        done = self._pass(attempted, tell, 0, total)
        if self._by_default:
            found = done
            while found:
                found = self._pass(attempted, tell, done, total)
                done += found
        else:
            self._pending = f"{self._pending} AND {self._null}"
            if self._batch is not None:
                self._pass(attempted, tell, done, total)

    def _pass(self, attempted: Attempted, tell: Callable[[int, int | None], None], before: int, total: int) -> int:
        done = 0
        last: Key | None = None
        while True:
            filled, last = attempted(lambda last=last: self._next(last), self._table)  # type: ignore[misc]
            if last is None:
                return done
            done += filled
            tell(before + done, max(total, before + done))
            if self._batch is None:
                return done

    def _next(self, last: Key | None) -> tuple[int, Key | None]:
        """Fill the rows behind a key, and return how many, and the last of them."""
        names = [column.name for column in self._table.columns] if is_called(self._value) else []
        behind, limit = "", "" if self._batch is None else f" LIMIT {self._batch}"
        if last is not None:
            behind = f"({listed(self._key)}) > ({self._places()}) AND "
        order = f" ORDER BY {listed(self._key)}" if self._table.primary_key else ""
        found = rows(
            self._database,
            f"SELECT {listed([*self._key, *names])} FROM {self._table.sql} WHERE {behind}{self._pending}{order}{limit} "
            "FOR NO KEY UPDATE",
            *(last or ()),
        )
        if not found:
            return 0, None
        keys = [row[: len(self._key)] for row in found]
        if is_called(self._value):
            values = [self._value(dict(zip(names, row[len(self._key) :], strict=True))) for row in found]
            self._each(keys, values)
        else:
            self._together(keys)
        return len(found), keys[-1] if self._table.primary_key else max(keys, key=_place)

    def _together(self, keys: Sequence[Key]) -> None:
        value = self._value
        if isinstance(value, Node):
            value = text_of(self._database, value)
        else:
            if value is None and self._by_default:
                self._refuse(keys[0])
            value = literal_of(self._database, value, self._column.plain)
        self._update(keys, [()] * len(keys), value)

    def _each(self, keys: Sequence[Key], values: Sequence[Any]) -> None:
        missing = next((key for key, value in zip(keys, values, strict=True) if value is None), None)
        if missing is not None and self._by_default:
            self._refuse(missing)
        self._update(keys, [(value,) for value in values], "new.signals_peewee_value")

    def _update(self, keys: Sequence[Key], values: Sequence[tuple[Any, ...]], expression: str) -> None:
        """Change the rows of some keys; each has a value of its own, or none has."""
        table, width = self._table.sql, len(self._key) + len(values[0])
        names = [f"key_{n}" for n in range(len(self._key))] + ["signals_peewee_value"] * len(values[0])
        types = [*self._types, *[self._column.plain] * len(values[0])]
        row = f"({', '.join(f'CAST(%s AS {type_})' for type_ in types)})"
        same = " AND ".join(f"{table}.{quoted(name)} = new.key_{n}" for n, name in enumerate(self._key))
        size = _PARAMETERS // width
        for start in range(0, len(keys), size):
            some = [(*k, *v) for k, v in zip(keys[start : start + size], values[start : start + size], strict=True)]
            found = rows(
                self._database,
                f"UPDATE {table} SET {quoted(self._column.name)} = {expression} "
                f"FROM (VALUES {', '.join([row] * len(some))}) AS new ({', '.join(names)}) WHERE {same} "
                f"RETURNING {', '.join(f'{table}.{quoted(name)}' for name in self._key)}, {table}.{self._null}",
                *(value for one in some for value in one),
            )
            still = next((key for *key, null in found if null), None)
            if still is not None and self._by_default:
                self._refuse(tuple(still))

    def _places(self) -> str:
        return ", ".join(f"CAST(%s AS {type_})" for type_ in self._types)

    def _refuse(self, key: Key) -> None:
        problem = (
            f"the value is NULL for the row where ({', '.join(self._key)}) is {key}; give a value for it, or leave it "
            "out with where="
        )
        raise UnfitRows(self._table.name, (self._column.name,), 1, (key,), problem)


def _place(key: Key) -> tuple[int, ...]:
    """Return where a row lies, of a ctid: (page, row)."""
    return tuple(map(int, str(key[0]).strip("()").split(",")))
