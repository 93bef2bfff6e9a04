"""How do the columns of a signal change after it was recorded?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from peewee import IntegrityError

from ..errors import InvalidSignal, NotFound
from ..schema import AIClassification, Frequency, Severity, Signal, Source, SourceMetadata
from .amending import emptied, sides
from .calls import operation
from .changing import Changing, moment, wanted_ids
from .checking import DOCUMENTS, Checks
from .comparing import same_json
from .relations import fields_of
from .writing import writer

_REQUIRED = ("verbatim", "source", "occurred_at")


class Unset(Enum):
    """The kind of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return self.name


UNSET: Final = Unset.UNSET
"""Stands for an argument that is not given, where None means something."""


class Updating(Changing):
    """Each call is one transaction, or a savepoint inside the host's, and is told in the history of the signal."""

    @operation
    def update(
        self,
        id: str | Signal,
        *,
        by: Any = None,
        verbatim: str | Unset = UNSET,
        interpretation: str | Unset | None = UNSET,
        severity: Severity | str | Unset | None = UNSET,
        frequency: Frequency | str | Unset | None = UNSET,
        user_segment: str | Unset | None = UNSET,
        source: Source | str | Unset = UNSET,
        source_ref: str | Unset | None = UNSET,
        source_metadata: SourceMetadata | Unset | None = UNSET,
        ai_classification: AIClassification | Unset | None = UNSET,
        occurred_at: datetime | Unset = UNSET,
        inbox_item_id: Any = UNSET,
    ) -> Signal:
        """Change columns of a signal: those that are given, and None empties one.

        Each is checked as by `record`, before any SQL. What is equal to what is stored is no change; where nothing
        changes, `updated_at` stays and the history tells of nothing. A changed verbatim empties the embedding, which
        was made of the words before.

        Args:
            id: the signal, as its key or its row.
            by: the user (a row or its key) who says so.
            verbatim: the person's own words.
            interpretation: what it means.
            severity: a word of the vocabulary.
            frequency: a word of the vocabulary.
            user_segment: enterprise, SMB, …
            source: a word of the vocabulary.
            source_ref: the id, URL or ticket in the source system, 1 to 512 characters.
            source_metadata: the whole document; it replaces the one that is stored.
            ai_classification: likewise.
            occurred_at: when it was said, aware.
            inbox_item_id: the inbox item (its key or its row) that it came from.

        Returns:
            The signal as it now stands in the database (its embedding is not read).

        Raises:
            InvalidSignal: a value cannot be stored, or another signal has this source and source_ref; nothing was
                changed.
            NotFound: the signal or the inbox item is none of this workspace, or there is no such user.
        """
        given = {
            "verbatim": verbatim,
            "interpretation": interpretation,
            "severity": severity,
            "frequency": frequency,
            "user_segment": user_segment,
            "source": source,
            "source_ref": source_ref,
            "source_metadata": source_metadata,
            "ai_classification": ai_classification,
            "occurred_at": occurred_at,
            "inbox_item_id": inbox_item_id,
        }
        checks = writer(self.engine, self.models).checks
        changes = {name: _checked(checks, name, value) for name, value in given.items() if value is not UNSET}
        (key,) = wanted_ids([id])
        try:
            with self.engine.write():
                return self._updated(key, changes, self._user(by))
        except IntegrityError as error:
            if not self.engine.is_duplicate(error):
                raise
            other = self._other(key, changes)
            if other is None and not self.engine.database.in_transaction():
                raise  # it has gone again meanwhile, so the call is made again
            raise _taken(changes, other) from error

    def _updated(self, key: str, changes: dict[str, Any], user: Any) -> Signal:
        if changes.get("inbox_item_id") is not None:
            model, mine = self.models.InboxItem, self.models.inbox_workspace
            item = self._found("inbox item", model, changes["inbox_item_id"], mine, keep=True)
            changes = {**changes, "inbox_item_id": item}
        row = self._locked_row(key)
        stored: Mapping[str, Any] = row.as_row()
        differences = {name: (stored[name], new) for name, new in changes.items() if not same_json(stored[name], new)}
        if differences:
            at, (before, after) = moment(row.updated_at), sides(differences)
            changed = {**{name: new for name, (_, new) in differences.items()}, **emptied(differences)}
            self._tell("updated", [key], at, user, before=before, after=after)
            self._set([key], at, **changed)
            self._set_in(row, updated_at=at, **changed)
        return row

    def _set_in(self, row: Any, **changed: Any) -> None:
        """Put columns, where they were read, into a row as if they had been read so."""
        for name, value in changed.items():
            field = self.models.Signal._meta.columns[name].name
            if field in row.__data__:
                row.__data__[field] = value

    def _locked_row(self, key: str) -> Signal:
        signal: Any = self.models.Signal
        query = signal.select(*fields_of(signal, ())).where(self._own(), signal.id == key)
        row: Signal | None = self.engine.locked(query).first()
        if row is None:
            raise NotFound("signal", key)
        return row

    def _other(self, key: str, changes: Mapping[str, Any]) -> str | None:
        """Return the key of the signal that has the identity which another one was to get."""
        signal: Any = self.models.Signal
        query = signal.select(signal.source, signal.source_ref).where(self._own(), signal.id == key)
        for source, source_ref in query.tuples():
            same = (
                signal.workspace == self.id,
                signal.source == changes.get("source", source),
                signal.source_ref == changes.get("source_ref", source_ref),
                signal.id != key,
            )
            return next((found for (found,) in signal.select(signal.id).where(*same).tuples()), None)
        return None


def _checked(checks: Checks, name: str, value: Any) -> Any:
    if value is None and name not in _REQUIRED:
        return None
    column = checks.column(name, value)
    if name in DOCUMENTS:
        return json.loads(column)
    return value if name == "inbox_item_id" else column


def _taken(changes: Mapping[str, Any], other: str | None) -> InvalidSignal:
    name = "source_ref" if "source_ref" in changes else "source"
    expected = "a source and source_ref that no other signal of the workspace has"
    known = "" if other is None else f", and {other!r} has this one"
    return InvalidSignal(name, changes.get(name), expected + known)
