"""What does CREATE TABLE say that SQLite's pragmas do not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..sql_sqlite.canonical import bare, closing, split
from ..sql_sqlite.definition import Constraint
from ..sql_sqlite.reading import definition
from ..sql_sqlite.tokens import Token, folded, meant
from .shapes import Check, ForeignKey

_ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")


@dataclass
class Created:
    """What was read; names of columns are folded.

    Attributes:
        primary_key: the name of that constraint, or None.
        uniques: for the columns of each UNIQUE, the name of the constraint, or None.
        checks: every CHECK, in their order.
        foreign_keys: every key, in their order, without its columns where those of the other table's key are meant.
        collations: of columns.
        generated: of columns, their expression.
        options: STRICT, WITHOUT ROWID and AUTOINCREMENT.
    """

    primary_key: str | None = None
    uniques: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)


def created(sql: str) -> Created:
    """Return what the text of sqlite_schema says of a table.

    Raises:
        ValueError: it is not understood.
    """
    read, result = definition(sql), Created()
    for column in read.columns:
        for constraint in column.constraints:
            _take(result, sql, constraint, folded(column.name))
    for constraint in read.table_constraints:
        _take(result, sql, constraint, "")
    after = [token for token in meant(sql) if token.start > read.closing.start]
    result.options |= {"STRICT"} & {token.text.upper() for token in after}
    if any(token.says("WITHOUT") for token in after):
        result.options.add("WITHOUT ROWID")
    return result


def _take(result: Created, sql: str, constraint: Constraint, column: str) -> None:
    kind, of = constraint.kind, constraint.tokens[2 if constraint.tokens[0].says("CONSTRAINT") else 0 :]
    if kind == "check":
        result.checks.append(Check(_inside(sql, of), constraint.name))
    elif kind == "primary key":
        result.primary_key = constraint.name
        if any(token.says("AUTOINCREMENT") for token in of):
            result.options.add("AUTOINCREMENT")
    elif kind == "unique":
        result.uniques[tuple(map(folded, constraint.columns))] = constraint.name
    elif kind == "collate":
        result.collations[column] = of[1].name or ""
    elif kind == "generated":
        result.generated[column] = _inside(sql, of)
    elif kind == "references":
        result.foreign_keys.append(_foreign_key(of, constraint))


def _inside(sql: str, of: Sequence[Token]) -> str:
    """Return the text of the first parenthesis, without those that stand around the whole of it again."""
    opening = next(place for place, token in enumerate(of) if token.text == "(")
    inside = bare(of[opening : closing(of, opening) + 1])
    return sql[inside[0].start : inside[-1].end]


def _foreign_key(of: Sequence[Token], constraint: Constraint) -> ForeignKey:
    place = next(place for place, token in enumerate(of) if token.says("REFERENCES"))
    rest = of[place + 2 :]
    referred: tuple[str, ...] = ()
    if rest and rest[0].text == "(":
        end = closing(rest, 0)
        referred, rest = tuple(part[0].name or "" for part in split(rest[1:end])), rest[end + 1 :]
    words = " ".join(token.text.upper() for token in rest)
    return ForeignKey(
        constraint.columns,
        of[place + 1].name or "",
        referred,
        name=constraint.name,
        on_delete=_action(words, "DELETE"),
        on_update=_action(words, "UPDATE"),
        deferrable=_deferrable(words),
    )


def _action(words: str, event: str) -> str:
    _, _, after = words.rpartition(f"ON {event} ")
    return next((action for action in _ACTIONS if after.startswith(action)), "NO ACTION")


def _deferrable(words: str) -> str | None:
    if "DEFERRABLE" not in words or "NOT DEFERRABLE" in words:
        return None
    return "DEFERRABLE INITIALLY DEFERRED" if "INITIALLY DEFERRED" in words else "DEFERRABLE"
