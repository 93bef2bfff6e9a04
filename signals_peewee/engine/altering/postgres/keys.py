"""What tells the rows of a Postgres table apart, as SQL and as values that are sent back?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .given import Given
from .table import TableNow, listed, quoted
from .unfit import key_of

Key = tuple[Any, ...]

# What a driver reads of these it sends back as the same value; a json, an infinite time, one before Christ it does not.
_EXACT = ("tid", "smallint", "integer", "bigint", "text", "character varying", "uuid", "boolean")


class RowKey:
    """The primary key of a table, or the place where a row lies.

    Args:
        table: the table.
        name: what a statement calls it.

    Attributes:
        names: the columns.
        listed: the same as SQL.
    """

    def __init__(self, table: TableNow, name: str) -> None:
        self.names = key_of(table)
        self.listed = listed(self.names)
        self._name = name
        keyless = not table.primary_key
        self._types = ["tid"] if keyless else [table.column(column).plain for column in self.names]
        self._unnests = [True] if keyless else [table.column(column).unnests for column in self.names]

    @property
    def places(self) -> str:
        """Where a key is given to a statement as parameters."""
        return ", ".join(f"CAST(%s AS {type_})" for type_ in self._types)

    @property
    def order(self) -> str:
        """The columns themselves; without the table's name it could be what was read of them."""
        return ", ".join(f"{self._name}.{quoted(column)}" for column in self.names)

    def read(self, of: str = "") -> str:
        """Return what to select, each column as something that can be sent back and is the same."""
        types = zip(self.names, self._types, strict=True)
        return ", ".join(f"{of}{quoted(column)}{'' if type_ in _EXACT else '::text'}" for column, type_ in types)

    def given(self, keys: Sequence[Key]) -> list[Given]:
        """Return the columns of some keys for a statement."""
        types = zip(self._types, self._unnests, strict=True)
        return [
            Given(f"key_{at}", type_, [key[at] for key in keys], unnests) for at, (type_, unnests) in enumerate(types)
        ]

    def shown(self, key: Key) -> str:
        """Return which row it is, for a message."""
        return f"the row where ({', '.join(self.names)}) is {key}"
