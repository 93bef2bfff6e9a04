"""What does SQL that somebody wrote by hand destroy, as far as its first words tell?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..statements import sqlite_statements
from .findings import Code, Finding

_WORDS = re.compile(r"\b(?:DROP|TRUNCATE|DELETE|UPDATE)\b", re.IGNORECASE)
_QUOTED_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)
_HIDDEN = re.compile(r"""(?P<kept>"(?:[^"]|"")*")|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_SQL_BODY = re.compile(r"\bBEGIN\s+ATOMIC\b", re.IGNORECASE)

_NAME = r'(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\W\d][\w$]*)'
_PATH = rf"(?P<name>{_NAME}(?:\s*\.\s*{_NAME})*)"
_NO_WHERE = r"(?!.*\bWHERE\b)"
_GOES = "goes, with what is in it"
_BATCHES = "migrator.backfill(...) goes in batches"


def _form(code: Code, pattern: str, message: str) -> tuple[Code, re.Pattern[str], str]:
    words = pattern.replace(" ", r"\s+").format(
        PATH=_PATH, NAME=_NAME, NO_WHERE=_NO_WHERE, EXISTS=r"(?:IF\s+EXISTS\s+)?"
    )
    return code, re.compile(rf"\s*{words}", re.IGNORECASE | re.DOTALL), message


_FORMS = (
    _form(
        "drop",
        r"ALTER TABLE {EXISTS}(?:ONLY )?{PATH} DROP "
        r"(?:COLUMN |CONSTRAINT )?{EXISTS}(?!NOT\b|DEFAULT\b)(?P<part>{NAME})",
        _GOES,
    ),
    _form("drop", r"DROP (?:MATERIALIZED )?\w+ (?:CONCURRENTLY )?{EXISTS}{PATH}", _GOES),
    _form("delete", r"TRUNCATE (?:TABLE )?(?:ONLY )?{PATH}", "loses every row"),
    _form("delete", r"DELETE FROM (?:ONLY )?{PATH}{NO_WHERE}", "loses every row: there is no WHERE"),
    _form("update", r"UPDATE (?:ONLY )?{PATH}{NO_WHERE} .*?\bSET\b", f"has every row changed at once; {_BATCHES}"),
)


def findings_of_sql(sql: str) -> list[Finding]:
    """Return what the statements of a text destroy: DROP, TRUNCATE, and DELETE and UPDATE without WHERE."""
    if not _WORDS.search(sql):
        return []
    return [finding for statement in _statements(sql) if (finding := _finding(statement))]


def _statements(sql: str) -> Iterator[str]:
    visible = _HIDDEN.sub(lambda match: match["kept"] or " ", _QUOTED_BODY.sub(" ", sql))
    if not _SQL_BODY.search(visible):  # the body of a function, which runs some other day
        yield from sqlite_statements(visible.replace("\0", " ").encode("utf-8", "replace").decode())


def _finding(statement: str) -> Finding | None:
    for code, pattern, message in _FORMS:
        if match := pattern.match(statement):
            names = [_plain(name) for name in re.findall(_NAME, match["name"])]
            part = match.groupdict().get("part")
            subject = names[-1] if part is None else f"{names[-1]}.{_plain(part)}"
            return Finding(code, subject, f"{subject} {message}")
    return None


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[0] in '"`[' else name
