"""What would `up` do?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..engine.altering import Finding
from .rehearsal import Heard, Statement
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
    for sql, parameters in step.statements:
        yield "    " + " ".join(sql.split()) + (f"  {list(parameters)!r}" if parameters else "")
    for finding in step.findings:
        yield f"    ! {finding}"


def _line(step: PlannedStep) -> str:
    remarks = [text for text, true in (("not atomic", not step.atomic), ("irreversible", not step.reversible)) if true]
    if step.seconds is not None:
        remarks.append(f"{step.seconds:.2f} s")
    summary = step.description.partition("\n")[0]
    return " ".join(part for part in (step.id, f"({', '.join(remarks)})" if remarks else "", summary) if part)
