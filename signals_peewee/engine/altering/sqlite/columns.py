"""How does SQLite change the columns of a table?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from peewee import Node

from ....errors import UnfitRows
from ...sql_sqlite.definition import Constraint
from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import quoted
from .. import changes as c
from ..fields import first_fill, is_called, new_default
from .adding import NewColumn, index_name, new_column
from .backfill import Filling
from .compare import objects
from .dropping import Dependents, dependents, in_primary_key, rename_column
from .edits import (
    with_column,
    with_default,
    with_not_null,
    with_type,
    without_column,
    without_constraint,
    without_kinds,
)
from .operating import ALTERS_COLUMNS, DROPS_COLUMNS, Operating
from .table import TableNow, names_followed, rows
from .text import default_of, text_of
from .unfit import check_fits, null_rows, rows_of_type


class Columns(Operating):
    """The operations on columns."""

    def _add_column(self, change: c.AddColumn) -> None:
        table = self.table(change.table)
        new = new_column(self.database, change.column, change.field)
        there = table.find(change.column)
        if there is not None and (self.conduct.atomic or not new.computed):
            raise ValueError(f"table {table.name!r} has a column {there.name!r} already")
        if new.computed:
            self._add_computed(change, table, new, there is not None)
            return
        if new.not_null and not new.default and not change.allow_not_null:
            raise ValueError(f"{change.column} is not null but has no default")
        with self.undone_on_error(table.name, lambda: self._without_value(table, change.column, new)):
            self._put_column(table, change.column, new)
            self._index_column(change, new)

    def _without_value(self, table: TableNow, column: str, new: NewColumn) -> UnfitRows | None:
        ((count,),) = rows(self.database, f"SELECT count(*) FROM main.{quoted(table.name)}")
        if new.default or not new.not_null:
            return None
        problem = f"{count} rows would have nothing there, and it is NOT NULL: give the field a default"
        return UnfitRows(table.name, (column,), count, (), problem)

    def _put_column(self, table: TableNow, column: str, new: NewColumn) -> None:
        if new.native and self.native:
            self.alter(table, f"ADD COLUMN {new.sql}", keys=not (new.refers and new.default))
        else:
            self.rebuild(table, with_column(table.read, new.sql), column)

    def _index_column(self, change: c.AddColumn, new: NewColumn) -> None:
        name = index_name(change.table, change.column)
        if (new.field.index or new.field.unique) and ("index", name) not in objects(self.database).rows:
            self.apply(c.AddIndex(change.table, name, (change.column,), unique=bool(new.field.unique)))

    def _add_computed(self, change: c.AddColumn, table: TableNow, new: NewColumn, there: bool) -> None:
        if not there:
            with self.undone_on_error(table.name):
                self._put_column(
                    table, change.column, new_column(self.database, change.column, change.field, null=True)
                )
        self._backfill(first_fill(change, new.field))
        with self.undone_on_error(table.name):  # together: a second run that finds NOT NULL takes all for done
            if new.not_null and not self.table(change.table).column(change.column).not_null:
                self._add_not_null(c.AddNotNull(change.table, change.column))
            self._index_column(change, new)

    def _drop_column(self, change: c.DropColumn) -> None:
        table = self.table(change.table)
        table.column(change.column)
        if in_primary_key(table, change.column):
            raise ValueError(f"{change.subject} belongs to the primary key: make another table, and move the rows")
        with self.undone_on_error(table.name):
            found = dependents(self.database, table, change.column)
            refused = [*found.columns, *found.keys] if change.cascade else found.others
            if refused:
                remedy = "drop them first" if change.cascade else "drop them first, or say cascade=True"
                raise ValueError(f"{change.subject} is used by {', '.join(found.others)}: {remedy}")
            self._drop_dependents(found)
            self._take_column(table, change.column, (*found.own_constraints, *found.constraints))

    def _drop_dependents(self, found: Dependents) -> None:
        for kind, gone in (("TRIGGER", found.triggers), ("VIEW", found.views), ("INDEX", found.indexes)):
            for name in (*gone, *(found.own_indexes if kind == "INDEX" else ())):
                self.database.execute_sql(f"DROP {kind} IF EXISTS main.{quoted(name)}")

    def _take_column(self, table: TableNow, column: str, constraints: Sequence[Constraint]) -> None:
        unique = any(said.kind == "unique" for said in table.read.column(column).constraints)
        commented = table.read.commented(column)  # DROP COLUMN takes a comma in it for the one before the last column
        if not constraints and not unique and not commented and self.can(DROPS_COLUMNS):
            self.alter(table, f"DROP COLUMN {quoted(column)}")
            return
        read = table.read
        for constraint in sorted(constraints, key=lambda said: said.start, reverse=True):
            read = definition(without_constraint(read, constraint))
        touched = {name for said in constraints for name in said.columns}
        self.rebuild(self.table(table.name), without_column(read, column), column, *touched)

    def _rename_column(self, change: c.RenameColumn) -> None:
        table = self.table(change.table)
        table.column(change.column)
        with self.undone_on_error(table.name), self.migrating.keeping_keys(), names_followed(self.database):
            rename_column(self.database, table.name, change.column, change.new_name)

    def _add_not_null(self, change: c.AddNotNull) -> None:
        table = self.table(change.table)
        table.column(change.column)
        with self.undone_on_error(table.name, lambda: null_rows(self.database, table, change.column)):
            if self.can(ALTERS_COLUMNS):
                self.alter(table, f"ALTER COLUMN {quoted(change.column)} SET NOT NULL")
            else:
                self.rebuild(table, with_not_null(table.read, change.column), change.column)

    def _drop_not_null(self, change: c.DropNotNull) -> None:
        table = self.table(change.table)
        table.column(change.column)
        with self.undone_on_error(table.name):
            once = [said.kind for said in table.read.column(change.column).constraints].count("not null") == 1
            if once and self.can(ALTERS_COLUMNS):  # it takes out the first one only
                self.alter(table, f"ALTER COLUMN {quoted(change.column)} DROP NOT NULL")
            else:
                self.rebuild(table, without_kinds(table.read, change.column, "not null"), change.column)

    def _add_column_default(self, change: c.AddColumnDefault) -> None:
        table = self.table(change.table)
        column = table.column(change.column)
        default = new_default(change.subject, change.default, partial(default_of, self.database))
        if not isinstance(default, Node):
            check_fits(self.database, change.subject, default, column.type)
        sql = default_of(self.database, default)
        with self.undone_on_error(table.name):
            self.rebuild(table, with_default(table.read, change.column, sql), change.column)

    def _drop_column_default(self, change: c.DropColumnDefault) -> None:
        table = self.table(change.table)
        table.column(change.column)
        with self.undone_on_error(table.name):
            self.rebuild(table, without_kinds(table.read, change.column, "default"), change.column)

    def _alter_column_type(self, change: c.AlterColumnType) -> None:
        table = self.table(change.table)
        column = table.column(change.column)
        type_ = text_of(self.database, change.field.ddl_datatype(self.database.get_sql_context()))
        if column.name == table.alias or (column.key and (table.without_rowid or type_.upper() == "INTEGER")):
            raise ValueError(f"{change.subject} is, or would be, what the rows are kept by, so its type stays")
        value = quoted(change.column) if change.cast is None else text_of(self.database, change.cast)
        with self.undone_on_error(table.name):
            if unfit := rows_of_type(self.database, table, column, value, type_):
                raise unfit
            sql = with_type(table.read, change.column, type_)
            self.rebuild(table, sql, change.column, values={} if column.generated else {change.column: value})

    def _backfill(self, change: c.Backfill) -> None:
        table = self.table(change.table)
        column = table.column(change.column)
        if not (change.value is None or isinstance(change.value, Node) or is_called(change.value)):
            check_fits(self.database, change.subject, change.value, column.type)
        filling = Filling(self.database, table, change)
        filling.run(self.migrating.engine.write, self.conduct.tell)
