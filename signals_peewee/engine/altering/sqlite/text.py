"""What is a value, or a Peewee node, as SQL text? A statement that changes a table takes no parameters."""

from __future__ import annotations

import math
from typing import Any

from peewee import Database, Node

from ...sql_sqlite.tokens import Token, meant, tokens
from .table import rows

_CONSTANTS = ("NULL", "TRUE", "FALSE")
_MOMENTS = ("CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP")


def text_of(database: Database, node: Any) -> str:
    """Return a Peewee node, or SQL in a string, as SQL without parameters."""
    if isinstance(node, str):
        return node
    with database.get_sql_context().scope_values(subquery=True) as context:  # the field of a model is a column's name
        sql, parameters = context.sql(node).query()
    values = iter(parameters or ())
    return "".join(
        literal_of(database, next(values)) if token.kind == "variable" else token.text for token in tokens(sql)
    )


def literal_of(database: Database, value: Any) -> str:
    """Return a value as SQL, in the form in which the driver would store it.

    Raises:
        ValueError: SQL cannot say it: NaN, or a text with NUL in it.
    """
    if isinstance(value, float) and math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"a default cannot have NUL in it: {value!r}")
    if isinstance(value, Node):  # a field may give one for a plain value: json(…)
        ((value,),) = rows(database, f"SELECT {text_of(database, value)}")
    ((sql,),) = rows(database, "SELECT quote(?)", value)
    if sql == "NULL" and value is not None:
        raise ValueError(f"a default cannot be {value!r}, which SQLite takes for NULL")
    return str(sql)


def default_of(database: Database, default: Any) -> str:
    """Return what stands behind DEFAULT: a literal, or an expression in parentheses."""
    if not isinstance(default, Node):
        return literal_of(database, default)
    sql = text_of(database, default)
    words = meant(sql)
    if is_constant(sql) or (len(words) == 1 and words[0].says(*_MOMENTS)) or _enclosed(words):
        return sql
    return f"({sql})"


def is_constant(default: str) -> bool:
    """Tell whether ADD COLUMN takes a default for a constant: neither CURRENT_TIMESTAMP nor an expression."""
    words = meant(default)
    while words and words[0].says("+", "-"):
        words = words[1:]
    return len(words) == 1 and (words[0].kind in ("string", "blob", "number") or words[0].says(*_CONSTANTS))


def _enclosed(words: list[Token]) -> bool:
    """Tell whether the first parenthesis is closed by the last one."""
    depth = 0
    for position, word in enumerate(words):
        depth += (word.text == "(") - (word.text == ")")
        if not depth:
            return position == len(words) - 1 and word.text == ")"
    return False
