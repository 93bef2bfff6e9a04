"""How is a CREATE TABLE statement of SQLite read?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from .definition import ColumnItem, Constraint, ConstraintKind, Definition, Item
from .tokens import Token, tokens

_TYPE_ENDS = (
    "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "AS",
    "DEFERRABLE", "ON",
)  # fmt: skip
_TABLE_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")

Said = tuple[ConstraintKind, tuple[str, ...]]
"""The kind of a constraint, and the columns that it names."""


def definition(sql: str) -> Definition:
    """Read the CREATE TABLE statement that sqlite_schema holds for a table.

    Raises:
        ValueError: it is none, or none that this understands.
    """
    reader = _Reader([token for token in tokens(sql) if token.meant])
    reader.expect("CREATE")
    reader.expect("TABLE")
    name = reader.take()
    opening = reader.expect("(")
    columns: list[ColumnItem] = []
    others: list[Item] = []
    while True:
        if reader.next().says(*_TABLE_CONSTRAINTS):
            others.append(reader.table_constraints())
        else:
            columns.append(reader.column())
        if reader.next().text == ")":
            return Definition(sql, name, opening, reader.take(), tuple(columns), tuple(others))
        reader.expect(",")


class _Reader:
    def __init__(self, meant: Sequence[Token]) -> None:
        self._tokens = meant
        self._at = 0

    def next(self, ahead: int = 0) -> Token:
        if self._at + ahead >= len(self._tokens):
            raise ValueError("the CREATE TABLE statement ends too early")
        return self._tokens[self._at + ahead]

    def take(self) -> Token:
        token = self.next()
        self._at += 1
        return token

    def expect(self, *words: str) -> Token:
        token = self.take()
        if not token.says(*words):
            raise ValueError(f"the CREATE TABLE statement has {token.text!r} where {' or '.join(words)} was expected")
        return token

    def accept(self, *words: str) -> bool:
        """Take the next tokens if they are these words."""
        found = all(self.next(ahead).says(word) for ahead, word in enumerate(words))
        self._at += len(words) if found else 0
        return found

    def group(self) -> list[Token]:
        """Take a pair of parentheses, and return what is between them."""
        start, depth = self._at, 0
        while True:
            token = self.take()
            depth += (token.text == "(") - (token.text == ")")
            if not depth:
                if start + 1 == self._at:
                    raise ValueError(f"the CREATE TABLE statement has {token.text!r} where ( was expected")
                return list(self._tokens[start + 1 : self._at - 1])

    def taken(self, start: int) -> tuple[Token, ...]:
        return tuple(self._tokens[start : self._at])

    def column(self) -> ColumnItem:
        start = self._at
        name = self.take().name
        if name is None:
            raise ValueError(f"the CREATE TABLE statement has {self.next(-1).text!r} where a name was expected")
        type_ = self._type()
        found: list[Constraint] = []
        while self.next().text not in (",", ")"):
            found.append(self._constraint(name))
        return ColumnItem(self.taken(start), tuple(found), name, type_)

    def _type(self) -> tuple[Token, ...]:
        start = self._at
        while self.next().name is not None and not self._type_ends():
            self.take()
        if start != self._at and self.next().text == "(":
            self.group()
        return self.taken(start)

    def _type_ends(self) -> bool:
        word = self.next()
        return word.says(*_TYPE_ENDS) or (word.says("GENERATED") and self.next(1).says("ALWAYS"))

    def table_constraints(self) -> Item:
        start = self._at
        found: list[Constraint] = []
        while self.next().text not in (",", ")"):
            found.append(self._constraint(None))
        return Item(self.taken(start), tuple(found))

    def _constraint(self, column: str | None) -> Constraint:
        start = self._at
        name = self.take().name if self.accept("CONSTRAINT") else None
        if self.next().text in (",", ")") or self.next().says("CONSTRAINT"):
            return Constraint("nothing", name, self.taken(start), ())  # SQLite reads a name of nothing, and forgets it
        columns = () if column is None else (column,)
        kind, about = self._said()
        return Constraint(kind, name, self.taken(start), columns or about)

    def _said(self) -> Said:
        word = self.expect(*_SAID).text.upper()
        return _SAID[word](self)

    def _primary(self) -> Said:
        self.expect("KEY")
        columns = self._names()
        if not self.accept("ASC"):
            self.accept("DESC")
        self._conflict()
        self.accept("AUTOINCREMENT")
        return "primary key", columns

    def _unique(self) -> Said:
        columns = self._names()
        self._conflict()
        return "unique", columns

    def _not(self) -> Said:
        self.expect("NULL")
        self._conflict()
        return "not null", ()

    def _null(self) -> Said:
        self._conflict()
        return "null", ()

    def _check(self) -> Said:
        self.group()
        self._conflict()
        return "check", ()

    def _default(self) -> Said:
        if self.next().text == "(":
            self.group()
        else:
            while self.next().says("+", "-"):
                self.take()
            self.take()
        return "default", ()

    def _collate(self) -> Said:
        self.take()
        return "collate", ()

    def _references(self) -> Said:
        self.take()
        self._names()
        while self.next().says("ON", "MATCH"):
            matching = self.take().says("MATCH")
            if not matching:
                self.take()  # DELETE or UPDATE
            if self.next().says("SET", "NO") and not matching:
                self.take()
            self.take()
        if self.next().says("DEFERRABLE") or (self.next().says("NOT") and self.next(1).says("DEFERRABLE")):
            self.accept("NOT")
            self.expect("DEFERRABLE")
            if self.accept("INITIALLY"):
                self.expect("DEFERRED", "IMMEDIATE")
        return "references", ()

    def _foreign(self) -> Said:
        self.expect("KEY")
        columns = self._names()
        self.expect("REFERENCES")
        self._references()
        return "references", columns

    def _generated(self) -> Said:
        self.expect("ALWAYS")
        self.expect("AS")
        return self._as()

    def _as(self) -> Said:
        self.group()
        if not self.accept("VIRTUAL"):
            self.accept("STORED")
        return "generated", ()

    def _conflict(self) -> None:
        if self.accept("ON", "CONFLICT"):
            self.take()

    def _names(self) -> tuple[str, ...]:
        """Take the columns in parentheses, if there are any, and return their names without order and collation."""
        if self.next().text != "(":
            return ()
        found, first, depth = [], True, 0
        for token in self.group():
            if first and token.name is not None:
                found.append(token.name)
            depth += (token.text == "(") - (token.text == ")")
            first = token.text == "," and not depth
        return tuple(found)


_SAID: Mapping[str, Callable[[_Reader], Said]] = MappingProxyType(
    {
        "PRIMARY": _Reader._primary,
        "NOT": _Reader._not,
        "NULL": _Reader._null,
        "UNIQUE": _Reader._unique,
        "CHECK": _Reader._check,
        "DEFAULT": _Reader._default,
        "COLLATE": _Reader._collate,
        "REFERENCES": _Reader._references,
        "GENERATED": _Reader._generated,
        "AS": _Reader._as,
        "FOREIGN": _Reader._foreign,
    }
)
