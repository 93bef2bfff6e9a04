"""How does a service write its steps in the code that calls the runner?"""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidOption
from .offered import Models, offered
from .outline import Outline, is_finding, is_step_id
from .scripts import Function, Functions, Script, normalised
from .sources import checked_name, in_order


@dataclass(frozen=True)
class InlineStep:
    """A step that is not a file.

    Args:
        up: a function of (migrator, db); its docstring is the description, its name the step's name.
        down: its reverse, or None.
        atomic: run it in one transaction.
        depends_on: "source:name" of steps of other sources that come before it.
        foreign_keys: on SQLite, keep foreign keys on while it runs.
        accept: the names of the findings that it accepts: "drop:books.pages".
    """

    up: Function
    down: Function | None = None
    atomic: bool = True
    depends_on: Sequence[str] = ()
    foreign_keys: bool = False
    accept: Sequence[str] = ()


class InlineSource:
    """Steps in the order of a list, for tests and for services too small for a folder.

    Args:
        name: what its steps are recorded under, for ever.
        steps: functions of (migrator, db), or InlineSteps; new ones go to the end of the list.
        models: the models that its steps make the tables of, or a function that returns them, for `check()`.

    Raises:
        InvalidOption: one of these makes no sense.
    """

    def __init__(self, name: str, steps: Sequence[Function | InlineStep], *, models: Models | None = None) -> None:
        self.name = checked_name(name)
        self.models = offered(models)
        if not isinstance(steps, Iterable) or isinstance(steps, (str, bytes, Mapping)):
            raise InvalidOption("steps", steps, "a list of functions of (migrator, db), or of InlineSteps")
        self.steps = tuple(step if isinstance(step, InlineStep) else InlineStep(step) for step in steps)
        for step in self.steps:
            _check(step)

    def scripts(self) -> Sequence[Script]:
        """Return the steps, named after their place and their function: `0001_create_users`."""
        steps = enumerate(self.steps, 1)
        return in_order(self.name, "inline", (InlineScript(self.name, number, step) for number, step in steps))


class InlineScript(Script):
    """A step that is an InlineStep."""

    def __init__(self, source: str, number: int, step: InlineStep) -> None:
        self.step = step
        name = f"{number:04d}_{getattr(step.up, '__name__', type(step.up).__name__).strip('<>')}"
        code = getattr(inspect.unwrap(step.up), "__code__", None)
        super().__init__(source, name, number, code.co_filename if code else "inline")

    def read_outline(self) -> Outline:
        """Return what the InlineStep says."""
        step = self.step
        description = inspect.getdoc(step.up) if inspect.isroutine(step.up) else None
        return Outline(
            description or "",
            step.atomic,
            tuple(step.depends_on),
            step.down is not None,
            step.foreign_keys,
            tuple(step.accept),
        )

    def read_checksum(self) -> str:
        """Return the hash of the functions' text; "" where Python cannot show it, in a program without sources."""
        return _hash(self.step.up, self.step.down)

    def agrees_with(self, checksum: str) -> bool:
        return super().agrees_with(checksum) or _hash(self.step.up) == checksum

    def load(self) -> Functions:
        """Return its functions."""
        return Functions(self.step.up, self.step.down)


def _are(items: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(items, Iterable) and not isinstance(items, str) and all(map(fits, items))


def _hash(*functions: Function | None) -> str:
    try:
        texts = [textwrap.dedent(inspect.getsource(part)) for part in functions if part is not None]
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(b"".join(normalised(text.encode()) for text in texts)).hexdigest()


def _check(step: InlineStep) -> None:
    if not callable(step.up) or not (step.down is None or callable(step.down)):
        raise InvalidOption("steps", step, "functions of (migrator, db), or InlineSteps of such")
    for name in ("atomic", "foreign_keys"):
        if not isinstance(value := getattr(step, name), bool):
            raise InvalidOption(name, value, "True or False")
    if not _are(step.depends_on, is_step_id):
        raise InvalidOption("depends_on", step.depends_on, 'a list of "source:name"')
    if not _are(step.accept, is_finding):
        raise InvalidOption("accept", step.accept, 'a list of the names of findings, such as "drop:books.pages"')
