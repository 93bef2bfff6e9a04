"""How is what an error says put for the command line: with its flags, and with commands for what it advises?"""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence

from ..engine.urls import without_password
from ..errors import InvalidOption
from ..errors.advice import Advice, Advising

_FLAGS: Mapping[str, str] = {
    "action": "ACTION",
    "history_table": "--history-table",
    "lock_timeout": "--lock-timeout",
    "lock_wait": "--lock-wait",
    "models": "--models",
    "rehearse_on": "--rehearse",
    "schema": "--schema",
    "table": "--table",
}
"""The arguments of a runner and of its methods that have a flag."""

_WORDS: Mapping[str, Sequence[str]] = {
    "adopt": ("stamp", "--from-playhouse"),
    "down": ("down",),
    "migrate": ("up",),
    "repair": ("repair",),
}
"""The methods that a message may advise to call, and what they are after `migrate`."""


def worded(error: BaseException, flags: Namespace) -> str:
    """Return the message of an error as whoever typed these flags understands it."""
    if isinstance(error, InvalidOption) and (flag := _FLAGS.get(error.field)):
        given = "" if error.value is None or error.value is True else f" {error.value}"
        return f"{flag}{given}: expected {error.expected}"
    message = error.args[0] if error.args else ""
    return spelled(message, flags) if isinstance(message, Advising) else str(error)


def spelled(message: Advising, flags: Namespace) -> str:
    """Return a message with commands, for these flags, for what it advises."""
    return message.worded(lambda advice: _worded(advice, flags))


def command(flags: Namespace, *words: str, source: str | None = None) -> str:
    """Return the command `migrate` that works on the same database and steps as these flags, as a shell takes it.

    Args:
        flags: those of the command line; a password is not repeated.
        words: what comes after `migrate`.
        source: the one that it is about; by default every one of the same.
    """
    before = {"--database": flags.database and without_password(flags.database)}
    before |= {"--schema": flags.schema, "--hosts": flags.hosts}
    migrating = flags.command == "migrate"  # elsewhere --source is a word of the vocabulary
    sources: list[str] = [source] if source else (migrating and getattr(flags, "source", None)) or []
    after = [*(("--source", each) for each in sources), ("--history-table", getattr(flags, "history_table", None))]
    given = [*_given(before.items()), "migrate", *words, *_given(after)]
    return f"`signals-peewee {shlex.join(given)}`"


def _given(flags: Iterable[tuple[str, str | None]]) -> list[str]:
    return [word for flag, value in flags if value for word in (flag, value)]


def _worded(advice: Advice, flags: Namespace) -> str:
    if advice.about == "context":
        return "run it from the code that passes what it was"
    if words := _WORDS.get(advice.about):
        return f"{'run ' if advice.about == 'migrate' else ''}{command(flags, *words, *advice.arguments)}"
    return f"--{advice.about.replace('_', '-')} {' '.join(advice.arguments)}"
