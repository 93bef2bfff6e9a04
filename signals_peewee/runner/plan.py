"""What would `up` do?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..engine.altering import Finding
from ..errors.tree import shown
from .rehearsal import Heard
from .scripts import Script
from .trace import Statement

_WIDEST = 500  # characters of a statement: some have a place for each value of a whole batch


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
        statements: after a rehearsal, each statement that it sent and its parameters.
        findings: after a rehearsal, what it does that may not be meant and that it has not accepted.
        seconds: after a rehearsal, how long it took on the copy; else None.
    """

    source: str
    name: str
    description: str
    path: str
    atomic: bool
    reversible: bool
    depends_on: tuple[str, ...]
    statements: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float | None = None

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
        return "\n".join(line for step in self.steps for line in _lines(step)) or "nothing to do"


def plan_of(scripts: Sequence[Script], heard: Callable[[str], Heard] | None = None) -> Plan:
    """Return the plan to run these scripts, with what a rehearsal heard of each."""
    return Plan(tuple(_planned(script, heard(script.id) if heard else Heard()) for script in scripts))


def _planned(script: Script, heard: Heard) -> PlannedStep:
    outline = script.outline
    return PlannedStep(
        source=script.source,
        name=script.name,
        description=outline.description,
        path=script.path,
        atomic=outline.atomic,
        reversible=outline.reversible,
        depends_on=outline.depends_on,
        **heard._asdict(),
    )


def _lines(step: PlannedStep) -> Iterator[str]:
    yield _line(step)
    for sql, alike in groupby(step.statements, key=lambda statement: _short(" ".join(statement[0].split()))):
        (_, parameters), *more = alike
        values = _short(", ".join(map(shown, parameters[:20])))
        yield f"    {sql}{f'  [{values}]' if values else ''}{f'  ({len(more) + 1} times)' if more else ''}"
    for finding in step.findings:
        yield f"    ! {finding}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"


def _line(step: PlannedStep) -> str:
    remarks = [text for text, true in (("not atomic", not step.atomic), ("irreversible", not step.reversible)) if true]
    if step.seconds is not None:
        remarks.append(f"{step.seconds:.2f} s")
    summary = step.description.partition("\n")[0]
    return " ".join(part for part in (step.id, f"({', '.join(remarks)})" if remarks else "", summary) if part)
