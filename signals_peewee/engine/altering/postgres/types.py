"""Which values of a Postgres type are, byte for byte, values of another one?"""

from __future__ import annotations

import re

from peewee import Database

from .table import ColumnNow, rows
from .text import plain_type

# What Postgres itself asks: https://www.postgresql.org/docs/current/sql-altertable.html
_CASTS = """
SELECT a.oid = b.oid, EXISTS (SELECT FROM pg_cast WHERE castsource = a.oid AND casttarget = b.oid AND castmethod = 'b')
FROM (SELECT %s::regtype::oid) AS a (oid), (SELECT %s::regtype::oid) AS b (oid)
"""
_PADDED = ("bpchar", "bit")
_MODIFIERS = re.compile(r"\(([\d\s,]+)\)")


def is_kept(database: Database, column: ColumnNow, type_: str) -> bool:
    """Tell whether a column gets another type without its rows being written again.

    Args:
        database: where the column is.
        column: the column.
        type_: its new type, with its length or precision.
    """
    ((same, coercible),) = rows(database, _CASTS, column.plain, plain_type(type_))
    before, after = _modifiers(column.type), _modifiers(type_)
    if not same:
        return bool(coercible) and not after
    if before == after:
        return True
    if column.plain in _PADDED:
        return False
    return not after or (bool(before) and after[0] >= before[0] and after[1:] == before[1:])


def _modifiers(type_: str) -> tuple[int, ...]:
    """Return length or precision: of "numeric(10,2)" (10, 2), and of "numeric(10)" (10, 0)."""
    found = _MODIFIERS.search(type_)
    numbers = tuple(int(number) for number in found[1].split(",")) if found else ()
    return (*numbers, 0) if len(numbers) == 1 and type_.lower().startswith(("numeric", "decimal")) else numbers
