"""When do two pieces of SQLite's SQL say the same?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .tokens import Token, folded, meant

_SAME = {"!=": "<>", "==": "=", "isnull": "is null", "notnull": "is not null"}


def canonical(sql: str) -> str:
    """Return a form that does not depend on blanks, comments, case, quoting or needless outer parentheses."""
    return " ".join(_words(bare(meant(sql))))


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
    raise ValueError("a parenthesis is not closed")


def split(of: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield what stands between the commas that are in no parentheses."""
    depth = start = 0
    for place, token in enumerate(of):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            yield of[start:place]
            start = place + 1
    yield of[start:]


def _words(of: Sequence[Token]) -> Iterator[str]:
    for token in of:
        if token.kind in ("string", "blob"):
            yield token.text
        elif token.kind == "quoted":
            name = folded(token.name or "")
            yield name if re.fullmatch(r"[a-z_]\w*", name) else f'"{name}"'
        else:
            yield _SAME.get(folded(token.text), folded(token.text))
