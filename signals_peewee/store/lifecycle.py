"""How does a signal change between being new and being put away?"""

from __future__ import annotations

from typing import Any

from ..schema import Status
from ..schema.vocabularies import check_word
from .calls import operation
from .changing import Changing, Ids, status_told, told


class Lifecycle(Changing):
    """Each call is one transaction, or a savepoint inside the host's, and is told in the history of each signal."""

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
        check_word("status", status, field.known)
        with self.engine.write():
            user, held = self._user(by), self._hold(ids)
            changed = [key for key, (before, _) in held.rows.items() if before != status]
            self._set(changed, held.at, status=status)
            before = status_told(held.rows, changed)
            self._tell("status_set", changed, held.at, user, before=before, after=told({"status": status}))
            return len(changed)
