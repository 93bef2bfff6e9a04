"""What does CREATE TABLE say that SQLite's pragmas do not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .shapes import Check, ForeignKey
from .sqlite_text import Token, bare, closing, split, tokens

_OF_TABLE = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_OF_COLUMN = frozenset({"NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"}) | _OF_TABLE


@dataclass
class Created:
    """What was read; names of columns are in lower case, as SQLite does not tell them apart by case.

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
    """Return what the text of sqlite_schema says of a table."""
    read, of = _Reading(sql), tokens(sql)
    opening = next((place for place, token in enumerate(of) if token.text == "("), None)
    if opening is None:
        return read.result
    end = closing(of, opening)
    for part in split(of[opening + 1 : end]):
        if part[0].keyword in _OF_TABLE:
            read.constraints(part, ())
        else:
            read.constraints(part[1:], (part[0].name,))
    after = {token.keyword for token in of[end + 1 :]}
    read.result.options |= {"STRICT"} & after | ({"WITHOUT ROWID"} if "ROWID" in after else set())
    return read.result


class _Reading:
    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.result = Created()

    def constraints(self, of: Sequence[Token], column: tuple[str, ...]) -> None:
        """Read the constraints of a column, or those of the table, where `column` is empty."""
        begins = _OF_COLUMN if column else _OF_TABLE
        name: str | None = None
        place = 0
        while place < len(of):
            if of[place].text == "(":
                place = closing(of, place) + 1  # of the type
            elif of[place].keyword == "CONSTRAINT":
                name, place = of[place + 1].name, place + 2
            elif of[place].keyword in begins:
                end = _end(of, place, begins)
                self._constraint(of[place:end], name, column)
                name, place = None, end
            else:
                place += 1

    def _constraint(self, of: Sequence[Token], name: str | None, column: tuple[str, ...]) -> None:
        result, word = self.result, of[0].keyword
        inside = self._parenthesis(of)
        if word == "CHECK":
            result.checks.append(Check(self._text(bare(inside)), name))
        elif word == "PRIMARY":
            result.primary_key = name
            if any(token.keyword == "AUTOINCREMENT" for token in of):
                result.options.add("AUTOINCREMENT")
        elif word == "UNIQUE":
            columns = column or tuple(part[0].name for part in split(inside))
            result.uniques[tuple(name.lower() for name in columns)] = name
        elif word == "COLLATE":
            result.collations[column[0].lower()] = of[1].name
        elif word in ("GENERATED", "AS"):
            result.generated[column[0].lower()] = self._text(bare(inside))
        elif word in ("REFERENCES", "FOREIGN"):
            columns = column or tuple(part[0].name for part in split(inside))
            result.foreign_keys.append(_foreign_key(of, columns, name))

    def _parenthesis(self, of: Sequence[Token]) -> Sequence[Token]:
        opening = next((place for place, token in enumerate(of) if token.text == "("), None)
        return () if opening is None else of[opening + 1 : closing(of, opening)]

    def _text(self, of: Sequence[Token]) -> str:
        return self.sql[of[0].start : of[-1].end] if of else ""


def _end(of: Sequence[Token], start: int, begins: frozenset[str]) -> int:
    """Return where the constraint that begins at `start` ends; a comma is not needed between two of them."""
    place = start + 1
    while place < len(of):
        if of[place].text == "(":
            place = closing(of, place)
        elif of[place].keyword in begins and not _inside(of[start].keyword, of, start, place):
            return place
        place += 1
    return place


def _inside(begun: str, of: Sequence[Token], start: int, place: int) -> bool:
    """Tell whether a word that may begin a constraint goes on with the one that is begun."""
    word, before = of[place].keyword, of[place - 1].keyword
    if begun == "NOT":
        return place == start + 1 and word == "NULL"
    if begun == "DEFAULT":
        return place == start + 1  # DEFAULT NULL
    if begun == "REFERENCES":
        return (word in ("NULL", "DEFAULT") and before == "SET") or (
            word == "NOT" and _keyword(of, place + 1) == "DEFERRABLE"
        )
    return begun == "GENERATED" and word == "AS"


def _keyword(of: Sequence[Token], place: int) -> str:
    return of[place].keyword if place < len(of) else ""


def _foreign_key(of: Sequence[Token], columns: tuple[str, ...], name: str | None) -> ForeignKey:
    place = next(place for place, token in enumerate(of) if token.keyword == "REFERENCES")
    table, rest = of[place + 1].name, of[place + 2 :]
    referred: tuple[str, ...] = ()
    if rest and rest[0].text == "(":
        end = closing(rest, 0)
        referred, rest = tuple(part[0].name for part in split(rest[1:end])), rest[end + 1 :]
    words = " ".join(token.keyword for token in rest)
    return ForeignKey(
        columns,
        table,
        referred,
        name=name,
        on_delete=_action(words, "DELETE"),
        on_update=_action(words, "UPDATE"),
        deferrable=_deferrable(words),
    )


def _action(words: str, event: str) -> str:
    _, _, after = words.rpartition(f"ON {event} ")
    actions = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")
    return next((action for action in actions if after.startswith(action)), "NO ACTION")


def _deferrable(words: str) -> str | None:
    if "DEFERRABLE" not in words or "NOT DEFERRABLE" in words:
        return None
    return "DEFERRABLE INITIALLY DEFERRED" if "INITIALLY DEFERRED" in words else "DEFERRABLE"
