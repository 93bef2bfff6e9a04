"""How does SQLite carry out the operations of a step? Natively where the running one can, else by building anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...sql_sqlite.tokens import folded, quoted
from .. import changes as c
from ..findings import Finding
from .columns import Columns
from .constraints import Constraints
from .findings import findings_of
from .table import rows


class AlteringSqlite(Columns, Constraints):
    """The operations of a step on SQLite."""

    def findings(self, change: c.Change) -> Sequence[Finding]:
        return findings_of(self, change)

    def apply(self, change: c.Change) -> None:
        _HOW[type(change)](self, change)

    def _rename_table(self, change: c.RenameTable) -> None:
        table = self.table(change.table)
        with self.undone_on_error(table.name):
            self.alter(table, f"RENAME TO {quoted(change.new_name)}")

    def _drop_table(self, change: c.DropTable) -> None:
        if change.schema is not None:
            raise ValueError(f"SQLite has no schema {change.schema!r}")
        if change.cascade:
            raise ValueError(f"SQLite drops no table with what depends on it: drop that first, then {change.table!r}")
        sql = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND lower(name) = ?"
        there = [name for (name,) in rows(self.database, sql, folded(change.table))]
        if change.table not in there:
            if change.safe and not there:
                return
            raise ValueError(f"there is no table {change.table!r}{f', but {there[0]!r}: write it so' if there else ''}")
        self._refuse_cascade(change.table)
        with self.undone_on_error(change.table):
            self.database.execute_sql(f"DROP TABLE main.{quoted(change.table)}")

    def _refuse_cascade(self, table: str) -> None:
        ((enforced,),) = rows(self.database, "PRAGMA foreign_keys")
        children = sorted(name for name in referring(self, table) if name != table) if enforced else []
        if children:
            raise ValueError(
                f"foreign keys are on, so dropping {table!r} would first delete its rows, and those of "
                f"{', '.join(children)} with them: drop these first, or leave foreign_keys = True out of the step"
            )

    def _run_sql(self, change: c.RunSql) -> None:
        self.database.execute_sql(change.sql, change.parameters)


def referring(altering: Columns, table: str) -> set[str]:
    """Return the tables that have a foreign key to a table."""
    sql = """
        SELECT m.name FROM main.sqlite_master m JOIN pragma_foreign_key_list(m.name, 'main') f
        WHERE m.type = 'table' AND lower(f."table") = ?
    """
    return {name for (name,) in rows(altering.database, sql, folded(table))}


_HOW: Mapping[type[c.Change], Callable[[Any, Any], None]] = MappingProxyType(
    {
        c.AddColumn: AlteringSqlite._add_column,
        c.DropColumn: AlteringSqlite._drop_column,
        c.RenameColumn: AlteringSqlite._rename_column,
        c.AddNotNull: AlteringSqlite._add_not_null,
        c.DropNotNull: AlteringSqlite._drop_not_null,
        c.AddColumnDefault: AlteringSqlite._add_column_default,
        c.DropColumnDefault: AlteringSqlite._drop_column_default,
        c.AlterColumnType: AlteringSqlite._alter_column_type,
        c.Backfill: AlteringSqlite._backfill,
        c.AddConstraint: AlteringSqlite._add_constraint,
        c.DropConstraint: AlteringSqlite._drop_constraint,
        c.AddUnique: AlteringSqlite._add_unique,
        c.AddForeignKey: AlteringSqlite._add_foreign_key,
        c.DropForeignKey: AlteringSqlite._drop_foreign_key,
        c.AddIndex: AlteringSqlite._add_index,
        c.DropIndex: AlteringSqlite._drop_index,
        c.RenameTable: AlteringSqlite._rename_table,
        c.DropTable: AlteringSqlite._drop_table,
        c.RunSql: AlteringSqlite._run_sql,
    }
)
