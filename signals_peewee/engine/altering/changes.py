"""What is one operation of a step, before anybody carries it out? A value, the same for every database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Change:
    """An operation on one table, named as the migrator's method is.

    Attributes:
        table: the table's name without its schema.
    """

    table: str

    @property
    def subject(self) -> str:
        """What it is about: "books", "books.pages"."""
        inside = getattr(self, "column", None) or getattr(self, "name", None)
        return f"{self.table}.{inside}" if inside else self.table


@dataclass(frozen=True, eq=False)
class AddColumn(Change):
    """A column; `field` is a clone that carries its name, and a constant default of it stays in the database.

    Attributes:
        column: the name of the column.
        field: a Peewee field, bound to no model.
        allow_not_null: it may be NOT NULL without a default, as an empty table allows.
    """

    column: str
    field: Any
    allow_not_null: bool = False


@dataclass(frozen=True, eq=False)
class DropColumn(Change):
    """No column any more; `cascade` takes along what depends on it."""

    column: str
    cascade: bool = False


@dataclass(frozen=True, eq=False)
class RenameColumn(Change):
    """Another name for a column."""

    column: str
    new_name: str


@dataclass(frozen=True, eq=False)
class AddNotNull(Change):
    """A column that refuses NULL from now on."""

    column: str


@dataclass(frozen=True, eq=False)
class DropNotNull(Change):
    """A column that accepts NULL from now on."""

    column: str


@dataclass(frozen=True, eq=False)
class AddColumnDefault(Change):
    """A default; `default` is a plain value, or a Peewee node such as SQL("now()")."""

    column: str
    default: Any


@dataclass(frozen=True, eq=False)
class DropColumnDefault(Change):
    """No default any more."""

    column: str


@dataclass(frozen=True, eq=False)
class AlterColumnType(Change):
    """Another type; `cast` is the SQL, or a Peewee node, that makes the new value of the old one."""

    column: str
    field: Any
    cast: Any = None


@dataclass(frozen=True, eq=False)
class AddConstraint(Change):
    """A constraint; `constraint` is a Peewee node, such as Check("pages > 0") or SQL("UNIQUE (a, b)")."""

    name: str
    constraint: Any


@dataclass(frozen=True, eq=False)
class DropConstraint(Change):
    """No such constraint any more."""

    name: str


@dataclass(frozen=True, eq=False)
class AddUnique(Change):
    """A UNIQUE constraint."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AddForeignKey(Change):
    """A foreign key on a column that is there; `name` is the constraint's."""

    name: str
    column: str
    referred_table: str
    referred_column: str
    referred_schema: str | None = None
    on_delete: str | None = None
    on_update: str | None = None


@dataclass(frozen=True, eq=False)
class DropForeignKey(Change):
    """The foreign key of a column, without the column."""

    column: str


@dataclass(frozen=True, eq=False)
class RenameTable(Change):
    """Another name for a table."""

    new_name: str


@dataclass(frozen=True, eq=False)
class DropTable(Change):
    """No table any more.

    Attributes:
        safe: it need not be there.
        cascade: take along what depends on it.
        schema: where it is, where that is not the schema of the run.
    """

    safe: bool = False
    cascade: bool = False
    schema: str | None = None


@dataclass(frozen=True, eq=False)
class AddIndex(Change):
    """An index.

    Attributes:
        name: its name.
        columns: names of columns, or Peewee nodes for expressions and orders.
        unique, using, where, nulls_distinct: as in playhouse.
        concurrently: build it while others write; not inside a transaction. SQLite has no such thing and ignores it.
    """

    name: str
    columns: Sequence[Any]
    unique: bool = False
    using: str | None = None
    where: Any = None
    nulls_distinct: bool | None = None
    concurrently: bool = False


@dataclass(frozen=True, eq=False)
class DropIndex(Change):
    """No index any more; `concurrently` as in AddIndex."""

    name: str
    concurrently: bool = False


@dataclass(frozen=True, eq=False)
class Backfill(Change):
    """A value for rows that have none yet, some at a time.

    Attributes:
        column: the column to fill.
        value: a plain value, a Peewee node, or a function that is called for every row and is given it as a dict.
        where: a Peewee node or None: which rows are to be filled; by default those in which the column is NULL.
        batch_size: how many rows a transaction changes.
        nullable: `value` is a function, and where it returns None the row keeps its NULL, which is refused otherwise.
        remedy: what to do where a row would be NULL still.
    """

    column: str
    value: Any | Callable[..., Any]
    where: Any = None
    batch_size: int = 5000
    nullable: bool = False
    remedy: str = "leave it out with where="


@dataclass(frozen=True, eq=False)
class RunSql(Change):
    """Any SQL, of which nothing more is known; `table` is empty."""

    sql: str
    parameters: Any = None
