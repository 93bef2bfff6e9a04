"""What can be said of a table, in the same words for every database?

Expressions and types are text as the database itself writes them, so they compare only within the same database.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: its name.
        type: its type, with its length or precision.
        null: it may be NULL.
        default: the SQL of its default, or None.
        generated: the SQL it is computed with, followed by STORED or VIRTUAL, or None.
        identity: on Postgres, ALWAYS or BY DEFAULT for an identity column, or None.
        collation: its collation where that is not the default one, or None.
        comment: what the database keeps as its comment, or None.
        sequence: on Postgres, the name of a sequence of its own that its default counts with, as a serial has; or None.
        null_validated: on Postgres, False where it is NOT NULL and the rows before that were not looked at (NOT VALID).
    """

    name: str
    type: str
    null: bool = True
    default: str | None = None
    generated: str | None = None
    identity: str | None = None
    collation: str | None = None
    comment: str | None = None
    sequence: str | None = None
    null_validated: bool = True


@dataclass(frozen=True)
class PrimaryKey:
    """A primary key; `name` is None where the database gives it none."""

    columns: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True)
class Unique:
    """A UNIQUE constraint, which is not the same as a unique index."""

    columns: tuple[str, ...]
    name: str | None = None
    nulls_distinct: bool = True
    deferrable: str | None = None


@dataclass(frozen=True)
class Check:
    """A CHECK constraint.

    Attributes:
        expression: its SQL, without the word CHECK.
        name: the name of the constraint, or None.
        validated: False where the rows before it were not looked at (NOT VALID), or none is (NOT ENFORCED).
        ending: on Postgres, what else stands behind it: NO INHERIT, NOT ENFORCED.
    """

    expression: str
    name: str | None = None
    validated: bool = True
    ending: str = ""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key.

    Attributes:
        columns: the columns that refer.
        table: the table that they refer to.
        referred: the columns there.
        schema: the schema of that table, where it is another one than that of the referring table; else None.
        name: the name of the constraint, or None.
        on_delete: NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT; on Postgres with a list of columns, where it
            has one.
        on_update: the same.
        deferrable: None, "DEFERRABLE" or "DEFERRABLE INITIALLY DEFERRED".
        validated: False where the rows before it were not looked at (NOT VALID), or none is (NOT ENFORCED).
        enforced: False where no row is looked at.
        full: of several columns all are NULL or none is (MATCH FULL).
    """

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    schema: str | None = None
    name: str | None = None
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferrable: str | None = None
    validated: bool = True
    enforced: bool = True
    full: bool = False


@dataclass(frozen=True)
class Exclusion:
    """On Postgres, an EXCLUDE constraint, with the SQL that the database would make it with."""

    definition: str
    name: str


@dataclass(frozen=True)
class IndexPart:
    """One column or expression of an index.

    Attributes:
        text: the name of a column, or the SQL of an expression.
        expression: it is an expression.
        descending: its order.
        nulls_first: on Postgres, where NULLs come; on SQLite always None.
        collation: a collation that is not the column's own, or None.
        opclass: on Postgres, an operator class that is not the default one, or None.
    """

    text: str
    expression: bool = False
    descending: bool = False
    nulls_first: bool | None = None
    collation: str | None = None
    opclass: str | None = None


@dataclass(frozen=True)
class Index:
    """An index that was made by itself, not by a constraint.

    Attributes:
        name: its name.
        parts: what it is ordered by.
        unique: it refuses doubles.
        predicate: the SQL of its WHERE, or None.
        method: "btree" or another one.
        include: columns that it carries along.
        nulls_distinct: whether NULLs count as different in a unique one.
        valid: False for what a failed CREATE INDEX CONCURRENTLY left.
    """

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool = False
    predicate: str | None = None
    method: str = "btree"
    include: tuple[str, ...] = ()
    nulls_distinct: bool = True
    valid: bool = True


@dataclass(frozen=True)
class Trigger:
    """A trigger, with the SQL that the database would make it with."""

    name: str
    sql: str


@dataclass(frozen=True)
class Table:
    """A table as it is now.

    Attributes:
        name: its name.
        schema: on Postgres, the schema that it was found in; on SQLite None.
        columns: in their order.
        primary_key: None where it has none.
        foreign_keys, uniques, checks, exclusions, indexes, triggers: by name, those without a name by what they say.
        options: STRICT, WITHOUT ROWID, AUTOINCREMENT, UNLOGGED, PARTITIONED and the like.
        comment: what the database keeps as its comment, or None.
    """

    name: str
    schema: str | None
    columns: tuple[Column, ...]
    primary_key: PrimaryKey | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    options: frozenset[str] = frozenset()
    comment: str | None = None

    def column(self, name: str) -> Column | None:
        """Return the column of exactly this name."""
        return next((column for column in self.columns if column.name == name), None)

    def index(self, name: str) -> Index | None:
        """Return the index of exactly this name."""
        return next((index for index in self.indexes if index.name == name), None)

    @property
    def constraints(self) -> tuple[Check | Exclusion | ForeignKey | PrimaryKey | Unique, ...]:
        """Everything that a constraint name can name."""
        key = () if self.primary_key is None else (self.primary_key,)
        return (*key, *self.uniques, *self.checks, *self.exclusions, *self.foreign_keys)
