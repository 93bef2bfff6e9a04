"""What is stored: fields, vocabularies, documents, hosts, models."""

from __future__ import annotations

from .binding import Wiring
from .documents import AIClassification, EventDocument, ProjectMatch, SourceMetadata
from .hosts import Hosts
from .models import Models
from .rows import NewSignal, SignalRow
from .tables import InboxItem, Project, Signal, SignalEvent, SignalPersona, SignalProject, SignalTag, User, Workspace
from .vocabularies import (
    EventKind,
    Frequency,
    InboxStatus,
    InboxType,
    ProjectStatus,
    Severity,
    Source,
    Status,
    Vocabularies,
)

__all__ = [
    "AIClassification",
    "EventDocument",
    "EventKind",
    "Frequency",
    "Hosts",
    "InboxItem",
    "InboxStatus",
    "InboxType",
    "Models",
    "NewSignal",
    "Project",
    "ProjectMatch",
    "ProjectStatus",
    "Severity",
    "Signal",
    "SignalEvent",
    "SignalPersona",
    "SignalProject",
    "SignalRow",
    "SignalTag",
    "Source",
    "SourceMetadata",
    "Status",
    "User",
    "Vocabularies",
    "Wiring",
    "Workspace",
]
