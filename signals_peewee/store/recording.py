"""How is a signal recorded, once or by the thousand?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, get_args

from peewee import IntegrityError

from ..errors import InvalidOption, LostRace
from ..schema import Frequency, Severity, Signal, Source, SourceMetadata
from .batches import Ingest
from .calls import attempt
from .checking import strange_item
from .columns import Row
from .reports import IngestReport, OnError, OnExisting, Recorded
from .rooms import Room
from .writing import Writer, writer

BATCH_SIZE = 5000
ATTEMPTS = 10


class Recording(Room):
    """A signal with a source_ref is stored once, however often and by how many processes it is recorded."""

    def record(
        self,
        verbatim: str,
        *,
        source: Source | str,
        source_ref: str | None = None,
        occurred_at: datetime | None = None,
        interpretation: str | None = None,
        severity: Severity | str | None = None,
        frequency: Frequency | str | None = None,
        user_segment: str | None = None,
        source_metadata: SourceMetadata | None = None,
        inbox_item_id: Any = None,
        on_existing: OnExisting = "keep",
        repair: bool = False,
    ) -> Recorded:
        """Store a signal, or find that it is stored: the workspace, the source and the source_ref are its identity.

        One transaction, or a savepoint inside the host's. A retry never raises and never doubles. What is given, and
        not None, is compared with what is stored: where it says the same nothing happens, and columns that are empty
        are filled; anything else is a conflict, which writes nothing and returns the differences. `source_metadata`
        is filled where it is empty and not compared, because retries differ in it.

        Args:
            verbatim: the person's own words; any length, never trimmed.
            source: a word of the vocabulary.
            source_ref: the id, URL or ticket in the source system, 1 to 512 characters. Without one every call creates.
            occurred_at: when it was said, aware; by default the time of storing, and then not compared.
            interpretation: what it means.
            severity: a word of the vocabulary.
            frequency: a word of the vocabulary.
            user_segment: enterprise, SMB, …
            source_metadata: a document about where it came from.
            inbox_item_id: the inbox item (its key or its row) that it came from.
            on_existing: "update" overwrites what is stored with what is given instead of calling it a conflict.
            repair: put U+FFFD for NUL and lone surrogates, and null for NaN in the document, instead of refusing them.

        Raises:
            InvalidSignal: something cannot be stored; nothing was sent to the database.
            NotFound: the inbox item, or the workspace itself, is not there.
        """
        _check_on_existing(on_existing)
        given = {
            "verbatim": verbatim,
            "source": source,
            "source_ref": source_ref,
            "occurred_at": occurred_at,
            "interpretation": interpretation,
            "severity": severity,
            "frequency": frequency,
            "user_segment": user_segment,
            "source_metadata": source_metadata,
            "inbox_item_id": inbox_item_id,
        }
        storing = writer(self.engine, self.models)
        row = storing.checks.row(given, repair=repair)
        key = storing.key(self.id)
        try:
            return attempt(self.engine, lambda: _recorded(storing, key, row, inbox_item_id, on_existing))
        except IntegrityError:
            attempt(self.engine, lambda: storing.check_workspace(key))
            if row["inbox_item_id"] is not None and storing.unknown_items(key, [row["inbox_item_id"]]):
                raise strange_item(inbox_item_id) from None
            raise

    def record_many(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = BATCH_SIZE,
        on_progress: Callable[[int], object] | None = None,
        on_error: OnError = "collect",
        on_existing: OnExisting = "keep",
        repair: bool = False,
        max_rejected: int = 20,
    ) -> IngestReport:
        """Store signals from any iterable, in constant memory; each row means what it means to `record`.

        A batch is a transaction (or a savepoint inside the host's), and none is open while the next rows are pulled.
        A row that is refused costs no other row. A row that repeats an earlier one is compared with it. Where the
        iterable or a callable raises, the batches before stay stored and the error comes out as it is.

        Args:
            rows: mappings of `record`'s arguments; a key left out and a None are the same.
            batch_size: rows that are checked, and then written in one transaction.
            on_progress: called after each batch with the number of rows that are done.
            on_error: "collect" counts the rows that are refused; "raise" stops at the first, whose batch is then not
                stored; a callable is given each `Rejection` before its batch is written.
            on_existing: as for `record`.
            repair: as for `record`.
            max_rejected: how many rejections the report keeps; it counts them all.

        Raises:
            RejectedRow: a row was refused, with on_error="raise".
            InvalidOption: an argument makes no sense.
            NotFound: the workspace itself is not there.
        """
        _check_on_existing(on_existing)
        _check_count("batch_size", batch_size, 1)
        _check_count("max_rejected", max_rejected, 0)
        if on_error not in ("collect", "raise") and not callable(on_error):
            raise InvalidOption("on_error", on_error, "'collect', 'raise' or a callable")
        if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
            raise InvalidOption("rows", rows, "an iterable of mappings, one for each signal")
        storing = writer(self.engine, self.models)
        ingest = Ingest(storing, storing.key(self.id), on_existing, on_error, repair, max_rejected)
        return ingest.run(rows, batch_size, on_progress)


def _recorded(storing: Writer, key: Any, row: Row, item: Any, on_existing: OnExisting) -> Recorded:
    if row["inbox_item_id"] is not None and storing.unknown_items(key, [row["inbox_item_id"]]):
        raise strange_item(item)
    if (signal := _created(storing, key, row)) is not None:
        return Recorded(signal, "created")
    identity = (row["source"], row["source_ref"])
    stored = storing.stored(key, [identity], lock=False).get(identity)
    if stored is not None and storing.comparison(stored, row, on_existing).outcome == "unchanged":
        return Recorded(storing.signal(stored), "unchanged")
    with storing.engine.write():
        for _ in range(ATTEMPTS):
            settled, gone = storing.settle(key, [row], on_existing)
            if not gone:
                (comparison, found) = settled[0]
                return Recorded(storing.signal(found), comparison.outcome, comparison.differences)
            # Somebody deleted it in between.
            if (signal := storing.create(key, row)) is not None:
                return Recorded(signal, "created")
    raise LostRace(
        f"the signal with source_ref {row['source_ref']!r} was stored and deleted again and again; try again"
    )


def _created(storing: Writer, key: Any, row: Row) -> Signal | None:
    if storing.engine.database.in_transaction():
        with storing.engine.write():
            return storing.create(key, row)
    # A statement on its own is a transaction, and costs one round trip instead of three.
    return storing.create(key, row)


def _check_on_existing(on_existing: object) -> None:
    if on_existing not in get_args(OnExisting):
        raise InvalidOption("on_existing", on_existing, " or ".join(map(repr, get_args(OnExisting))))


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidOption(name, value, f"a number from {least} up")
