"""How are signals linked to projects, personas and tags, and unlinked again?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import Case, fn

from ..schema.fields import check_confidence
from ..schema.texts import NAME_LENGTH, check_text
from .calls import operation
from .changing import Changing, Ids
from .checking import plain
from .links import PERSONA, PROJECT, TAG, Linked, LinkKind, Unlinked, sides

UNLINKED = ("new", "reviewed")
"""The statuses that become "linked" with the first project."""


class Linking(Changing):
    """Each call is one transaction, or a savepoint inside the host's, and is told in the history of each signal.

    A call sends the same few statements whatever the number of signals.
    """

    @operation
    def link_project(
        self, ids: Ids, project: Any, *, reason: str | None = None, confidence: float | None = None, by: Any = None
    ) -> Linked:
        """Say that signals inform a project; a link that is there already is kept as it is.

        The first project of a new or reviewed signal makes it linked; a signal of another status keeps it.

        Args:
            ids: one signal or any number of them, each as its key or its row.
            project: a project of this workspace, as its row or key.
            reason: why.
            confidence: how sure that is, from 0 to 1.
            by: the user (a row or its key) who says so.

        Raises:
            InvalidSignal: the reason cannot be stored, or the confidence is no number from 0 to 1.
            NotFound: a signal or the project is none of this workspace, or there is no such user; nothing was linked.
        """
        why = None if reason is None else plain(check_text("reason", reason))
        sure = None if confidence is None else check_confidence("confidence", confidence)
        return self._link(PROJECT, ids, project, by, link_reason=why, confidence=sure)

    @operation
    def unlink_project(self, ids: Ids, project: Any, *, by: Any = None) -> Unlinked:
        """Say that signals do not inform a project; what the links said stays in the history.

        A linked signal that then has no project left becomes reviewed.

        Args:
            ids: one signal or any number of them, each as its key or its row.
            project: a project of this workspace, as its row or key.
            by: the user (a row or its key) who says so.

        Raises:
            NotFound: a signal or the project is none of this workspace, or there is no such user; nothing was changed.
        """
        return self._unlink(PROJECT, ids, project, by)

    @operation
    def link_persona(self, ids: Ids, persona: str, *, by: Any = None) -> Linked:
        """Say that signals tell of a persona; their status stays, and so does a link that is there already.

        Args:
            ids: one signal or any number of them, each as its key or its row.
            persona: its name, of at most 200 characters, taken as it is.
            by: the user (a row or its key) who says so.

        Raises:
            InvalidSignal: the name is blank, too long or cannot be stored.
            NotFound: a signal is none of this workspace, or there is no such user; nothing was linked.
        """
        return self._link(PERSONA, ids, _name("persona", persona), by)

    @operation
    def unlink_persona(self, ids: Ids, persona: str, *, by: Any = None) -> Unlinked:
        """Say that signals do not tell of a persona; arguments and errors are those of `link_persona`."""
        return self._unlink(PERSONA, ids, _name("persona", persona), by)

    @operation
    def tag(self, ids: Ids, tag: str, *, by: Any = None) -> Linked:
        """Put a tag on signals; their status stays, and so does a tag that is there already.

        Args:
            ids: one signal or any number of them, each as its key or its row.
            tag: at most 200 characters, taken as they are.
            by: the user (a row or its key) who does so.

        Raises:
            InvalidSignal: the tag is blank, too long or cannot be stored.
            NotFound: a signal is none of this workspace, or there is no such user; nothing was tagged.
        """
        return self._link(TAG, ids, _name("tag", tag), by)

    @operation
    def untag(self, ids: Ids, tag: str, *, by: Any = None) -> Unlinked:
        """Take a tag off signals; arguments and errors are those of `tag`."""
        return self._unlink(TAG, ids, _name("tag", tag), by)

    def _link(self, kind: LinkKind, ids: Ids, target: Any, by: Any, **given: Any) -> Linked:
        with self.engine.write():
            user, target = self._user(by), self._target(kind, target)
            held = self._hold(ids)
            known = self._known(kind, list(held.rows), target)
            new = [key for key in held.rows if not known.get(key)]
            values = {**given, "linked_at": held.at, "linked_by": user}
            self._append(kind, new, target, values)
            first = [key for key in held.with_status(*UNLINKED) if key not in known] if kind.moves_status else []
            self._set(first, held.at, status="linked")
            self._set(_others(new, first), held.at)
            facts = dict.fromkeys(new, tuple(values[name] for name in kind.facts))
            before, after = sides(kind, target, facts, {key: held.rows[key][0] for key in first})
            self._tell(kind.linked, new, held.at, user, before=before, after=after)
            return Linked(len(new), len(held.rows) - len(new))

    def _unlink(self, kind: LinkKind, ids: Ids, target: Any, by: Any) -> Unlinked:
        with self.engine.write():
            user, target = self._user(by), self._target(kind, target)
            held = self._hold(ids)
            facts = self._taken(kind, list(held.rows), target)
            gone = [key for key in held.with_status("linked") if key in facts] if kind.moves_status else []
            last = _others(gone, self._known(kind, gone, target))
            self._set(last, held.at, status="reviewed")
            self._set(_others(facts, last), held.at)
            after, before = sides(kind, target, facts, dict.fromkeys(last, "reviewed"))
            self._tell(kind.unlinked, list(facts), held.at, user, before=before, after=after)
            return Unlinked(len(facts), len(held.rows) - len(facts))

    def _target(self, kind: LinkKind, target: Any) -> Any:
        return self._project(target) if kind is PROJECT else target

    def _known(self, kind: LinkKind, ids: Sequence[str], target: Any) -> dict[str, bool]:
        """Return which of these signals have a link of this kind, and whether one is to the target."""
        link: Any = getattr(self.models, kind.model)
        here = fn.MAX(Case(None, [(getattr(link, kind.target) == target, 1)], 0))
        query = link.select(link.signal, here).where(self.engine.among(link.signal, ids)).group_by(link.signal)
        return {key: bool(found) for key, found in query.tuples()} if ids else {}

    def _append(self, kind: LinkKind, ids: Sequence[str], target: Any, values: Mapping[str, Any]) -> None:
        link: Any = getattr(self.models, kind.model)
        field, by = getattr(link, kind.target), link.linked_by.db_value(values["linked_by"])
        constants = {**values, field.column_name: field.db_value(target), "linked_by": by}
        if ids:
            self._appender(link).append({"id": link._meta.new_ids(len(ids)), "signal_id": ids}, constants)

    def _taken(self, kind: LinkKind, ids: Sequence[str], target: Any) -> dict[str, tuple[Any, ...]]:
        """Delete the links of these signals to the target, and return what they said, by the key of the signal."""
        link: Any = getattr(self.models, kind.model)
        query = link.select(link.signal, link.id, *(getattr(link, name) for name in kind.facts)).where(
            getattr(link, kind.target) == target, self.engine.among(link.signal, ids)
        )
        # Locked, because who writes with raw SQL may be deleting one of them: then it is told of by nobody twice.
        found = {key: facts for key, *facts in self.engine.locked(query).tuples()} if ids else {}
        if found:
            link.delete().where(self.engine.among(link.id, [facts[0] for facts in found.values()])).execute()
        return {key: tuple(found[key][1:]) for key in ids if key in found}


def _others(ids: Iterable[str], left_out: Iterable[str]) -> list[str]:
    without = set(left_out)
    return [key for key in ids if key not in without]


def _name(field: str, name: object) -> str:
    return plain(check_text(field, name, max_length=NAME_LENGTH, blank=False))
