"""Which steps are there, of all the sources of a runner?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..errors import InvalidOption, UnknownStep
from .scripts import Script
from .sources import Source


class Catalog:
    """Every script of every source, read once, none of them executed.

    Attributes:
        by_source: the scripts of each source in the order of their numbers.
        by_id: every script by its "source:name".
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.by_source: Mapping[str, Sequence[Script]] = {source.name: source.scripts() for source in sources}
        self.by_id: Mapping[str, Script] = {script.id: script for script in self}

    def __iter__(self) -> Iterator[Script]:
        for scripts in self.by_source.values():
            yield from scripts


def sources_in(sources: Source | Sequence[Source]) -> list[Source]:
    """Return what was given for `sources` as a list.

    Raises:
        InvalidOption: something in it is no source, or two have one name.
    """
    given: list[Source] = list(sources) if isinstance(sources, (list, tuple)) else [sources]  # type: ignore[list-item]
    for source in given:
        if not hasattr(source, "scripts") or not isinstance(getattr(source, "name", None), str):
            raise InvalidOption("sources", source, "sources of steps, such as DirectorySource(path, name=…)")
    names = [source.name for source in given]
    if not names or len(set(names)) < len(names):
        raise InvalidOption("sources", names, "at least one source, each with a name of its own")
    return given


def identified(asked: str, ids: Sequence[str]) -> str:
    """Return the "source:name" that is meant by it, or by a name that only one source has.

    Raises:
        UnknownStep: none is, or more than one.
    """
    found = [step for step in ids if asked in (step, step.partition(":")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownStep(asked, f"one of {', '.join(found)}")
    known = ", ".join(ids[-5:]) or "none"
    raise UnknownStep(asked, f'"source:name" of a step that is there to choose; the last ones are: {known}')
