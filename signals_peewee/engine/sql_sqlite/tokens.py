"""What are the words of a piece of SQLite's SQL? All of it, so that the texts put together are the piece again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["space", "comment", "word", "quoted", "string", "blob", "number", "variable", "operator"]

# As in SQLite's own tokenizer: \v is no space, and every character beyond ASCII may be part of a name.
_TOKEN = re.compile(
    r"""
    (?P<space>   [ \t\n\f\r\ufeff]+ )
  | (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<string>  '(?:[^']|'')*' )
  | (?P<quoted>  "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
  | (?P<blob>    [xX]'[0-9A-Fa-f]*' )
  | (?P<number>  0[xX][0-9A-Fa-f_]+ | (?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)? )
  | (?P<word>    [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
  | (?P<variable>\?[0-9]* | [:@$\#][A-Za-z0-9_$:]+ )
  | (?P<operator>->> | -> | \|\| | << | >> | <= | >= | == | != | <> | [-+*/%(),.;=<>&|~!] )
    """,
    re.DOTALL | re.VERBOSE,
)
_QUOTES = {'"': '"', "`": "`", "[": "]", "'": "'"}
_LOWER = str.maketrans({upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)})


@dataclass(frozen=True)
class Token:
    """A word, with where it begins and ends in the text."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def meant(self) -> bool:
        """It is neither white space nor a comment."""
        return self.kind not in ("space", "comment")

    @property
    def name(self) -> str | None:
        """The name that it is, without its quotes, or None; 'x' is one too where SQLite wants a name."""
        if self.kind == "word":
            return self.text
        if self.kind not in ("quoted", "string"):
            return None
        closing = _QUOTES[self.text[0]]
        return self.text[1:-1] if closing == "]" else self.text[1:-1].replace(closing * 2, closing)

    def says(self, *keywords: str) -> bool:
        """Tell whether it is one of these keywords or operators, given in upper case; a quoted name never is."""
        return self.kind in ("word", "operator") and self.text.upper() in keywords


def tokens(sql: str) -> Iterator[Token]:
    """Yield every token of some SQL.

    Raises:
        ValueError: something in it is no token of SQLite.
    """
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            raise ValueError(f"no token of SQLite begins at {sql[position : position + 20]!r}")
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        yield Token(kind, match[0], position, match.end())
        position = match.end()


def meant(sql: str) -> list[Token]:
    """Return the tokens of some SQL without white space and comments."""
    return [token for token in tokens(sql) if token.meant]


def folded(name: str) -> str:
    """Return a name as SQLite compares it: without the case of its ASCII letters."""
    return name.translate(_LOWER)


def same(one: str | None, other: str | None) -> bool:
    """Tell whether two names are one to SQLite."""
    return one is not None and other is not None and folded(one) == folded(other)


def names(sql_tokens: Iterable[Token]) -> set[str]:
    """Return everything that may be a name in some SQL, folded; 'x' may be none."""
    return {folded(token.name) for token in sql_tokens if token.kind in ("word", "quoted") and token.name is not None}


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
