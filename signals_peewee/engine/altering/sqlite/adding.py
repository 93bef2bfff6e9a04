"""What does ADD COLUMN say for a Peewee field, and where does SQLite want the table to be built anew instead?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import Database, ForeignKeyField, Node

from ...sql_sqlite.definition import ColumnItem, Constraint
from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import quoted
from ..fields import is_called, named_field
from .text import default_of, is_constant, literal_of, text_of
from .unfit import check_fits


@dataclass(frozen=True)
class NewColumn:
    """A column that is to be added.

    Attributes:
        sql: its definition.
        read: the same, read.
        field: a clone of the field that carries its name.
        computed: its default is called for every row, so it is NULL at first.
    """

    sql: str
    read: ColumnItem
    field: Any
    computed: bool

    @property
    def native(self) -> bool:
        """ADD COLUMN takes it."""
        return not any(
            said.kind in ("primary key", "unique")
            or (said.kind == "generated" and said.tokens[-1].says("STORED"))
            or (said.kind == "default" and not is_constant(_default(said)))
            for said in self.read.constraints
        )

    @property
    def not_null(self) -> bool:
        """The field wants NOT NULL."""
        return any(said.kind == "not null" for said in self.read.constraints)

    @property
    def refers(self) -> bool:
        """It is a foreign key."""
        return any(said.kind == "references" for said in self.read.constraints)

    @property
    def default(self) -> bool:
        """Rows that are there get a value."""
        return any(said.kind in ("default", "generated") for said in self.read.constraints)


def new_column(database: Database, name: str, field: Any, *, null: bool = False) -> NewColumn:
    """Return the definition of a column for a field.

    Args:
        database: where it is to be.
        name: its name.
        field: a Peewee field, which is left as it is.
        null: it accepts NULL, whatever the field says.

    Raises:
        ValueError: the field has a default that SQL cannot say, or that is none of its type.
    """
    field = named_field(database, name, field)
    computed = is_called(field.default)
    if null:
        field.null = True
    sql = text_of(database, field.ddl(database.get_sql_context()))
    if isinstance(field, ForeignKeyField):
        sql += _references(database, field)
    read = definition(f"CREATE TABLE new ({sql})").columns[0]
    if field.default is not None and not computed and not any(said.kind == "default" for said in read.constraints):
        default = field.default if isinstance(field.default, Node) else field.db_value(field.default)
        if not isinstance(default, Node):
            check_fits(database, repr(name), default, text_of(database, field.ddl_datatype(database.get_sql_context())))
        write = default_of if isinstance(field.default, Node) else literal_of
        sql += f" DEFAULT {write(database, default)}"
        read = definition(f"CREATE TABLE new ({sql})").columns[0]
    return NewColumn(sql, read, field, computed)


def index_name(table: str, column: str) -> str:
    """Return the name that playhouse gives the index of a column."""
    from playhouse.migrate import make_index_name

    return str(make_index_name(table, (column,)))


def _default(said: Constraint) -> str:
    """Return what stands behind DEFAULT."""
    words = list(said.tokens)
    return " ".join(word.text for word in words[next(n for n, word in enumerate(words) if word.says("DEFAULT")) + 1 :])


def _references(database: Database, field: Any) -> str:
    meta = field.rel_model._meta
    pieces = [f" CONSTRAINT {quoted(field.constraint_name)}"] if field.constraint_name else []
    pieces.append(f" REFERENCES {quoted(meta.table_name)} ({quoted(field.rel_field.column_name)})")
    pieces += [f" ON DELETE {field.on_delete}"] if field.on_delete else []
    pieces += [f" ON UPDATE {field.on_update}"] if field.on_update else []
    pieces += [f" DEFERRABLE {field.deferrable}"] if field.deferrable else []
    return "".join(pieces)
