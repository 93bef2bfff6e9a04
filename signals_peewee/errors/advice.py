"""What does a message say to call or pass next, so that whoever shows it can spell it another way?"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Advice(NamedTuple):
    """Something to do next.

    Attributes:
        about: the method of a runner, or the argument, that it is about: "repair", "out_of_order".
        arguments: what is given to it.
        python: how it is written in Python.
    """

    about: str
    arguments: tuple[str, ...]
    python: str


class Advising(str):
    """A message with advice in it: a text that reads as Python, and remembers where its advice stands.

    Args:
        parts: texts, such messages and advice, in their order.
    """

    __slots__ = ("parts",)
    parts: tuple[str | Advice, ...]

    def __new__(cls, *parts: str | Advice) -> Advising:
        """Join the parts."""
        message = super().__new__(cls, "".join(part.python if isinstance(part, Advice) else part for part in parts))
        message.parts = tuple(
            each for part in parts for each in (part.parts if isinstance(part, Advising) else (part,))
        )
        return message

    def worded(self, word: Callable[[Advice], str]) -> str:
        """Return the message with its advice as `word` puts it."""
        return "".join(word(part) if isinstance(part, Advice) else part for part in self.parts)


def calling(method: str, *arguments: str) -> Advice:
    """Return the advice to call a method of the runner."""
    return Advice(method, arguments, f"runner.{method}({', '.join(map(repr, arguments))})")


def passing(argument: str, value: str) -> Advice:
    """Return the advice to make the runner with an argument."""
    return Advice(argument, (value,), f"{argument}={value!r}")


MIGRATING = Advice("migrate", (), "call store.migrate() or run `signals-peewee migrate up`")
"""To apply the library's own steps."""
