"""Which statement was it that failed, and did the database end the transaction because of it?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Database


class Failures:
    """The statements that raised an error in this thread, with their errors.

    Args:
        inside: tells whether a transaction is open.

    Attributes:
        ended_by: the error for which the database itself rolled the transaction back, as SQLite does where its disk is
            full, or made it one that can only be rolled back, as Postgres does; None where it did not, or something ran
            after that.
    """

    def __init__(self, inside: Callable[[], bool]) -> None:
        self.ended_by: BaseException | None = None
        self._thread = threading.get_ident()
        self._failed: list[tuple[BaseException, str]] = []
        self._inside = inside
        self._was_inside = False

    def __call__(self, event: Any) -> None:
        """Hear of a statement; Peewee calls this for each one, in whichever thread it ran."""
        if threading.get_ident() != self._thread:
            return
        inside = self._inside()
        if event.exception is not None:
            self._failed.append((event.exception, event.sql))
        if inside or event.exception is None:
            self.ended_by = None
        elif self._was_inside:
            self.ended_by = event.exception
        self._was_inside = inside

    def behind(self, error: BaseException | None) -> str | None:
        """Return the statement from which `error` came, or None where it came from no statement."""
        found = self._found(error)
        return found and found[1]

    def comes_after_the_end(self, error: BaseException) -> bool:
        """Tell whether `error` comes from a statement that failed because another one had ended the transaction."""
        found = self._found(error)
        return self.ended_by is not None and found is not None and found[0] is not self.ended_by

    def _found(self, error: BaseException | None) -> tuple[BaseException, str] | None:
        while error is not None:
            for failed in self._failed:
                if failed[0] is error:
                    return failed
            error = error.__cause__ or error.__context__
        return None

    def first(self) -> tuple[BaseException, str] | None:
        """Return the first one and its error."""
        return self._failed[0] if self._failed else None


@contextmanager
def watched(database: Database, inside: Callable[[], bool]) -> Iterator[Failures]:
    """Listen to a database for the length of the block.

    Args:
        database: the database.
        inside: tells whether a transaction is open.
    """
    failures = Failures(inside)
    database.query_hooks.append(failures)
    try:
        yield failures
    finally:
        database.query_hooks.remove(failures)
