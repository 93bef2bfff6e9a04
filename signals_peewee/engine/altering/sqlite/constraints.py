"""How does SQLite change the constraints and the indexes of a table?"""

from __future__ import annotations

from peewee import Database

from ....errors import UnfitRows
from ...sql_sqlite.definition import Constraint, Definition
from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import quoted, same
from .. import changes as c
from .compare import objects
from .edits import named, with_table_constraint, without_constraint
from .indexes import index_sql, keys_matched
from .operating import ALTERS_COLUMNS, Operating
from .table import TableNow
from .text import text_of
from .unfit import doubles, orphans, rows_against


class Constraints(Operating):
    """The operations on constraints and indexes."""

    def _add_constraint(self, change: c.AddConstraint) -> None:
        table = self.table(change.table)
        if there := named(table.read, change.name):
            raise ValueError(f"table {table.name!r} has a constraint {there.name!r} already")
        sql, read = constraint_sql(self.database, change)
        said = _checked(table, change, read)
        with self.undone_on_error(table.name, lambda: self._unfit(table, said, read)):
            if said.kind == "check" and self.adds_check(table, said.expression(read.sql)):
                self.alter(table, f"ADD {sql}")
            else:
                with keys_matched(self.database, said.referred or table.name):
                    self.rebuild(table, with_table_constraint(table.read, sql), *said.columns)
            if said.kind == "references":
                self._check_key(self.table(table.name), said)

    def _unfit(self, table: TableNow, said: Constraint, read: Definition) -> UnfitRows | None:
        if said.kind == "unique":
            return doubles(self.database, table, said.columns)
        if said.kind == "check":
            return rows_against(self.database, table, said.expression(read.sql), f"CHECK {said.name!r}")
        return None

    def _check_key(self, table: TableNow, said: Constraint) -> None:
        numbers = {number: key.table for number, key in table.keys.items() if key.columns == said.columns}
        parent = next(iter(numbers.values()))
        if unfit := orphans(self.database, table, said.columns, numbers, parent):
            raise unfit

    def _add_unique(self, change: c.AddUnique) -> None:
        columns = ", ".join(map(quoted, change.columns))
        self._add_constraint(c.AddConstraint(change.table, change.name, f"UNIQUE ({columns})"))

    def _add_foreign_key(self, change: c.AddForeignKey) -> None:
        self.table(change.table).column(change.column)
        self.table(change.referred_table).column(change.referred_column)
        sql = (
            f"FOREIGN KEY ({quoted(change.column)}) "
            f"REFERENCES {quoted(change.referred_table)} ({quoted(change.referred_column)})"
            f"{f' ON DELETE {change.on_delete}' if change.on_delete else ''}"
            f"{f' ON UPDATE {change.on_update}' if change.on_update else ''}"
        )
        self._add_constraint(c.AddConstraint(change.table, change.name, sql))

    def _drop_constraint(self, change: c.DropConstraint) -> None:
        table = self.table(change.table)
        said = named(table.read, change.name)
        if said is None or said.name != change.name:
            there = [other.name for other in table.read.constraints if other.name]
            raise ValueError(f"table {table.name!r} has no constraint {change.name!r}; it has {there}")
        self._take_constraint(table, said)

    def _take_constraint(self, table: TableNow, said: Constraint) -> None:
        if said.kind == "primary key":
            raise ValueError(f"the primary key of {table.name!r} stays: make another table, and move the rows")
        with self.undone_on_error(table.name), keys_matched(self.database, table.name):
            if said.name is not None and said.kind == "check" and self.can(ALTERS_COLUMNS):
                self.alter(table, f"DROP CONSTRAINT {quoted(said.name)}")
            else:
                self.rebuild(table, without_constraint(table.read, said), *said.columns)

    def _drop_foreign_key(self, change: c.DropForeignKey) -> None:
        table = self.table(change.table)
        column = table.column(change.column).name
        keys = [said for said in table.read.constraints if said.kind == "references" and _on(said, column)]
        alone = [said for said in keys if len(said.columns) == 1]
        if not alone:
            of_more = "only one on more columns: use drop_constraint()" if keys else "none"
            raise ValueError(f"there is no foreign key on {change.subject} alone, {of_more}")
        read = table.read
        for said in reversed(alone):
            read = definition(without_constraint(read, said))
        with self.undone_on_error(table.name):
            self.rebuild(table, read.sql, column)

    def _add_index(self, change: c.AddIndex) -> None:
        table = self.table(change.table)
        sql = text_of(self.database, index_sql(table, change))
        where = "1" if change.where is None else text_of(self.database, change.where)
        columns = [column for column in change.columns if isinstance(column, str)]
        whole = len(columns) == len(change.columns)
        unfit = lambda: doubles(self.database, table, columns, where) if whole else None  # noqa: E731
        with self.undone_on_error(table.name, unfit), self.migrating.keeping_keys():
            self.database.execute_sql(sql)

    def _drop_index(self, change: c.DropIndex) -> None:
        there = {
            name
            for (kind, name), (table, _) in objects(self.database).rows.items()
            if kind == "index" and table == change.table
        }
        if change.name not in there:
            raise ValueError(f"table {change.table!r} has no index {change.name!r}; it has {sorted(there)}")
        with (
            self.undone_on_error(change.table),
            keys_matched(self.database, change.table),
            self.migrating.keeping_keys(),
        ):
            self.database.execute_sql(f"DROP INDEX main.{quoted(change.name)}")


def constraint_sql(database: Database, change: c.AddConstraint) -> tuple[str, Definition]:
    """Return a constraint as SQL, and a table that has it, read.

    Raises:
        ValueError: it was not understood.
    """
    sql = f"CONSTRAINT {quoted(change.name)} {text_of(database, change.constraint)}"
    return sql, definition(f"CREATE TABLE t (c, {sql})")


def _on(said: Constraint, column: str) -> bool:
    return any(same(name, column) for name in said.columns)


def _checked(table: TableNow, change: c.AddConstraint, read: Definition) -> Constraint:
    """Return the one constraint that is to be added, after a look at the columns that it names."""
    found = read.table_constraints
    if len(found) != 1 or len(read.others) != 1 or found[0].kind == "primary key":
        raise ValueError(f"{change.subject} is to be one CHECK, UNIQUE or FOREIGN KEY: {read.sql}")
    for column in found[0].columns:
        table.column(column)
    for token in found[0].tokens if found[0].kind == "check" else ():
        known = token.text[0] != '"' or token.name == change.name or table.find(str(token.name)) is not None
        if not known:  # SQLite would take it for a text
            raise ValueError(f"{change.subject}: table {table.name!r} has no column {token.text}; a text is '…'")
    return found[0]
