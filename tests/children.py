"""How do processes work on one store at the same time, begin together, and die?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OPEN = """
import json, sys
from signals_peewee import open_store
store = open_store(sys.argv[1], migrate=False)
ws, me = store.workspace_named("acme"), int(sys.argv[2])

def tell(what):
    print(json.dumps(what), flush=True)

def wait():
    tell("ready")
    sys.stdin.readline()

def wait_before(words):
    '''Wait at the first statement that has these words in it, before it is sent.'''
    original = store.database.execute_sql

    def execute(sql, *more):
        if words in sql:
            store.database.execute_sql = original
            wait()
        return original(sql, *more)

    store.database.execute_sql = execute

"""
Child = subprocess.Popen[str]


@contextmanager
def children(url: str, script: str, count: int = 1) -> Iterator[list[Child]]:
    """Processes that run a script, each with its number in `me`; killed when the block ends."""
    command = [sys.executable, "-c", OPEN + script, url]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([*command, str(number)], **pipes) for number in range(count)]
    try:
        yield started
    finally:
        for child in started:
            child.kill()
            child.communicate()


def told(child: Child) -> Any:
    """The next thing that a child tells."""
    assert child.stdout
    return json.loads(child.stdout.readline())


def go(started: list[Child]) -> None:
    """Wait until all are ready, and then tell them all to go."""
    assert [told(child) for child in started] == ["ready"] * len(started)
    for child in started:
        tell_to_go(child)


def tell_to_go(child: Child) -> None:
    """Let a child go on from where it waits."""
    assert child.stdin
    child.stdin.write("go\n")
    child.stdin.flush()
