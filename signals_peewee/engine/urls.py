"""Which database does a URL mean, and how is it opened for a service?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from peewee import Database

from ..errors import InvalidOption

SQLITE, POSTGRES = ("sqlite", "sqlite+pool"), ("postgres", "postgresql", "postgres+pool", "postgresql+pool")
BUSY_TIMEOUT = 5.0


def database_from_url(url: str, **options: Any) -> Database:
    """Return the Peewee database that a URL names; it connects when it is first used.

    SQLite gets what a service needs: write-ahead log, foreign keys, a busy timeout of five seconds, and write
    transactions that begin with BEGIN IMMEDIATE.

    Args:
        url: `sqlite:///file.db` (relative), `sqlite:////absolute/file.db`, `sqlite:///file.db?mode=ro` (only read),
            `sqlite:///:memory:`, or `postgresql://user:password@host:port/name?sslmode=require`; with `+pool` after
            the scheme for Peewee's pool.
        options: handed to the Peewee database class.

    Raises:
        InvalidOption: the URL has another scheme, no database name, or parameters that the driver does not take.
    """
    if not isinstance(url, str):
        raise InvalidOption("url", url, "a text such as sqlite:///signals.db")
    if urlsplit(url).scheme not in SQLITE + POSTGRES:
        raise InvalidOption("url", without_password(url), "sqlite:///file.db or postgresql://user:password@host/name")
    from playhouse.db_url import connect

    try:
        if urlsplit(url).scheme in SQLITE:
            url, for_a_service = _sqlite(url)
            options = {**for_a_service, **options}
        database: Database = connect(url, unquote_user=True, unquote_password=True, **options)
    except (ValueError, TypeError) as error:
        raise InvalidOption("url", without_password(url), f"a usable database URL ({error})") from error
    return database


def without_password(url: str) -> str:
    """Return the URL as a message may show it."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


def _sqlite(url: str) -> tuple[str, dict[str, Any]]:
    parts = urlsplit(url)
    if parts.netloc:
        raise ValueError(f"a relative file takes three slashes: {parts.scheme}:///{parts.netloc}{parts.path}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    path, mode = unquote(parts.path)[1:] or ":memory:", query.pop("mode", "rwc")
    if mode not in ("ro", "rw", "rwc"):
        raise ValueError(f"mode={mode} is none of ro, rw, rwc")
    options: dict[str, Any] = {
        "database": path,
        "pragmas": {"foreign_keys": 1, "synchronous": "normal"},
        "timeout": BUSY_TIMEOUT,
        "lock_type": "IMMEDIATE",
    }
    if parts.scheme.endswith("+pool"):
        options["check_same_thread"] = False  # a connection goes back to the pool and out to another thread
    if mode != "rwc":
        options.update(database=f"file:{quote(path)}?mode={mode}", uri=True)
    if mode != "ro" and (not Path(path).exists() or os.access(path, os.W_OK)):
        options["pragmas"] = {"journal_mode": "wal", **options["pragmas"]}
    return f"{parts.scheme}:///{quote(path)}?{urlencode(query)}", options
