"""What `make demo` shows: feedback.csv goes into demo.db here, comes out again, sorted, and informs a project."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from textwrap import fill, shorten

from signals_peewee import SignalFilter, open_store
from signals_peewee.cli import import_csv
from signals_peewee.runner import StepEvent

EXAMPLE = Path(__file__).resolve().parent / "feedback.csv"
URL = "sqlite:///demo.db"


def show(event: StepEvent) -> None:
    if event.kind != "started":
        print(f"   {event.kind:<9}{event.step}")


def command() -> str:
    """Where `signals-peewee` is: in the .venv that `make demo` made here, or on the path."""
    installed = Path(sys.executable).with_name("signals-peewee")
    here = installed.is_file() and installed.is_relative_to(Path.cwd())
    return str(installed.relative_to(Path.cwd())) if here else "signals-peewee"


def main() -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # feedback comes in every script; terminals do not
    new = not Path("demo.db").exists()
    print(f"1. demo.db {'is made' if new else 'is here from last time'}, in {Path.cwd().name}/\n")

    with open_store(URL, migrate=False) as store:
        print("2. The steps that build its tables")
        applied = store.migrate(on_event=show)
        print("" if applied else "   none is pending\n")

        workspace = store.workspace_named("default", create=True)
        report = import_csv(workspace, EXAMPLE)
        print(f"3. {EXAMPLE.name}, {report.rows} rows")
        for outcome in ("created", "unchanged", "updated", "conflicts", "rejected"):
            print(f"   {outcome:<9} {getattr(report, outcome):>4}")
        for rejection in report.rejections:
            print(f"   row {rejection.row}: {rejection.reason}")
        if not (applied or report.created or report.updated):
            print("   Nothing has changed: each row was known by its id, or by what stands in it.")

        print("\n4. The latest that was said")
        for signal in workspace.page(sort="occurred", limit=8).items:
            words = shorten(signal.verbatim, 56, placeholder=" …")
            print(f"   {signal.occurred_at:%Y-%m-%d}  {signal.source:<9}  {signal.severity or '-':<8}  {words}")

        print("\n5. How many there are")
        for by in ("status", "source", "severity"):
            counted = workspace.counts(by).items()
            words = ", ".join(f"{value or 'none'} {count}" for value, count in counted)
            print(fill(words, 96, initial_indent=f"   {by:<10}", subsequent_indent=" " * 13))

        print("\n6. What informs a project")
        project, _ = store.models.Project.get_or_create(workspace=workspace.id, name="Cancel a stop with one tap")
        found = workspace.page(SignalFilter(text="cancel")).items
        linked = workspace.link_project(found, project, reason="they cannot cancel")
        print(f"   “{project.name}”: {linked.linked} linked, {linked.skipped} linked before")
        for evidence in workspace.evidence(project).items:
            signal = evidence.signal
            words = shorten(signal.verbatim, 56, placeholder=" …")
            print(f"   {signal.occurred_at:%Y-%m-%d}  {signal.source:<9}  {signal.user_segment:<8}  {words}")

    print("\nTry next")
    for words in (
        "list --severity critical --sort occurred",
        "list --text route --source email",
        "counts --by segment",
        f"import {os.path.relpath(EXAMPLE)} --dry-run",
        "migrate status",
    ):
        print(f"   {command()} --database {URL} {words}")
    print("   make test")


if __name__ == "__main__":
    main()
