"""What does `import` do with its flags, and how is what became of a file shown?"""

from __future__ import annotations

from argparse import Namespace
from textwrap import fill
from typing import Any

from .columns import FLAGS
from .dates import Dates, check_format, zone_named
from .errors import BadArgument, Interrupted
from .importing import check_plan, import_plan, plan_csv
from .opening import opened
from .output import DONE, LOOK, WIDTH, Progress, pairs, safe, show_result
from .plan import Plan
from .reports import OUTCOMES, ImportReport

_CONSTANTS = {"source": "source", "severity": "severity", "frequency": "frequency", "user_segment": "segment"}


def import_file(flags: Namespace) -> int:
    """Store the feedback of a CSV file."""
    progress = Progress()
    try:
        plan = plan_csv(flags.file, **_settings(flags))
        if flags.dry_run:
            report = check_plan(plan, on_progress=progress)
        else:
            with opened(flags, migrate=not flags.no_migrate, create=True) as store:
                workspace = store.workspace_named(flags.workspace, create=True)
                report = import_plan(
                    workspace, plan, on_existing="update" if flags.update else "keep", on_progress=progress
                )
    except KeyboardInterrupt as error:
        raise Interrupted(_kept(progress, flags)) from error
    finally:
        progress.finish()
    show_result(flags, report.as_dict(), lambda _: summary(plan, report, flags))
    return LOOK if flags.strict and (report.rejected or report.conflicts) else DONE


def _settings(flags: Namespace) -> dict[str, Any]:
    """Return the flags as arguments of `plan_csv`."""
    return {
        "columns": {name: given for name in FLAGS if (given := getattr(flags, f"column_{name}")) is not None},
        "constants": {name: given for name, flag in _CONSTANTS.items() if (given := getattr(flags, flag)) is not None},
        "keep": flags.keep,
        "guess": not flags.no_guess,
        "dates": Dates(
            order=flags.order,
            format=None if flags.date_format is None else check_format(flags.date_format),
            zone=zone_named(flags.timezone),
        ),
        "encoding": flags.encoding,
        "delimiter": _delimiter(flags.delimiter),
        "header_rows": flags.header_rows,
    }


def _delimiter(given: str | None) -> str | None:
    found = {"tab": "\t", "\\t": "\t"}.get(given or "", given)
    if found is not None and (len(found) != 1 or found in '"\r\n\0'):
        raise BadArgument("--delimiter", given, "one character, or the word tab")
    return found


def _kept(progress: Progress, flags: Namespace) -> str:
    if flags.dry_run:
        return "interrupted; nothing was stored"
    # A batch may have been committed and not yet counted.
    stored = f"at least the first {progress.done:,} rows" if progress.done else "perhaps the first rows"
    again = "run the same command again, and it goes on where it must"
    return f"interrupted; {stored} of {flags.file} are stored and stay: {again}"


def summary(plan: Plan, report: ImportReport, flags: Namespace) -> str:
    """Return what became of a file, as people read it."""
    where = "checked, nothing is stored" if report.dry_run else f"into workspace {flags.workspace!r}"
    counts = ("rows", "storable", "rejected") if report.dry_run else ("rows", *OUTCOMES)
    lines = [
        f"{flags.file} {where}",
        _taken(plan, flags.timezone),
        *(fill(safe(note), WIDTH, initial_indent="  ", subsequent_indent="    ") for note in report.notes),
        "",
        pairs({name: getattr(report, name) for name in counts}),
    ]
    if report.rejected:
        lines += ["", "rejected, by reason"]
        lines += [f"{count:>7,}  {safe(reason)}" for reason, count in report.reasons.items()]
        lines += ["the first of them"]
        lines += [f"  row {rejection.row}: {safe(rejection.reason)}" for rejection in report.rejections]
    if report.conflicts:
        lines += [
            "",
            "conflicts are stored with other values, and were left as they are: --update overwrites them;",
            "where the ids of this file mean something else, give it a --source of its own",
        ]
    return "\n".join(lines)


def _taken(plan: Plan, zone: str) -> str:
    """Return which column was taken for what."""
    said = []
    for argument, name in plan.named().items():
        zoned = f" ({zone} where it says no zone)" if argument == "occurred_at" else ""
        said.append(f"{FLAGS[argument].removeprefix('--').removesuffix('-column')} from {name!r}{zoned}")
    constants = [f"{_CONSTANTS[argument]} {word}" for argument, word in plan.constants.items()]
    if "source" not in plan.columns and "source" not in plan.constants:
        constants.append("source upload")
    words = safe("; ".join(filter(None, (", ".join(said), ", ".join(constants)))))
    return fill(words, WIDTH, initial_indent="  ", subsequent_indent="  ")
