"""How are signals changed? Locked in one order, changed, and told of, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from ..engine.bulk import Appender, instant_texts, table_of
from ..errors import NotFound
from ..schema import EventDocument, EventKind, Signal
from ..schema.documents import encode
from ..schema.fields import utc_now
from ..schema.hosts import key_of
from ..schema.texts import storable
from .rooms import Room

Ids = str | Signal | Iterable[str | Signal]
"""One signal or any number of them, each as its key or its row."""
_KEPT = "_appenders"
_TICK = timedelta(microseconds=1)


class Held(NamedTuple):
    """Signals that nobody else changes until the transaction ends.

    Attributes:
        rows: each with its status and the key of the signal that stands for it, by its key, in the order of the keys.
        at: this instant, and later than the last change of any of them, whatever the clocks of those who made it.
    """

    rows: dict[str, tuple[str, str | None]]
    at: datetime

    def with_status(self, *statuses: str) -> list[str]:
        """Return the keys of those that have one of these statuses."""
        return [key for key, (status, _) in self.rows.items() if status in statuses]


class Changing(Room):
    """What every change does. All of it happens inside `engine.write()`, users and projects before signals."""

    def _hold(self, ids: Ids) -> Held:
        """Lock signals, in the order of their keys, so that two calls wait for each other and not in a circle.

        Raises:
            NotFound: one of them is none of this workspace.
        """
        wanted = wanted_ids(ids)
        signal: Any = self.models.Signal
        query = signal.select(signal.id, signal.status, signal.merged_into, signal.updated_at).where(
            signal.workspace == self.id, self.engine.among(signal.id, wanted)
        )
        found = self.engine.locked(query.order_by(signal.id)).tuples() if wanted else ()
        rows, latest = {}, None
        for key, status, merged_into, updated_at in found:
            rows[key] = (status, merged_into)
            latest = updated_at if latest is None or updated_at > latest else latest
        for key in wanted:
            if key not in rows:
                raise NotFound("signal", key)
        now = utc_now()
        return Held(rows, now if latest is None or now > latest else latest + _TICK)

    def _set(self, ids: Sequence[str], at: datetime, **columns: Any) -> None:
        """Change columns of held signals, in one statement however many they are; `updated_at` moves with them."""
        signal: Any = self.models.Signal
        if ids:
            changes = {"updated_at": at, **columns}
            signal.update(changes).where(signal.workspace == self.id, self.engine.among(signal.id, ids)).execute()

    def _tell(
        self,
        kind: EventKind,
        ids: Sequence[str],
        at: datetime,
        by: Any,
        *,
        before: str | Sequence[str | None] | None = None,
        after: str | Sequence[str | None] | None = None,
    ) -> None:
        """Append an event to the history of each of these signals, in one statement.

        Args:
            kind: what happened.
            ids: the signals, each once.
            at: when, as `_hold` returned it.
            by: the key of a user, as `_user` returned it.
            before: the document of the event as `told` returns it: one for all, or one for each signal.
            after: likewise.
        """
        if not ids:
            return
        event: Any = self.models.SignalEvent
        columns: dict[str, Sequence[Any]] = {"id": event._meta.new_ids(len(ids)), "signal_id": ids}
        constants = {"kind": kind, "created_at": at, "created_by": event.created_by.db_value(by)}
        for name, documents in (("before", before), ("after", after)):
            if documents is None or isinstance(documents, str):
                constants[name] = documents
            else:
                columns[name] = documents
        self._appender(event).append(columns, constants)

    def _appender(self, model: Any) -> Appender:
        """Return what appends rows to a table of the store, made once and kept with its models."""
        kept: dict[Any, Appender] = vars(self.models).setdefault(_KEPT, {})
        return kept.get(model) or kept.setdefault(model, self.engine.appender(table_of(model)))

    def _user(self, by: Any) -> Any:
        """Return the key of a user, who stays until the transaction ends; None for nobody.

        Raises:
            NotFound: there is no such user.
        """
        return None if by is None else self._found("user", self.models.User, by)

    def _project(self, project: Any) -> Any:
        """Return the key of a project of this workspace, which stays until the transaction ends.

        Raises:
            NotFound: there is no such project, or it is another workspace's.
        """
        return self._found("project", self.models.Project, project, self.models.project_workspace)

    def _found(self, role: str, model: Any, value: Any, workspace: str | None = None) -> Any:
        key, primary = key_of(model, value), model._meta.primary_key
        expected = f"a row or a key of {model.__name__}{' of this workspace' if workspace else ''}"
        if key is None:
            raise NotFound(role, value, expected)
        query = model.select(primary).where(primary == key)
        if workspace is not None:
            query = query.where(getattr(model, workspace) == self.id)
        if self.engine.kept(query).first() is None:
            raise NotFound(role, value, expected)
        return key


def wanted_ids(ids: Ids) -> list[str]:
    """Return the keys of some signals, each once, in the order given.

    Raises:
        NotFound: one of them can be no key.
    """
    given = [ids] if isinstance(ids, (str, Signal)) or not isinstance(ids, Iterable) else ids
    keys = [each.id if isinstance(each, Signal) else each for each in given]
    for key in keys:
        if not isinstance(key, str) or not storable(key):
            raise NotFound("signal", key)
    return list(dict.fromkeys(keys))


def told(document: EventDocument) -> str:
    """Return one side of an event as JSON text."""
    return encode("event", document)


def as_told(value: Any) -> Any:
    """Return the value of a column as an event tells it: a time as ISO text in UTC, a UUID as its text."""
    if isinstance(value, datetime):
        return instant_texts([value])[0]
    return str(value) if isinstance(value, UUID) else value


def status_told(statuses: Mapping[str, tuple[str, str | None]], ids: Sequence[str]) -> list[str]:
    """Return, for each of these held signals, its status as the document of an event."""
    texts = {status: told({"status": status}) for status, _ in statuses.values()}
    return [texts[statuses[key][0]] for key in ids]
