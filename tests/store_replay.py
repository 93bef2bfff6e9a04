"""Does the history of a signal lead, event by event, from its creation to what is stored?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store_kit import LINKS, Seen

from signals_peewee import Workspace

WORDS = {"project": "projects", "persona": "personas", "tag": "tags"}
FACTS = ("link_reason", "confidence", "linked_at", "linked_by")
UNTOLD = ("id", "workspace_id", "created_at", "updated_at", "claimed_until")
"""Columns that no event tells of; embeddings besides."""


@dataclass
class Replayed:
    """What the events say of a signal."""

    columns: dict[str, Any]
    links: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in LINKS})
    """Of each kind, what it is linked to, and the key of the copy where a merge has linked it."""


def replayed(history: list[Any]) -> Replayed:
    """Follow a history; each event must begin at what the one before has left."""
    first, *events = history
    assert (first.kind, first.before) == ("created", {})
    told = Replayed(dict(first.after))
    times = [(event.at, event.id) for event in events]
    assert times == sorted(set(times))
    for event in events:
        before, after = dict(event.before), dict(event.after)
        if event.kind in ("absorbed", "released"):
            _copies(told, before, after)
        else:
            _link(told, before, after)
        for name, value in before.items():
            assert told.columns[name] == value, event
        assert before.keys() == after.keys(), event
        assert before != after or not before, event
        told.columns.update(after)
    return told


def _link(told: Replayed, before: dict[str, Any], after: dict[str, Any]) -> None:
    for side, word in ((side, word) for word in WORDS for side in (before, after) if word in side):
        target, facts = side.pop(word), [side.pop(name, None) for name in FACTS]
        links = told.links[WORDS[word]]
        assert facts[2] is not None
        if side is after:
            assert target not in links
            links[target] = None
        else:
            assert target in links
            del links[target]


def _copies(told: Replayed, before: dict[str, Any], after: dict[str, Any]) -> None:
    for side in (before, after):
        side.pop("merged", None)
        for kind in LINKS:
            for target, copy in side.pop(kind, {}).items():
                if side is after:
                    assert target not in told.links[kind]
                    told.links[kind][target] = copy
                else:
                    assert told.links[kind].pop(target) == copy


def check_history(workspace: Workspace, seen: Seen, key: str) -> dict[str, Any]:
    """What the history of a signal leads to is what is stored; returns the columns that it begins with."""
    history, row = workspace.history(key), seen["signals"][key]
    told = replayed(history)
    for name, value in row.items():
        if name not in UNTOLD and not name.startswith("embedding"):
            assert told.columns.get(name) == _as_told(value), name
    for kind, target in LINKS.items():
        links = {link[target]: link["id"] for link in seen[f"signal_{kind}"].values() if link["signal_id"] == key}
        assert links.keys() == told.links[kind].keys()
        assert all(copy in (None, links[name]) for name, copy in told.links[kind].items())
    return dict(history[0].after)


def _as_told(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
