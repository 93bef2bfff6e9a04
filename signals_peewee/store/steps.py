"""Where are the library's own migration steps?"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..runner import DirectorySource, PackageSource

SOURCE_NAME = "signals_peewee"
_PACKAGE = "signals_peewee.migrations"


def own_steps() -> DirectorySource | PackageSource:
    """Return the source of the steps that build the library's tables.

    They ship as a package inside the wheel; a bare checkout keeps them in `migrations/` at the top.
    """
    if find_spec(_PACKAGE) is not None:
        return PackageSource(_PACKAGE, name=SOURCE_NAME)
    return DirectorySource(Path(__file__).resolve().parents[2] / "migrations", name=SOURCE_NAME)
