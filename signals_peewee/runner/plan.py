"""What would `up` do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .scripts import Script


@dataclass(frozen=True)
class PlannedStep:
    """A step that would run.

    Attributes:
        source: the source it comes from.
        name: its name there.
        description: its docstring.
        path: where it was read.
        atomic: it is one transaction, with its row in the history.
        reversible: it has a `down`.
        depends_on: "source:name" of steps of other sources that come before it.
    """

    source: str
    name: str
    description: str
    path: str
    atomic: bool
    reversible: bool
    depends_on: tuple[str, ...]

    @property
    def id(self) -> str:
        """The "source:name"."""
        return f"{self.source}:{self.name}"


@dataclass(frozen=True)
class Plan:
    """The steps that `up` would run, in their order."""

    steps: tuple[PlannedStep, ...]

    @property
    def irreversible(self) -> tuple[str, ...]:
        """The "source:name" of the steps without a `down`."""
        return tuple(step.id for step in self.steps if not step.reversible)

    def __str__(self) -> str:
        return "\n".join(_line(step) for step in self.steps) or "nothing to do"


def plan_of(scripts: Sequence[Script]) -> Plan:
    """Return the plan to run these scripts."""
    return Plan(tuple(_planned(script) for script in scripts))


def _planned(script: Script) -> PlannedStep:
    outline = script.outline
    return PlannedStep(
        source=script.source,
        name=script.name,
        description=outline.description,
        path=script.path,
        atomic=outline.atomic,
        reversible=outline.reversible,
        depends_on=outline.depends_on,
    )


def _line(step: PlannedStep) -> str:
    remarks = [text for text, true in (("not atomic", not step.atomic), ("irreversible", not step.reversible)) if true]
    summary = step.description.partition("\n")[0]
    return " ".join(part for part in (step.id, f"({', '.join(remarks)})" if remarks else "", summary) if part)
