"""Signals: product feedback, in the person's own words, kept in your own database through Peewee."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import SignalsError

if TYPE_CHECKING:
    from .runner import MigrationRunner, migrate
    from .schema import Hosts, NewSignal, SignalRow, SourceMetadata
    from .store import IngestReport, Page, Recorded, SignalFilter, SignalStore, Workspace, open_store

__all__ = [
    "Hosts",
    "IngestReport",
    "MigrationRunner",
    "NewSignal",
    "Page",
    "Recorded",
    "SignalFilter",
    "SignalRow",
    "SignalStore",
    "SignalsError",
    "SourceMetadata",
    "Workspace",
    "__version__",
    "migrate",
    "open_store",
]
__version__ = "0.1.0"

_ROOMS = {
    "runner": ("MigrationRunner", "migrate"),
    "schema": ("Hosts", "NewSignal", "SignalRow", "SourceMetadata"),
    "store": ("IngestReport", "Page", "Recorded", "SignalFilter", "SignalStore", "Workspace", "open_store"),
}

logging.getLogger("signals_peewee").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    # A room is imported when something of it is first used: who only runs migrations does not pay for the store.
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(import_module(f".{room}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
