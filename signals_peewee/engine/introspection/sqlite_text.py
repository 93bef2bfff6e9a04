"""What stands in a CREATE statement of SQLite, token by token?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|$))
      | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<string>[xX]?'(?:[^']|'')*')
      | (?P<number>0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
      | (?P<word>[^\W\d][\w$]*|[^\x00-\x7f]+)
      | (?P<sign>\|\||->>?|<[<=>]?|>[>=]?|==?|!=|.)""",
    re.DOTALL | re.VERBOSE,
)
_SAME = {"!=": "<>", "==": "="}
_ALIASES = {"isnull": "is null", "notnull": "is not null"}


class Token(NamedTuple):
    """A piece of SQL; `kind` is name (a quoted one), string, number, word or sign."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word in capitals; a quoted name is no keyword."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """What it names."""
        if self.kind == "name":
            quote = self.text[-1]
            return self.text[1:-1] if quote == "]" else self.text[1:-1].replace(quote * 2, quote)
        if self.kind == "string":
            return self.text[1:-1].replace("''", "'")
        return self.text


def tokens(sql: str) -> list[Token]:
    """Return the tokens of a text, without blanks and comments."""
    found = ((str(match.lastgroup), match) for match in _TOKEN.finditer(sql))
    return [Token(kind, match[0], *match.span()) for kind, match in found if kind != "blank"]


def canonical(sql: str) -> str:
    """Return a form that does not depend on blanks, comments, case, quoting or needless outer parentheses."""
    return " ".join(_canonical(bare(tokens(sql))))


def bare(of: Sequence[Token]) -> Sequence[Token]:
    """Return an expression without the parentheses around the whole of it."""
    while len(of) > 1 and of[0].text == "(" and closing(of, 0) == len(of) - 1:
        of = of[1:-1]
    return of


def closing(of: Sequence[Token], opening: int) -> int:
    """Return the place of the parenthesis that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(of)):
        depth += {"(": 1, ")": -1}.get(of[place].text, 0)
        if depth == 0:
            return place
    return len(of) - 1


def split(of: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield what stands between the commas that are in no parentheses."""
    depth = start = 0
    for place, token in enumerate(of):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            yield of[start:place]
            start = place + 1
    yield of[start:]


def _canonical(of: Sequence[Token]) -> Iterator[str]:
    for token in of:
        if token.kind == "string":
            yield token.text
        elif token.kind == "name":
            plain = token.name.lower()
            yield plain if re.fullmatch(r"[a-z_]\w*", plain) else f'"{plain}"'
        else:
            text = token.text.lower()
            yield _ALIASES.get(text) or _SAME.get(text, text)
