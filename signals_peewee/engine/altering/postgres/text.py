"""What is a value, or a Peewee node, as SQL text for Postgres? A statement that changes a table takes no parameters.

Everything here is text as the drivers read it: a percent sign is doubled.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from peewee import Database, Node

from .table import rows

_PERCENT = re.compile(r"%(?:%|s|)")
_LENGTH = re.compile(r"\s*\([^)]*\)")
_WITHOUT_LENGTH = {"CHAR": "BPCHAR", "CHARACTER": "BPCHAR", "BIT": "VARBIT"}
_COUNTING = {"SERIAL": "INTEGER", "BIGSERIAL": "BIGINT", "SMALLSERIAL": "SMALLINT"}
_LITERAL = "SELECT quote_literal(v::text), pg_typeof(v)::text FROM (SELECT %s AS v) s"


def text_of(database: Database, node: Any) -> str:
    """Return a Peewee node, or SQL in a string, as SQL without parameters; the field of a model is a column's name."""
    if isinstance(node, str):
        return doubled(node)
    with database.get_sql_context().scope_values(subquery=True) as context:
        sql, parameters = context.sql(node).query()
    values = iter(parameters or ())
    return _PERCENT.sub(lambda match: _put(database, match[0], values) if parameters else _kept(match[0]), sql)


def doubled(sql: str) -> str:
    """Return SQL without parameters as a driver reads it; a percent sign may be doubled already, as Peewee wants it."""
    return _PERCENT.sub(lambda match: _kept(match[0]), sql)


def literal_of(database: Database, value: Any, type_: str) -> str:
    """Return a value of a column as SQL: a literal without a type, which every context gives the column's.

    Args:
        database: where the column is.
        value: as the field's `db_value` gives it.
        type_: the column's type without length or precision: a cast to those would cut the value.
    """
    if value is None:
        return "NULL"
    if isinstance(value, Node):
        ((sql,),) = rows(database, f"SELECT quote_literal(CAST({text_of(database, value)} AS {type_})::text)")
    else:
        if isinstance(value, (dict, list)) and type_.lower() in ("json", "jsonb"):
            value = json.dumps(value)
        ((sql,),) = rows(database, f"SELECT quote_literal(CAST(%s AS {type_})::text)", value)
    return str(sql).replace("%", "%%")


def default_of(database: Database, default: Any, type_: str) -> str:
    """Return what stands behind DEFAULT: a literal, or the SQL of a node."""
    return text_of(database, default) if isinstance(default, Node) else literal_of(database, default, type_)


def plain_type(type_: str) -> str:
    """Return a type without its length or precision, which a cast to it would apply, and without its sequence."""
    bare = _LENGTH.sub("", type_).strip()
    return _WITHOUT_LENGTH.get(bare.upper()) or not_counting(bare)


def not_counting(type_: str) -> str:
    """Return the type of a column that is declared as a serial."""
    return _COUNTING.get(type_.upper(), type_)


def _put(database: Database, found: str, values: Any) -> str:
    return _free_literal(database, next(values)) if found == "%s" else _kept(found)


def _kept(found: str) -> str:
    return found if found == "%%" else found.replace("%", "%%", 1)


def _free_literal(database: Database, value: Any) -> str:
    """Return a value that stands anywhere in an expression."""
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite()):
        return f"({value})" if value < 0 else str(value)
    ((sql, type_),) = rows(database, _LITERAL, value)
    literal = str(sql).replace("%", "%%")
    return literal if type_ in ("text", "unknown") else f"{literal}::{type_}"
