"""What can go wrong when tables change."""

from __future__ import annotations

from typing import Any

from .advice import Advising, calling
from .tree import SignalsError


class MigrationError(SignalsError, RuntimeError):
    """Something about migration scripts, their history or their running; its children say what."""


class InvalidSource(MigrationError, ValueError):
    """A source of steps that is missing, empty, unreadable or numbered twice; nothing was run.

    Attributes:
        source: the name of the source.
        path: the folder, package or entry point that was looked at.
    """

    def __init__(self, source: str, path: str, problem: str) -> None:
        self.source = source
        self.path = path
        super().__init__(f"source {source!r} ({path}): {problem}; nothing was run")


class InvalidScript(MigrationError, ValueError):
    """A script that cannot be read, parsed or run as a step; nothing was run.

    Attributes:
        step: "source:name" of the script.
        path: its file.
        line: where in the file, or None where that is unknown.
    """

    def __init__(self, step: str, path: str, line: int | None, problem: str) -> None:
        self.step = step
        self.path = path
        self.line = line
        super().__init__(f"step {step} ({path}{f':{line}' if line else ''}): {problem}; nothing was run")


class InvalidDependency(MigrationError, LookupError):
    """A `depends_on` that names no step, or steps that wait for each other; nothing was run.

    Attributes:
        step: "source:name" of a step that can never be reached.
        depends_on: what it waits for.
    """

    def __init__(self, step: str, depends_on: tuple[str, ...], problem: str) -> None:
        self.step = step
        self.depends_on = depends_on
        super().__init__(f"step {step} depends on {', '.join(depends_on)}: {problem}; nothing was run")


class UnknownStep(MigrationError, LookupError):
    """A step that was asked for by a name that fits none, or more than one.

    Attributes:
        step: the name that was given.
    """

    def __init__(self, step: str, expected: str) -> None:
        self.step = step
        super().__init__(f"step {step!r}: expected {expected}")


class IrreversibleStep(MigrationError):
    """A step that was to be reverted has no `down`; nothing was reverted.

    Attributes:
        step: "source:name".
        path: its file.
    """

    def __init__(self, step: str, path: str) -> None:
        self.step = step
        self.path = path
        problem = (
            f"step {step} ({path}) has no down(migrator, db), so nothing was reverted; write one, at the end of the "
        )
        edited = "script, where it is no edit; what else you change in it, accept with "
        super().__init__(Advising(problem, edited, calling("repair", step, "accept")))


class HistoryMismatch(MigrationError):
    """The scripts and what the database says was applied do not agree, so no further step was run.

    Attributes:
        steps: "source:name" of each step concerned.
    """

    def __init__(self, steps: tuple[str, ...], problem: str) -> None:
        self.steps = steps
        super().__init__(Advising(problem, "; no further step was run"))


class EditedStep(HistoryMismatch):
    """A script is no longer the one that was applied."""


class MissingStep(HistoryMismatch):
    """A step was applied whose script is gone."""


class LateStep(HistoryMismatch):
    """A step is pending although one with a higher number of the same source was applied."""


class DatabaseAhead(HistoryMismatch):
    """Newer code than this has changed the database."""


class NotAdopted(HistoryMismatch):
    """Another tool has applied steps that are pending here, and its history was not taken over."""


class UnfinishedStep(HistoryMismatch):
    """A step was begun and neither finished nor rolled back, so only a person can tell what it left."""


class ContextChanged(HistoryMismatch):
    """A source gets another context than the one its applied steps were given.

    Attributes:
        source: the name of the source.
        key: the first key that differs.
        recorded: what that key stood for when the steps were applied; None where it was not there.
        present: what it stands for now; None where it is not there.
    """

    def __init__(self, source: str, key: str, recorded: Any, present: Any, problem: str) -> None:
        self.source = source
        self.key = key
        self.recorded = recorded
        self.present = present
        super().__init__((), problem)


class OpenTransaction(MigrationError):
    """The runner was called inside a transaction, which the steps would have become a part of."""


class LockTimeout(MigrationError, TimeoutError):
    """Another run did not end, or another session did not let go of a table, in time.

    Attributes:
        waited: seconds.
        holder: who holds it, where that can be known.
        problem: what was not free, without a word of what is left.
    """

    def __init__(self, what: str, waited: float, holder: str | None) -> None:
        self.waited = waited
        self.holder = holder
        self.problem = f"{what}{f', held by {holder},' if holder else ''} was not free within {waited:g} s"
        known = f"; held by {holder}" if holder else ""
        super().__init__(f"{what} was not free within {waited:g} s{known}; nothing is left half done, so run it again")


_UNDONE = {
    True: "everything it had done was rolled back",
    None: "the connection broke as it was being committed, so only the history can tell whether it was",
}


class StepFailed(MigrationError):
    """A step raised an error, or left something behind that must not stay.

    Attributes:
        step: "source:name".
        direction: "up" or "down".
        path: its file.
        line: the line of the file that was being executed, or None.
        statement: the statement that failed, or None where the error came from elsewhere.
        rolled_back: whether everything that the step had done is undone; None where the connection broke as it was
            being committed, so that only the history can tell.
    """

    _stays = "what it had done before stays"

    def __init__(
        self,
        step: str,
        problem: str,
        *,
        direction: str,
        path: str,
        line: int | None,
        statement: str | None,
        rolled_back: bool | None,
        next_action: str,
        sent: bool = True,
    ) -> None:
        self.step = step
        self.direction = direction
        self.path = path
        self.line = line
        self.statement = statement
        self.rolled_back = rolled_back
        where = f"{path}:{line}" if line else path
        sql = f" in {statement!r}" if statement else ""
        undone = self._stays if rolled_back is False else _UNDONE[rolled_back]
        if not sent:
            undone = "it had sent no statement that changes anything, so nothing was changed"
        self._failed = f"step {step} failed in {direction}() at {where}: {problem}{sql}"
        super().__init__(Advising(f"{self._failed}; {undone}; ", next_action))

    def on_copy(self, copy: str) -> None:
        """Say that it was a rehearsal, and what becomes of its copy, in place of what to do about the database."""
        todo = f"; nothing was done to the database itself: correct the script and rehearse it again; {copy}"
        self.args = (f"{self._failed}{todo}",)


class StepRefused(StepFailed):
    """A step that was about to do what it has not accepted by name (`lint="error"`), and was stopped before.

    Attributes:
        findings: what it was about to do; each has a `name` to accept it by, and a `message`.
    """

    findings: tuple[Any, ...] = ()


class TransactionEnded(StepFailed):
    """A step ended the transaction it was given, or left one open, so it could not be recorded with its change."""

    _stays = "what it committed stays"  # after a rollback, too: then each statement at once
