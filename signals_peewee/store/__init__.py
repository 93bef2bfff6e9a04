"""What can be done with signals."""

from __future__ import annotations

from .filters import SignalFilter
from .paging import Page
from .reports import IngestReport, Recorded
from .store import SignalStore, open_store
from .workspace import Workspace

__all__ = ["IngestReport", "Page", "Recorded", "SignalFilter", "SignalStore", "Workspace", "open_store"]
