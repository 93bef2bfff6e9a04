"""What can be done with signals."""

from __future__ import annotations

from .filters import SignalFilter
from .paging import Page
from .reports import IngestReport, Recorded, RejectedRow, Rejection
from .store import SignalStore, open_store
from .workspace import Workspace

__all__ = [
    "IngestReport",
    "Page",
    "Recorded",
    "RejectedRow",
    "Rejection",
    "SignalFilter",
    "SignalStore",
    "Workspace",
    "open_store",
]
