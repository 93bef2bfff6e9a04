"""How do batches reach a table of Postgres? As one array for each column, whichever driver it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from operator import itemgetter
from typing import Any

from peewee import IntegrityError

from .bulk import Appender, Bulk, Columns, as_peewee_raises, log, quoted

_ROWS = 2000
"""Rows a statement: larger arrays were slower on the server."""
_SEPARATOR, _NULL = "\0", "\ud800"
"""Neither can stand in a text that Postgres stores, so neither is ever part of a value."""
_WORTH_COPYING = 200
_COPY_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


class PostgresAppender(Appender):
    """A COPY, or for a few rows an INSERT, which takes one round trip."""

    def append(self, columns: Columns, constants: Mapping[str, Any]) -> None:
        columns = self._plain(columns)
        constants = {name: self.plain(name, [value])[0] for name, value in constants.items()}
        if len(next(iter(columns.values()))) >= _WORTH_COPYING:
            self._copy(self._copying(columns, constants), (copy_text(part, constants) for part in _parts(columns)))
            return
        sql = self._once(("append", *columns, "=", *constants), lambda: self._insert(tuple(columns), tuple(constants)))
        self.database.execute_sql(sql, [*constants.values(), *map(array_text, columns.values())])

    def _plain(self, columns: Columns) -> Columns:
        return {name: self.plain(name, values) for name, values in columns.items()}

    def _once(self, shape: object, render: Callable[[], str]) -> str:
        sql = self._rendered.get(shape)
        if sql is None:
            sql = self._rendered[shape] = render()
        return sql

    def _insert(self, names: tuple[str, ...], constants: tuple[str, ...], otherwise: str = "") -> str:
        types = self.target.types
        same = "".join(f"%s::{types[name]}, " for name in constants)
        given = ", ".join(f"unnest(%s::{types[name]}[])" for name in names)
        return (
            f"INSERT INTO {self.target.table} ({quoted((*constants, *names))}) SELECT {same}{quoted(names)}"
            f" FROM ROWS FROM ({given}) AS given({quoted(names)}) {otherwise}"
        )

    def _copying(self, columns: Columns, constants: Mapping[str, Any]) -> str:
        return f"COPY {self.target.table} ({quoted((*columns, *constants))}) FROM STDIN"

    def _copy(self, sql: str, texts: Iterable[str]) -> None:
        log.debug((sql, "COPY"))
        with as_peewee_raises:
            cursor = self.database.cursor()
            if hasattr(cursor, "copy_expert"):  # psycopg2
                text = "".join(texts)
                cursor.copy_expert(sql, StringIO(text), len(text))
                return
            with cursor.copy(sql) as copy:
                for text in texts:
                    copy.write(text)


class PostgresBulk(PostgresAppender, Bulk):
    """The arrays are written as text here: the drivers would adapt their elements one by one."""

    def insert_one(self, row: Mapping[str, Any]) -> bool:
        names = tuple(row)
        sql = self._rendered.get(names)
        if sql is None:
            marks = ", ".join(f"%s::{self.target.types[name]}" for name in names)
            sql = f"INSERT INTO {self.target.table} ({quoted(names)}) VALUES ({marks}) {self.target.conflict}"
            self._rendered[names] = sql
        return bool(self.database.execute_sql(sql, list(row.values())).rowcount)

    def insert(self, columns: Columns, constants: Mapping[str, Any], *, likely_new: bool) -> int:
        columns = _in_order(self._plain(columns), self.target.identity)
        constants = {name: self.plain(name, [value])[0] for name, value in constants.items()}
        rows = len(columns["id"])
        if likely_new and rows >= _WORTH_COPYING and self._copied(columns, constants):
            return rows
        sql = self._once(("insert", *columns, "=", *constants), lambda: self._inserting(columns, constants))
        created = 0
        for part in _parts(columns):
            parameters = [*constants.values(), *map(array_text, part.values())]
            created += self.database.execute_sql(sql, parameters).rowcount
        return created

    def unlike(self, scope: Any, columns: Columns, present: Sequence[str]) -> list[int]:
        columns = {
            name: [None if value is None else "t" for value in values] if name in present else self.plain(name, values)
            for name, values in columns.items()
        }
        sql = self._once(("unlike", *columns, "=", *present), lambda: self._unlike(tuple(columns), present))
        found: list[int] = []
        for number, part in enumerate(_parts(columns)):
            places = self.database.execute_sql(sql, [*map(array_text, part.values()), scope]).fetchone()[0] or ()
            found += [number * _ROWS + place - 1 for place in places]
        return sorted(found)

    def select(self, scope: Any, identities: Sequence[tuple[str, str]], wanted: str, *, lock: bool) -> list[Any]:
        target = self.target
        names = quoted(target.identity)
        given = ", ".join(f"unnest(%s::{target.types[name]}[])" for name in target.identity)
        same = " AND ".join(f'stored."{name}" = given."{name}"' for name in target.identity)
        # LIMIT keeps the planner from reading the whole table: it goes through the index row by row.
        sql = (
            f"SELECT known.* FROM ROWS FROM ({given}) AS given({names}) CROSS JOIN LATERAL ("
            f"SELECT {quoted(['id']) if lock else wanted} FROM {target.table} AS stored"
            f' WHERE stored."{target.scope}" = %s AND {same}'
            f' AND stored."{target.partial}" IS NOT NULL LIMIT 1) AS known'
        )
        if lock:  # found first, and then locked in the order of the keys, as everybody locks
            sql = (
                f'SELECT {wanted} FROM {target.table} WHERE "id" = ANY(ARRAY({sql}))'
                f' AND "{target.scope}" IS NOT DISTINCT FROM %s ORDER BY "id" FOR NO KEY UPDATE'
            )
        columns = zip(*sorted(identities), strict=True)
        parameters = [*map(array_text, columns), scope, *([scope] if lock else [])]
        return list(self.database.execute_sql(sql, parameters).fetchall())

    def update(self, columns: Columns) -> None:
        names, types = tuple(columns), self.target.types
        changes = ", ".join(f'"{name}" = given."{name}"' for name in names if name != "id")
        given = ", ".join(f"unnest(%s::{types[name]}[])" for name in names)
        sql = (
            f"UPDATE {self.target.table} AS stored SET {changes} FROM ROWS FROM ({given}) AS given({quoted(names)})"
            ' WHERE stored."id" = given."id"'
        )
        for part in _parts(self._plain(columns)):
            self.database.execute_sql(sql, [*map(array_text, part.values())])

    def _copied(self, columns: Columns, constants: Mapping[str, Any]) -> bool:
        """COPY the rows, which is faster than INSERT and fails as a whole; tell whether all were new."""
        sql = self._copying(columns, constants)
        try:
            with self.database.atomic():
                for part in _parts(columns):
                    self._copy(sql, [copy_text(part, constants)])
        except IntegrityError:
            return False
        return True

    def _inserting(self, columns: Columns, constants: Mapping[str, Any]) -> str:
        return self._insert(tuple(columns), tuple(constants), self.target.conflict)

    def _unlike(self, names: tuple[str, ...], present: Sequence[str]) -> str:
        target = self.target
        types = {name: "boolean" if name in present else target.types[name] for name in names}
        given = ", ".join(f"unnest(%s::{types[name]}[])" for name in names)
        same = " AND ".join(f'stored."{name}" = given."{name}"' for name in target.identity)
        compared = [name for name in names if name not in (*target.identity, "id")]
        differs = [
            f'given."{name}" IS NOT NULL AND stored."{name}" '
            + ("IS NULL" if name in present else f'IS DISTINCT FROM given."{name}"')
            for name in compared
        ]
        own = 'stored."id" <> given."id" AND ' if "id" in names else ""
        # LIMIT keeps the planner from reading the whole table for a batch: it goes through the index row by row.
        return (
            f"SELECT array_agg(given.place) FROM ROWS FROM ({given}) WITH ORDINALITY AS given({quoted(names)}, place)"
            f" LEFT JOIN LATERAL (SELECT {quoted(('id', *compared))} FROM {target.table} AS stored"
            f' WHERE stored."{target.scope}" = %s AND {same} AND stored."{target.partial}" IS NOT NULL LIMIT 1)'
            f' AS stored ON TRUE WHERE stored."id" IS NULL OR {own}({" OR ".join(differs) or "FALSE"})'
        )


def array_text(values: Sequence[Any]) -> str:
    """Return values as the text of a Postgres array."""
    text = _joined(values)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text:
        text = text.replace('"', '\\"')
    text = '{"' + text.replace(_SEPARATOR, '","') + '"}'
    return text.replace(f'"{_NULL}"', "NULL")


def _joined(values: Sequence[Any]) -> str:
    try:
        return _SEPARATOR.join(values)
    except TypeError:
        return _SEPARATOR.join([_NULL if value is None else str(value) for value in values])


def copy_text(columns: Columns, constants: Mapping[str, Any]) -> str:
    """Return rows as COPY reads them."""
    first, *others = map(_cells, columns.values())
    end = "\t".join([_cells([value])[0] for value in constants.values()]) + "\n"
    width, rows = len(columns), len(first)
    cells = [""] * (width * rows)
    # What ends a row stands before the next: so one join makes all of them.
    cells[::width] = [first[0], *[end + cell for cell in first[1:]]]
    for at, other in enumerate(others, 1):
        cells[at::width] = other
    return "\t".join([*cells, end])


def _cells(values: Sequence[Any]) -> Sequence[str]:
    texts = [str(value) for value in values if value is not None] if {str} != set(map(type, values)) else values
    joined, changed = _SEPARATOR.join(texts), False
    for character, escaped in _COPY_ESCAPES:
        if character in joined:
            joined = joined.replace(character, escaped)
            changed = True
    if changed:
        texts = joined.split(_SEPARATOR)
    if len(texts) == len(values):
        return texts
    each = iter(texts)
    return ["\\N" if value is None else next(each) for value in values]


def _in_order(columns: Columns, identity: tuple[str, str]) -> Columns:
    first, last = columns.get(identity[0]), columns.get(identity[1])
    if first is None or last is None or len(first) < 2:
        return columns
    keys = [(group, name or "") for group, name in zip(first, last, strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    pick = itemgetter(*order)
    return {name: pick(values) for name, values in columns.items()}


def _parts(columns: Columns) -> Iterator[Columns]:
    rows = len(next(iter(columns.values())))
    if rows <= _ROWS:
        yield columns
        return
    for start in range(0, rows, _ROWS):
        yield {name: values[start : start + _ROWS] for name, values in columns.items()}
