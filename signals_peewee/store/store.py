"""What can be done with a store as a whole?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from peewee import Database

from ..engine import engine_for, plain_database
from ..engine.bulk import table_of
from ..errors import ContextChanged, HostsChanged, InvalidOption, NotFound, NotMigrated
from ..errors.advice import MIGRATING, Advising
from ..schema import Hosts, Models, Vocabularies, Wiring
from ..schema.hosts import key_of
from ..schema.ids import IdKind, new_ids
from ..schema.texts import NAME_LENGTH, check_text
from .calls import attempt, operation
from .durations import check_duration
from .purging import Purged, purged
from .workspace import Workspace

if TYPE_CHECKING:
    from ..runner import MigrationRunner


class SignalStore:
    """Signals inside a host's Peewee database, which it never opens, closes, pools or binds again.

    Args:
        database: an initialised `SqliteDatabase` or `PostgresqlDatabase`, or a proxy of one.
        hosts: the host's own models for workspaces, users, projects and inbox items.
        schema: the Postgres schema that holds every table, index and the migration history.
        vocabularies: words to allow besides the library's own: `{"source": ["discord"]}`.
        ids: "time" for keys that sort by time, "random" for keys that do not show when a row was made.

    Attributes:
        models: the store's own classes, bound to its database, for raw Peewee.

    Raises:
        InvalidOption: the database is no initialised one, or cannot have this schema.
        InvalidHosts: a model cannot play its role.
    """

    def __init__(
        self,
        database: Database,
        *,
        hosts: Hosts | None = None,
        schema: str | None = None,
        vocabularies: Mapping[str, Iterable[str]] | None = None,
        ids: IdKind = "time",
    ) -> None:
        self.database = plain_database(database)
        self.engine = engine_for(self.database)
        self.engine.check_schema(schema)
        if hosts is not None and not isinstance(hosts, Hosts):
            raise InvalidOption("hosts", hosts, "Hosts(workspace=…, user=…, project=…, inbox_item=…)")
        self.hosts = hosts or Hosts()
        self.schema = schema
        self.models = Models(Wiring(self.database, schema, Vocabularies(vocabularies), new_ids(ids)), self.hosts)
        self._ready = False

    def __repr__(self) -> str:
        return f"<SignalStore on {self.engine.name}>"

    def __enter__(self) -> SignalStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close what `open_store` opened, in this thread and idle in a pool; a host's database is left as it is."""
        if self.engine.owned:
            self.database.close()  # nothing, where this thread has none open; a pool may have some all the same
            if (pool := getattr(self.database, "close_idle", None)) is not None:
                pool()

    def runner(self, **options: Any) -> MigrationRunner:
        """Return a runner of the library's own steps, with the host's tables in the roles that it plugged.

        Args:
            options: handed to `MigrationRunner`: lock_wait, lock_timeout, on_event, …
        """
        from ..runner import MigrationRunner  # here, because who only reads and records does not pay for it
        from .steps import SOURCE_NAME, own_steps

        context = {SOURCE_NAME: self.hosts.plugged()}
        return MigrationRunner(
            self.database, [own_steps(self.models.owned)], schema=self.schema, context=context, **options
        )

    @operation
    def migrate(self, **options: Any) -> list[str]:
        """Apply the steps that are pending, one by one; safe to call at start-up, by many processes at once.

        Args:
            options: handed to `MigrationRunner`.

        Returns:
            The steps that were applied, as "source:name"; none where nothing was pending.

        Raises:
            HostsChanged: the tables were built for other host models.
            MigrationError: a step failed, or the history is not what the steps say.
        """
        with _hosts_named():
            applied = self.runner(**options).up()
        if applied and self.engine.owned:
            attempt(self.engine, self.engine.built)
        return applied

    @operation
    def workspace(self, workspace: Any) -> Workspace:
        """Return the door to the signals of one workspace.

        Args:
            workspace: a row of the workspace model, or its key; another door to it will do.

        Raises:
            NotFound: there is no such workspace.
            NotMigrated: the tables are missing, or older than the code.
            HostsChanged: the tables were built for other host models.
        """
        self._check_ready()
        model = self.models.Workspace
        key = key_of(model, workspace.id if isinstance(workspace, Workspace) else workspace)
        known = key is not None and (
            isinstance(workspace, model) or model.select().where(model._meta.primary_key == key).exists()
        )
        if not known:
            raise NotFound("workspace", workspace, f"a row or a key of {model.__name__}")
        return Workspace(self.engine, self.models, key)

    @operation
    def workspace_named(self, name: str, *, create: bool = False) -> Workspace:
        """Return the door to the workspace of this name.

        Args:
            name: what stands in the `name` of the workspace model. With a host's model that has no `name`, its key.
            create: make it where there is none; a host's workspaces are never made.

        Raises:
            NotFound: there is no such workspace.
            InvalidOption: several have this name.
            InvalidSignal: the name of a new one is blank, or longer than 200 characters.
            NotMigrated: the tables are missing, or older than the code.
            HostsChanged: the tables were built for other host models.
        """
        self._check_ready()
        model = self.models.Workspace
        column = model._meta.fields.get("name")
        if column is None:
            return self.workspace(name)
        check_text("name", name)
        query = model.select().where(column == name).limit(2)
        rows = list(query)
        if not rows and create and self.hosts.workspace is None:
            check_text("name", name, max_length=NAME_LENGTH, blank=False)
            with self.engine.write():
                self.engine.serialize(f"{self.schema}.workspaces.{name}")
                rows = list(query.clone()) or [model.create(name=name)]
        if len(rows) > 1:
            raise InvalidOption(
                "workspace", name, "the name of one workspace; several have it, so pass a row or its key"
            )
        if not rows:
            made = "; a host's own workspaces are never made here" if create else ""
            raise NotFound("workspace", name, f"the name of a {model.__name__}{made}")
        return self.workspace(rows[0])

    @operation
    def workspaces(self) -> list[Workspace]:
        """Return the doors to all workspaces, in the order of their keys: for whoever runs the store, not for a tenant.

        Raises:
            NotMigrated: the tables are missing, or older than the code.
            HostsChanged: the tables were built for other host models.
        """
        self._check_ready()
        primary = self.models.Workspace._meta.primary_key
        rows = self.models.Workspace.select(primary).order_by(primary)
        return [Workspace(self.engine, self.models, row.get_id()) for row in rows]

    @operation
    def purge(self, workspace: Any) -> Purged:
        """Remove a workspace with everything in it, for good; `compact` then removes the bytes.

        All that the library keeps itself goes: signals with their links, tags and events, and of its default tables
        the inbox items, the projects and the workspace. A host's own tables, and users, are left as they are. One
        transaction, or a savepoint inside the host's; whoever records into the workspace meanwhile waits, and then
        finds no such workspace, unless it is a host's: that stays, and so does what is recorded from then on.

        Args:
            workspace: a row of the workspace model, or its key.

        Raises:
            NotFound: there is no such workspace.
        """
        key = self.workspace(workspace).id
        with self.engine.write():
            return purged(self.engine, self.models, key)

    @operation
    def compact(self, *, wait: float | timedelta = 5.0) -> list[str]:
        """Remove from the database's files what was erased, purged or overwritten; until then its bytes are there.

        SQLite: VACUUM, and the write-ahead log is emptied. Postgres: VACUUM (FULL, ANALYZE) of each of the library's
        tables, and of the table in which the planner keeps samples of their columns. Each table is locked while it is
        rewritten, and takes its size of free disk a second time. Copies elsewhere (archived logs, replicas, backups)
        are the operator's.

        Args:
            wait: seconds (or a timedelta) to wait for each table that is in use, and for transactions that can still
                see removed rows.

        Returns:
            The system tables that may still hold samples because this role may not rewrite them: on Postgres
            `pg_catalog.pg_statistic` for whoever owns the tables and not the database. Nothing otherwise.

        Raises:
            InvalidOption: called inside a transaction, or the wait makes no sense.
            DatabaseUnavailable: somebody did not end in time, or the tables are not this role's; what was rewritten
                before stays so, and the call can be made again.
            NotMigrated: the tables are missing, or older than the code.
        """
        from ..engine.migrating import migrating_for

        seconds = check_duration("wait", wait).total_seconds()
        self._check_ready()
        state = migrating_for(self.database).transaction_state()
        if state in ("open", "aborted"):
            raise InvalidOption("transaction", state, "none: VACUUM, and so compact(), works outside of transactions")
        return self.engine.compact([table_of(model).table for model in self.models.owned], seconds)

    def _check_ready(self) -> None:
        if self._ready:
            return
        self.engine.check_ready()
        with _hosts_named():
            pending = self.runner().status().pending
        if pending:
            said = f"{len(pending)} steps are pending, the first is {pending[0]}: "
            raise NotMigrated(Advising(said, MIGRATING))
        self._ready = True


@contextmanager
def _hosts_named() -> Iterator[None]:
    try:
        yield
    except ContextChanged as error:
        built_for = error.recorded or "none, so that the library has a table of its own for it"
        raise HostsChanged(
            error.key, error.present, f"the model that the tables were built for: {built_for}"
        ) from error
