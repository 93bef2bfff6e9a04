"""What comes of many starts at once, a kill, an edited step, and a table with more than columns?"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from peewee import Database, IntegrityError

from .other_tools_places import Databases, Start, applied, opened, started
from .other_tools_scripts import Tool

AT_ONCE = 8
CHAIN = ("books", "authors", "rating", "visits")
INSERTED = "INSERT INTO books (title, visits, pages) VALUES ('Utopia', {visits}, {pages})"


def together(databases: Databases, tool: Tool, steps: int, pending: int, rounds: int) -> tuple[str, str]:
    """Start many at once, again and again; return how many succeeded, and what came of the steps."""
    names, succeeded, states = CHAIN[:steps], 0, Counter[str]()
    for _ in range(rounds):
        with databases.fresh() as url, databases.project(tool, names) as project:
            if pending < steps:
                with databases.project(tool, names[:-pending]) as before:
                    _right(before, url, names[:-pending])
            waiting = [Start(project, url) for _ in range(AT_ONCE)]
            for start in waiting:
                start.go()
            succeeded += sum(start.ended().code == 0 for start in waiting)
            state = wrong(url, names)
            if state and started(project, url).code == 0 and not wrong(url, names):
                state = "after one more start"
            states[state or "yes"] += 1
    return f"{succeeded} of {rounds * AT_ONCE}", _counted(states, rounds)


def _counted(states: Counter[str], rounds: int) -> str:
    others = [state for state in states if state != "yes"]
    return f"in {states['yes']} of {rounds} ({'; '.join(others)})" if others else "yes"


def wrong(url: str, names: Sequence[str]) -> str:
    """Return what the steps did not do, or did more than once; nothing where each was done exactly once."""
    with opened(url) as database:
        tables = database.get_tables()
        if "books" not in tables:
            return "no table books"
        count, least, most = _all(database, "SELECT count(*), min(visits), max(visits) FROM books")[0]
        columns = [column.name for column in database.get_columns("books")]
    problems = [
        "" if "authors" in tables else "no table authors",
        "" if ("rating" in columns) == ("rating" in names) else "no column rating",
        "" if count == 3 else f"{count} rows for 3",
        "" if {least, most} == {int("visits" in names)} or not count else f"changed {_times(least, most)}",
    ]
    return ", ".join(filter(None, problems))


def _times(least: object, most: object) -> str:
    return f"{most}×" if least == most else f"{least}× to {most}×"


def killed(databases: Databases, tool: Tool) -> str:
    """Kill a start between CREATE TABLE and INSERT of a step, and start again."""
    with databases.fresh() as url, databases.project(tool, CHAIN) as project:
        if started(project, url, {"KILLED": "yes"}).code != -signal.SIGKILL:
            raise SystemExit(f"{tool.name} was not killed")
        codes = [started(project, url).code, started(project, url).code]
        state = wrong(url, CHAIN)
    if codes[1]:
        return "fails until mended by hand"
    return f"goes on: {state}" if state else "finishes"


def edited(databases: Databases, tool: Tool) -> str:
    """Change the text of a step that was applied, and start again."""
    with databases.fresh() as url, databases.project(tool, CHAIN) as project:
        _right(project, url, CHAIN)
        before = started(project, url)
        script = tool.script(project, CHAIN, "books")
        script.write_text(script.read_text("utf-8").replace('"Emma"', '"Persuasion"'), "utf-8")
        after = started(project, url)
    if after.code:
        return "refused"
    return "not noticed" if after == before else "noticed"


def sealed(databases: Databases, tool: Tool) -> str:
    """Add NOT NULL to a column of a table that has an index, a trigger and a CHECK; return what is kept."""
    with databases.fresh() as url, databases.project(tool, (*CHAIN, "trigger", "sealed")) as project:
        _right(project, url, CHAIN)
        with opened(url) as database:
            sql = "SELECT type FROM sqlite_master WHERE tbl_name = 'books' AND sql LIKE '%title%' AND type <> 'table'"
            found = {kind for (kind,) in _all(database, sql)}
            if not _refused(database, INSERTED.format(visits=0, pages="NULL")):
                raise SystemExit(f"{tool.name} did not add NOT NULL")
            if _refused(database, INSERTED.format(visits=-1, pages=1)):
                found.add("CHECK")
    lost = [name for name in ("trigger", "index", "CHECK") if name not in found]
    return "lost: " + ", ".join(lost) if lost else "all kept"


def left_out(databases: Databases, tool: Tool, step: str) -> str:
    """Add a NOT NULL column with a default, and insert as code does that does not know the column."""
    with databases.fresh() as url, databases.project(tool, (*CHAIN, step)) as project:
        _right(project, url, CHAIN)
        with opened(url) as database:
            return "fails" if _refused(database, INSERTED.format(visits=0, pages=1)) else "works"


def _right(project: Path, url: str, names: Sequence[str]) -> None:
    applied(project, url)
    if state := wrong(url, names):
        raise SystemExit(f"{project}: {state}")


def _all(database: Database, sql: str) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = database.execute_sql(sql).fetchall()
    return rows


def _refused(database: Database, sql: str) -> bool:
    with suppress(IntegrityError):
        database.execute_sql(sql)
        return False
    return True
