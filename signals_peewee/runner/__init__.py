"""How a database's tables change: scripts run step by step, once each, whoever starts at the same time."""

from __future__ import annotations

from .drift import Difference, Drift
from .entrypoints import EntryPointSource, entry_point_sources
from .events import StepEvent
from .inline import InlineSource, InlineStep
from .plan import Plan, PlannedStep
from .runner import MigrationRunner, migrate
from .scripts import Script
from .sources import DirectorySource, PackageSource, Source
from .status import Status, StepStatus

__all__ = [
    "Difference",
    "DirectorySource",
    "Drift",
    "EntryPointSource",
    "InlineSource",
    "InlineStep",
    "MigrationRunner",
    "PackageSource",
    "Plan",
    "PlannedStep",
    "Script",
    "Source",
    "Status",
    "StepEvent",
    "StepStatus",
    "entry_point_sources",
    "migrate",
]
