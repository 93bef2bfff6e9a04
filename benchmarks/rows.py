"""Which rows does everybody store? Made up, always the same, of the lengths and fillings that feedback has."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from signals_peewee.schema.ids import time_ordered

Row = dict[str, Any]
COLUMNS = (
    "id",
    "workspace_id",
    "verbatim",
    "interpretation",
    "severity",
    "frequency",
    "user_segment",
    "source",
    "source_ref",
    "source_metadata",
    "status",
    "occurred_at",
    "created_at",
    "updated_at",
)
COMPARED = (
    "source",
    "source_ref",
    "verbatim",
    "interpretation",
    "severity",
    "frequency",
    "user_segment",
    "source_metadata",
    "occurred_at",
    "status",
    "workspace_id",
)
SPECIAL = ("café", "naïve", "don't", "it’s", "“quoted”", '"why"', "日本語", "😀", "C:\\temp")


def made(count: int) -> list[Row]:
    """Return rows as `record_many` takes them; 8 to 60 words, half of them with a document of five keys."""
    return list(stream(count))


def stream(count: int) -> Iterator[Row]:
    """Yield the same rows one by one."""
    chance = random.Random(20240229)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(4000)]
    words += SPECIAL
    start = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)
    for number in range(count):
        yield _row(chance, words, number, start + timedelta(seconds=37 * number))


def _row(chance: random.Random, words: Sequence[str], number: int, at: datetime) -> Row:
    row: Row = {
        "verbatim": " ".join(chance.choices(words, k=chance.randint(8, 60))),
        "source": chance.choice(("slack", "email", "webhook", "interview")),
        "source_ref": f"TICKET-{chance.getrandbits(64):016x}",
        "occurred_at": at,
    }
    if number % 2:
        row["severity"] = chance.choice(("critical", "high", "medium", "low"))
    if number % 3:
        row["user_segment"] = chance.choice(("enterprise", "SMB", "free"))
    if number % 5 == 0:
        row["interpretation"] = " ".join(chance.choices(words, k=9))
    if number % 2 == 0:
        row["source_metadata"] = {
            "sourceUrl": f"https://desk.example.com/tickets/{number}",
            "ticketId": str(number),
            "customerEmail": f"person{number}@example.com",
            "ticketStatus": "open",
            "rawPayload": number,
        }
    return row


def complete(rows: Iterable[Row], workspace: str) -> list[Row]:
    """Return the rows with every column that a contender has to store, for those that fill none in themselves."""
    listed = list(rows)
    now = datetime.now(timezone.utc)
    constants = {"workspace_id": workspace, "status": "new", "created_at": now, "updated_at": now}
    empty = dict.fromkeys(COLUMNS)
    return [
        {**empty, **constants, **row, "id": key} for key, row in zip(time_ordered(len(listed)), listed, strict=True)
    ]


def checksum(rows: Iterable[Sequence[Any]]) -> str:
    """Return a hash of stored rows, each with the columns COMPARED, whatever the database's own forms are."""
    lines = sorted(json.dumps([_neutral(value) for value in row], sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _neutral(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value
