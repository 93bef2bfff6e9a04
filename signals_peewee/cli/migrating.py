"""What does each action of `migrate` do? It calls one method of a runner, and says what came of it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..runner import MigrationRunner, Plan, StepEvent
from ..runner.adopting import TABLE
from . import output
from .advice import command
from .errors import BadArgument, Interrupted, WouldBeRefused
from .output import DONE, LOOK, note, show_result
from .scripting import has_steps, write_script
from .sources import Absent, folder_of, models_named, runner_for
from .status import left_by_interrupt, show_status


def migrate(flags: Namespace) -> int:
    """Bring tables up to date, take steps back, or say where they stand."""
    action = flags.action or "up"
    _check(flags, action)
    if action == "new" and not flags.models:  # which needs no database
        return _written(flags, "")
    progress = output.Progress()
    with runner_for(flags, _hearing(flags, progress), absent=_ABSENT.get(action, "refuse")) as runner:
        try:
            return _ACTIONS[action](flags, runner)
        except KeyboardInterrupt as error:
            raise Interrupted(left_by_interrupt(flags, runner)) from error
        finally:
            progress.finish()


def _check(flags: Namespace, action: str) -> None:
    if action == "down" and flags.all and flags.target:
        raise BadArgument("--all", flags.target, "to stand with no step")
    if action == "stamp" and flags.from_playhouse and (flags.target or flags.models):
        raise BadArgument("--from-playhouse", flags.target or flags.models[0], "no step and no models beside it")
    if action == "stamp" and flags.table and not flags.from_playhouse:
        raise BadArgument("--table", flags.table, "--from-playhouse beside it")
    sources = getattr(flags, "source", None) or ()
    if action == "stamp" and flags.from_playhouse and len(sources) > 1:
        raise BadArgument("--source", " ".join(sources), "the one whose scripts playhouse.migrations applied")
    if action == "check" and sources and not flags.models:
        raise BadArgument("--source", " ".join(sources), "--models beside it, to compare the database with")
    if action == "new":
        folder_of(flags)


def _hearing(flags: Namespace, progress: output.Progress) -> Callable[[StepEvent], None]:
    def hear(event: StepEvent) -> None:
        if flags.json:
            return
        if event.kind == "progress":
            progress(event.done, event.total or event.done)
            return
        progress.finish()
        if event.kind in ("applied", "reverted", "retrying"):
            print(f"{event.kind:<9} {event.step}  ({event.seconds:.2f} s)", flush=True)
        elif event.kind == "stamped":
            print(f"{'recorded':<9} {event.step}", flush=True)
        elif event.kind in ("finding", "skipped"):
            print(f"{event.kind:<9} {event.step}  {event.message}", flush=True)

    return hear


def _up(flags: Namespace, runner: MigrationRunner) -> int:
    return _done(flags, runner, runner.up(flags.target))


def _down(flags: Namespace, runner: MigrationRunner) -> int:
    return _done(flags, runner, runner.down(all=True) if flags.all else runner.down(flags.target))


def _stamp(flags: Namespace, runner: MigrationRunner) -> int:
    if flags.from_playhouse:
        return _done(flags, runner, runner.adopt(flags.table or TABLE))
    models = models_named(flags.models) if flags.models else None
    return _done(flags, runner, runner.stamp(flags.target, models=models))


def _repair(flags: Namespace, runner: MigrationRunner) -> int:
    return _done(flags, runner, runner.repair(flags.step, flags.repair))


def _done(flags: Namespace, runner: MigrationRunner, changed: list[str]) -> int:
    done, nothing = _WORDS[flags.action or "up"]
    result = {"changed": changed, "pending": list(runner.status().pending)}
    show_result(flags, result, partial(_changed, done, nothing))
    return DONE


def _changed(done: str, nothing: str, result: Mapping[str, Any]) -> str:
    count = len(result["changed"])
    what = f"{count} step{'s' * (count > 1)} {done}" if count else nothing
    return f"{what}, {len(result['pending'])} pending"


def _plan(flags: Namespace, runner: MigrationRunner) -> int:
    plan = runner.plan(flags.target, rehearse_on=flags.rehearse)
    show_result(flags, {"steps": _planned(plan), "irreversible": list(plan.irreversible)}, lambda _: str(plan))
    refused = {step.id: [finding.name for finding in step.findings] for step in plan.steps if step.findings}
    if refused and getattr(flags, "lint", None) == "error":
        raise WouldBeRefused(command(flags, "up", "--lint", "error"), refused)
    return DONE


def _planned(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "step": step.id,
            "description": step.description,
            "atomic": step.atomic,
            "reversible": step.reversible,
            "depends_on": list(step.depends_on),
            "statements": [{"sql": sql, "parameters": list(parameters)} for sql, parameters in step.statements],
            "findings": [{"name": finding.name, "message": finding.message} for finding in step.findings],
            "seconds": step.seconds,
        }
        for step in plan.steps
    ]


def _drift(flags: Namespace, runner: MigrationRunner) -> int:
    drift = runner.check(models_named(flags.models) if flags.models else None)
    result = {
        "differences": [
            {"kind": each.kind, "table": each.table, "name": each.name, "expected": each.expected, "found": each.found}
            for each in drift.differences
        ]
    }
    show_result(flags, result, lambda _: str(drift))
    return LOOK if drift else DONE


def _new(flags: Namespace, runner: MigrationRunner) -> int:
    if has_steps(folder_of(flags)):
        _check_through(flags, runner)
    text = runner.draft(models_named(flags.models))
    if text is not None:
        return _written(flags, text)
    show_result(flags, {"path": None}, lambda _: "nothing to write: the database agrees with the models")
    return DONE


def _check_through(flags: Namespace, runner: MigrationRunner) -> None:
    """Refuse to draft what a step that is there may make already."""
    if waiting := [step.id for step in runner.plan().steps]:  # it raises what `up` would, if that would refuse to run
        first = f"{', '.join(waiting)} may make what would be drafted again: apply first, with {command(flags, 'up')}"
        raise BadArgument("--models", " ".join(flags.models), f"no step that is pending, because {first}")


def _written(flags: Namespace, text: str) -> int:
    source = folder_of(flags)
    made = not source.path.exists()
    path = write_script(source, flags.name, text)
    if made:
        note(flags, f"made the folder {source.path}")
    show_result(flags, {"path": str(path)}, lambda _: str(path))
    return DONE


_ABSENT: Mapping[str, Absent] = {"up": "make", "plan": "empty", "new": "empty"}
"""What each action does where there is no SQLite file; the others refuse."""

_WORDS: Mapping[str, tuple[str, str]] = {
    "up": ("done", "nothing to do"),
    "down": ("done", "nothing to take back"),
    "stamp": ("recorded as applied", "nothing to record"),
    "repair": ("changed in the history", "nothing to change"),
}
"""What each action says of the steps that it changed, and where there are none."""

_ACTIONS: Mapping[str, Callable[[Namespace, MigrationRunner], int]] = {
    "up": _up,
    "status": show_status,
    "plan": _plan,
    "down": _down,
    "stamp": _stamp,
    "check": _drift,
    "new": _new,
    "repair": _repair,
}
