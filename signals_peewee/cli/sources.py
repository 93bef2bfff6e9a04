"""Which steps, and which models, do the flags of `migrate` mean?"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peewee import AutoField, Database, Model

from ..engine import database_from_url
from ..errors import InvalidOption
from ..runner import DirectorySource, MigrationRunner, PackageSource, Source, StepEvent
from ..runner.session import applied_in
from ..store.steps import SOURCE_NAME
from .errors import BadArgument
from .opening import check_exists, database_of, imported, opened

_OPTIONS = ("history_table", "lock_wait", "lock_timeout", "lint")


@contextmanager
def runner_for(flags: Namespace, hear: Callable[[StepEvent], None], *, create: bool) -> Iterator[MigrationRunner]:
    """Open the database that the flags mean, and yield a runner of the steps that they mean.

    Args:
        flags: those of the command line.
        hear: is told of every step.
        create: make the SQLite file where there is none.
    """
    options = {name: getattr(flags, name) for name in _OPTIONS if getattr(flags, name, None) is not None}
    options["on_event"] = hear
    if not getattr(flags, "source", None):
        with opened(flags, create=create) as store:
            yield store.runner(**options)
        return
    if flags.hosts:
        raise BadArgument("--hosts", flags.hosts, "to stand without --source: it is for the library's own steps")
    sources: list[Source] = [source_named(text) for text in flags.source]
    if not create:
        check_exists(database_of(flags))
    database = database_from_url(database_of(flags))
    try:
        _check_names(database, sources, flags)
        yield MigrationRunner(database, sources, schema=flags.schema, **options)
    finally:
        database.close()


def source_named(text: str, *, folder: bool = False) -> DirectorySource | PackageSource:
    """Return the source that `WHERE[:NAME]` means: a folder where there is one or a separator in it, else a package.

    Args:
        text: what stands after --source.
        folder: it means a folder in any case, which need not be there.

    Raises:
        BadArgument: the name can be none, or there is neither a folder nor a package that is called so.
    """
    where, name = _split(text)
    path = Path(where)
    try:
        if folder or path.is_dir() or "/" in where or os.sep in where:
            return DirectorySource(path, name=name or path.resolve().name)
        if where.isidentifier() and find_spec(where) is None:
            raise BadArgument("--source", text, "a folder that is there, or a package that can be imported")
        return PackageSource(where, name=name or where.rpartition(".")[2] or where)
    except InvalidOption as error:
        raise BadArgument("--source", text, f"a folder or a package, and {error.expected} after a colon") from error


def folder_of(flags: Namespace) -> DirectorySource:
    """Return the one folder that --source means, which need not be there.

    Raises:
        BadArgument: there is no --source, or more than one, or it is a package.
    """
    texts = getattr(flags, "source", None) or []
    if len(texts) != 1:
        raise BadArgument("--source", " ".join(texts), "the one folder that the script is to be written to")
    where, _ = _split(texts[0])
    if "." in where and all(map(str.isidentifier, where.split("."))) and not Path(where).is_dir():
        raise BadArgument("--source", texts[0], f"the folder of the package: {where.replace('.', '/')}")
    found = source_named(texts[0], folder=True)
    assert isinstance(found, DirectorySource)
    return found


def models_named(names: Iterable[str]) -> list[type[Model]]:
    """Return the models that `MODULE[:NAME]` mean: those that a module defines, or what a name in it holds.

    Raises:
        BadArgument: there is no such module or name, or no model in it.
    """
    found: dict[type[Model], None] = {}
    for name in names:
        found.update(dict.fromkeys(_models_at(name)))
    return list(found)


def _models_at(name: str) -> list[type[Model]]:
    module_name, _, attribute = name.partition(":")
    module = imported("--models", module_name)
    if not attribute:
        defined = [each for each in vars(module).values() if _is_model(each) and each.__module__ == module.__name__]
        models = [model for model in defined if not _only_a_base(model)]
    else:
        held: Any = getattr(module, attribute, None)
        held = held() if callable(held) and not _is_model(held) else held
        models = [held] if _is_model(held) else list(held) if isinstance(held, Iterable) else []
    if not models or not all(map(_is_model, models)):
        raise BadArgument("--models", name, "a module with Peewee models, or the name of a model or a list of them")
    return models


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Model) and value is not Model


def _check_names(database: Database, sources: list[Source], flags: Namespace) -> None:
    """Refuse to run steps again under another name than the one that the service uses.

    Raises:
        BadArgument: a name that was guessed is none of the history's; or it has had the same scripts under another one.
        InvalidSource: a place has no scripts.
    """
    firsts = [source.scripts()[0] for source in sources]
    table = getattr(flags, "history_table", None) or "migration_history"
    wait = getattr(flags, "lock_wait", None)
    applied = applied_in(database, table, flags.schema, 60.0 if wait is None else wait)
    known = ", ".join(sorted(applied.keys() - {SOURCE_NAME}))
    for text, source, first in zip(flags.source, sources, firsts, strict=True):
        if source.name in applied:
            continue
        if known and not _split(text)[1]:
            expected = f"WHERE:NAME, with a name, because the history knows {known} and not {source.name}"
            raise BadArgument("--source", text, expected)
        for name, steps in applied.items() if flags.action != "stamp" else ():
            if first.checksum and steps.get(first.name) == first.checksum:
                expected = (
                    f"{_split(text)[0]}:{name}, because {first.name} was applied under that name; `migrate stamp` "
                    "records the steps under another one"
                )
                raise BadArgument("--source", text, expected)


def _split(text: str) -> tuple[str, str]:
    """Return the place that `WHERE[:NAME]` means, and the name, or "" where there is none."""
    where, _, name = text.rpartition(":") if ":" in text and not Path(text).exists() else (text, "", "")
    return where, name


def _only_a_base(model: type[Model]) -> bool:
    """Tell whether a model has no table: others have it for what stands in its Meta, and it has nothing but an id."""
    return bool(model.__subclasses__()) and all(isinstance(field, AutoField) for field in model._meta.sorted_fields)
