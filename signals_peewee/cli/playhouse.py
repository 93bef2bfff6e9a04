"""Which steps has playhouse.migrations applied that this history does not know of, and how is that taken over?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable

from peewee import Database

from ..runner.adopting import applied_by_playhouse
from .advice import command

_NAMED = 5


def adoption_advised(text: str, names: Iterable[str], database: Database, flags: Namespace) -> str | None:
    """Return what is to be done where playhouse.migrations has applied some of a source's steps; else None.

    Args:
        text: what stands after --source.
        names: of the steps that are pending, where the history has no step of their source.
        database: where both histories are.
        flags: those of the command line.
    """
    pending = set(names)
    applied = [name for name in applied_by_playhouse(database, flags.schema) if name in pending]
    if not applied:
        return None
    more = f" and {len(applied) - _NAMED} more" if applied[_NAMED:] else ""
    adopt = command(flags, "stamp", "--from-playhouse", source=text)
    return (
        f"playhouse.migrations has applied {', '.join(applied[:_NAMED])}{more}: take that over with {adopt}, or where "
        "these are other steps, give their scripts other names"
    )
