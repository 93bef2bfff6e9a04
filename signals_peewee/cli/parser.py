"""Which words does the command line understand?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from .. import __version__
from .columns import FLAGS, WORDS
from .migrate_parser import add_migrate

PROGRAM = "signals-peewee"
EXIT_CODES = """\
exit codes:
  0    done
  1    done, and there is something to look at: pending steps, tables that differ from the models, or rejected rows
       and conflicts with --strict
  2    a flag, a file or a value was refused; nothing was written
  3    the database cannot be reached, opened or written, its driver is missing, or its tables are not there
  4    the workspace or signal that was named does not exist
  5    a migration step failed or was refused, or its history is not in order
  74   what there was to say could not be written, as on a full disk
  130  interrupted; what was kept is said
  141  what was reading the output, such as head, has gone
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    common = _common()
    top = Parser(
        prog=PROGRAM,
        description="Keep product feedback in a database: SQLite or Postgres.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[_common(top=True)],
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, about: str, *parents: Parser) -> Parser:
        said = f"{about[0].upper()}{about[1:]}."
        return commands.add_parser(name, help=about, description=said, allow_abbrev=False, parents=[*parents, common])

    filters = _filters()
    add_migrate(command("migrate", "bring tables up to date, or see where they stand"), common)
    _import(command("import", "store the feedback of a CSV file; importing it again changes nothing"))
    _list(command("list", "list signals, newest first", filters))
    show = command("show", "show everything about one signal")
    show.add_argument("id", metavar="ID", help="the id that `list` shows")
    counts = command("counts", "count signals", filters)
    counts.add_argument(
        "--by", choices=(*["status"], *WORDS, "segment"), default="status", help="what to count by (default: status)"
    )
    return top


def _common(*, top: bool = False) -> Parser:
    """The flags that may stand before the command or after it; only those before it have defaults."""
    group = Parser(add_help=False, argument_default=None if top else argparse.SUPPRESS)
    hidden = None if top else argparse.SUPPRESS

    def default(value: str | bool) -> str | bool | None:
        return value if top else hidden

    group.add_argument("--database", metavar="URL", help="default: $DATABASE_URL, else sqlite:///signals.db")
    group.add_argument("--schema", metavar="NAME", help="the Postgres schema that holds the tables")
    group.add_argument(
        "--workspace",
        metavar="NAME",
        default=default("default"),
        help="default: default; made by `import` when it is missing",
    )
    group.add_argument(
        "--hosts",
        metavar="MODULE:NAME",
        help="the Hosts object of a service that brings its own models, for example app.models:HOSTS",
    )
    group.add_argument("--json", action="store_true", default=default(False), help="print JSON, for programs")
    return group


def _filters() -> Parser:
    group = Parser(add_help=False)
    for name in ("status", *WORDS, "segment"):
        group.add_argument(f"--{name}", action="append", metavar="WORD", help=f"only this {name}; may be repeated")
    group.add_argument("--text", metavar="WORDS", help="only where these words stand in the text")
    group.add_argument("--archived", action="store_true", help="archived signals too")
    return group


def _list(command: Parser) -> None:
    command.add_argument(
        "--sort", choices=("newest", "oldest", "occurred", "updated"), default="newest", help="default: newest"
    )
    command.add_argument("--limit", type=int, default=20, metavar="N", help="1 to 500; default: 20")
    command.add_argument("--after", metavar="CURSOR", help="the cursor that the page before gave")


def _import(command: Parser) -> None:
    command.add_argument("file", metavar="FILE.csv", type=Path)
    columns = command.add_argument_group(
        "columns", "Named as in the header, without regard to case, or by number: @3 is the third. Those that are not "
        "named are guessed from the header, and what was guessed is shown.",
    )  # fmt: skip
    about = {
        "verbatim": "the person's own words",
        "source_ref": "what identifies the row; a row without one is known by a hash of its mapped columns",
        "occurred_at": "when it was said",
        "user_segment": "who said it",
    }
    for argument, flag in FLAGS.items():
        columns.add_argument(flag, dest=f"column_{argument}", metavar="COLUMN", help=about.get(argument, argument))
    columns.add_argument(
        "--keep", action="append", default=[], metavar="COLUMN", help="keep this one in the metadata; may be repeated"
    )
    columns.add_argument("--no-guess", action="store_true", help="use only the columns that are named")
    constants = command.add_argument_group("constants", "For blank cells, and files without such a column.")
    constants.add_argument("--source", metavar="WORD", help="default: upload")
    for name in ("severity", "frequency", "segment"):
        constants.add_argument(f"--{name}", metavar="WORD")
    dates = command.add_argument_group("dates", "2025-03-04 and ISO 8601 are read as they are.")
    order = dates.add_mutually_exclusive_group()
    order.add_argument("--day-first", action="store_const", const="day", dest="order", help="03/04/2025 is in April")
    order.add_argument(
        "--month-first", action="store_const", const="month", dest="order", help="03/04/2025 is in March"
    )
    order.add_argument("--date-format", metavar="FORMAT", help="a strptime format, such as '%%d %%b %%Y %%H:%%M'")
    dates.add_argument("--timezone", metavar="ZONE", default="UTC", help="of dates without an offset; default: UTC")
    form = command.add_argument_group("file")
    form.add_argument("--encoding", default="utf-8-sig", help="default: utf-8, with or without a byte-order mark")
    form.add_argument("--delimiter", metavar="CHARACTER", help="default: found out; `tab` is a tab")
    form.add_argument("--header-rows", type=int, choices=range(1, 10), default=1, metavar="N", help="default: 1")
    command.add_argument("--update", action="store_true", help="overwrite stored signals that differ from the file")
    command.add_argument("--dry-run", action="store_true", help="check every row and write nothing; needs no database")
    command.add_argument("--strict", action="store_true", help="exit with 1 if a row was rejected or in conflict")
    command.add_argument("--no-migrate", action="store_true", help="refuse if steps are pending")
