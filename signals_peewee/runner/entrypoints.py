"""How does an installed library offer its steps? By an entry point of the group `signals_peewee.migrations`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from ..errors import InvalidSource
from .scripts import Script
from .sources import PackageSource, Source, checked_name

GROUP = "signals_peewee.migrations"


class EntryPointSource:
    """The steps that an installed distribution offers.

    Its entry point names a package of scripts (`billing = billing.migrations`), or an object that is a source or
    returns one (`billing = billing.setup:steps`).

    Args:
        name: the name of the entry point, under which the steps are recorded, for ever.
    """

    def __init__(self, name: str) -> None:
        self.name = checked_name(name)

    def scripts(self) -> Sequence[Script]:
        """Read every step of the source behind the entry point."""
        found = list(entry_points(group=GROUP, name=self.name))
        if len({entry.value for entry in found}) != 1:
            known = ", ".join(sorted(entry_points(group=GROUP).names)) or "none"
            problem = f"{len(found)} installed distributions offer it; there are: {known}"
            raise InvalidSource(self.name, f"entry point group {GROUP}", problem)
        return _source(found[0]).scripts()


def entry_point_sources() -> list[EntryPointSource]:
    """Return a source for every entry point that is installed, by name."""
    return [EntryPointSource(name) for name in sorted(entry_points(group=GROUP).names)]


def _source(entry: EntryPoint) -> Source:
    if not entry.attr:
        return PackageSource(entry.module, name=entry.name)
    try:
        found = entry.load()
        source: Source = found if hasattr(found, "scripts") and not isinstance(found, type) else found()
        if source.name == entry.name:
            return source
        problem = f"its source is called {source.name!r}, and must be called like the entry point"
    except (ImportError, AttributeError, TypeError) as error:
        raise InvalidSource(entry.name, entry.value, f"it gives no source of steps: {error}") from error
    raise InvalidSource(entry.name, entry.value, problem)
