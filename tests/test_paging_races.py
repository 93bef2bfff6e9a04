"""Does paging visit everything once while others write? With all of a real file, in two workspaces."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from children import children, told

from signals_peewee import SignalFilter, open_store

WRITE = """
from signals_peewee import SignalFilter
handled = json.loads(sys.stdin.readline())
wait()
for number in range(len(handled)):
    ws.record(f"written meanwhile {number}", source="other")
    if number % 2:
        ws.archive(handled[number])
    elif number:
        ws.merge(handled[0], handled[number])
    if number == 20:
        tell("writing")
tell("written")
"""
KEPT = SignalFilter(source="upload")


def answers(folder: Path) -> list[dict[str, Any]]:
    with (folder / "nhs" / "v6framework_230831.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["Comment ID"], row["FFT answer"]) for row in csv.DictReader(file)]
    return [{"verbatim": text, "source": "upload", "source_ref": ref} for ref, text in rows if text and text.strip()]


def test_paging_visits_everything_once_while_others_write(url: str, shared_data: Path) -> None:
    rows = answers(shared_data)
    with open_store(url) as store:
        mine, theirs = (store.workspace_named(name, create=True) for name in ("acme", "globex"))
        for workspace in (mine, theirs):
            assert workspace.record_many(rows).created == 7400
        handled = [signal.id for signal in mine.page(limit=300)]
        with children(url, WRITE) as (child,):
            assert child.stdin
            child.stdin.write(f"[{', '.join(f'{chr(34)}{key}{chr(34)}' for key in handled)}]\n")
            child.stdin.flush()
            assert told(child) == "ready"
            visited, after, pages = [], None, 0
            while True:
                page = mine.page(sort="oldest", limit=7, after=after)
                visited += [signal.id for signal in page]
                pages += 1
                if pages == 10:
                    child.stdin.write("\n")
                    child.stdin.flush()
                    assert told(child) == "writing"
                if (after := page.next_cursor) is None:
                    break
            assert told(child) == "written"
        assert len(set(visited)) == len(visited)
        signal = store.models.Signal
        existed = signal.select(signal.id).where(signal.workspace == mine.id, signal.source == "upload").tuples()
        throughout = {key for (key,) in existed} - set(handled)
        assert len(throughout) == 7100
        assert throughout <= set(visited)
        assert theirs.count(KEPT) == 7400
        assert mine.count(KEPT) == 7101
