"""How is a store opened on a database of its own?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidOption
from ..schema import Hosts
from ..schema.ids import IdKind
from .calls import attempt
from .store import SignalStore

DEFAULT_URL = "sqlite:///signals.db"


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
    On Postgres the time zone of its sessions is UTC.

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
