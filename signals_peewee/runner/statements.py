"""Which statement was it that failed?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Database


class Failures:
    """The statements that raised an error in this thread, with their errors."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._failed: list[tuple[BaseException, str]] = []

    def __call__(self, event: Any) -> None:
        """Hear of a statement; Peewee calls this for each one, in whichever thread it ran."""
        if event.exception is not None and threading.get_ident() == self._thread:
            self._failed.append((event.exception, event.sql))

    def behind(self, error: BaseException | None) -> str | None:
        """Return the statement from which `error` came, or None where it came from no statement."""
        while error is not None:
            for failed, sql in self._failed:
                if failed is error:
                    return sql
            error = error.__cause__ or error.__context__
        return None

    def first(self) -> tuple[BaseException, str] | None:
        """Return the first one and its error."""
        return self._failed[0] if self._failed else None


@contextmanager
def watched(database: Database) -> Iterator[Failures]:
    """Listen to a database for the length of the block."""
    failures = Failures()
    database.query_hooks.append(failures)
    try:
        yield failures
    finally:
        database.query_hooks.remove(failures)
