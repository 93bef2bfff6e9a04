"""Which words does `migrate` understand?"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable
from typing import Any

from ..runner.repair import ACTIONS

SOURCE = "WHERE[:NAME]"


def add_migrate(command: ArgumentParser, common: ArgumentParser) -> None:
    """Give the command its actions; without one it is `up`."""
    command.set_defaults(action="up", target=None, all=False)
    settings = _settings(common)
    for argument in _SETTINGS:  # for `migrate` alone, which is `migrate up`
        argument(command)
    actions = command.add_subparsers(dest="action", metavar="ACTION")

    def action(name: str, about: str) -> ArgumentParser:
        said = f"{about[0].upper()}{about[1:]}."
        parents = [settings, common]
        return actions.add_parser(name, help=about, description=said, allow_abbrev=False, parents=parents)

    up = action("up", "apply what is pending (the default)")
    up.add_argument("target", nargs="?", metavar="STEP", help="stop with this one")
    action("status", "list the steps and their states; exits with 1 where one is pending or not in order")
    _plan(action("plan", "show what `up` would do, and run none of it"))
    down = action("down", "take back the last step")
    down.add_argument("target", nargs="?", metavar="STEP", help="all back through this one")
    down.add_argument("--all", action="store_true", help="every step")
    stamp = action("stamp", "record pending steps as applied without running them, for a database that has them")
    stamp.add_argument("target", nargs="?", metavar="STEP", help="no more than this one and what comes before it")
    stamp.add_argument(
        "--from-playhouse", action="store_true", help="those that playhouse.migrations has applied, and no others"
    )
    stamp.add_argument("--table", metavar="NAME", help="where playhouse keeps them; default: schema_migration")
    _models(stamp, "record nothing where the database differs from these models")
    check = action("check", "compare the database with models; exits with 1 where they differ")
    _models(check, "by default those of the library's own tables")
    new = action("new", "write the next script into the folder of --source")
    new.add_argument("name", metavar="NAME", help="what it does, as in `add_emails`")
    _models(new, "write into it what makes the database agree with these models")
    repair = action("repair", "tell the history what only a person can know")
    repair.add_argument("step", metavar="STEP")
    repair.add_argument("repair", choices=ACTIONS, metavar="|".join(ACTIONS), help="see docs/migrations.md")


def _plan(plan: ArgumentParser) -> None:
    plan.add_argument("target", nargs="?", metavar="STEP", help="no more than this one and what comes before it")
    plan.add_argument(
        "--rehearse", nargs="?", const=True, metavar="URL",
        help="run it on a copy, and show the SQL, the findings and the times; SQLite makes the copy itself",
    )  # fmt: skip


def _models(parser: ArgumentParser, about: str) -> None:
    parser.add_argument(
        "--models", action="append", metavar="MODULE[:NAME]",
        help=f"a module, looked for in the current folder too, a model in it, or a list of models; may be repeated; "
        f"{about}",
    )  # fmt: skip


def _settings(common: ArgumentParser) -> ArgumentParser:
    parser = type(common)(add_help=False)
    for argument in _SETTINGS:
        argument(parser)
    return parser


def _argument(*names: str, **options: Any) -> Callable[[ArgumentParser], object]:
    return lambda parser: parser.add_argument(*names, default=SUPPRESS, **options)


_SETTINGS = (
    _argument(
        "--source", action="append", metavar=SOURCE,
        help="a folder of scripts, or a package that is installed or in the current folder, and what its steps are "
        "recorded under (default: the name of the folder or package); may be repeated; without it, the library's own "
        "steps",
    ),
    _argument("--history-table", metavar="NAME", help="default: migration_history"),
    _argument("--lock-wait", type=float, metavar="SECONDS", help="for another run to end; default: 60"),
    _argument("--lock-timeout", type=float, metavar="SECONDS", help="for the locks of a statement; default: 2"),
    _argument(
        "--out-of-order", choices=("error", "warn", "allow"),
        help="what to do where a step is pending and a later one was applied; default: error",
    ),
    _argument("--lint", choices=("warn", "error", "off"), help="what to do about risky operations; default: warn"),
)  # fmt: skip
