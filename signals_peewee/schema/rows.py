"""What does a signal look like as a plain mapping, and what does it take to record one?"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from .documents import AIClassification, SourceMetadata
from .vocabularies import Frequency, Severity, Source, Status


class SignalRow(TypedDict):
    """All columns of a signal, as `signal.as_row()` gives them (with the default hosts, whose keys are text)."""

    id: str
    workspace_id: str
    verbatim: str
    interpretation: str | None
    severity: Severity | None
    frequency: Frequency | None
    user_segment: str | None
    source: Source
    source_ref: str | None
    source_metadata: SourceMetadata | None
    status: Status
    embedding: str | None
    embedding_model: str | None
    embedding_hash: str | None
    ai_classification: AIClassification | None
    inbox_item_id: str | None
    merged_into_id: str | None
    occurred_at: datetime
    created_at: datetime
    updated_at: datetime
    claimed_until: datetime | None
    processed_at: datetime | None


class _Required(TypedDict):
    verbatim: str
    source: Source


class NewSignal(_Required, total=False):
    """The arguments of `record`, as `record_many` takes them. A key left out and a None are the same."""

    source_ref: str | None
    occurred_at: datetime | None
    interpretation: str | None
    severity: Severity | None
    frequency: Frequency | None
    user_segment: str | None
    source_metadata: SourceMetadata | None
    inbox_item_id: str | None
