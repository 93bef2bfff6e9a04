"""How fast is this library? It gets the plain rows, and its checks, ids, times and comparisons are inside the clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .databases import WORKSPACE, Place
from .rows import Row


class SignalsPeewee:
    """`record_many`, and `record` for one."""

    name = "signals_peewee"

    def open(self, place: Place) -> None:
        self.store = place.store()
        self.workspace = self.store.workspace_named(WORKSPACE)

    def close(self) -> None:
        self.store.close()

    def made(self, rows: Iterable[Row]) -> list[Row]:
        return list(rows)

    def new(self, rows: Sequence[Row]) -> None:
        report = self.workspace.record_many(iter(rows))
        assert report.created == len(rows), report

    def resent(self, rows: Sequence[Row]) -> None:
        report = self.workspace.record_many(iter(rows))
        assert report.unchanged == len(rows), report

    def one(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.workspace.record(**row)
