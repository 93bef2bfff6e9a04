"""How does an inbox item become signals, exactly once?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from peewee import IntegrityError

from ..errors import InvalidHosts, InvalidOption, InvalidSignal, NotFound
from ..schema import Models
from ..schema.fields import utc_now
from ..schema.hosts import key_of
from .calls import operation
from .changing import Changing
from .checking import Checks, strange_item
from .columns import Row
from .relations import Fetching
from .reports import Recorded, RejectedRow, rejection
from .together import recorded_together
from .writing import writer

_WHOLE = frozenset({"raw_payload"})
_NEEDED = ("raw_content", "processed_at")
_WRITTEN = ("status", "processed_at", "updated_at")


class Inbox(Changing, Fetching):
    """What stands in front of signals: items that have come in and are not yet taken apart."""

    @operation
    def from_inbox(
        self, item: Any, rows: Iterable[Mapping[str, Any]] | None = None, *, by: Any = None
    ) -> list[Recorded]:
        """Turn an inbox item into signals, exactly once, whoever tries at the same time.

        One transaction, or a savepoint inside the host's: the item is locked, the signals are recorded, and the item
        gets the status "assigned" and the time of it. Where that has happened before nothing is written, and the
        signals that came from the item are returned. Whoever dies before the end leaves the item as it was.

        Args:
            item: a row or a key of an inbox item.
            rows: mappings of `record`'s arguments, one for each signal, and each means what it means to `record`.
                The item is filled in, and so is its source where a row has none. By default one signal, from the
                item itself: its content (the processed one, where there is one), its source_ref, its metadata, and its
                time. With no rows at all the item is done and nothing came of it.
            by: the user (a row or its key) who does so, for the history of the signals that were there already.

        Returns:
            What became of each row, in their order; or each signal that has come from the item before, as "unchanged",
            in the order of the ids.

        Raises:
            RejectedRow: a row cannot be stored; it is an InvalidSignal and has the number of the row.
            InvalidSignal: the item was dismissed, or what it says itself cannot be stored.
            NotFound: there is no such item in this workspace, or no such user. After any error nothing was written.
            InvalidHosts: the inbox model is the host's, and `Hosts(inbox_columns=...)` is needed.
        """
        given = None if rows is None else _listed(rows)
        fields = _fields(self.models)
        storing = writer(self.engine, self.models)
        workspace = storing.key(self.id)
        try:
            with self.engine.write():
                user = self._user(by)
                key, found = self._item(item, fields)
                if found["processed_at"] is not None:
                    return self._came_from(key)
                if found.get("status") == "dismissed":
                    raise InvalidSignal("status", "dismissed", "an inbox item that was not dismissed")
                checked = _checked(storing.checks, key, found, given)
                recorded = recorded_together(storing, workspace, checked, user) if checked else []
                self._assign(key, fields)
                return recorded
        except IntegrityError:
            storing.check_workspace(workspace)
            raise

    def _item(self, item: Any, fields: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Lock an item, and return its key and what stands in its columns."""
        model, mine = self.models.InboxItem, self.models.inbox_workspace
        key, primary = key_of(model, item), model._meta.primary_key
        query = model.select(primary, *fields.values()).where(primary == key)
        if mine is not None:
            query = query.where(getattr(model, mine) == self.id)
        row = None if key is None else next(iter(self.engine.locked(query).tuples()), None)
        if row is None:
            raise strange_item(item)
        return row[0], dict(zip(fields, row[1:], strict=True))

    def _came_from(self, key: Any) -> list[Recorded]:
        signal: Any = self.models.Signal

        def query() -> Any:
            mine = signal.select(*self._columns(_WHOLE)).where(self._own(), signal.inbox_item == key)
            return mine.order_by(signal.id)

        rows = self._fetch("came from", [signal.inbox_item.db_value(key)], query)
        return [Recorded(row, "unchanged") for row in self._signals(rows, _WHOLE)]

    def _assign(self, key: Any, fields: Mapping[str, Any]) -> None:
        model, now = self.models.InboxItem, utc_now()
        changes = {
            fields[name]: "assigned" if name == "status" else _as_stored(fields[name], now)
            for name in _WRITTEN
            if name in fields
        }
        model.update(changes).where(model._meta.primary_key == key).execute()


def _listed(rows: Iterable[Any]) -> list[Any]:
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise InvalidOption("rows", rows, "an iterable of mappings, one for each signal")
    return list(rows)


def _fields(models: Models) -> dict[str, Any]:
    """Return the fields of the inbox model by the names that the library has for them."""
    model, names = models.InboxItem, models.inbox_columns
    for name in _NEEDED:
        if name not in names:
            raise InvalidHosts(
                "inbox_item", model, f"a field for {name}: Hosts(inbox_item=…, inbox_columns={{{name!r}: …}})"
            )
    return {name: model._meta.fields[field] for name, field in names.items()}


def _checked(checks: Checks, key: Any, item: Mapping[str, Any], given: list[Any] | None) -> list[Row]:
    if given is None:
        return [checks.row({**_itself(item), "inbox_item_id": key}, repair=False)]
    rows = []
    for number, row in enumerate(given, 1):
        try:
            rows.append(checks.row(_filled(row, key, item.get("source")), repair=False))
        except (InvalidSignal, NotFound) as error:  # noqa: PERF203
            raise RejectedRow(rejection(number, error)) from error
    return rows


def _itself(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as the arguments of `record`."""
    said = item.get("created_at")
    if isinstance(said, datetime) and said.tzinfo is None:
        raise InvalidSignal(
            "occurred_at", said, "an aware time: give rows of your own, or Hosts(inbox_columns={'created_at': None})"
        )
    return {
        "verbatim": item.get("processed_content") or item["raw_content"],
        "source": item.get("source"),
        "source_ref": item.get("source_ref") or None,
        "source_metadata": item.get("metadata"),
        "occurred_at": said,
    }


def _filled(row: Any, key: Any, source: Any) -> Any:
    if not isinstance(row, Mapping):
        return row
    if row.get("inbox_item_id") is not None:
        raise InvalidSignal("inbox_item_id", row["inbox_item_id"], "no such key: the item is filled in")
    return {**row, "source": source if row.get("source") is None else row["source"], "inbox_item_id": key}


def _as_stored(field: Any, instant: datetime) -> datetime:
    """Return a time for a host's column; one that keeps no offset gets UTC without it."""
    return instant.replace(tzinfo=None) if field.field_type == "DATETIME" else instant
