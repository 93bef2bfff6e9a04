"""What becomes of a database with other tools, where this runner has a guarantee? `python -m benchmarks.other_tools`.

Each tool is set up as its own documentation says, with its own defaults, and started by a script as a service would.
Those that are to be compared have to be installed: `pip install alembic django peewee-migrate`.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path

from . import other_tools_trials as trials
from . import other_tools_waits as waits
from .databases import _server
from .other_tools_orms import ALEMBIC, DJANGO
from .other_tools_places import Databases
from .other_tools_scripts import OURS, PEEWEE_MIGRATE, PLAYHOUSE, Tool

TOOLS = (OURS, PLAYHOUSE, PEEWEE_MIGRATE, ALEMBIC, DJANGO)
TOGETHER = {
    "eight starts at once on an empty database": (4, 4),
    "with a step pending that adds a column": (3, 1),
    "with a step pending that changes rows": (4, 1),
}
"""How many steps there are, and how many of them are pending."""
LEFT_OUT = "a NOT NULL column with a default was added: an INSERT of old code, without it"
Rows = list[tuple[str, list[str]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Try everything with every tool, and print a table for each database."""
    options = _parser().parse_args(arguments)
    wanted = [tool for tool in TOOLS if options.only in tool.name]
    tools = [tool for tool in wanted if importlib.util.find_spec(tool.module.partition(".")[0])]
    used = dict.fromkeys(name for tool in tools for name in (tool.distribution, *tool.on))
    print(", ".join(f"{name} {version(name)}" for name in used))
    for tool in wanted:
        if tool not in tools:
            print(f"{tool.name} is left out: it is not installed (pip install {tool.distribution})")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="other-tools-")))
        for engine in options.engine.split(","):
            server = stack.enter_context(_server(options.postgres)) if engine == "postgres" else ""
            print(report(Databases(folder, server), tools, options), flush=True)


def report(databases: Databases, tools: Sequence[Tool], options: argparse.Namespace) -> str:
    """Try everything on one database, and return the table in Markdown, with what a writer alone waits below."""
    rows: Rows = []
    for title, (steps, pending) in TOGETHER.items():
        pairs = [trials.together(databases, tool, steps, pending, options.rounds) for tool in tools]
        rows.append((f"{title}: succeeded", [succeeded for succeeded, _ in pairs]))
        rows.append((f"{title}: each step's effect is there once", [state for _, state in pairs]))
    rows += [
        ("after kill -9 between two statements", [trials.killed(databases, tool) for tool in tools]),
        ("an edited step", [trials.edited(databases, tool) for tool in tools]),
        (LEFT_OUT, [_each(tool, partial(trials.left_out, databases, tool)) for tool in tools]),
    ]
    more = _rebuilt if databases.engine == "sqlite" else _waited
    note = more(databases, tools, options, rows)
    lines = ["| | " + " | ".join(tool.name for tool in tools) + " |", "|---" * (len(tools) + 1) + "|"]
    lines += [f"| {title} | " + " | ".join(cells) + " |" for title, cells in rows]
    return "\n".join([f"\n{databases.version}{note}", "", *lines])


def _rebuilt(databases: Databases, tools: Sequence[Tool], options: argparse.Namespace, rows: Rows) -> str:
    title = "NOT NULL for a table with a trigger, an index and a CHECK"
    rows.append((title, [trials.sealed(databases, tool) for tool in tools]))
    return ""


def _waited(databases: Databases, tools: Sequence[Tool], options: argparse.Namespace, rows: Rows) -> str:
    large, rounds = options.rows, options.rounds

    def writer(tool: Tool) -> str:
        return _each(tool, lambda step: _ms(waits.writer(databases, tool, step, large, rounds)))

    def readers(tool: Tool) -> str:
        return _each(tool, lambda step: _ms(waits.readers(databases, tool, step, options.held)))

    alone = waits.alone(databases, OURS, large, rounds)
    rows.append((f"that column for {large:,} rows: a writer's longest wait", [writer(tool) for tool in tools]))
    title = f"that column while an idle transaction has read, for {options.held:g} s: another reader's longest wait"
    rows.append((title, [readers(tool) for tool in tools]))
    return f"; a writer that is alone waits {_ms(alone)} at most"


def _each(tool: Tool, answer: Callable[[str], str]) -> str:
    """Return the answers for each way that the tool has to add a NOT NULL column with a default."""
    answers = {name: answer(step) for step, name in tool.stars.items()}
    return ", ".join(f"{said} ({name})" if name else said for name, said in answers.items())


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.other_tools", description=__doc__)
    parser.add_argument("--engine", default="sqlite,postgres", help="sqlite, postgres or both")
    parser.add_argument("--only", default="", help="only tools with this in their name")
    parser.add_argument("--rounds", type=int, default=3, help="how often eight are started, and waits are measured")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large table")
    parser.add_argument("--held", type=float, default=5.0, help="seconds that an idle transaction holds its lock")
    parser.add_argument(
        "--postgres", default="", help="the URL of a server, or an installed major version; else the wheel's"
    )
    return parser


if __name__ == "__main__":
    main()
