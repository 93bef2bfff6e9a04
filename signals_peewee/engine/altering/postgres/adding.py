"""What does ADD COLUMN say for a Peewee field, and what does Postgres do to the rows for it?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from peewee import Database, ForeignKeyField, Node

from ..fields import is_called, named_field
from .table import TableNow, escaped, find_table, quoted, rows, table_now
from .text import literal_of, plain_type, text_of

_DEFAULT = re.compile(r"(?:CONSTRAINT\s+\S+\s+)?(?:DEFAULT|GENERATED)\b", re.IGNORECASE)
_CALLS = re.compile(r'([\w$]+|"(?:[^"]|"")+")\s*\(')
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_VOLATILE = "SELECT count(*) FROM pg_proc WHERE provolatile = 'v' AND proname::text = ANY (%s::text[])"


@dataclass(frozen=True)
class NewColumn:
    """A column that is to be added.

    Attributes:
        sql: its definition, without the table that a foreign key refers to.
        field: a clone of the field that carries its name, as a driver reads it.
        type: its type.
        computed: its default is called for every row, so it is NULL at first.
        default: rows that are there get a value of the definition.
        constraints: the SQL of each constraint that the field was given.
        parent: the table that it refers to, where it is a foreign key.
    """

    sql: str
    field: Any
    type: str
    computed: bool
    default: str | None
    constraints: tuple[str, ...]
    parent: TableNow | None

    @property
    def not_null(self) -> bool:
        """The field wants NOT NULL."""
        return not self.field.null

    @property
    def counting(self) -> bool:
        """It is a serial, which counts with a sequence of its own."""
        return self.type.upper().endswith("SERIAL")

    @property
    def valued(self) -> bool:
        """Rows that are there get a value."""
        return self.counting or self.default is not None or any(_DEFAULT.match(said) for said in self.constraints)

    @property
    def references(self) -> str:
        """What a foreign key says after the column; nothing where it is none."""
        if self.parent is None:
            return ""
        field = self.field
        pieces = [f" REFERENCES {self.parent.sql} ({quoted(field.rel_field.column_name)})"]
        pieces += [f" ON DELETE {field.on_delete}"] if field.on_delete else []
        pieces += [f" ON UPDATE {field.on_update}"] if field.on_update else []
        pieces += [f" DEFERRABLE {field.deferrable}"] if field.deferrable else []
        return "".join(pieces)

    @property
    def named(self) -> str:
        """How a foreign key's name is said; nothing where Postgres is to find one."""
        return f" CONSTRAINT {quoted(self.field.constraint_name)}" if self.field.constraint_name else ""


def new_column(
    database: Database, name: str, field: Any, schema: str | None, *, null: bool = False, lenient: bool = False
) -> NewColumn:
    """Return the definition of a column for a field.

    Args:
        database: where it is to be.
        name: its name.
        field: a Peewee field, which is left as it is.
        schema: where a foreign key's table is looked for.
        null: it accepts NULL, whatever the field says.
        lenient: the table that a foreign key refers to need not be there.

    Raises:
        ValueError: the field has a default that SQL cannot say, or refers to nothing.
    """
    field = named_field(database, escaped(name), field)
    parent = _parent(database, field, schema, lenient) if isinstance(field, ForeignKeyField) else None
    computed = is_called(field.default)
    field.null = field.null or null
    type_ = text_of(database, field.ddl_datatype(database.get_sql_context()))
    sql = text_of(database, field.ddl(database.get_sql_context()))
    constraints = tuple(text_of(database, node).strip() for node in field.constraints or ())
    default = None
    if not (field.default is None or computed or any(_DEFAULT.match(said) for said in constraints)):
        default = _default(database, field, type_)
        sql += f" DEFAULT {default}"
    return NewColumn(sql, field, type_, computed, default, constraints, parent)


def is_volatile(database: Database, sql: str) -> bool:
    """Tell whether SQL calls a function that gives another value every time, as far as the names tell."""
    names = [
        name.strip('"').replace('""', '"') if name.startswith('"') else name.lower()
        for name in _CALLS.findall(_TEXTS.sub("''", sql))
    ]
    if not names:
        return False
    ((count,),) = rows(database, _VOLATILE, names)
    return bool(count)


def _default(database: Database, field: Any, type_: str) -> str:
    if isinstance(field.default, Node):
        return text_of(database, field.default)
    return literal_of(database, field.db_value(field.default), plain_type(type_))


def _parent(database: Database, field: Any, schema: str | None, lenient: bool) -> TableNow | None:
    meta = field.rel_model._meta
    find = find_table if lenient else table_now
    return find(database, meta.table_name, meta.schema or schema)
