"""How do the rows of a SQLite table get a value for a column, some at a time?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple, NoReturn

from peewee import Database, Node, QueryEvent

from ...bulk import as_peewee_raises
from ...sql_sqlite.tokens import quoted
from ..changes import Backfill
from ..fields import is_called
from ..passes import Passes
from .table import TableNow, key_of, rows
from .text import text_of

Key = tuple[Any, ...]
_LONGEST_PAUSE = 0.1
"""Seconds: the longest for which SQLite's own busy handler sleeps."""
_PARTS, _PARTS_CALLED = 5, 10
"""In how many transactions a batch is written, with one value and with a function's, which takes several times as long:
whoever finds the lock taken sleeps for longer than it is held."""


class Made(NamedTuple):
    """A value that was made for a row as it was read."""

    row: Key
    value: Any

    def fits(self, row: Key) -> bool:
        """Tell whether a row is the same now; to Python 1 is 1.0, and a converter may make what has no truth."""
        with suppress(ValueError, TypeError):
            return self.row == row and [*map(type, self.row)] == [*map(type, row)]
        return False


class Filling:
    """Goes through a table in the order of its key, some rows a transaction; where it was killed, another goes on.

    Args:
        database: where the table is.
        table: the table.
        change: what to fill, with what.
    """

    def __init__(self, database: Database, table: TableNow, change: Backfill) -> None:
        if change.batch_size < 1:
            raise ValueError(f"a batch has at least 1 row, not {change.batch_size}")
        column, where = change.column, change.where
        self._database = database
        self._table = table
        self._column = column
        self._value = change.value
        self._by_default = where is None
        self._nullable = change.nullable
        self._remedy = change.remedy
        self._left_null = False
        self._pending = f"{quoted(column)} IS NULL" if where is None else f"({text_of(database, where)})"
        self._batch = change.batch_size
        self._key = key_of(table)
        self._row = f"({', '.join(self._key)})"
        self._places = f"({', '.join('?' * len(self._key))})"

    def run(self, transaction: Callable[[], AbstractContextManager[Any]], tell: Callable[[int, int], None]) -> None:
        """Fill every row; outside a transaction, with pauses in which others can write.

        Args:
            transaction: what each part of a batch runs inside.
            tell: is called after each batch with the rows filled and all that were to be filled.

        Raises:
            ValueError: the value of a row is NULL, which would leave it to be filled for ever, and may not stay it.
        """
        total, done, passes = self._count(), 0, Passes()
        last: Key | None = None
        ended: Key | None = None
        while True:
            if not (batch := self._next(last)):
                # A row that has NULL for a value looks like one that came meanwhile, whose value would be made again.
                once = not self._by_default or self._left_null
                if ended is None or once or not passes.more(ended, self._refuse_taken):
                    return
                last = ended = None  # once more, for rows that were written behind us
                continue
            for part in self._parts(batch):
                done += self._write(part, transaction)
            last = batch[-1]
            ended = ended or last
            tell(done, max(total, done))

    def _parts(self, batch: list[Key]) -> list[list[Key]]:
        size = -(-self._batch // (_PARTS_CALLED if is_called(self._value) else _PARTS))
        return [batch[start : start + size] for start in range(0, len(batch), size)]

    def _write(self, part: list[Key], transaction: Callable[[], AbstractContextManager[Any]]) -> int:
        inside = self._database.in_transaction()
        made = {} if inside or not is_called(self._value) else self._made(part)
        started = time.perf_counter()
        with transaction():
            done = self._fill(part, made)
        if not inside:
            # Who waits for SQLite's lock looks for it now and then: after 1, 3, 8, 18, 33 ms …, so that the next
            # look comes after less than twice as long as it has waited.
            time.sleep(min(2 * (time.perf_counter() - started), _LONGEST_PAUSE))
        return done

    def _count(self) -> int:
        ((count,),) = rows(self._database, f"SELECT count(*) FROM {self._source} WHERE {self._pending}")
        return int(count)

    @property
    def _source(self) -> str:
        return f"main.{quoted(self._table.name)}"

    def _next(self, last: Key | None) -> list[Key]:
        behind = f"{self._row} > {self._places} AND " if last is not None else ""
        return rows(
            self._database,
            f"SELECT {', '.join(self._key)} FROM {self._source} WHERE {behind}{self._pending} "
            f"ORDER BY {', '.join(self._key)} LIMIT {self._batch}",
            *(last or ()),
        )

    def _fill(self, batch: list[Key], made: Mapping[str, Made]) -> int:
        left: set[str] = set()
        changed = self._each(batch, made, left) if is_called(self._value) else self._together(batch)
        self._left_null = self._left_null or bool(left)
        if self._by_default:
            self._refuse_what_is_null_still(batch, left)
        return changed

    @property
    def _between(self) -> str:
        return f"{self._row} >= {self._places} AND {self._row} <= {self._places} AND {self._pending}"

    def _read(self, batch: list[Key]) -> list[Key]:
        names = ", ".join((*self._key, *(quoted(column.name) for column in self._table.columns)))
        return rows(self._database, f"SELECT {names} FROM {self._source} WHERE {self._between}", *batch[0], *batch[-1])

    def _made(self, batch: list[Key]) -> dict[str, Made]:
        """Return the values for rows as they are now: whatever the function takes its time for, nobody waits for it."""
        return {repr(row[: len(self._key)]): Made(row, self._called(row)) for row in self._read(batch)}

    def _called(self, row: Key) -> Any:
        names = (column.name for column in self._table.columns)
        value = self._value(dict(zip(names, row[len(self._key) :], strict=True)))
        if isinstance(value, Node):
            sql, parameters = self._database.get_sql_context().sql(value).query()
            ((value,),) = rows(self._database, f"SELECT {sql}", *(parameters or ()))
        return value

    # OR ABORT, both times: a constraint may say ON CONFLICT REPLACE, which would delete the rows that have the value.

    def _together(self, batch: list[Key]) -> int:
        value, parameters = ("?", [self._value])
        if isinstance(self._value, Node):
            value, parameters = text_of(self._database, self._value), []
        cursor = self._database.execute_sql(
            f"UPDATE OR ABORT {self._source} SET {quoted(self._column)} = {value} WHERE {self._between}",
            [*parameters, *batch[0], *batch[-1]],
        )
        return int(self._database.rows_affected(cursor))

    def _each(self, batch: list[Key], made: Mapping[str, Made], left: set[str]) -> int:
        """Change the rows of a batch, each to its own value; those that are to have NULL have it, and are `left`."""
        width = len(self._key)
        values, found = [], self._read(batch)
        for row in found:
            known = made.get(repr(row[:width]))
            value = known.value if known and known.fits(row) else self._called(row)
            if value is None and self._nullable:
                left.add(repr(row[:width]))
            else:
                values.append((value, *row[:width]))
        statement = f"UPDATE OR ABORT {self._source} SET {quoted(self._column)} = ? WHERE {self._row} = {self._places}"
        started = time.perf_counter()
        with as_peewee_raises:
            self._database.cursor().executemany(statement, values)
        if values:  # Peewee tells its hooks of what it executes itself, and has no executemany
            event = QueryEvent(statement, values[0], time.perf_counter() - started, None)
            for hook in self._database.query_hooks:
                hook(event)
        return len(found)

    def _refuse_taken(self, key: Key) -> NoReturn:
        raise ValueError(
            f"the row of {self._table.name} where ({', '.join(self._key)}) is {key} is NULL again whenever "
            f"{self._column} was filled: a trigger, or somebody else, takes the value away; {self._remedy}"
        )

    def _refuse_what_is_null_still(self, batch: list[Key], left: set[str]) -> None:
        found = rows(
            self._database,
            f"SELECT {', '.join(self._key)} FROM {self._source} WHERE {self._between} LIMIT {len(left) + 1}",
            *batch[0],
            *batch[-1],
        )
        for key in found:
            if repr(key) in left:
                continue
            raise ValueError(
                f"the value for {self._table.name}.{self._column} is NULL in the row where ({', '.join(self._key)}) is "
                f"{key}; give a value for it, or {self._remedy}"
            )
