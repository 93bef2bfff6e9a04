"""How are signals changed? Locked in one order, changed, and told of, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from peewee import OP, Expression, Value

from ..engine import Engine
from ..engine.bulk import Appender, instant_texts, table_of
from ..errors import NotFound
from ..schema import EventDocument, EventKind, Models, Signal
from ..schema.documents import encode
from ..schema.fields import utc_now
from ..schema.texts import storable
from .rooms import Room

Ids = str | Signal | Iterable[str | Signal]
"""One signal or any number of them, each as its key or its row."""
Told = str | Sequence[str | None] | None
"""One side of some events as `told` returns it: one for all, or one for each."""
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
        if not wanted:
            return Held({}, moment())
        held = self._locked(self._own(), self.engine.among(self.models.Signal.id, wanted))
        if len(held.rows) < len(wanted):
            raise NotFound("signal", next(key for key in wanted if key not in held.rows))
        return held

    def _locked(self, *which: Any) -> Held:
        """Lock the signals for which these conditions hold, in the order of their keys."""
        signal: Any = self.models.Signal
        query = signal.select(signal.id, signal.status, signal.merged_into, signal.updated_at).where(*which)
        # As the driver returns them, where times compare as they do in Python: thousands are converted slowly.
        found = self.engine.fetched(*self.engine.locked(query.order_by(signal.id)).sql())
        rows = {key: (status, merged_into) for key, status, merged_into, _ in found}
        latest = max(map(itemgetter(-1), found), default=None)
        return Held(rows, moment() if latest is None else moment(signal.updated_at.python_value(latest)))

    def _own(self) -> Any:
        """The condition that a signal is of this workspace, for those that are found by their keys and not by it."""
        column: Any = self.models.Signal.workspace
        return Expression(self.engine.sifted(column), OP.EQ, Value(column.db_value(self.id)))

    def _set(self, ids: Sequence[str], at: datetime, **columns: Any) -> None:
        """Change columns of held signals, in one statement however many they are; `updated_at` moves with them."""
        signal: Any = self.models.Signal
        if ids:
            changes = {"updated_at": at, **columns}
            signal.update(changes).where(self._own(), self.engine.among(signal.id, ids)).execute()

    def _tell(
        self,
        kind: EventKind,
        ids: Sequence[str],
        at: datetime,
        by: Any,
        *,
        before: Told = None,
        after: Told = None,
    ) -> None:
        """Append an event to the history of each of these signals, in one statement.

        Args:
            kind: what happened.
            ids: the signals; if one is there more than once, its events are in this order.
            at: when, as `_hold` returned it.
            by: the key of a user, as `_user` returned it.
            before: the document of the event as `told` returns it: one for all, or one for each signal.
            after: likewise.
        """
        tell(self.engine, self.models, kind, ids, at, by=by, before=before, after=after)

    def _appender(self, model: Any) -> Appender:
        return appender(self.engine, self.models, model)

    def _user(self, by: Any) -> Any:
        """Return the key of a user, who stays until the transaction ends; None for nobody.

        Raises:
            NotFound: there is no such user.
        """
        return None if by is None else self._found("user", self.models.User, by, keep=True)

    def _project(self, project: Any) -> Any:
        """Return the key of a project of this workspace, which stays until the transaction ends.

        Raises:
            NotFound: there is no such project, or it is another workspace's.
        """
        return self._found("project", self.models.Project, project, self.models.project_workspace, keep=True)


def wanted_ids(ids: Ids) -> list[str]:
    """Return the keys of some signals, each once, in the order given.

    Raises:
        NotFound: one of them can be no key.
    """
    given = [ids] if isinstance(ids, (str, Signal)) or not isinstance(ids, Iterable) else ids
    keys = [each.id if isinstance(each, Signal) else each for each in given]
    if not (set(map(type, keys)) <= {str} and storable("".join(keys))):
        for key in keys:
            if not isinstance(key, str) or not storable(key):
                raise NotFound("signal", key)
    return list(dict.fromkeys(keys))


def moment(*earlier: datetime) -> datetime:
    """Return this instant, or one that is later than each of these, whatever the clocks of those who wrote them."""
    return max([utc_now(), *(each + _TICK for each in earlier)])


def appender(engine: Engine, models: Models, model: Any) -> Appender:
    """Return what appends rows to a table of a store, made once and kept with its models."""
    kept: dict[Any, Appender] = vars(models).setdefault(_KEPT, {})
    return kept.get(model) or kept.setdefault(model, engine.appender(table_of(model)))


def tell(
    engine: Engine,
    models: Models,
    kind: EventKind,
    ids: Sequence[str],
    at: datetime,
    *,
    by: Any = None,
    before: Told = None,
    after: Told = None,
) -> None:
    """Append an event to the history of each of these signals; see `Changing._tell`."""
    if not ids:
        return
    event: Any = models.SignalEvent
    columns: dict[str, Sequence[Any]] = {"id": sorted(event._meta.new_ids(len(ids))), "signal_id": ids}
    constants = {"kind": kind, "created_at": at, "created_by": event.created_by.db_value(by)}
    for name, documents in (("before", before), ("after", after)):
        each = [documents] if documents is None or isinstance(documents, str) else documents
        if len(set(each)) == 1:
            constants[name] = each[0]
        else:
            columns[name] = each
    appender(engine, models, event).append(columns, constants)


def told(document: EventDocument) -> str:
    """Return one side of an event as JSON text."""
    return encode("event", document, depth=0)


def as_told(value: Any) -> Any:
    """Return the value of a column as an event tells it: a time as ISO text in UTC, a UUID as its text."""
    if isinstance(value, datetime):
        return instant_texts([value])[0]
    return str(value) if isinstance(value, UUID) else value


def status_told(statuses: Mapping[str, tuple[str, str | None]], ids: Sequence[str]) -> str | list[str]:
    """Return the status of these held signals as the document of an event: one for each, or one for all."""
    found = [statuses[key][0] for key in ids]
    texts = {status: told({"status": status}) for status in set(found)}
    return next(iter(texts.values())) if len(texts) == 1 else [texts[status] for status in found]
