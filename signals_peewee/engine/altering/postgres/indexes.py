"""How does Postgres build an index, and take one away, with others at work or without?"""

from __future__ import annotations

from functools import partial

from peewee import DatabaseError, Entity, Index, Table

from .. import changes as c
from .operating import Operating
from .table import TableNow, escaped, quoted, rows
from .text import text_of
from .unfit import doubles

_BUILT = """
SELECT i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %s AND c.relname = %s
"""
_COLUMNS = """
SELECT coalesce(a.attname::text, '(an expression)')
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (n, at)
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n AND k.n > 0
WHERE i.indrelid = %s AND c.relname = %s ORDER BY k.at
"""
_NAMES = """
SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %s ORDER BY 1
"""


class Indexes(Operating):
    """The operations on indexes."""

    def is_built(self, table: TableNow, name: str) -> bool:
        """Tell whether a table has an index of this name that is whole."""
        return bool(self.value(_BUILT, table.oid, name))

    def columns_of(self, table: TableNow, name: str) -> list[str]:
        """Return the columns of an index, in their order."""
        return [column for (column,) in rows(self.database, _COLUMNS, table.oid, name)]

    def _add_index(self, change: c.AddIndex) -> None:
        self._check_concurrently(change)
        table = self.table(change.table)
        for column in change.columns:
            if isinstance(column, str):
                table.column(column)
        parts = [quoted(part) if isinstance(part, str) else text_of(self.database, part) for part in change.columns]
        where = None if change.where is None else text_of(self.database, change.where)
        with self.refusals_named(table, partial(doubles, self.database, table, parts, where)):
            if change.concurrently:
                self._build(table, change)
            else:
                self.execute(table, self._index_sql(table, change))

    def _index_sql(self, table: TableNow, change: c.AddIndex) -> str:
        parts = [Entity(escaped(column)) if isinstance(column, str) else column for column in change.columns]
        index = Index(
            escaped(change.name),
            Table(escaped(table.name), schema=escaped(table.schema)),
            parts,
            unique=change.unique,
            where=change.where,
            using=change.using,
            nulls_distinct=change.nulls_distinct,
        )
        return text_of(self.database, index)

    def _build(self, table: TableNow, change: c.AddIndex) -> None:
        """Build an index while others write; what a build that failed has left is no index, and goes first."""
        sql = self._index_sql(table, change).replace("INDEX ", "INDEX CONCURRENTLY ", 1)

        def build() -> None:
            self._clear(table, change.name)
            self.database.execute_sql(sql)

        with self.lock_timeout(0):
            try:
                self.persistent(lambda _: build(), table)
            except DatabaseError:
                if self.migrating.transaction_state() == "none":  # else the connection is gone
                    self._clear(table, change.name)
                raise
        if not self.is_built(table, change.name):
            raise ValueError(f"index {change.name!r} was built and is not valid; run the step again")

    def _clear(self, table: TableNow, name: str) -> None:
        if self.value(_BUILT, table.oid, name) is False:
            self.database.execute_sql(f"DROP INDEX CONCURRENTLY {quoted(table.schema)}.{quoted(name)}")

    def _drop_index(self, change: c.DropIndex) -> None:
        self._check_concurrently(change)
        table = self.table(change.table)
        there = [name for (name,) in rows(self.database, _NAMES, table.oid)]
        if change.name not in there:
            raise ValueError(f"table {table.name!r} has no index {change.name!r}; it has {there}")
        index = f"{quoted(table.schema)}.{quoted(change.name)}"
        with self.refusals_named(table):
            if change.concurrently:
                self.concurrently(table, f"DROP INDEX CONCURRENTLY {index}")
            else:
                self.execute(table, f"DROP INDEX {index}")

    def _check_concurrently(self, change: c.AddIndex | c.DropIndex) -> None:
        if change.concurrently and self.conduct.atomic:
            raise ValueError(
                f"index {change.name!r}: concurrently=True does not work inside a transaction: write atomic = False "
                "into the script, and nothing else into the step"
            )
