"""What is stored: fields, vocabularies, documents, hosts, models."""

from __future__ import annotations

from .binding import Wiring
from .documents import AIClassification, ProjectMatch, SourceMetadata
from .hosts import Hosts
from .models import Models
from .rows import NewSignal, SignalRow
from .tables import InboxItem, Project, Signal, SignalPersona, SignalProject, User, Workspace
from .vocabularies import Frequency, InboxStatus, InboxType, ProjectStatus, Severity, Source, Status, Vocabularies

__all__ = [
    "AIClassification",
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
    "SignalPersona",
    "SignalProject",
    "SignalRow",
    "Source",
    "SourceMetadata",
    "Status",
    "User",
    "Vocabularies",
    "Wiring",
    "Workspace",
]
