"""How does Postgres change the columns of a table?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from peewee import DatabaseError

from ....errors import UnfitRows
from ...postgres import sqlstate
from .. import changes as c
from ..fields import first_fill, new_default
from .adding import NewColumn, new_column
from .backfill import fill
from .dependents import dependents_of_column
from .operating import Operating
from .table import TableNow, quoted, rows
from .text import default_of, literal_of, not_counting, text_of
from .unfit import null_rows, orphans
from .validating import Validating

_KEY = """
SELECT conname::text FROM pg_constraint
WHERE conrelid = %s AND contype = 'f' AND conkey = ARRAY[%s]::int2[] AND confrelid = %s LIMIT 1
"""
_NOT_VALID = """
SELECT conname::text FROM pg_constraint
WHERE conrelid = %s AND contype = 'n' AND conkey = ARRAY[%s]::int2[] AND NOT convalidated
"""

_NO_CAST = "42804"


class Columns(Validating, Operating):
    """The operations on columns."""

    def _add_column(self, change: c.AddColumn) -> None:
        table = self.table(change.table)
        new = new_column(self.database, change.column, change.field, self.conduct.schema)
        there = table.find(change.column)
        if there is not None and (self.conduct.atomic or not (new.computed or new.parent)):
            raise ValueError(f"table {table.name!r} has a column {there.name!r} already")
        if new.not_null and not new.valued and not new.computed and not change.allow_not_null:
            raise ValueError(f"{change.column} is not null but has no default")
        with self.refusals_named(table, lambda: self._without_value(table, change.column, new)):
            if there is None:
                self._put_column(change, table, new)
            if new.computed:
                self._fill_computed(change, new)
        if new.parent is not None and not self.conduct.atomic:
            self._refer(change, new, new.parent)

    def _put_column(self, change: c.AddColumn, table: TableNow, new: NewColumn) -> None:
        if new.computed:
            new = new_column(self.database, change.column, change.field, self.conduct.schema, null=True)
        inline = f"{new.named}{new.references}" if new.parent and self.conduct.atomic else ""
        others = (new.parent,) if new.parent and inline else ()
        self.execute(table, f"ALTER TABLE {table.sql} ADD COLUMN {new.sql}{inline}", others=others)

    def _without_value(self, table: TableNow, column: str, new: NewColumn) -> UnfitRows | None:
        ((count,),) = rows(self.database, f"SELECT count(*) FROM {table.sql}")
        if not count or new.valued or new.computed or not new.not_null:
            return None
        problem = f"{count} rows would have nothing there, and it is NOT NULL: give the field a default"
        return UnfitRows(table.name, (column,), count, (), problem)

    def _fill_computed(self, change: c.AddColumn, new: NewColumn) -> None:
        fill = first_fill(change, new.field)
        self._backfill(fill)
        if new.not_null and not self.table(change.table).column(change.column).not_null:
            # Old code may have written rows since: once none can follow, they are filled, too.
            self._refuse_null(change.table, change.column, lambda: self._backfill(fill))

    def _refer(self, change: c.AddColumn, new: NewColumn, parent: TableNow) -> None:
        table = self.table(change.table)
        there = self.value(_KEY, table.oid, table.column(change.column).number, parent.oid)
        name = there or new.field.constraint_name or self.free_name(table, change.column, "fkey")
        referred = (new.field.rel_field.column_name,)
        self.add_validated(
            table,
            name,
            f"FOREIGN KEY ({quoted(change.column)}){new.references}",
            lambda: orphans(self.database, table, (change.column,), parent, referred),
            others=(parent,),
        )

    def _drop_column(self, change: c.DropColumn) -> None:
        table = self.table(change.table)
        table.column(change.column)
        if not change.cascade and (found := dependents_of_column(self.database, table, change.column)):
            raise ValueError(f"{change.subject} is used by {', '.join(found)}: drop them first, or say cascade=True")
        with self.refusals_named(table):
            self.alter(table, f"DROP COLUMN {quoted(change.column)}{' CASCADE' if change.cascade else ''}")

    def _rename_column(self, change: c.RenameColumn) -> None:
        table = self.table(change.table)
        table.column(change.column)
        self.alter(table, f"RENAME COLUMN {quoted(change.column)} TO {quoted(change.new_name)}")

    def _add_not_null(self, change: c.AddNotNull) -> None:
        self.table(change.table).column(change.column)
        self._refuse_null(change.table, change.column)

    def _refuse_null(self, table_name: str, column: str, before: Callable[[], None] | None = None) -> None:
        table = self.table(table_name)
        helper, left = self.helper_of(table, column)
        set_not_null = f"ALTER COLUMN {quoted(column)} SET NOT NULL"
        drop = [f"DROP CONSTRAINT {quoted(helper)}"] if left else []
        unfit: Callable[[], UnfitRows | None] = partial(null_rows, self.database, table, column)
        if self._validated(table, column, unfit):
            return
        if self.conduct.atomic:
            with self.refusals_named(table, unfit):
                self.alter(table, set_not_null, *drop)
            return
        if not table.column(column).not_null:
            self.add_validated(table, helper, f"CHECK ({quoted(column)} IS NOT NULL)", unfit, before=before)
            drop = [f"DROP CONSTRAINT {quoted(helper)}"]
        self.alter(table, set_not_null, *drop)  # in this order: the check tells Postgres that it need not look

    def _validated(self, table: TableNow, column: str, unfit: Callable[[], UnfitRows | None]) -> bool:
        """Look at the rows of a column that is NOT NULL for new ones alone, as Postgres has it from 18 on."""
        name = self.value(_NOT_VALID, table.oid, table.column(column).number)
        if name is None:
            return False
        with self.refusals_named(table, unfit):
            self.alter(table, f"VALIDATE CONSTRAINT {quoted(name)}")
        return True

    def _drop_not_null(self, change: c.DropNotNull) -> None:
        self._alter_column(change.table, change.column, "DROP NOT NULL")

    def _add_column_default(self, change: c.AddColumnDefault) -> None:
        column = self.table(change.table).column(change.column)
        literal = partial(literal_of, self.database, type_=column.plain)
        default = new_default(change.subject, change.default, literal)
        sql = default_of(self.database, default, column.plain)
        self._alter_column(change.table, change.column, f"SET DEFAULT {sql}")

    def _drop_column_default(self, change: c.DropColumnDefault) -> None:
        self._alter_column(change.table, change.column, "DROP DEFAULT")

    def _alter_column(self, table_name: str, column: str, action: str) -> None:
        table = self.table(table_name)
        table.column(column)
        self.alter(table, f"ALTER COLUMN {quoted(column)} {action}")

    def _alter_column_type(self, change: c.AlterColumnType) -> None:
        table = self.table(change.table)
        table.column(change.column)
        type_ = new_type(self, change)
        using = "" if change.cast is None else f" USING {text_of(self.database, change.cast)}"
        try:
            with self.refusals_named(table):
                self.alter(table, f"ALTER COLUMN {quoted(change.column)} TYPE {type_}{using}")
        except DatabaseError as error:
            if sqlstate(error) != _NO_CAST or using:
                raise
            said = " ".join(str(error).split()).split(" HINT:")[0]
            cast = f"{quoted(change.column)}::{type_}"
            raise ValueError(
                f"{said}; say how with cast={cast!r}, and drop its default before, if it has one"
            ) from error

    def _backfill(self, change: c.Backfill) -> None:
        table = self.table(change.table)
        table.column(change.column)
        with self.refusals_named(table, what="what is filled in does not fit"):
            fill(self.database, table, change, self.attempted, self.conduct.tell)


def new_type(altering: Operating, change: c.AlterColumnType) -> str:
    """Return the type that a column is to have, with its length or precision."""
    sql = text_of(altering.database, change.field.ddl_datatype(altering.database.get_sql_context()))
    return not_counting(sql)
