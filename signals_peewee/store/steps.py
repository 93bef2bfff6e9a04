"""Where are the library's own migration steps?"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from peewee import Model

from ..runner import DirectorySource, PackageSource

SOURCE_NAME = "signals_peewee"
_PACKAGE = "signals_peewee.migrations"


def own_steps(models: Sequence[type[Model]] | None = None) -> DirectorySource | PackageSource:
    """Return the source of the steps that build the library's tables.

    They ship as a package inside the wheel; a bare checkout keeps them in `migrations/` at the top.

    Args:
        models: the store's own classes, which `check()` compares the database with.
    """
    if find_spec(_PACKAGE) is not None:
        return PackageSource(_PACKAGE, name=SOURCE_NAME, models=models)
    return DirectorySource(Path(__file__).resolve().parents[2] / "migrations", name=SOURCE_NAME, models=models)
