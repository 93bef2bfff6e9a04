"""What surrounds every call: a bounded retry, and an error of ours instead of a driver's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from time import monotonic
from typing import Any, TypeVar, cast

from peewee import InterfaceError, PeeweeException

from ..engine import Engine
from ..engine.waiting import pauses
from ..errors import DatabaseUnavailable

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")
RETRY_FOR = 5.0
"""Seconds; as long as a store of its own waits for a busy SQLite file, so that a wait is not repeated."""
_REMEDY = "Put each request into `with database.connection_context()`, or let the pool wait: timeout=…"


def attempt(engine: Engine, call: Callable[[], R]) -> R:
    """Make a call, and for five seconds make it again where the database says that it lost a race.

    A row that somebody inserted after it was looked for is a lost race too: the call that is made again finds it.
    Inside the host's own transaction it is made once: only the host can repeat the whole of it.

    Raises:
        SignalsError: what a driver's error means, where that is known.
    """
    alone, begun, tries = not engine.database.in_transaction(), monotonic(), pauses(RETRY_FOR)
    while True:
        try:
            return call()
        except PeeweeException as error:  # noqa: PERF203 - a lost race is the reason for the loop
            lost = engine.is_transient(error) or engine.is_duplicate(error)
            lost = alone and lost and monotonic() - begun < RETRY_FOR
            if lost and next(tries, None) is not None:
                continue
            if alone and engine.owned and not engine.database.is_connection_usable():
                engine.database.close()  # the next call opens another
            if isinstance(error, InterfaceError) and "not opened" in str(error):
                raise DatabaseUnavailable(
                    f"this thread has no connection, and autoconnect is off. {_REMEDY}"
                ) from error
            if (known := engine.explain(error)) is not None:
                raise known from error
            raise
        except ValueError as error:
            if _is_dry(error):
                raise DatabaseUnavailable(f"the pool of connections: {error} {_REMEDY}") from error
            raise


def _is_dry(error: ValueError) -> bool:
    pool = sys.modules.get("playhouse.pool")  # where nobody imported it, nobody has a pool
    return pool is not None and isinstance(error, pool.MaxConnectionsExceeded)


def operation(method: F) -> F:
    """Decorate a public method of a room or a store, which holds its `engine`, with `attempt`.

    An iterator among its arguments is read before: a call that is made again would find it empty.
    """

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args:
            args = tuple([list(each) if hasattr(each, "__next__") else each for each in args])
        for name, each in kwargs.items():
            if hasattr(each, "__next__"):
                kwargs[name] = list(each)
        return attempt(self.engine, partial(method, self, *args, **kwargs))

    return cast("F", call)
