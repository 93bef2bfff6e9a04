"""How does Postgres carry out the operations of a step? In a step that is not atomic, so that others can go on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...statements import ending_in
from .. import changes as c
from ..findings import Finding
from .columns import Columns
from .constraints import Constraints
from .findings import findings_of
from .table import TableNow, find_table, quoted
from .text import doubled
from .validating import LONGEST

_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
# Whether a sequence of this name counts for the column, and whether the other name is free.
_FOLLOWS = """
SELECT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = to_regclass(%s)
               AND refclassid = 'pg_class'::regclass AND refobjid = %s AND refobjsubid = %s AND deptype IN ('a', 'i'))
       AND to_regclass(%s) IS NULL
"""


class AlteringPostgres(Columns, Constraints):
    """The operations of a step on Postgres."""

    def findings(self, change: c.Change) -> Sequence[Finding]:
        return findings_of(self, change)

    def apply(self, change: c.Change) -> None:
        _HOW[type(change)](self, change)

    def _rename_table(self, change: c.RenameTable) -> None:
        table = self.table(change.table)
        statements = [f"ALTER TABLE {table.sql} RENAME TO {quoted(change.new_name)}"]
        if len(table.primary_key) == 1:
            statements += self._sequence_follows(table, change.new_name, table.primary_key[0])
        self.execute(table, *statements)

    def _sequence_follows(self, table: TableNow, new_name: str, column: str) -> list[str]:
        """A sequence that Postgres named after the table is named after its new name, as in playhouse, if it can be."""
        after = f"{new_name}_{column}_seq"
        old, new = (f"{quoted(table.schema)}.{quoted(name)}" for name in (f"{table.name}_{column}_seq", after))
        named = (old.replace("%%", "%"), table.oid, table.column(column).number, new.replace("%%", "%"))
        if len(after.encode()) > LONGEST or not self.value(_FOLLOWS, *named):
            return []
        return [f"ALTER SEQUENCE {old} RENAME TO {quoted(after)}"]

    def _drop_table(self, change: c.DropTable) -> None:
        table = find_table(self.database, change.table, change.schema or self.conduct.schema)
        if table is None and change.safe:
            return
        table = table or self.table(change.table, change.schema)
        with self.refusals_named(table):
            self.execute(table, f"DROP TABLE {table.sql}{' CASCADE' if change.cascade else ''}")

    def _run_sql(self, change: c.RunSql) -> None:
        sql = change.sql if change.parameters else doubled(change.sql)
        if self.conduct.atomic:
            self.database.execute_sql(sql, change.parameters)
        elif _CONCURRENTLY.search(sql) or ending_in(sql):  # half of it may be done when a lock timeout ends it
            with self.lock_timeout(0):
                self.database.execute_sql(sql, change.parameters)
        else:  # in no transaction: some statements refuse one
            self.persistent(lambda seconds: self._within(seconds, sql, change.parameters))

    def _within(self, seconds: float, sql: str, parameters: Any) -> None:
        with self.lock_timeout(seconds):
            self.database.execute_sql(sql, parameters)


_HOW: Mapping[type[c.Change], Callable[[Any, Any], None]] = MappingProxyType(
    {
        c.AddColumn: AlteringPostgres._add_column,
        c.DropColumn: AlteringPostgres._drop_column,
        c.RenameColumn: AlteringPostgres._rename_column,
        c.AddNotNull: AlteringPostgres._add_not_null,
        c.DropNotNull: AlteringPostgres._drop_not_null,
        c.AddColumnDefault: AlteringPostgres._add_column_default,
        c.DropColumnDefault: AlteringPostgres._drop_column_default,
        c.AlterColumnType: AlteringPostgres._alter_column_type,
        c.Backfill: AlteringPostgres._backfill,
        c.AddConstraint: AlteringPostgres._add_constraint,
        c.DropConstraint: AlteringPostgres._drop_constraint,
        c.AddUnique: AlteringPostgres._add_unique,
        c.AddForeignKey: AlteringPostgres._add_foreign_key,
        c.DropForeignKey: AlteringPostgres._drop_foreign_key,
        c.AddIndex: AlteringPostgres._add_index,
        c.DropIndex: AlteringPostgres._drop_index,
        c.RenameTable: AlteringPostgres._rename_table,
        c.DropTable: AlteringPostgres._drop_table,
        c.RunSql: AlteringPostgres._run_sql,
    }
)
