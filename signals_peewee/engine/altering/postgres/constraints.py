"""How does Postgres change the constraints of a table?"""

from __future__ import annotations

import re
from functools import partial

from ....errors import UnfitRows
from .. import changes as c
from .indexes import Indexes
from .table import TableNow, listed, quoted, rows
from .text import text_of
from .unfit import doubles, orphans, rows_against
from .validating import Validating

_KEYS = "SELECT conname::text FROM pg_constraint WHERE conrelid = %s AND contype = 'f' AND conkey = ARRAY[%s]::int2[]"
_NAMES = "SELECT conname::text FROM pg_constraint WHERE conrelid = %s ORDER BY 1"
_CHECK = re.compile(r"CHECK\s*\((?P<condition>.*)\)[\w\s]*\Z", re.IGNORECASE | re.DOTALL)
_NOT_NULL = re.compile(r"NOT\s+NULL\b", re.IGNORECASE)
_READING = re.compile(
    r"(?:CHECK|FOREIGN\s+KEY)\b(?!.*\bNOT\s+(?:VALID|ENFORCED)\b[\w\s]*\Z)", re.IGNORECASE | re.DOTALL
)


def reads_rows(sql: str) -> bool:
    """Tell whether a constraint looks at rows that are there, and need not do so as it is added."""
    return _READING.match(sql) is not None


class Constraints(Validating, Indexes):
    """The operations on constraints."""

    def _add_constraint(self, change: c.AddConstraint) -> None:
        table = self.table(change.table)
        sql = text_of(self.database, change.constraint).strip()
        if _NOT_NULL.match(sql):
            raise ValueError(f"{change.subject}: add_not_null() is what makes a column NOT NULL")
        checked = _CHECK.match(sql)

        def unfit() -> UnfitRows | None:
            named = f"CHECK {change.name!r}"
            return rows_against(self.database, table, checked["condition"], named) if checked else None

        if self.is_validated_later(sql):
            self.refuse_taken(table, change.name, "c" if checked else "f")
            self.add_validated(table, change.name, sql, unfit)
            return
        with self.refusals_named(table, unfit):
            self.alter(table, f"ADD CONSTRAINT {quoted(change.name)} {sql}")

    def is_validated_later(self, sql: str) -> bool:
        """Tell whether a constraint is added NOT VALID, and its rows are looked at while others work."""
        return not self.conduct.atomic and reads_rows(sql)

    def _add_unique(self, change: c.AddUnique) -> None:
        table = self.table(change.table)
        for column in change.columns:
            table.column(column)
        unfit = partial(doubles, self.database, table, [quoted(column) for column in change.columns])
        adding = f"ADD CONSTRAINT {quoted(change.name)} UNIQUE"
        if self.conduct.atomic or table.partitioned:
            with self.refusals_named(table, unfit):
                self.alter(table, f"{adding} ({listed(change.columns)})")
            return
        index = c.AddIndex(change.table, change.name, change.columns, unique=True, concurrently=True)
        if not self.is_built(table, change.name):
            self._add_index(index)
        elif (there := self.columns_of(table, change.name)) != list(change.columns):
            raise ValueError(f"index {change.name!r} of {table.name!r} is there already, on {', '.join(there)}")
        self.alter(table, f"{adding} USING INDEX {quoted(change.name)}")

    def _add_foreign_key(self, change: c.AddForeignKey) -> None:
        table = self.table(change.table)
        parent = self.table(change.referred_table, change.referred_schema)
        table.column(change.column)
        parent.column(change.referred_column)
        sql = (
            f"FOREIGN KEY ({quoted(change.column)}) REFERENCES {parent.sql} ({quoted(change.referred_column)})"
            f"{f' ON DELETE {change.on_delete}' if change.on_delete else ''}"
            f"{f' ON UPDATE {change.on_update}' if change.on_update else ''}"
        )
        unfit = partial(orphans, self.database, table, (change.column,), parent, (change.referred_column,))
        if self.is_validated_later(sql):
            self.refuse_taken(table, change.name, "f", (change.column,))
            self.add_validated(table, change.name, sql, unfit, others=(parent,))
            return
        with self.refusals_named(table, unfit):
            self.execute(table, f"ALTER TABLE {table.sql} ADD CONSTRAINT {quoted(change.name)} {sql}", others=(parent,))

    def _drop_constraint(self, change: c.DropConstraint) -> None:
        table = self.table(change.table)
        if not self.constraint(table, change.name):
            there = [name for (name,) in rows(self.database, _NAMES, table.oid)]
            raise ValueError(f"table {table.name!r} has no constraint {change.name!r}; it has {there}")
        self._take_constraints(table, change.name)

    def _drop_foreign_key(self, change: c.DropForeignKey) -> None:
        table = self.table(change.table)
        number = table.column(change.column).number
        names = [name for (name,) in rows(self.database, _KEYS, table.oid, number)]
        if not names:
            raise ValueError(f"there is no foreign key on {change.subject} alone; of more columns: drop_constraint()")
        self._take_constraints(table, *names)

    def _take_constraints(self, table: TableNow, *names: str) -> None:
        with self.refusals_named(table):
            self.alter(table, *(f"DROP CONSTRAINT {quoted(name)}" for name in names))
