"""What can be done with signals."""

from __future__ import annotations

from .erasure import Erased
from .evidence import Evidence, EvidencePage
from .filters import SignalFilter
from .history import Event
from .links import Linked, Unlinked
from .merging import Merged, Unmerged
from .opening import open_store
from .orphans import Orphans
from .paging import Page
from .purging import Purged
from .reports import IngestReport, Recorded, RejectedRow, Rejection
from .store import SignalStore
from .updating import UNSET, Unset
from .workspace import Workspace

__all__ = [
    "UNSET",
    "Erased",
    "Event",
    "Evidence",
    "EvidencePage",
    "IngestReport",
    "Linked",
    "Merged",
    "Orphans",
    "Page",
    "Purged",
    "Recorded",
    "RejectedRow",
    "Rejection",
    "SignalFilter",
    "SignalStore",
    "Unlinked",
    "Unmerged",
    "Unset",
    "Workspace",
    "open_store",
]
