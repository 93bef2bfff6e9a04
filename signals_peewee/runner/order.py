"""In which order do pending steps run, and which of them does a target need?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from ..errors import InvalidDependency
from .scripts import Script


def in_running_order(pending: Mapping[str, Sequence[Script]], applied: Set[str]) -> list[Script]:
    """Return pending steps so that each comes after those before it in its source, and after those it depends on.

    Args:
        pending: by source, in the order of their numbers.
        applied: "source:name" of the steps the database has had.

    Raises:
        InvalidDependency: a step depends on one that does not exist, or on one that waits for it in turn.
    """
    _check_known(pending, applied)
    waiting = {source: list(reversed(scripts)) for source, scripts in pending.items()}
    done = set(applied)
    ordered: list[Script] = []
    progress = True
    while progress:
        progress = False
        for scripts in waiting.values():
            while scripts and done.issuperset(scripts[-1].outline.depends_on):
                script = scripts.pop()
                ordered.append(script)
                done.add(script.id)
                progress = True
    if stuck := {script.id: scripts for scripts in waiting.values() for script in scripts}:
        raise _circle(stuck, done)
    return ordered


def needed_for(target: Script, ordered: Sequence[Script]) -> list[Script]:
    """Return the steps that must run so that `target` has run, in their order."""
    asked = {target.id}
    begun: set[str] = set()  # sources of which a later step is needed already
    kept: list[Script] = []
    for script in reversed(ordered):
        if script.id in asked or script.source in begun:
            asked.update(script.outline.depends_on)
            begun.add(script.source)
            kept.append(script)
    return kept[::-1]


def _circle(stuck: Mapping[str, Sequence[Script]], done: Set[str]) -> InvalidDependency:
    """Name the steps that wait for each other: go from one to what it waits for until one comes again.

    Args:
        stuck: for each step that cannot run, what is left of its source, the next one last.
        done: the steps that can.
    """
    path: list[Script] = []
    step = next(iter(stuck.values()))[-1]
    while step not in path:
        path.append(step)
        (name, *_) = (name for name in step.outline.depends_on if name not in done)
        step = stuck[name][-1]  # a later step of a source waits for the next one of it
    circle = path[path.index(step) :]
    missing = tuple(name for name in step.outline.depends_on if name not in done)
    names = " -> ".join(script.id for script in (*circle, step))
    return InvalidDependency(step.id, missing, f"they wait for each other ({names}); remove one of the dependencies")


def _check_known(pending: Mapping[str, Sequence[Script]], applied: Set[str]) -> None:
    known = applied | {script.id for scripts in pending.values() for script in scripts}
    for scripts in pending.values():
        for script in scripts:
            if unknown := tuple(name for name in script.outline.depends_on if name not in known):
                problem = "there is no such step; check its name, and that its source is given to this runner"
                raise InvalidDependency(script.id, unknown, problem)
