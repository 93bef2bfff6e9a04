"""From a CSV file to the evidence for a project: who said it and where, who linked it and why.

python examples/evidence.py   # makes evidence.db in the current folder; a second run changes nothing
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from textwrap import fill
from typing import Any

from signals_peewee import SignalFilter, open_store
from signals_peewee.cli import import_csv

EXAMPLE = Path(__file__).resolve().parent / "feedback.csv"


def said_by(signal: Any) -> str:
    return f"{signal.user_segment}, {signal.source} {signal.source_ref}, {signal.occurred_at:%Y-%m-%d}"


def main() -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    with open_store("sqlite:///evidence.db") as store:
        workspace, models = store.workspace_named("Fernway", create=True), store.models
        report = import_csv(workspace, EXAMPLE)
        print(f"{EXAMPLE.name}: {report.created} created, {report.unchanged} unchanged, {report.rejected} rejected")

        ines, _ = models.User.get_or_create(email="ines@fernway.example", defaults={"name": "Ines"})
        invoices, _ = models.Project.get_or_create(workspace=workspace.id, name="Invoices that accountants take")

        found = workspace.page(SignalFilter(text="invoice")).items
        linked = workspace.link_project(found, invoices, reason="asks about invoices", confidence=0.8, by=ines)
        print(f"about invoices: {linked.linked} linked, {linked.skipped} linked before")
        workspace.link_persona(found, "bookkeeper", by=ines)
        workspace.tag(workspace.page(SignalFilter(text="invoice", severity="critical")).items, "blocks a sale", by=ines)

        asked = workspace.find("email", "FW-1054")
        again = workspace.find("slack", "FW-1055")
        if asked and again:
            merged = workspace.merge(asked, again, by=ines)
            print(f"the same thing said twice: {merged.merged} merged, {merged.skipped} merged before")

        (count,) = workspace.evidence_counts([invoices]).values()
        print(f"\n{invoices.name}: {count} signals")
        for evidence in workspace.evidence(invoices, include=["personas", "tags"]).items:
            signal = evidence.signal
            print("\n" + fill(f"“{signal.verbatim}”", 96, initial_indent="  ", subsequent_indent="  "))
            print(f"    said by {said_by(signal)}")
            for duplicate in models.Signal.select().where(models.Signal.merged_into == signal):
                print(f"    and by  {said_by(duplicate)}: “{duplicate.verbatim}”")
            about = [link.persona_id for link in signal.persona_links] + [link.tag for link in signal.tag_links]
            print(f"    linked by {evidence.linked_by.name}, {evidence.confidence:.0%} sure: {evidence.reason}")
            print(f"    about   {', '.join(about)}")
            print(f"    history {', '.join(event.kind for event in workspace.history(signal))}")


if __name__ == "__main__":
    main()
