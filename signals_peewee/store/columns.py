"""How is a batch of rows held as columns, taken apart and put together again?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from .checking import NAMES

Row = dict[str, Any]
"""The arguments of one `record` as columns hold them, all of them, None where one is not given."""
Batch = dict[str, Sequence[Any]]
"""The same for many rows, column by column; one that is None in every row may be left out."""
Identity = tuple[str, str]


def transposed(rows: Sequence[Row]) -> Batch:
    """Return checked rows as columns."""
    columns = {name: [row[name] for row in rows] for name in NAMES}
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def taken(columns: Batch, places: Sequence[int]) -> Batch:
    """Return the rows at these places."""
    if not places:
        return {}
    if len(places) == 1:
        return {name: [values[places[0]]] for name, values in columns.items()}
    pick = itemgetter(*places)
    return {name: pick(values) for name, values in columns.items()}


def rows_at(batch: Batch, places: Iterable[int]) -> list[Row]:
    """Return the rows at these places, each with every argument of `record`."""
    nothing: Row = dict.fromkeys(NAMES)
    return [{**nothing, **{name: values[at] for name, values in batch.items()}} for at in places]


def identity(row: Row) -> Identity:
    """Return what makes a row the same as another of its workspace."""
    return row["source"], row["source_ref"]


def apart(batch: Batch) -> tuple[Sequence[int], list[int]]:
    """Return the places of the rows whose identity is new in the batch, and of those that repeat one."""
    rows = range(len(batch["verbatim"]))
    if "source_ref" not in batch:
        return rows, []
    identities = list(zip(batch["source"], batch["source_ref"], strict=True))
    if len(set(identities)) == len(identities):
        return rows, []
    seen: set[Identity] = set()
    firsts: list[int] = []
    repeats: list[int] = []
    for at in rows:
        identity = identities[at]
        (repeats if identity in seen else firsts).append(at)
        if identity[1] is not None:
            seen.add(identity)
    return firsts, repeats


def with_repeats(batch: Batch, places: Sequence[int]) -> Sequence[int]:
    """Return the places, and those of all rows with an identity that stands at one of them.

    What one of them changes is what the next of them meets.
    """
    identities = list(zip(batch["source"], batch["source_ref"], strict=True))
    if not places or len(set(identities)) == len(identities):
        return places
    wanted = {identities[at] for at in places}
    return [at for at, identity in enumerate(identities) if identity in wanted]
