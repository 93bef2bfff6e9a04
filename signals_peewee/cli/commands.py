"""What does each command do? It calls one public function, prints what came back, and returns an exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..schema import Signal
from ..store import SignalFilter
from . import output
from .import_command import import_file
from .migrating import migrate
from .opening import opened
from .output import DONE, show_result


def list_signals(flags: Namespace) -> int:
    """List signals, a page at a time."""
    with opened(flags) as store:
        workspace = store.workspace_named(flags.workspace)
        page = workspace.page(
            _filter(flags),
            sort=flags.sort,
            limit=flags.limit,
            after=flags.after,
            include=["raw_payload"] if flags.json else [],
        )
    result = {"items": [row_of(signal) for signal in page.items], "next_cursor": page.next_cursor}
    show_result(flags, result, lambda _: listed(page.items, page.next_cursor))
    return DONE


def listed(signals: list[Signal], next_cursor: str | None = None) -> str:
    """Return signals as lines of a list, and how the next page is asked for."""
    if not signals:
        return "no signals"
    rows = [
        (
            signal.id,
            output.moment(signal.occurred_at),
            signal.status,
            signal.source,
            signal.severity or "-",
            signal.verbatim[:1000],
        )
        for signal in signals
    ]
    text = output.table(("id", "occurred (UTC)", "status", "source", "severity", "verbatim"), rows)
    return text if next_cursor is None else f"{text}\nmore: add --after {next_cursor}"


def show(flags: Namespace) -> int:
    """Show everything about one signal."""
    with opened(flags) as store:
        signal = store.workspace_named(flags.workspace).get(flags.id, include=["projects", "personas"])
    result = {
        **row_of(signal),
        "projects": [_link(link) for link in signal.project_links],
        "personas": [link.persona_id for link in signal.persona_links],
    }
    show_result(flags, result, _described)
    return DONE


def row_of(signal: Signal) -> dict[str, Any]:
    """Return a signal as JSON shows it: its columns, without the embedding."""
    return {name: value for name, value in signal.as_row().items() if name != "embedding"}


def _link(link: Any) -> dict[str, Any]:
    return {
        "id": link.project.get_id(),
        "reason": link.link_reason,
        "confidence": link.confidence,
        "linked_at": link.linked_at,
    }


def _described(result: Mapping[str, Any]) -> str:
    shown = {
        name: _readable(value) for name, value in result.items() if name != "verbatim" and value not in (None, [], {})
    }
    return f"{output.pairs(shown)}\n\n{output.safe(result['verbatim'])}"


def _readable(value: Any) -> str:
    if isinstance(value, datetime):
        return output.moment(value)
    return value if isinstance(value, str) else output.as_json(value)


def counts(flags: Namespace) -> int:
    """Count signals by one of their columns."""
    with opened(flags) as store:
        found = store.workspace_named(flags.workspace).counts(flags.by, _filter(flags))
    result = {
        "by": flags.by,
        "counts": [{"value": value, "count": count} for value, count in found.items()],
        "total": sum(found.values()),
    }
    show_result(flags, result, lambda _: counted(flags.by, found))
    return DONE


def counted(by: str, found: Mapping[str | None, int]) -> str:
    """Return counts as a table with their total."""
    rows = [(value or "-", f"{count:,}") for value, count in found.items()]
    return output.table((by, "count"), [*rows, ("total", f"{sum(found.values()):,}")], right=[1])


def _filter(flags: Namespace) -> SignalFilter:
    words = {name: getattr(flags, name) for name in ("status", "source", "severity", "frequency", "segment")}
    return SignalFilter(**words, text=flags.text, archived=flags.archived)


COMMANDS: Mapping[str, Callable[[Namespace], int]] = {
    "migrate": migrate,
    "import": import_file,
    "list": list_signals,
    "show": show,
    "counts": counts,
}
