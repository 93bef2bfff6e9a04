"""What is a link of each kind, in its table and in the history of a signal?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from ..schema import EventDocument, EventKind
from .changing import as_told, told


@dataclass(frozen=True)
class Linked:
    """What became of one call that links.

    Attributes:
        linked: how many signals have a new link.
        skipped: how many had it already; their links are as they were.
    """

    linked: int
    skipped: int


@dataclass(frozen=True)
class Unlinked:
    """What became of one call that unlinks.

    Attributes:
        unlinked: how many signals have lost the link.
        skipped: how many had none.
    """

    unlinked: int
    skipped: int


class LinkKind(NamedTuple):
    """One kind of link.

    Attributes:
        model: the name of its class among the store's models.
        target: its field for what a signal is linked to.
        word: what an event calls that.
        linked: the event of a link that came.
        unlinked: the event of one that went.
        facts: its other fields, which an event tells.
        moves_status: whether a signal that has such a link is "linked".
    """

    model: str
    target: str
    word: str
    linked: EventKind
    unlinked: EventKind
    facts: tuple[str, ...] = ("linked_at", "linked_by")
    moves_status: bool = False


PROJECT = LinkKind(
    "SignalProject",
    "project",
    "project",
    "project_linked",
    "project_unlinked",
    facts=("link_reason", "confidence", "linked_at", "linked_by"),
    moves_status=True,
)
PERSONA = LinkKind("SignalPersona", "persona_id", "persona", "persona_linked", "persona_unlinked")
TAG = LinkKind("SignalTag", "tag", "tag", "tagged", "untagged")


def sides(
    kind: LinkKind, target: Any, facts: Mapping[str, tuple[Any, ...]], without: Mapping[str, str]
) -> tuple[list[str | None], list[str]]:
    """Return both sides of the events of some links: without the link, and with it.

    Args:
        kind: the kind of link.
        target: what it links to.
        facts: for each signal the values of `kind.facts`.
        without: the status that a signal has without the link, for those that have another one with it.
    """
    different = set(facts.values())
    bare = {status: told({"status": status}) for status in set(without.values())}
    still = {values: _told(kind, target, values, moves=False) for values in different}
    moved = {values: _told(kind, target, values, moves=True) for values in different} if without else still
    return (
        [bare[without[key]] if key in without else None for key in facts],
        [(moved if key in without else still)[values] for key, values in facts.items()],
    )


def _told(kind: LinkKind, target: Any, facts: tuple[Any, ...], *, moves: bool) -> str:
    values = {name: as_told(value) for name, value in zip(kind.facts, facts, strict=True)}
    if values["linked_by"] is None:
        del values["linked_by"]
    document = {kind.word: as_told(target), **values, **({"status": "linked"} if moves else {})}
    return told(cast("EventDocument", document))
