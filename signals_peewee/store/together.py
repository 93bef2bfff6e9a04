"""How are a few rows recorded as one, each with its own outcome?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import LostRace
from .columns import Row, apart, identity, transposed
from .recording import ATTEMPTS
from .reports import Recorded
from .writing import Writer


def recorded_together(storing: Writer, workspace: Any, rows: Sequence[Row], by: Any) -> list[Recorded]:
    """Record checked rows inside the caller's transaction; each means what it means to `record`.

    A row that repeats an earlier one is compared with it.

    Args:
        storing: what writes them.
        workspace: the key of the workspace, as the column holds it.
        rows: as `Checks.row` returns them.
        by: the key of the user who does so, or None.

    Returns:
        What became of each, in their order.

    Raises:
        LostRace: a signal with the identity of one was stored and deleted again and again.
    """
    done: dict[int, Recorded] = {}
    for _ in range(ATTEMPTS):
        left = [at for at in range(len(rows)) if at not in done]
        if not left:
            latest = {each.signal.id: each.signal for each in done.values() if each.outcome != "created"}
            return [replace(each, signal=latest.get(each.signal.id, each.signal)) for _, each in sorted(done.items())]
        done.update(_created(storing, workspace, rows, left))
        done.update(_settled(storing, workspace, rows, [at for at in left if at not in done], by))
    raise LostRace("a signal with the source_ref of one of the rows was stored and deleted again and again; try again")


def _created(storing: Writer, workspace: Any, rows: Sequence[Row], left: list[int]) -> dict[int, Recorded]:
    """Insert what is new and return it."""
    firsts, _ = apart(transposed([rows[at] for at in left]))
    places = [left[at] for at in firsts]
    signals, created = storing.create_many(workspace, [rows[at] for at in places])
    made = dict(zip(places, signals, strict=True))
    if created < len(places):
        keyed = {at: identity(rows[at]) for at in places if rows[at]["source_ref"] is not None}
        stored = storing.stored(workspace, keyed.values(), lock=False)
        ours = {row["id"] for row in stored.values()}
        made = {at: signal for at, signal in made.items() if at not in keyed or signal.id in ours}
    return {at: Recorded(signal, "created") for at, signal in made.items()}


def _settled(storing: Writer, workspace: Any, rows: Sequence[Row], left: list[int], by: Any) -> dict[int, Recorded]:
    """Compare rows with those that are stored and return what became of them; those deleted in between are left."""
    if not left:
        return {}
    settled, gone = storing.settle(workspace, [rows[at] for at in left], "keep", by)
    lost = {id(row) for row in gone}
    found = [at for at in left if id(rows[at]) not in lost]
    return {
        at: Recorded(storing.signal(row), comparison.outcome, comparison.differences)
        for at, (comparison, row) in zip(found, settled, strict=True)
    }
