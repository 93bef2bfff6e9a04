"""How is a key made?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Literal

import nanoid

from ..errors import InvalidOption

LENGTH = 21
TIME_CHARACTERS, RANDOM_CHARACTERS = 10, 11
ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_BYTE_TO_CHARACTER = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))

NewIds = Callable[[int], list[str]]
IdKind = Literal["time", "random"]


def new_ids(kind: IdKind) -> NewIds:
    """Return a maker of that many new keys of 21 characters.

    Args:
        kind: "time" for keys that sort by the time of their making, which keeps inserts at one end of the index;
            "random" for nanoid's own, where a key must not show when a row was made.

    Raises:
        InvalidOption: it is neither.
    """
    if kind == "time":
        return time_ordered
    if kind == "random":
        return lambda count: [nanoid.generate(size=LENGTH) for _ in range(count)]
    raise InvalidOption("ids", kind, "'time' or 'random'")


def time_ordered(count: int = 1) -> list[str]:
    """Return `count` new keys in ascending order: milliseconds in ten base-32 characters, then 55 random bits.

    The alphabet is in order in every collation. The random characters are nanoid's idea (each byte of the system's
    random source picks a character; 32 divides 256, so none is favoured), cut from one read for the whole batch.
    """
    prefix = _base32(time.time_ns() // 1_000_000)
    tail = os.urandom(count * RANDOM_CHARACTERS).translate(_BYTE_TO_CHARACTER).decode("ascii")
    tails = [tail[at : at + RANDOM_CHARACTERS] for at in range(0, len(tail), RANDOM_CHARACTERS)]
    tails.sort()
    return [prefix + each for each in tails]


def _base32(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (TIME_CHARACTERS - 1), -1, -5))
