"""What does a step hold in its hand? A migrator of playhouse's, whose operations do what they say or are errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from peewee import Model, Node
from playhouse.migrate import Operation, SchemaMigrator, make_index_name

from ..engine.altering import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Backfill,
    Change,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropIndex,
    DropNotNull,
    DropTable,
    RenameColumn,
    RenameTable,
    RunSql,
)
from ..engine.migrating import Migrating
from ..errors.tree import shown
from .adding import EVERY_ROW, added_column, column_for, default_from, key_name
from .arguments import checking_arguments
from .context import Context
from .frozen import base_for
from .operating import Operator
from .options import check


@checking_arguments
class StepMigrator(SchemaMigrator):  # type: ignore[misc]
    """The `migrator` of `up(migrator, db)`: every operation of playhouse.migrate, in the schema of the run.

    An operation is what playhouse's is: it does nothing until `migrator.migrate(...)`, or playhouse's own `migrate`,
    runs it. Then it looks whether what it needs is there (`OperationRefused`), and afterwards whether it came about
    (`NothingChanged`). With `safe=True` an operation whose effect is there already does nothing. An argument of the
    wrong kind is an `InvalidOption` at once.

    Attributes:
        Model: the base of tables that the step declares; they are on the right database and schema, and no class or
            DeferredForeignKey outside the step can get hold of them.
        context: what the host gives the steps of this source; a model is there as a frozen reference.
    """

    Model: type[Model]
    context: Mapping[str, Any]
    _operator: Operator

    def migrate(self, *operations: Operation) -> None:
        """Run operations, one after the other.

        Raises:
            TypeError: something among them is no operation; nothing was run.
        """
        for operation in operations:
            if isinstance(operation, (list, tuple)):
                raise TypeError(
                    f"migrate: got a {type(operation).__name__}; write migrator.migrate(*operations), with a star"
                )
            if not callable(getattr(operation, "run", None)):
                raise TypeError(
                    f"migrate: got {shown(operation)}, expected operations, such as migrator.drop_table('books')"
                )
        super().migrate(*operations)

    def add_column(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, table: str, column_name: str, field: Any, allow_not_null: bool = False, *, safe: bool = False
    ) -> Operation:
        """Add a column; a constant default of the field stays in the database, a function fills every row.

        Args:
            table: its name.
            column_name: the name of the column.
            field: a Peewee field; with `index=True` or `unique=True` it gets an index, too.
            allow_not_null: it may be NOT NULL without a default, as an empty table allows.
            safe: skip it where the column is there.
        """
        changes: list[Change] = [added_column(table, column_name, field, allow_not_null)]
        if field.index or field.unique:
            name = make_index_name(table, (column_name,))
            using = getattr(field, "index_type", None)
            changes.append(AddIndex(table, name, (column_name,), bool(field.unique), using))
        return self._operation(*changes, safe=safe)

    def alter_add_column(self, table: str, column_name: str, field: Any, allow_not_null: bool = False) -> Operation:
        """Add a column that may be NULL, whatever the field says, and has no default."""
        clone = column_for(column_name, field)
        clone.default = None
        clone.null = field.null or not allow_not_null
        return self._operation(AddColumn(table, column_name, clone, allow_not_null))

    def apply_default(self, table: str, column_name: str, field: Any) -> Operation:
        """Set a column to the field's default in every row; a function is called for each."""
        return self._operation(Backfill(table, column_name, default_from(field), EVERY_ROW))

    def backfill(self, table: str, column: str, value: Any, where: Any = None, batch_size: int = 5000) -> Operation:
        """Fill a column, some rows at a time: in a step with `atomic = False`, each batch in a transaction of its own.

        Args:
            table: its name.
            column: the column to fill.
            value: a plain value, a Peewee node, or a function that is called for every row and is given it as a dict.
            where: a Peewee node: which rows are to be filled; by default those in which the column is NULL. What is
                filled must not be found again, so that a run that was interrupted goes on where it stopped.
            batch_size: how many rows are changed at a time.

        Raises:
            InvalidOption: a batch is no number of rows.
        """
        whole = isinstance(batch_size, int) and not isinstance(batch_size, bool)
        check("batch_size", batch_size, whole and 0 < batch_size < 10**9, "a whole number of rows, 1 or more")
        return self._operation(Backfill(table, column, value, where, batch_size))

    def drop_column(
        self, table: str, column_name: str, cascade: bool = False, legacy: bool = False, *, safe: bool = False
    ) -> Operation:
        """Drop a column; what depends on it goes along only with `cascade=True`, unlike in playhouse."""
        return self._operation(DropColumn(table, column_name, cascade), safe=safe)

    def rename_column(
        self, table: str, old_name: str, new_name: str, legacy: bool = False, *, safe: bool = False
    ) -> Operation:
        """Rename a column."""
        return self._operation(RenameColumn(table, old_name, new_name), safe=safe)

    def add_not_null(self, table: str, column: str, legacy: bool = False, *, safe: bool = False) -> Operation:
        """Refuse NULL in a column from now on."""
        return self._operation(AddNotNull(table, column), safe=safe)

    def drop_not_null(self, table: str, column: str, legacy: bool = False, *, safe: bool = False) -> Operation:
        """Accept NULL in a column from now on."""
        return self._operation(DropNotNull(table, column), safe=safe)

    def add_column_default(self, table: str, column: str, default: Any, *, safe: bool = False) -> Operation:
        """Give a column a default: a plain value, or a Peewee node such as SQL("now()"); a string is a literal.

        Raises:
            ValueError: it is None, or a string that playhouse would have taken for SQL.
        """
        value = default() if callable(default) and not isinstance(default, Node) else default
        if value is None:
            raise ValueError("`default` must not be None; drop_column_default takes a default away")
        if isinstance(value, str) and value.endswith((")", "'")):
            raise ValueError(
                f"a default is a literal here, and playhouse takes {value!r} for SQL: write SQL({value!r}) for the "
                f"SQL, or Value({value!r}) for the text"
            )
        return self._operation(AddColumnDefault(table, column, value), safe=safe)

    def drop_column_default(self, table: str, column: str, *, safe: bool = False) -> Operation:
        """Take the default of a column away."""
        return self._operation(DropColumnDefault(table, column), safe=safe)

    def alter_column_type(
        self, table: str, column: str, field: Any, cast: Any = None, *, safe: bool = False
    ) -> Operation:
        """Give a column the type of a field; `cast` is the SQL, or a node, that makes a new value of the old one."""
        return self._operation(AlterColumnType(table, column, field, cast), safe=safe)

    def add_constraint(self, table: str, name: str, constraint: Any, *, safe: bool = False) -> Operation:
        """Add a constraint: a node such as Check("pages > 0"), or SQL("UNIQUE (a, b)")."""
        return self._operation(AddConstraint(table, name, constraint), safe=safe)

    def drop_constraint(self, table: str, name: str, *, safe: bool = False) -> Operation:
        """Drop a constraint."""
        return self._operation(DropConstraint(table, name), safe=safe)

    def add_unique(self, table: str, *column_names: str, name: str | None = None, safe: bool = False) -> Operation:
        """Add a UNIQUE constraint, called uniq_a_b as in playhouse where it gets no name."""
        texts = all(isinstance(column, str) for column in column_names)
        check("column_names", column_names, texts and bool(column_names), "names, each an argument of its own")
        named = name or f"uniq_{'_'.join(column_names)}"
        return self._operation(AddUnique(table, named, tuple(column_names)), safe=safe)

    def add_foreign_key_constraint(  # noqa: PLR0917  # playhouse's signature
        self,
        table: str,
        column_name: str,
        rel: str,
        rel_column: str,
        on_delete: str | None = None,
        on_update: str | None = None,
        constraint_name: str | None = None,
        rel_schema: str | None = None,
        *,
        safe: bool = False,
    ) -> Operation:
        """Make a column a foreign key; `rel` and `rel_column` are what it refers to."""
        name = key_name(constraint_name or f"fk_{table}_{column_name}_refs_{rel}")
        change = AddForeignKey(table, name, column_name, rel, rel_column, rel_schema, on_delete, on_update)
        return self._operation(change, safe=safe)

    def drop_foreign_key_constraint(self, table: str, column_name: str, *, safe: bool = False) -> Operation:
        """Drop the foreign key of a column, and keep the column."""
        return self._operation(DropForeignKey(table, column_name), safe=safe)

    def rename_table(self, old_name: str, new_name: str, *, safe: bool = False) -> Operation:
        """Rename a table."""
        return self._operation(RenameTable(old_name, new_name), safe=safe)

    def drop_table(self, table: str, safe: bool = False, cascade: bool = False, schema: str | None = None) -> Operation:
        """Drop a table; what depends on it goes along only with `cascade=True`."""
        return self._operation(DropTable(table, safe, cascade, schema), safe=safe)

    def add_index(  # noqa: PLR0917  # playhouse's signature
        self,
        table: str,
        columns: Sequence[Any],
        unique: bool = False,
        using: str | None = None,
        where: Any = None,
        nulls_distinct: bool | None = None,
        name: str | None = None,
        *,
        concurrently: bool = False,
        safe: bool = False,
    ) -> Operation:
        """Add an index.

        Args:
            table: its name.
            columns: names of columns, or Peewee nodes for expressions and orders, with which it needs a name.
            unique, using, where, nulls_distinct: as in playhouse.
            name: by default made of the table and the columns.
            concurrently: on Postgres, build it while others write, in a step with `atomic = False`; what a build that
                failed has left is built anew. SQLite builds it as always.
            safe: skip it where the index is there.

        Raises:
            ValueError: the columns are no list, or none, or an index of expressions has no name.
        """
        listed = isinstance(columns, Sequence) and not isinstance(columns, str)
        fits = listed and bool(columns) and all(isinstance(column, (str, Node)) for column in columns)
        check("columns", columns, fits, f"a list of them, such as {_as_list(columns)}")
        if name is None and not all(isinstance(column, str) for column in columns):
            raise ValueError(f"an index of expressions needs a name: add_index({table!r}, …, name='…')")
        named = name or make_index_name(table, columns)
        change = AddIndex(table, named, tuple(columns), unique, using, where, nulls_distinct, concurrently)
        return self._operation(change, safe=safe)

    def drop_index(self, table: str, index_name: str, *, concurrently: bool = False, safe: bool = False) -> Operation:
        """Drop an index; with `concurrently` as in `add_index`."""
        return self._operation(DropIndex(table, index_name, concurrently), safe=safe)

    def sql(self, sql: str, params: Any = None) -> Operation:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Execute any SQL, of which nobody looks whether it changed something."""
        return self._operation(RunSql("", sql, params))

    def execute_script(self, sql: str) -> None:
        """Execute several statements, separated by semicolons, inside the step's transaction, at once.

        Raises:
            ValueError: one of them would end the transaction; nothing was executed.
        """
        self._operator.execute_script(sql)

    def _operation(self, *changes: Change, safe: bool = False) -> Operation:
        return Operation(self, _carry_out, changes, safe)


def _as_list(columns: object) -> str:
    return repr([columns]) if isinstance(columns, str) else "['title', 'pages']"


def _carry_out(migrator: StepMigrator, changes: Sequence[Change], safe: bool) -> None:
    for change in changes:
        migrator._operator.run(change, safe=safe)


def migrator_for(migrating: Migrating, schema: str | None, context: Context, operator: Operator) -> StepMigrator:
    """Return the migrator of one step."""
    playhouse = type(SchemaMigrator.from_database(migrating.database))
    migrator: Any = type("StepMigrator", (StepMigrator, playhouse), {})(migrating.database, schema=schema)
    migrator.Model = base_for(migrating.database, schema)
    migrator.context = context.frozen(migrating.database, migrating.schema_of if schema else None)
    migrator._operator = operator
    return cast("StepMigrator", migrator)
