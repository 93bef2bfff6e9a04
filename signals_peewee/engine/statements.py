"""Where does one SQL statement of a script end, and does it end the transaction?"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|;)*", re.DOTALL)
_OPAQUE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/""", re.DOTALL | re.VERBOSE
)
_ENDS = re.compile(
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ABORT|ROLLBACK(?!\s+(\w+\s+)?TO\b)|PREPARE\s+TRANSACTION)\b", re.IGNORECASE
)
_SQL_BODY = re.compile(r"\bBEGIN\s+ATOMIC\b", re.IGNORECASE)


def sqlite_statements(script: str) -> Iterator[str]:
    """Yield the statements of a script for SQLite one by one, triggers whole."""
    statement = ""
    for piece in re.split(r"(?<=;)", script):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if _BLANK.sub("", statement, count=1):
        yield statement.strip()


def ending(statement: str) -> str | None:
    """Return what one statement begins with, where that ends a transaction or begins another, and None otherwise."""
    match = _ENDS.match(_BLANK.sub("", statement, count=1))
    return match[0].upper() if match else None


def ending_in(script: str) -> str | None:
    """Return the same for the first such statement of a script for Postgres."""
    visible = _OPAQUE.sub(" ", script)
    if _SQL_BODY.search(visible):  # CREATE FUNCTION … BEGIN ATOMIC …; END
        return None
    return next((word for statement in visible.split(";") if (word := ending(statement))), None)
