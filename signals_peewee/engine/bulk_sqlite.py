"""How do batches reach a table of SQLite? With one executemany for each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from .bulk import Appender, Bulk, Columns, as_peewee_raises, log, quoted


class SqliteAppender(Appender):
    """One executemany; where rows differ in a key and one text alone, one INSERT, which binds the rest once."""

    def append(self, columns: Columns, constants: Mapping[str, Any]) -> None:
        pair = tuple(columns)
        if len(pair) == 2 and pair[0] == "id" and self.target.types[pair[1]] == "TEXT":
            given = json.dumps(dict(zip(*columns.values(), strict=True)), ensure_ascii=False)
            same = [self.plain(name, (value,))[0] for name, value in constants.items()]
            self.database.execute_sql(self._inserting(pair, tuple(constants)), (*same, given))
            return
        self._many(self._insert((*columns, *constants)), self._rows(columns, constants))

    def _inserting(self, pair: tuple[str, ...], constants: tuple[str, ...]) -> str:
        shape = ("append", *constants, "=", *pair)
        sql = self._rendered.get(shape)
        if sql is None:
            marks = "?, " * len(constants)
            names = quoted((*constants, *pair))
            sql = f"INSERT INTO {self.target.table} ({names}) SELECT {marks}key, value FROM json_each(?)"
            self._rendered[shape] = sql
        return sql

    def _insert(self, names: tuple[str, ...], otherwise: str = "") -> str:
        sql = self._rendered.get(names)
        if sql is None:
            marks = ", ".join("?" * len(names))
            sql = f"INSERT INTO {self.target.table} ({quoted(names)}) VALUES ({marks}) {otherwise}"
            self._rendered[names] = sql
        return sql

    def _rows(self, columns: Columns, constants: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
        each = [self.plain(name, values) for name, values in columns.items()]
        same = [repeat(self.plain(name, (value,))[0]) for name, value in constants.items()]
        return zip(*each, *same, strict=False)

    def _many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        log.debug((sql, "executemany"))
        with as_peewee_raises:
            cursor = self.database.cursor().executemany(sql, rows)
        count: int = cursor.rowcount
        return count


class SqliteBulk(SqliteAppender, Bulk):
    """The statement is compiled once by SQLite, and the driver walks through the batch in C."""

    def insert_one(self, row: Mapping[str, Any]) -> bool:
        values = [self.plain(name, (value,))[0] for name, value in row.items()]
        return bool(self.database.execute_sql(self._insert(tuple(row), self.target.conflict), values).rowcount)

    def insert(self, columns: Columns, constants: Mapping[str, Any], *, likely_new: bool) -> int:
        sql = self._insert((*columns, *constants), self.target.conflict)
        return self._many(sql, self._rows(columns, constants))

    def unlike(self, scope: Any, columns: Columns, present: Sequence[str]) -> list[int]:
        shape = ("unlike", *columns, "=", *present)
        order = self._order(columns, present)
        sql = self._rendered.get(shape) or self._rendered.setdefault(shape, self._unlike(order, present))
        each = [
            [None if value is None else 1 for value in columns[name]]
            if name in present
            else self.plain(name, columns[name])
            for name in order
        ]
        rows = zip(range(len(each[0])), repeat(scope), *each, strict=False)
        # A table of this connection, so that nobody waits for it; each row's question is answered in C.
        with self.database.atomic(lock_type="DEFERRED"):
            self.database.execute_sql("CREATE TEMP TABLE IF NOT EXISTS signals_peewee_unlike (place INTEGER)")
            if not self._many(sql, rows):
                return []
            found = self.database.execute_sql("SELECT place FROM temp.signals_peewee_unlike ORDER BY place").fetchall()
            self.database.execute_sql("DELETE FROM temp.signals_peewee_unlike")
        return [place for (place,) in found]

    def select(self, scope: Any, identities: Sequence[tuple[str, str]], wanted: str, *, lock: bool) -> list[Any]:
        first, last = self.target.identity
        sql = (
            f'SELECT {wanted} FROM {self.target.table} WHERE "{self.target.scope}" = ? AND "{first}" = ?'
            f' AND "{last}" IN (SELECT value FROM json_each(?)) AND "{self.target.partial}" IS NOT NULL'
        )
        groups: dict[str, list[str]] = defaultdict(list)
        for group, name in identities:
            groups[group].append(name)
        rows: list[Any] = []
        for group, names in groups.items():
            rows += self.database.execute_sql(sql, (scope, group, json.dumps(names))).fetchall()
        return rows

    def update(self, columns: Columns) -> None:
        names = [name for name in columns if name != "id"]
        changes = ", ".join(f'"{name}" = ?' for name in names)
        each = [self.plain(name, columns[name]) for name in (*names, "id")]
        self._many(f'UPDATE {self.target.table} SET {changes} WHERE "id" = ?', zip(*each, strict=True))

    def _order(self, names: Iterable[str], present: Sequence[str]) -> list[str]:
        """Return the columns in the order in which the statement of `unlike` has a place for each."""
        identity, others = self.target.identity, [name for name in names if name not in self.target.identity]
        return [*identity, *sorted(others, key=lambda name: (name != "id", name in present))]

    def _unlike(self, order: Sequence[str], present: Sequence[str]) -> str:
        target = self.target
        same = " AND ".join(f'"{name}" = ?' for name in target.identity)
        others = order[len(target.identity) :]
        own = '"id" = ? OR ' if "id" in others else ""
        alike = [
            f'(? IS NULL OR "{name}" IS NOT NULL)' if name in present else f'"{name}" IS coalesce(?, "{name}")'
            for name in others
            if name != "id"
        ]
        return (
            "INSERT INTO temp.signals_peewee_unlike SELECT ? WHERE NOT EXISTS ("
            f'SELECT 1 FROM {target.table} WHERE "{target.scope}" = ? AND {same} AND "{target.partial}" IS NOT NULL'
            f" AND ({own}({' AND '.join(alike) or '1'})))"
        )
