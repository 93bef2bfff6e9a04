"""Which database does a URL mean, and how is it opened for a service?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from peewee import Database

from ..errors import InvalidOption

SQLITE, POSTGRES = ("sqlite", "sqlite+pool"), ("postgres", "postgresql", "postgres+pool", "postgresql+pool")
IN_MEMORY = "sqlite:///:memory:"
BUSY_TIMEOUT = 5.0
_FORMS = "sqlite:///file.db or postgresql://user:password@host/name"
_ESCAPED = "a usable Postgres URL; in a user or password, / ? # @ % are written %2F %3F %23 %40 %25"
_NUMBERS = {"timeout": float, "max_connections": int, "stale_timeout": float}
_PASSWORDS = (re.compile(r"((?:^|//)[^:/@]*:)(?!//).*(?=@)", re.DOTALL), re.compile(r"(?i)([?&]password=)[^&#]*"))


def database_from_url(url: str, **options: Any) -> Database:
    """Return the Peewee database that a URL names; it connects when it is first used.

    SQLite gets what a service needs: foreign keys, a busy timeout of five seconds, and write transactions that begin
    with BEGIN IMMEDIATE. Postgres gets sessions whose time zone is UTC.

    Args:
        url: `sqlite:///file.db` (relative), `sqlite:////absolute/file.db`, `sqlite:///file.db?mode=ro` (only read),
            `sqlite:///:memory:`, or `postgresql://user:password@host:port/name?sslmode=require`; with `+pool` after
            the scheme for Peewee's pool (`max_connections`, `stale_timeout`).
        options: handed to the Peewee database class.

    Raises:
        InvalidOption: the URL has another scheme, no database name, or parameters that make no sense.
    """
    if not isinstance(url, str):
        raise InvalidOption("url", url, _FORMS)
    from playhouse.db_url import connect, parse

    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidOption("url", without_password(url), _ESCAPED) from error
    url = parts.scheme + url[len(parts.scheme) :]  # whatever its case
    if parts.scheme in SQLITE:
        database: Database = connect(f"{parts.scheme}:///_", **{**_sqlite(url, parts), **options})
        return database
    if parts.scheme not in POSTGRES or not url.startswith(f"{parts.scheme}://"):
        raise InvalidOption("url", without_password(url), _FORMS)
    if parts.fragment or not parts.path.strip("/"):
        expected = _ESCAPED if parts.fragment else "a database name after the host: postgresql://host/name"
        raise InvalidOption("url", without_password(url), expected)
    from .sessions import PooledUtcPostgres, UtcPostgres

    kind = PooledUtcPostgres if parts.scheme.endswith("+pool") else UtcPostgres
    try:
        database = kind(**{**parse(url, unquote_user=True, unquote_password=True), **options})
    except (ValueError, TypeError) as error:
        raise InvalidOption("url", without_password(url), _ESCAPED) from error
    return database


def makes_file(url: str) -> bool:
    """Tell whether to connect to a URL would make a SQLite file that is not there.

    Raises:
        InvalidOption: as `database_from_url`.
    """
    file = str(database_from_url(url).database)
    if urlsplit(url).scheme not in SQLITE or file.startswith(("file:", ":memory:")):
        return False
    return not Path(file).exists() and Path(file).parent.is_dir()


def without_password(url: str) -> str:
    """Return the URL as a message may show it."""
    for password in _PASSWORDS:
        url = password.sub(r"\1***", url)
    return url


def _sqlite(url: str, parts: SplitResult) -> dict[str, Any]:
    path = unquote(parts.path)[1:]
    if parts.netloc or not url.startswith(f"{parts.scheme}:///"):
        raise InvalidOption(
            "url", url, f"three slashes before a relative file: {parts.scheme}:///{parts.netloc or path}"
        )
    if parts.fragment or not path or path.endswith("/"):
        raise InvalidOption("url", url, "the name of a file, in which # and ? are written %23 and %3F")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode = query.pop("mode", "rwc")
    if mode not in ("ro", "rw", "rwc"):
        raise InvalidOption("url", url, "a mode that is ro, rw or rwc")
    pooled = parts.scheme.endswith("+pool")
    options: dict[str, Any] = {
        "database": path if mode == "rwc" else f"file:{quote(path)}?mode={mode}",
        "pragmas": {"foreign_keys": 1, "synchronous": "normal"},
        "timeout": BUSY_TIMEOUT,
        "lock_type": "IMMEDIATE",
        **({"check_same_thread": False} if pooled else {}),  # a pool hands a connection to another thread
        **({} if mode == "rwc" else {"uri": True}),
    }
    for name, value in query.items():
        options[name] = _number(url, name, value, pooled)
    return options


def _number(url: str, name: str, value: str, pooled: bool) -> float:
    known = list(_NUMBERS) if pooled else ["timeout"]
    if name not in known:
        raise InvalidOption("url", url, f"no other parameters than mode, {', '.join(known)}; a ? in a name is %3F")
    try:
        number: float = _NUMBERS[name](value)
    except ValueError as error:
        raise InvalidOption("url", url, f"a number after {name}=") from error
    return number
