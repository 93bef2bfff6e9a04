"""Do eight processes that do everything at once to the same signals leave a store whose parts agree?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import DRIVER
from store_kit import Eye
from store_replay import check_history

from signals_peewee import SignalStore, Workspace, open_store

PROCESSES, CALLS, SIGNALS = 8, 200, 50
ITEMS = 30
ITEM = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": "It is slow"}
BY_HAND = 10
"""The first signals, whose status is set by hand too."""
DOOMED = 8
"""The last signals, each of which a process erases in the middle of its work."""
REFUSALS = {"NotFound", "InvalidMerge", "InvalidSignal"}
WORK = """
import json, random, sys
from collections import Counter
from datetime import timedelta
from signals_peewee import SignalFilter, SignalsError, open_store

url, me, given = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
store = open_store(url, migrate=False, **given["options"])
ws, chance = store.workspace(given["workspace"]), random.Random(me)
keys, projects, users = given["keys"], given["projects"], given["users"]
lasting, handled = keys[:-given["doomed"]], keys[: given["by_hand"]]

def some():
    return chance.sample(keys if not chance.randrange(10) else lasting, chance.randint(1, 6))

def few():
    return chance.sample(lasting, chance.randint(1, 3))

def one():
    return chance.choice(lasting)

def by():
    return {"by": chance.choice([None, *users])}

def name():
    return chance.choice(["admin", "cook", "guest"])

def row():
    at = chance.randrange(len(lasting))
    more = {"severity": chance.choice([None, "low", "high"]), "user_segment": chance.choice([None, "SMB"])}
    return {"verbatim": f"words {at}", "source": "slack", "source_ref": str(at), **more}

def work():
    claimed = ws.claim_unprocessed(chance.randint(1, 5), 0.05)
    ws.mark_processed([row.id for row in claimed], **by())

CALLS = {
    "link": lambda: ws.link_project(some(), chance.choice(projects), reason=name(), **by()),
    "unlink": lambda: ws.unlink_project(some(), chance.choice(projects), **by()),
    "persona": lambda: chance.choice([ws.link_persona, ws.unlink_persona])(some(), name(), **by()),
    "tag": lambda: chance.choice([ws.tag, ws.untag])(some(), name(), **by()),
    "status": lambda: ws.set_status(chance.sample(handled, 3), chance.choice(given["statuses"]), **by()),
    "archive": lambda: ws.archive(few(), **by()),
    "archive what fits": lambda: ws.archive(SignalFilter(tag=name(), persona=name()), **by()),
    "restore": lambda: ws.restore(some(), **by()),
    "merge": lambda: ws.merge(one(), few(), **by()),
    "unmerge": lambda: ws.unmerge(one(), **by()),
    "update": lambda: ws.update(one(), interpretation=chance.choice([None, *"abc"]), **by()),
    "move": lambda: ws.update(one(), source_ref=chance.choice([None, *map(str, range(60))]), **by()),
    "record": lambda: ws.record(**row(), on_existing=chance.choice(["keep", "update"])),
    "record many": lambda: ws.record_many([row() for _ in range(8)], on_existing="update", batch_size=4),
    "inbox": lambda: ws.from_inbox(chance.choice(given["items"]), **by()),
    "work": work,
    "page": lambda: ws.page(limit=20, include=["projects", "personas", "tags"]),
    "history": lambda: ws.history(one()),
    "evidence": lambda: (ws.evidence(chance.choice(projects)), ws.evidence_counts(projects)),
    "orphans": lambda: ws.orphans(0),
}
print("ready", flush=True)
sys.stdin.readline()
refused = Counter()
for number in range(given["calls"]):
    if number == given["calls"] // 2:
        ws.erase(ids=keys[-1 - me])
    try:
        chance.choice(list(CALLS.values()))()
    except SignalsError as error:
        refused[type(error).__name__] += 1
        if type(error).__name__ not in given["refusals"]:
            raise
store.close()
print(json.dumps(refused), flush=True)
"""


@pytest.fixture
def options(engine_name: str) -> dict[str, Any]:
    # SQLite lets no one wait in line: on a crowded machine one of eight writers may get no turn for its five seconds.
    return {"prefer_psycopg3": DRIVER == "psycopg3"} if engine_name == "postgres" else {"timeout": 60.0}


@pytest.fixture
def store(url: str, options: dict[str, Any]) -> Iterator[SignalStore]:
    with open_store(url, **options) as store:
        yield store


def test_many_processes_leave_a_store_whose_parts_agree(store: SignalStore, url: str, options: dict[str, Any]) -> None:
    models = store.models
    workspace = store.workspace_named("acme", create=True)
    keys = [workspace.record(f"words {at}", source="slack", source_ref=str(at)).signal.id for at in range(SIGNALS)]
    given = {
        "options": options,
        "workspace": workspace.id,
        "keys": keys,
        "projects": [models.Project.create(workspace=workspace.id, name=name).id for name in "abc"],
        "users": [models.User.create(email=f"{name}@example.org").id for name in "ab"],
        "items": [models.InboxItem.create(workspace=workspace.id, **ITEM).id for _ in range(ITEMS)],
        "by_hand": BY_HAND,
        "doomed": DOOMED,
        "calls": CALLS,
        "refusals": sorted(REFUSALS),
        "statuses": ["new", "reviewed", "linked", "archived"],
    }
    told = worked(url, given)
    assert set(told) <= REFUSALS
    assert 0 < told.total() < PROCESSES * CALLS / 2
    seen = Eye(store).see(workspace.id)
    assert not set(keys[-DOOMED:]) & set(seen["signals"])
    for key in seen["signals"]:
        check_history(workspace, seen, key)
    linked = {row["signal_id"] for row in seen["signal_projects"].values()}
    for key, row in seen["signals"].items():
        if key not in keys[:BY_HAND] and row["status"] != "archived":
            assert (row["status"] == "linked") == (key in linked), row
    came = Counter(row["inbox_item_id"] for row in seen["signals"].values() if row["inbox_item_id"] is not None)
    assert came == {key: 1 for key, row in seen["inbox_items"].items() if row["processed_at"] is not None}
    check_reading(workspace, seen)


def worked(url: str, given: dict[str, Any]) -> Counter[str]:
    """What eight processes were refused, all of them together."""
    command = [sys.executable, "-c", WORK, url]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([*command, str(me), json.dumps(given)], **pipes) for me in range(PROCESSES)]
    try:
        for child in children:
            assert child.stdout
            assert child.stdout.readline() == "ready\n", child.communicate()[1]
        for child in children:
            assert child.stdin
            child.stdin.write("go\n")
            child.stdin.flush()
        answers = [child.communicate() for child in children]
    finally:
        for child in children:
            child.kill()
    assert [errors for _, errors in answers] == [""] * PROCESSES
    told = Counter[str]()
    for answer, _ in answers:
        told.update(json.loads(answer))
    return told


def check_reading(workspace: Workspace, seen: dict[str, Any]) -> None:
    """What pages, counts and evidence say is what is stored, and each thing once."""
    rows = [row for row in seen["signals"].values() if row["status"] != "archived" and row["merged_into_id"] is None]
    page = workspace.page(limit=500, include=["projects", "personas", "tags"])
    assert sorted(row.id for row in page.items) == sorted(row["id"] for row in rows)
    assert workspace.counts("status") == Counter(row["status"] for row in rows)
    counted = Counter(
        link["project_id"]
        for link in seen["signal_projects"].values()
        if link["signal_id"] in {row["id"] for row in rows}
    )
    for project in seen["projects"]:
        assert workspace.evidence_counts([project])[project] == counted[project]
        assert len(workspace.evidence(project, limit=500).items) == counted[project]
