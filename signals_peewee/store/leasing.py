"""Who works on which unprocessed signal, and until when?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidOption
from ..schema import Signal
from .calls import operation
from .changing import Changing, Ids, as_told, told
from .durations import check_duration
from .paging import MAX_LIMIT
from .relations import Fetching

_WHOLE = frozenset({"raw_payload"})


class Leasing(Changing, Fetching):
    """Work for an extractor: a signal is leased, worked on, and said to be processed; it comes back where it is not."""

    @operation
    def claim_unprocessed(self, n: int, lease: timedelta | float) -> list[Signal]:
        """Lease the oldest signals that are unprocessed and that nobody else has leased.

        No two callers get the same signal while its lease lasts, and none waits for another: what somebody is changing
        at this moment is left to a later call. Where a worker dies its signals come back when the lease is over. The
        times are those of the database's clock, and not of the workers'. A lease is no change: it is told in no
        history and leaves `updated_at` alone. Archived signals, and those that another one stands for, are no work.

        Args:
            n: at most this many, 1 to 500.
            lease: how long they are yours, a timedelta or seconds; longer than the work on all of them takes.

        Returns:
            The signals, the oldest stored first, whole but for their embeddings; none where there is no work.

        Raises:
            InvalidOption: an argument is out of range.
        """
        if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_LIMIT:
            raise InvalidOption("n", n, f"an integer from 1 to {MAX_LIMIT}")
        duration = check_duration("lease", lease)
        signal: Any = self.models.Signal
        with self.engine.write():
            now = self.engine.now()
            until = now + duration
            rows = self._free(now, n)
            claimed = self._signals(rows, _WHOLE)
            if claimed:
                these = self.engine.among(signal.id, [row.id for row in claimed])
                signal.update(claimed_until=until).where(self._own(), these).execute()
        for row in claimed:
            row.__data__["claimed_until"] = until
        return claimed

    @operation
    def mark_processed(self, ids: Ids, *, by: Any = None) -> int:
        """Say that the work on signals is done; whoever holds their leases, these end.

        Args:
            ids: one signal or any number of them, each as its key or its row.
            by: the user (a row or its key) who says so.

        Returns:
            How many signals were unprocessed before.

        Raises:
            NotFound: a signal is none of this workspace, or there is no such user; nothing was changed.
        """
        signal: Any = self.models.Signal
        with self.engine.write():
            user, held = self._user(by), self._hold(ids)
            query = signal.select(signal.id).where(
                self._own(),
                signal.processed_at.is_null(),
                self.engine.among(signal.id, list(held.rows)),
            )
            done = [key for (key,) in query.order_by(signal.id).tuples()] if held.rows else []
            self._set(done, held.at, processed_at=held.at, claimed_until=None)
            after = told({"processed_at": as_told(held.at)})
            self._tell("processed", done, held.at, user, before=told({"processed_at": None}), after=after)
            return len(done)

    def _free(self, now: datetime, n: int) -> list[Any]:
        """Lock the oldest signals that are work and nobody's, and return their rows."""
        signal: Any = self.models.Signal

        def query() -> Any:
            free = self._mine(*self._columns(_WHOLE)).where(
                signal.processed_at.is_null(),
                signal.status != "archived",
                signal.merged_into.is_null(),
                signal.claimed_until.is_null() | (signal.claimed_until <= now),
            )
            return self.engine.locked(free.order_by(signal.created_at, signal.id).limit(n), skip=True)

        return self._fetch("free", ["archived", self.engine.to_column(now), n], query)
