"""What does CREATE INDEX say that SQLite's pragmas do not?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..sql_sqlite.canonical import closing, split
from ..sql_sqlite.tokens import Token, folded, meant
from .shapes import Index, IndexPart


class ColumnOfIndex(NamedTuple):
    """A row of index_xinfo; `name` is None for an expression."""

    cid: int
    name: str | None
    descending: int
    collation: str | None


def index_of(
    name: str, sql: str, unique: bool, columns: Sequence[ColumnOfIndex], collations: Mapping[str, str]
) -> Index:
    """Return an index that CREATE INDEX made.

    Args:
        name: its name.
        sql: the text of sqlite_schema.
        unique: it refuses doubles.
        columns: what index_xinfo says.
        collations: of the table's columns, whose names are folded.
    """
    of = meant(sql)
    opening = next(place for place, token in enumerate(of) if token.text == "(")
    end = closing(of, opening)
    texts = [_expression(sql, part) for part in split(of[opening + 1 : end])]
    return Index(
        name,
        tuple(_part(column, text, collations) for column, text in zip(columns, texts, strict=True)),
        unique=unique,
        predicate=sql[of[end + 2].start : of[-1].end] if of[end + 2 :] else None,
    )


def _part(column: ColumnOfIndex, text: str, collations: Mapping[str, str]) -> IndexPart:
    own = collations.get(folded(column.name or ""), "BINARY").upper()
    collation = (column.collation or "BINARY").upper()
    return IndexPart(
        text if column.name is None else column.name,
        expression=column.name is None,
        descending=bool(column.descending),
        collation=None if collation == own else collation,
    )


def _expression(sql: str, of: Sequence[Token]) -> str:
    """Return the text of a part without its order and collation."""
    end = len(of)
    if of[end - 1].says("ASC", "DESC"):
        end -= 1
    if end > 2 and of[end - 2].says("COLLATE"):
        end -= 2
    return sql[of[0].start : of[end - 1].end]
