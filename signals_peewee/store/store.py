"""How is a store opened, on a database of its own or on the host's?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from peewee import Database

from ..engine import engine_for, plain_database
from ..errors import ContextChanged, HostsChanged, InvalidOption, NotFound, NotMigrated
from ..schema import Hosts, Models, Vocabularies, Wiring
from ..schema.hosts import key_of
from ..schema.ids import IdKind, new_ids
from ..schema.texts import NAME_LENGTH, check_text
from .calls import attempt, operation
from .workspace import Workspace

if TYPE_CHECKING:
    from ..runner import MigrationRunner

DEFAULT_URL = "sqlite:///signals.db"


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
        """Close what `open_store` opened, in this thread; a host's database is left as it is."""
        if self.engine.owned and not self.database.is_closed():
            self.database.close()
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
        return MigrationRunner(self.database, [own_steps()], schema=self.schema, context=context, **options)

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
            workspace: a row of the workspace model, or its key.

        Raises:
            NotFound: there is no such workspace.
            NotMigrated: the tables are missing, or older than the code.
            HostsChanged: the tables were built for other host models.
        """
        self._check_ready()
        model = self.models.Workspace
        key = key_of(model, workspace)
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

    def _check_ready(self) -> None:
        if self._ready:
            return
        self.engine.check_ready()
        with _hosts_named():
            pending = self.runner().status().pending
        if pending:
            raise NotMigrated(
                f"{len(pending)} steps are pending, the first is {pending[0]}: call store.migrate() "
                "or run `signals-peewee migrate up`"
            )
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


def open_store(
    url: str | None = None,
    *,
    hosts: Hosts | None = None,
    schema: str | None = None,
    migrate: bool = True,
    vocabularies: Mapping[str, Iterable[str]] | None = None,
    ids: IdKind = "time",
    **options: Any,
) -> SignalStore:
    """Open a store that owns its connection; use it in a `with` block, or close it.

    SQLite is opened as a service needs it: write-ahead log, foreign keys on, busy timeout, immediate transactions.

    Args:
        url: the database; by default the environment's DATABASE_URL, and without one `sqlite:///signals.db`.
        hosts: the host's own models. They bring the database that they are bound to, so `url` is then left out, and
            `close` leaves that database as it is.
        schema: the Postgres schema that holds everything; made where it is missing.
        migrate: apply the pending steps before the store is returned.
        vocabularies: words to allow besides the library's own.
        ids: "time" or "random" keys.
        options: handed to the Peewee database class: `timeout`, `connect_timeout`, `sslmode`, …

    Raises:
        InvalidOption: the URL or an option makes no sense.
        DatabaseUnavailable: the database cannot be reached or opened.
        MissingDriver: no Postgres driver is installed.
        MigrationError: a step failed.
    """
    from ..engine.urls import database_from_url, without_password

    bound = [model._meta.database for model in hosts.plugged().values()] if hosts else []
    if bound and url is not None:
        raise InvalidOption("url", without_password(url), "no URL beside plugged models, which bring their database")
    database = bound[0] if bound else database_from_url(url or os.environ.get("DATABASE_URL") or DEFAULT_URL, **options)
    store = SignalStore(database, hosts=hosts, schema=schema, vocabularies=vocabularies, ids=ids)
    store.engine.owned = not bound
    try:
        if not bound:
            _connect(store, options)
        if migrate:
            store.migrate()
    except BaseException:
        store.close()
        raise
    return store


def _connect(store: SignalStore, options: Mapping[str, Any]) -> None:
    try:
        attempt(store.engine, store.database.connect)
    except TypeError as error:
        raise InvalidOption("options", dict(options), f"what the driver takes ({error})") from error
