"""How does a signal change between being new and being put away?"""

from __future__ import annotations

from typing import Any

from ..schema import Status
from ..schema.vocabularies import check_word
from .calls import operation
from .changing import Changing, Held, Ids, status_told, told
from .checking import plain
from .filters import SignalFilter, conditions


class Lifecycle(Changing):
    """Each call is one transaction, or a savepoint inside the host's, and is told in the history of each signal.

    A call sends the same few statements whatever the number of signals.
    """

    @operation
    def set_status(self, ids: Ids, status: Status | str, *, by: Any = None) -> int:
        """Give signals a status; any status may follow any other.

        Args:
            ids: one signal or any number of them, each as its key or its row.
            status: a word of the vocabulary.
            by: the user (a row or its key) who decides so.

        Returns:
            How many signals had another status before.

        Raises:
            InvalidSignal: the status is unknown.
            NotFound: a signal is none of this workspace, or there is no such user; nothing was changed.
        """
        field: Any = self.models.Signal.status
        wanted = plain(check_word("status", status, field.known))
        with self.engine.write():
            user, held = self._user(by), self._hold(ids)
            changed = [key for key, (before, _) in held.rows.items() if before != wanted]
            before = status_told(held.rows, changed)
            self._tell("status_set", changed, held.at, user, before=before, after=told({"status": wanted}))
            self._set(changed, held.at, status=wanted)
            return len(changed)

    @operation
    def archive(self, which: Ids | SignalFilter, *, by: Any = None) -> int:
        """Put signals away: pages, counts and evidence leave them out from now on. Their links stay.

        Args:
            which: one signal or any number of them, each as its key or its row; or a filter, for all the signals that
                `page` would visit with it.
            by: the user (a row or its key) who decides so.

        Returns:
            How many signals were not archived before.

        Raises:
            InvalidFilter: the filter has a word that no vocabulary of the store knows.
            NotFound: a signal is none of this workspace, or there is no such user; nothing was changed.
        """
        with self.engine.write():
            user = self._user(by)
            held = self._hold_matching(which) if isinstance(which, SignalFilter) else self._hold(which)
            changed = [key for key, (status, _) in held.rows.items() if status != "archived"]
            before = status_told(held.rows, changed)
            self._tell("archived", changed, held.at, user, before=before, after=told({"status": "archived"}))
            self._set(changed, held.at, status="archived")
            return len(changed)

    @operation
    def restore(self, ids: Ids, *, by: Any = None) -> int:
        """Take archived signals out again: one that informs a project is linked, and any other is reviewed.

        Args:
            ids: one signal or any number of them, each as its key or its row; those not archived stay as they are.
            by: the user (a row or its key) who decides so.

        Returns:
            How many signals were archived.

        Raises:
            NotFound: a signal is none of this workspace, or there is no such user; nothing was changed.
        """
        with self.engine.write():
            user, held = self._user(by), self._hold(ids)
            archived = held.with_status("archived")
            linked = self._informing(archived)
            texts = {status: told({"status": status}) for status in ("linked", "reviewed")}
            after = [texts["linked" if key in linked else "reviewed"] for key in archived]
            self._tell("restored", archived, held.at, user, before=told({"status": "archived"}), after=after)
            self._set([key for key in archived if key in linked], held.at, status="linked")
            self._set([key for key in archived if key not in linked], held.at, status="reviewed")
            return len(archived)

    def _hold_matching(self, wanted: SignalFilter) -> Held:
        """Lock the signals that a filter finds, in the order of their keys."""
        matching = conditions(wanted, self.models, self.engine)
        signal: Any = self.models.Signal
        first = self._locked(signal.workspace == self.id, *matching)
        # Asked again: while the first statement waited for a lock, links may have come or gone that it does not see.
        return self._locked(self._own(), self.engine.among(signal.id, list(first.rows)), *matching)

    def _informing(self, ids: list[str]) -> set[str]:
        """Return those of some signals that inform a project."""
        link: Any = self.models.SignalProject
        query = link.select(link.signal).where(self.engine.among(link.signal, ids)).distinct()
        return {key for (key,) in query.tuples()} if ids else set()
