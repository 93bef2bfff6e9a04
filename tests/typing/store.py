"""What users may rely on, checked by mypy --strict and pyright; nothing here is run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import assert_type

from signals_peewee import NewSignal, Page, Recorded, SignalFilter, SignalRow, SourceMetadata, open_store
from signals_peewee.schema import AIClassification, Frequency, Severity, Signal, Source, Status

store = open_store("sqlite:///:memory:")
workspace = store.workspace("w")
signal = workspace.get("s", include=["projects"])

assert_type(signal, Signal)
assert_type(signal.id, str)
assert_type(signal.verbatim, str)
assert_type(signal.interpretation, str | None)
assert_type(signal.severity, Severity | None)
assert_type(signal.frequency, Frequency | None)
assert_type(signal.source, Source)
assert_type(signal.status, Status)
assert_type(signal.workspace_id, str)
assert_type(signal.inbox_item_id, str | None)
assert_type(signal.merged_into_id, str | None)
assert_type(signal.source_metadata, SourceMetadata | None)
assert_type(signal.ai_classification, AIClassification | None)
assert_type(signal.occurred_at, datetime)
assert_type(signal.processed_at, datetime | None)
assert_type(signal.as_row(), SignalRow)

link = signal.project_links[0]
assert_type(link.confidence, float | None)
assert_type(link.linked_at, datetime)
assert_type(link.link_reason, str | None)
assert_type(link.signal_id, str)

assert_type(workspace.find("slack", "1"), Signal | None)
assert_type(workspace.page(SignalFilter(status="new"), sort="newest", limit=7), Page)
assert_type(workspace.page().items, list[Signal])
assert_type(workspace.page().next_cursor, str | None)
assert_type(workspace.count(), int)
assert_type(workspace.counts("severity"), dict[str | None, int])

recorded = workspace.record("words", source="slack", severity="high", source_metadata={"channelId": "C1"})
assert_type(recorded, Recorded)
assert_type(recorded.signal, Signal)

new: NewSignal = {"verbatim": "words", "source": "slack", "severity": None}
assert_type(workspace.record_many([new]).created, int)

model = store.models.Signal
assert_type(model, type[Signal])
query: Any = model.select().where(
    model.severity == "high", model.workspace_id.in_(["w"]), model.created_at < signal.created_at
)
