"""How do the rows of a Postgres table get a value for a column, some at a time?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar

from peewee import Database, Node

from ....errors import UnfitRows
from ..changes import Backfill
from ..fields import is_called
from ..passes import Passes
from .given import Given, as_table
from .keys import Key, RowKey
from .table import TableNow, listed, quoted, rows
from .text import literal_of, text_of

T = TypeVar("T")

_PARAMETERS = 30_000


class Attempted(Protocol):
    """Runs the work of a batch in a transaction of its own, or in that of the step."""

    def __call__(self, work: Callable[[], T], /, *tables: TableNow) -> T: ...


class Seen(NamedTuple):
    """A row that is to be changed: its key, the version that was read, and its value, as far as they matter."""

    key: Key
    version: str | None = None
    value: Any = None


class Filling:
    """Goes through a table in the order of its key, a transaction a batch; where it was killed, another goes on.

    Afterwards it goes through again for rows that came meanwhile, written by code that does not know the column.

    Args:
        database: where the table is.
        table: the table.
        change: what to fill, with what.
        heirs: it has some, or is one: its own rows are filled, and those of the others are another's.
    """

    def __init__(self, database: Database, table: TableNow, change: Backfill, *, heirs: bool = False) -> None:
        if change.batch_size < 1:
            raise ValueError(f"a batch has at least 1 row, not {change.batch_size}")
        self._database = database
        self._table = table
        # What a condition says of the table's columns by its name is true of those of an heir.
        self._name = quoted(change.table) if heirs else table.sql
        self._rows = f"ONLY {table.sql} AS {self._name}" if heirs else table.sql
        self._column = table.column(change.column)
        self._value = change.value
        self._null = f"{quoted(change.column)} IS NULL"
        self._by_default = change.where is None
        self._nullable = change.nullable
        self._remedy = change.remedy
        self._left_null = False
        self._pending = self._null if change.where is None else f"({text_of(database, change.where)})"
        self._counting = f"SELECT count(*) FROM {self._rows} WHERE {self._pending}"
        self._key = RowKey(table, self._name)
        keyless = not table.primary_key
        if keyless and table.partitioned:
            raise ValueError(f"table {table.name!r} is partitioned and has no primary key: fill its partitions")
        # Without a key a row that was changed cannot be told from one that was not, unless the condition tells.
        self._batch = None if keyless and not self._by_default else change.batch_size

    def count(self, attempted: Attempted) -> int:
        """Return how many rows are to be filled."""
        ((count,),) = attempted(lambda: rows(self._database, self._counting), self._table)
        return int(count)

    def run(self, attempted: Attempted, tell: Callable[[int, int | None], None], done: int, total: int) -> int:
        """Fill every row.

        Args:
            attempted: what a batch runs inside.
            tell: is called after each batch with the rows filled and all that were to be filled.
            done: how many are filled already, of other tables.
            total: how many are to be filled, those among them.

        Returns:
            how many are filled then.

        Raises:
            UnfitRows: the value of a row is NULL, which would leave it to be filled for ever, and may not stay it.
        """
        done, ended = self._pass(attempted, tell, done, total)
        if not self._by_default:
            self._pending = f"{self._pending} AND {self._null}"
            if self._batch is not None:
                done, _ = self._pass(attempted, tell, done, total)
            return done
        passes = Passes()
        # A row that has NULL for a value looks like one that came meanwhile, whose value would be made a second time.
        while ended is not None and not self._left_null and passes.more(ended, self._refuse_taken):
            done, ended = self._pass(attempted, tell, done, total)
        return done

    def _pass(
        self, attempted: Attempted, tell: Callable[[int, int | None], None], done: int, total: int
    ) -> tuple[int, Key | None]:
        """Go through once, and return how many rows are filled by then, and the last of the first batch."""
        last: Key | None = None
        ended: Key | None = None
        while True:
            filled, last = self._next(attempted, last)
            if last is None:
                return done, ended
            ended = ended or last
            done += filled
            tell(done, max(total, done))
            if self._batch is None:
                return done, ended

    def _next(self, attempted: Attempted, last: Key | None) -> tuple[int, Key | None]:
        """Fill the rows behind a key, and return how many, and the last of them; they are locked while they change."""
        if not self._table.primary_key:
            return attempted(lambda: self._locked(last), self._table)
        if is_called(self._value):
            return self._each(attempted, last)
        if (until := attempted(lambda: self._until(last), self._table)) is None:
            return 0, None
        return attempted(lambda: self._between(last, until), self._table), until

    def _until(self, last: Key | None) -> Key | None:
        """Return the last key of a batch."""
        keys, backwards = self._key.listed, ", ".join(f"batch.{quoted(name)} DESC" for name in self._key.names)
        batch = f"SELECT {keys} FROM {self._behind(last)} ORDER BY {keys} LIMIT {self._batch}"
        sql = f"SELECT {self._key.read()} FROM ({batch}) AS batch ORDER BY {backwards} LIMIT 1"
        return next(iter(rows(self._database, sql, *(last or ()))), None)

    def _between(self, last: Key | None, until: Key) -> int:
        """Change the rows behind one key, up to another one."""
        found = rows(
            self._database,
            f"UPDATE {self._changed} WHERE {self._where(last)} AND ({self._key.listed}) <= ({self._key.places}) "
            f"RETURNING {self._key.read()}, {self._null}",
            *(last or ()),
            *until,
        )
        self._refuse_null(found)
        return len(found)

    def _each(self, attempted: Attempted, last: Key | None) -> tuple[int, Key | None]:
        """Call the function for rows that are not locked; those that changed meanwhile are locked, and read again."""
        width = len(self._key.names)
        what = f"{self._key.read()}, xmin::text, {listed(self._names)}"
        sql = f"SELECT {what} FROM {self._behind(last)} ORDER BY {self._key.order} LIMIT {self._batch}"
        found = attempted(lambda: rows(self._database, sql, *(last or ())), self._table)
        if not found:
            return 0, None
        seen = self._valued([Seen(row[:width], row[width], self._called(row[width + 1 :])) for row in found])
        changed = attempted(lambda: self._update(seen), self._table)
        missed = [one.key for number, one in enumerate(seen) if number not in changed]
        more = attempted(lambda: self._again(missed), self._table) if missed else 0
        return len(found) - len(seen) + len(changed) + more, found[-1][:width]

    def _again(self, keys: Sequence[Key]) -> int:
        """Fill rows that somebody changed after they were read."""
        mine, width = self._key.listed, len(self._key.names)
        size, done = _PARAMETERS // width, 0
        for start in range(0, len(keys), size):
            source, parameters = as_table(self._key.given(keys[start : start + size]))
            found = rows(
                self._database,
                f"SELECT {self._key.read()}, {listed(self._names)} FROM {self._rows} WHERE {self._pending} "
                f"AND ({mine}) IN (SELECT * FROM {source}) ORDER BY {self._key.order} FOR NO KEY UPDATE",
                *parameters,
            )
            done += self._fill([Seen(row[:width], None, self._called(row[width:])) for row in found])
        return done

    def _locked(self, last: Key | None) -> tuple[int, Key | None]:
        """Fill rows of a table without a key, by the places where they lie, so that nobody may move them meanwhile."""
        called = is_called(self._value)
        what = listed([*self._key.names, *(self._names if called else ())])
        limit = "" if self._batch is None else f" LIMIT {self._batch}"
        sql = f"SELECT {what} FROM {self._behind(last)}{limit} FOR NO KEY UPDATE"
        found = rows(self._database, sql, *(last or ()))
        if not found:
            return 0, None
        seen = [Seen(row[:1], None, self._called(row[1:]) if called else None) for row in found]
        return self._fill(seen), max((row[:1] for row in found), key=_place)

    def _fill(self, seen: Sequence[Seen]) -> int:
        """Change rows that are locked, and return how many have their values then."""
        valued = self._valued(seen)
        return len(seen) - len(valued) + len(self._update(valued))

    def _valued(self, seen: Sequence[Seen]) -> Sequence[Seen]:
        """Return the rows that are to be changed: what is to have NULL has it, and would move."""
        valued = [one for one in seen if one.value is not None] if self._nullable else seen
        self._left_null = self._left_null or len(valued) < len(seen)
        return valued

    def _update(self, seen: Sequence[Seen]) -> set[int]:
        """Change rows, each to its own value or all to one; return the numbers of those that are as they were seen."""
        changed: set[int] = set()
        size = _PARAMETERS // (len(self._key.names) + 3)
        for start in range(0, len(seen), size):
            changed.update(start + number for number in self._update_some(seen[start : start + size]))
        return changed

    def _update_some(self, seen: Sequence[Seen]) -> list[int]:
        table, called = self._name, is_called(self._value)
        given = [Given("n", "integer", range(len(seen))), *self._key.given([one.key for one in seen])]
        same = [f"{table}.{quoted(name)} = new.signals_peewee_key_{at}" for at, name in enumerate(self._key.names)]
        if seen[0].version is not None:
            given.append(Given("version", "text", [one.version for one in seen]))
            same.append(f"{table}.xmin::text = new.signals_peewee_version")
        if called:
            values = [one.value for one in seen]
            given.append(Given("value", self._column.plain, values, self._column.unnests))
        source, parameters = as_table(given)
        found = rows(
            self._database,
            f"UPDATE {self._changed} FROM {source} WHERE {' AND '.join(same)} "
            f"RETURNING {self._key.read(f'{table}.')}, {table}.{self._null}, new.signals_peewee_n",
            *parameters,
        )
        self._refuse_null(found)
        return [row[-1] for row in found]

    @property
    def _changed(self) -> str:
        """The table, and what the column is set to."""
        if is_called(self._value):
            value = "new.signals_peewee_value"
        elif isinstance(self._value, Node):
            value = text_of(self._database, self._value)
        else:
            value = "NULL" if self._value is None else literal_of(self._database, self._value, self._column.plain)
        return f"{self._rows} SET {quoted(self._column.name)} = {value}"

    def _behind(self, last: Key | None) -> str:
        return f"{self._rows} WHERE {self._where(last)}"

    def _where(self, last: Key | None) -> str:
        behind = "" if last is None else f" AND ({self._key.listed}) > ({self._key.places})"
        return f"{self._pending}{behind}"

    @property
    def _names(self) -> list[str]:
        return [column.name for column in self._table.columns]

    def _called(self, row: Key) -> Any:
        value = self._value(dict(zip(self._names, row, strict=True)))
        if isinstance(value, Node):
            sql = f"SELECT CAST({text_of(self._database, value)} AS {self._column.plain})::text"
            ((value,),) = rows(self._database, sql)
        return value

    def _refuse_taken(self, key: Key) -> NoReturn:
        problem = (
            f"{self._key.shown(key)} is NULL again whenever it was filled: a trigger, or "
            f"somebody else, takes the value away; {self._remedy}"
        )
        raise UnfitRows(self._table.name, (self._column.name,), 1, (key,), problem)

    def _refuse_null(self, changed: Sequence[Key]) -> None:
        """Refuse a value that is NULL: its row would be to be filled for ever."""
        width = len(self._key.names)
        key = next((row[:width] for row in changed if row[width]), None) if self._by_default else None
        if key is None:
            return
        problem = f"the value is NULL for {self._key.shown(key)}; give a value for it, or {self._remedy}"
        raise UnfitRows(self._table.name, (self._column.name,), 1, (key,), problem)


def _place(key: Key) -> tuple[int, ...]:
    """Return where a row lies, of a ctid: (page, row)."""
    return tuple(map(int, str(key[0]).strip("()").split(",")))
