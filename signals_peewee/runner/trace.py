"""Which statements does a step send, as somebody would read them?"""

from __future__ import annotations

import re
from typing import Any

Statement = tuple[str, tuple[Any, ...]]
"""SQL and its parameters."""

_READS = re.compile(r"\s*(SELECT|WITH|SHOW|EXPLAIN|PRAGMA(?![^=]*=))\b", re.IGNORECASE)
_AROUND = re.compile(r"\s*(SELECT|WITH|SHOW|EXPLAIN|PRAGMA|BEGIN|COMMIT|RELEASE)\b", re.IGNORECASE)
_MARKS = re.compile(r"\s*SAVEPOINT\s+([^\s;]+)", re.IGNORECASE)
_UNDOES = re.compile(r"\s*ROLLBACK(?:\s+TO(?:\s+SAVEPOINT)?\s+([^\s;]+))?", re.IGNORECASE)


def only_reads(sql: str) -> bool:
    """Tell whether a statement changes nothing, as far as its first word tells."""
    return _READS.match(sql) is not None


def changes_something(sql: str) -> bool:
    """Tell whether a statement of an operation, which also marks where it would go back to, changes something."""
    return not any(pattern.match(sql) for pattern in (_AROUND, _MARKS, _UNDOES))


class Trace:
    """The statements of one step: its own as they were sent, those of its operations as far as they change something.

    Attributes:
        statements: what was sent.
    """

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._marks: dict[str, int] = {}

    def add(self, sql: str, parameters: Any) -> None:
        """Add a statement of the step's own."""
        self.statements.append((sql, tuple(parameters or ())))

    def add_from_operation(self, sql: str, parameters: Any) -> None:
        """Add a statement of an operation, which also looks around, and tries things out that it takes back."""
        if match := _MARKS.match(sql):
            self._marks[match[1]] = len(self.statements)
        elif match := _UNDOES.match(sql):
            del self.statements[self._marks.get(match[1], len(self.statements)) :]
        elif changes_something(sql):
            self.add(sql, parameters)

    def clear(self) -> None:
        """Forget a try that was rolled back."""
        self.statements.clear()
