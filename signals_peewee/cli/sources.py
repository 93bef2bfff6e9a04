"""Which steps, and which models, do the flags of `migrate` mean?"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NoReturn

from peewee import AutoField, Database, Model

from ..engine import database_from_url
from ..engine.urls import IN_MEMORY, makes_file
from ..errors import InvalidOption
from ..runner import DirectorySource, MigrationRunner, PackageSource, Source, StepEvent
from ..runner.scripts import Script
from ..runner.session import applied_in
from ..store.steps import SOURCE_NAME
from .advice import command
from .errors import BadArgument
from .opening import check_exists, database_of, imported, look_here, opened
from .output import note
from .scripting import has_steps

_OPTIONS = ("history_table", "lock_wait", "lock_timeout", "out_of_order", "lint")

Absent = Literal["make", "refuse", "empty"]
"""What to do where there is no SQLite file yet: make it, refuse, or look at an empty database in its place."""


@contextmanager
def runner_for(flags: Namespace, hear: Callable[[StepEvent], None], *, absent: Absent) -> Iterator[MigrationRunner]:
    """Open the database that the flags mean, and yield a runner of the steps that they mean.

    Args:
        flags: those of the command line.
        hear: is told of every step.
        absent: what to do where there is no SQLite file yet.
    """
    options = {name: getattr(flags, name) for name in _OPTIONS if getattr(flags, name, None) is not None}
    with _runner(flags, {**options, "on_event": hear}, absent) as runner:
        yield runner
    if absent == "empty" and not flags.hosts and makes_file(database_of(flags)):
        note(flags, f"{database_of(flags)} is not there yet: this is for an empty database")


@contextmanager
def _runner(flags: Namespace, options: dict[str, Any], absent: Absent) -> Iterator[MigrationRunner]:
    if not getattr(flags, "source", None):
        url = None if flags.hosts else _url(flags, absent)
        with opened(flags, url=url, create=absent == "make") as store:
            yield store.runner(**options)
        return
    if flags.hosts:
        raise BadArgument("--hosts", flags.hosts, "to stand without --source: it is for the library's own steps")
    sources: list[Source] = [source_named(text, folder=flags.action == "new") for text in flags.source]
    database = database_from_url(_url(flags, absent))
    try:
        _check_names(database, sources, flags)
        yield MigrationRunner(database, sources, schema=flags.schema, **options)
    finally:
        database.close()


def _url(flags: Namespace, absent: Absent) -> str:
    """Return the URL of the database that is there, that is to be made, or that stands for it.

    Raises:
        DatabaseUnavailable: there is none.
    """
    url = database_of(flags)
    if absent == "empty" and makes_file(url):
        return IN_MEMORY
    if absent != "make":
        check_exists(url, flags)
    return url


def source_named(text: str, *, folder: bool = False) -> DirectorySource | PackageSource:
    """Return the source that `WHERE[:NAME]` means: a folder where there is such a path, or a separator, else a package.

    Args:
        text: what stands after --source.
        folder: it means a folder in any case, which need not be there.

    Raises:
        BadArgument: the name can be none, or there is neither a folder nor a package that is called so.
    """
    where, name = _split(text)
    if not where:
        raise BadArgument("--source", f'"{text}"', "a folder or a package; the current folder is .")
    path = Path(where)
    look_here()
    try:
        if folder or path.exists() or "/" in where or os.sep in where:
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
    where, name = _split(texts[0])
    if "." in where and all(map(str.isidentifier, where.split("."))) and not Path(where).is_dir():
        place = where.replace(".", "/")
        raise BadArgument("--source", texts[0], f"the folder of the package: {place}{f':{name}' if name else ''}")
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
    scripts = [_scripts(source, flags) for source in sources]
    table = getattr(flags, "history_table", None) or "migration_history"
    wait = getattr(flags, "lock_wait", None)
    applied = applied_in(database, table, flags.schema, 60.0 if wait is None else wait)
    known = ", ".join(sorted(applied.keys() - {SOURCE_NAME}))
    for text, source, steps in zip(flags.source, sources, scripts, strict=True):
        if source.name in applied:
            if not steps:
                _refuse_empty(text, source.name, list(applied[source.name]))
            continue
        if known and not _split(text)[1]:
            expected = f"WHERE:NAME, with a name, because the history knows {known} and not {source.name}"
            raise BadArgument("--source", text, expected)
        if steps and flags.action != "stamp":
            _check_same(text, steps[0], applied, flags)


def _scripts(source: Source, flags: Namespace) -> Sequence[Script]:
    """Return what a source holds; `new` may be there to write the first."""
    empty = flags.action == "new" and isinstance(source, DirectorySource) and not has_steps(source)
    return () if empty else source.scripts()


def _refuse_empty(text: str, name: str, applied: Sequence[str]) -> NoReturn:
    steps = f"{applied[0]} and {len(applied) - 1} more" if applied[1:] else applied[0]
    expected = f"the folder with the scripts that were applied as {name} ({steps}), and this one has none"
    raise BadArgument("--source", text, expected)


def _check_same(text: str, first: Script, applied: Mapping[str, Mapping[str, str]], flags: Namespace) -> None:
    for name, checksums in applied.items():
        if first.checksum and checksums.get(first.name) == first.checksum:
            expected = (
                f"{_split(text)[0]}:{name}, because {first.name} was applied under that name; "
                f"{command(flags, 'stamp', source=text)} records the steps under another one"
            )
            raise BadArgument("--source", text, expected)


def _split(text: str) -> tuple[str, str]:
    """Return the place that `WHERE[:NAME]` means, and the name, or "" where there is none."""
    where, _, name = text.rpartition(":") if ":" in text and not Path(text).exists() else (text, "", "")
    return where, name


def _only_a_base(model: type[Model]) -> bool:
    """Tell whether a model has no table: others have it for what stands in its Meta, and it has nothing but an id."""
    return bool(model.__subclasses__()) and all(isinstance(field, AutoField) for field in model._meta.sorted_fields)
