"""What can be said against an operation before it is carried out?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "drop",  # a table, column, index or constraint goes, with what is in it
    "cascade",  # and what depends on it goes along
    "rename",  # code that runs now does not find it any more
    "delete",  # every row of a table goes
    "rewrite",  # every row is written again while others wait
    "update",  # every row is changed in one transaction
    "blocking-index",  # writers wait while an index is built
    "scan",  # every row is read while others wait: NOT NULL, CHECK, a key without NOT VALID
    "default-lost",  # old code that leaves the column out will fail
]


@dataclass(frozen=True)
class Finding:
    """What an operation is about to do that somebody may not have meant.

    Attributes:
        code: which kind of thing it is.
        subject: what it happens to: "books", "books.pages".
        message: what is about to happen, to whom, and what to write instead.
    """

    code: Code
    subject: str
    message: str

    @property
    def name(self) -> str:
        """What a script accepts it by: "drop:books.pages"."""
        return f"{self.code}:{self.subject}"

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"
