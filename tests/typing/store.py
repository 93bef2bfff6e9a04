"""What users may rely on, checked by mypy --strict and pyright; nothing here is run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from typing_extensions import assert_type

from signals_peewee import NewSignal, Page, Recorded, SignalFilter, SignalRow, SourceMetadata, open_store
from signals_peewee.schema import AIClassification, EventDocument, Frequency, Severity, Signal, Source, Status
from signals_peewee.store import UNSET, Erased, Event, Evidence, EvidencePage, Linked, Purged, Unlinked

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
assert_type(workspace.get("s", include=["tags", "raw_payload"]).tag_links[0].tag, str)

assert_type(workspace.find("slack", "1"), Signal | None)
assert_type(workspace.page(SignalFilter(status="new"), sort="newest", limit=7), Page)
assert_type(workspace.page().items, list[Signal])
assert_type(workspace.page().next_cursor, str | None)
assert_type(workspace.count(), int)
assert_type(workspace.counts("severity"), dict[str | None, int])
assert_type(workspace.erase(subject="ada@example.org"), Erased)
assert_type(workspace.erase(ids=[signal, "s"]).inbox_items, int)
assert_type(store.purge("w"), Purged)
assert_type(store.compact(wait=1), list[str])

recorded = workspace.record("words", source="slack", severity="high", source_metadata={"channelId": "C1"})
assert_type(recorded, Recorded)
assert_type(recorded.signal, Signal)

evidence = workspace.evidence("p", limit=7)
assert_type(evidence, EvidencePage)
assert_type(evidence.items, list[Evidence])
assert_type(evidence.items[0].signal, Signal)
assert_type(evidence.items[0].linked_at, datetime)
assert_type(workspace.evidence_counts(["p"])["p"], int)
assert_type(workspace.orphans(timedelta(days=7)).items, list[Signal])
assert_type(workspace.orphans(0.5).total, int)
assert_type(workspace.from_inbox("i", [{"verbatim": "words"}]), list[Recorded])
assert_type(workspace.claim_unprocessed(5, 60.0), list[Signal])
assert_type(workspace.mark_processed([signal, "s"]), int)

new: NewSignal = {"verbatim": "words", "source": "slack", "severity": None}
assert_type(workspace.record_many([new]).created, int)

assert_type(workspace.link_project([signal, "s"], "p", reason="why", confidence=0.9, by=None), Linked)
assert_type(workspace.unlink_project(signal, "p").unlinked, int)
assert_type(workspace.link_persona("s", "Operations").skipped, int)
assert_type(workspace.untag((key for key in ("s", "t")), "slow"), Unlinked)

assert_type(workspace.update(signal, severity="low", interpretation=None, occurred_at=signal.occurred_at), Signal)
assert_type(workspace.update("s", by=None, user_segment=UNSET, ai_classification={"clusterId": "1"}), Signal)
workspace.update("s", verbatim=None)  # type: ignore[arg-type]
workspace.update("s", status="new")  # type: ignore[call-arg]
assert_type(workspace.set_status(["s"], "reviewed"), int)
assert_type(workspace.archive(SignalFilter(tag="spam"), by="u"), int)
assert_type(workspace.archive(iter([signal])), int)
assert_type(workspace.restore(signal), int)
event = workspace.history("s")[0]
assert_type(event, Event)
assert_type(event.at, datetime)
assert_type(event.before, EventDocument)
assert_type(event.after.get("severity"), str | None)
assert_type(event.id, str | None)

model = store.models.Signal
assert_type(model, type[Signal])
query: Any = model.select().where(
    model.severity == "high", model.workspace_id.in_(["w"]), model.created_at < signal.created_at
)
