"""How does a database stand to the scripts and the models? What a runner can tell without changing anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import Model

from ..engine import plain_database
from ..engine.migrating import migrating_for
from .catalog import Catalog, sources_in
from .comparison import Comparison
from .context import contexts_of
from .drafting import draft_of
from .drift import Drift, drift_of
from .events import Observer
from .history import History, Row
from .lint import LintMode
from .offered import models_of
from .options import OnAhead, OutOfOrder, check, checked_limits, checked_policies, checked_table
from .scripts import Script
from .session import Session
from .sources import Source
from .status import Status, status_of
from .turn import Setup


class Standing:
    """A database beside the steps of some sources, and beside models."""

    def __init__(
        self,
        database: Any,
        sources: Source | Sequence[Source],
        *,
        history_table: str = "migration_history",
        schema: str | None = None,
        lock_wait: float = 60.0,
        lock_timeout: float = 2.0,
        out_of_order: OutOfOrder = "error",
        on_ahead: OnAhead = "warn",
        lint: LintMode = "warn",
        on_event: Observer | None = None,
        context: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        check(
            "on_event", on_event, on_event is None or callable(on_event), "a function that takes a StepEvent, or None"
        )
        migrating = migrating_for(plain_database(database))
        migrating.engine.check_schema(schema)
        self._sources = sources_in(sources)
        self._history_table = checked_table(history_table)
        self._options: dict[str, Any] = {
            "history_table": history_table,
            "schema": schema,
            "lock_wait": lock_wait,
            "lock_timeout": lock_timeout,
            "out_of_order": out_of_order,
            "on_ahead": on_ahead,
            "context": context,
        }
        self._setup = Setup(
            migrating,
            History(migrating, self._history_table, schema),
            schema,
            contexts_of([source.name for source in self._sources], context),
            checked_limits(lock_wait, lock_timeout),
            checked_policies(out_of_order, on_ahead, lint),
            on_event,
        )
        self._session = Session(migrating, self._setup.history, table=history_table, schema=schema, wait=lock_wait)

    def status(self) -> Status:
        """Return how the database stands to the scripts, with one SELECT, however little they agree.

        Raises:
            ContextChanged: a source gets another context than its applied steps were given.
            InvalidSource, InvalidScript, InvalidDependency: the scripts cannot be read or ordered.
        """
        catalog = Catalog(self._sources)
        with self._session.open(to_change=False):
            return status_of(self._compared(catalog, self._session.read()), self._setup.history)

    def check(self, models: Iterable[type[Model]] | None = None, *, strict: bool = False) -> Drift:
        """Compare the database with models, and return every difference; nothing is written, and no table locked.

        It may be called inside a transaction. On Postgres the models' own DDL makes temporary tables, which are taken
        back; on SQLite it makes tables in memory.

        Args:
            models: Peewee models, bound or not, which are left as they are; None for those that the sources offer.
            strict: tables that no model has are differences too, but for the history.

        Raises:
            InvalidOption: there are no models, two have one table, or a key of one is not resolved.
            InvalidModel: the database refuses the DDL of a model.
            ComparisonRefused: the role may not make temporary tables.
            OpenTransaction: a statement failed before in the transaction that is open.
        """
        chosen = models_of(models, self._sources)
        with self._session.open(to_change=False):
            known = [self._history_table] if strict else None
            return drift_of(self._setup.migrating, self._setup.schema, chosen, known=known)

    def draft(self, models: Iterable[type[Model]] | None = None) -> str | None:
        """Return the text of a step that brings the database to the models, or None where nothing differs.

        It is a draft: comments say what only its author can decide, a rename for example, which looks like one column
        that goes and another one that comes. Applied as it is to tables that take it, it leaves no difference.

        Args:
            models, and what is raised: as in `check`.
        """
        chosen = models_of(models, self._sources)
        with self._session.open(to_change=False):
            return draft_of(self._setup.migrating, self._setup.schema, chosen)

    def _to_apply(self, comparison: Comparison, target: str | None) -> list[Script]:
        comparison.check_applied()
        comparison.check_reverted()
        return comparison.to_apply(target, self._setup.policies)

    def _compared(self, catalog: Catalog, rows: list[Row] | None) -> Comparison:
        comparison = Comparison(catalog, rows or [])
        comparison.check_contexts(self._setup.contexts)
        return comparison
