"""Which store and which workspace do the flags mean?"""

from __future__ import annotations

import importlib
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..engine import database_from_url, engine_for
from ..errors import DatabaseUnavailable
from ..schema import Hosts
from ..store import SignalStore, open_store
from ..store.opening import DEFAULT_URL
from .advice import command
from .errors import BadArgument


def opened(flags: Namespace, *, url: str | None = None, migrate: bool = False, create: bool = False) -> SignalStore:
    """Return the store that `--database`, `--schema` and `--hosts` mean.

    Args:
        url: another database, where that of the flags is to be left alone; not with `--hosts`.
        migrate: apply the steps that are pending.
        create: make the SQLite file where there is none; a command that only reads must not.

    Raises:
        BadArgument: `--hosts` names nothing that is one.
        DatabaseUnavailable: there is no such file, or the database cannot be reached.
    """
    hosts = hosts_named(flags.hosts) if flags.hosts else None
    if not create and hosts is None:
        check_exists(url or database_of(flags), flags)
    return open_store(url or flags.database, hosts=hosts, schema=flags.schema, migrate=migrate)


def database_of(flags: Namespace) -> str:
    """Return the URL that `open_store` opens for these flags."""
    return flags.database or os.environ.get("DATABASE_URL") or DEFAULT_URL


def check_exists(url: str, flags: Namespace) -> None:
    """Refuse to make the SQLite file of a URL.

    Args:
        url: of the database.
        flags: those of the command line, for the command that makes it.

    Raises:
        DatabaseUnavailable: there is none.
    """
    try:
        engine_for(database_from_url(url)).check_there()
    except DatabaseUnavailable as error:
        make = command(flags, "up")
        raise DatabaseUnavailable(f"{error}: name one with --database, or make it with {make}") from error


def hosts_named(name: str) -> Hosts:
    """Return the Hosts object at `module:NAME`; a dict of models by role will do.

    Raises:
        BadArgument: there is no such module or name, or it is something else.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise BadArgument("--hosts", name, "module:NAME, for example app.models:HOSTS")
    found: Any = imported("--hosts", module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise BadArgument("--hosts", name, f"a name that {module_name} has")
        found = getattr(found, part)
    try:
        hosts = Hosts(**found) if isinstance(found, Mapping) else found
    except TypeError as error:
        raise BadArgument("--hosts", name, f"models by role: workspace, user, project, inbox_item ({error})") from error
    if not isinstance(hosts, Hosts):
        raise BadArgument("--hosts", name, f"a Hosts object, or a dict of models by role, not {type(hosts).__name__}")
    return hosts


def imported(flag: str, name: str) -> ModuleType:
    """Import a module, which is looked for in the current folder, too.

    Raises:
        BadArgument: it cannot be imported.
    """
    look_here()
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever a module of the host's raises
        raise BadArgument(flag, name, f"a module that can be imported ({type(error).__name__}: {error})") from error


def look_here() -> None:
    """Let a module that is named on the command line be found in the current folder, as it is everywhere else."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
