"""What does a CREATE TABLE statement of SQLite say, and where? Read from its tokens, so that the rest can stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from .tokens import Token, quoted, same, tokens

ConstraintKind = Literal[
    "primary key", "not null", "null", "unique", "check", "default", "collate", "references", "generated", "nothing"
]


@dataclass(frozen=True)
class Constraint:
    """A constraint of a column or of the table; a DEFAULT and a COLLATE count as one.

    Attributes:
        kind: what it says.
        name: what CONSTRAINT calls it, or None.
        tokens: all that it consists of, CONSTRAINT and its name included.
        columns: those that it is about: its own column, or those in the parentheses of a key or a UNIQUE.
    """

    kind: ConstraintKind
    name: str | None
    tokens: tuple[Token, ...]
    columns: tuple[str, ...]

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    @property
    def text(self) -> str:
        """What it says, without comments, and with one blank between its words."""
        return " ".join(token.text for token in self.tokens)

    @property
    def referred(self) -> str | None:
        """The table that a foreign key refers to."""
        after = [following for token, following in pairwise(self.tokens) if token.says("REFERENCES")]
        return after[0].name if self.kind == "references" else None

    def expression(self, sql: str) -> str:
        """Return what stands in the parentheses of a CHECK that is a part of this SQL."""
        inside = [token for token in self.tokens if token.text in ("(", ")")]
        return sql[inside[0].end : inside[-1].start]


@dataclass(frozen=True)
class Item:
    """What stands between two commas: a column, or table constraints (SQLite wants no comma between those)."""

    tokens: tuple[Token, ...]
    constraints: tuple[Constraint, ...]

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end


@dataclass(frozen=True)
class ColumnItem(Item):
    """A column: its name, its type and its constraints."""

    name: str = ""
    type: tuple[Token, ...] = ()

    @property
    def type_end(self) -> int:
        """Where the type ends, or the name where there is no type."""
        return (self.type or self.tokens[:1])[-1].end


@dataclass(frozen=True)
class Definition:
    """A CREATE TABLE statement, read.

    Attributes:
        sql: the statement.
        name: the token of the table's name.
        opening, closing: the tokens of the parentheses around the columns.
        columns: the columns.
        others: what follows them: table constraints.
    """

    sql: str
    name: Token
    opening: Token
    closing: Token
    columns: tuple[ColumnItem, ...]
    others: tuple[Item, ...] = field(default=())

    @property
    def items(self) -> tuple[Item, ...]:
        return (*self.columns, *self.others)

    @property
    def constraints(self) -> list[Constraint]:
        """Those of the table, and those of every column."""
        return [constraint for item in self.items for constraint in item.constraints]

    @property
    def table_constraints(self) -> list[Constraint]:
        return [constraint for item in self.others for constraint in item.constraints]

    def column(self, name: str) -> ColumnItem:
        """Return the column of this name."""
        return next(column for column in self.columns if same(column.name, name))

    def commented(self, name: str) -> bool:
        """Tell whether a comment stands right before or after a column."""
        column = self.column(name)
        start = max((item.end for item in self.items if item.end <= column.start), default=self.opening.end)
        end = min((item.start for item in self.items if item.start >= column.end), default=self.closing.start)
        return any(token.kind == "comment" and start <= token.start < end for token in tokens(self.sql))

    def renamed(self, name: str) -> str:
        """Return the statement for a table of another name; that it may say its own name in a CHECK is seen to."""
        own = self.name.name
        body = [token for token in tokens(self.sql) if token.meant and token.start > self.opening.start]
        pieces, position = [self.sql[: self.name.start], quoted(name)], self.name.end
        for token, following in pairwise(body):
            if following.text == "." and token.kind in ("word", "quoted") and same(token.name, own):
                pieces.append(self.sql[position : token.start])
                position = following.end
        return "".join((*pieces, self.sql[position:]))
