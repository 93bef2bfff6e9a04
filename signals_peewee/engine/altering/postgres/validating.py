"""How does a table get a constraint without being read while others wait? First for new rows, then for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

from ....errors import UnfitRows
from .operating import Operating
from .table import TableNow, quoted, rows

_CONSTRAINT = "SELECT convalidated FROM pg_constraint WHERE conrelid = %s AND conname = %s"
_HELPER = """
SELECT pg_get_constraintdef(oid) LIKE 'CHECK ((%% IS NOT NULL))%%' AND conkey = ARRAY[%s]::int2[]
FROM pg_constraint WHERE conrelid = %s AND conname = %s
"""
_LEFT = """
SELECT contype::text, NOT convalidated,
       ARRAY(SELECT a.attname::text FROM unnest(conkey) AS k (num)
             JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.num)
FROM pg_constraint WHERE conrelid = %s AND conname = %s
"""
LONGEST = 63


class Validating(Operating):
    """Constraints that are NOT VALID at first."""

    def constraint(self, table: TableNow, name: str) -> bool:
        """Tell whether a table has a constraint of this name."""
        return bool(rows(self.database, _CONSTRAINT, table.oid, name))

    def helper_of(self, table: TableNow, column: str) -> tuple[str, bool]:
        """Return the name of the CHECK that refuses NULL while NOT NULL is being added, and whether it is there."""
        name, number = derived(table.name, column, "filled_check"), 0
        while True:
            is_helper = self.value(_HELPER, table.column(column).number, table.oid, name)
            if is_helper is not False:  # what has the name says something else, and stays
                return name, bool(is_helper)
            name, number = derived(table.name, column, f"filled_check{number + 1}"), number + 1

    def free_name(self, table: TableNow, column: str, purpose: str) -> str:
        """Return a name for a constraint as Postgres would find one."""
        names = (derived(table.name, column, f"{purpose}{number or ''}") for number in count())
        return next(name for name in names if not self.constraint(table, name))

    def refuse_taken(self, table: TableNow, name: str, kind: str, columns: tuple[str, ...] | None = None) -> None:
        """Refuse a name that a constraint has already, unless a killed run can have left it NOT VALID.

        Args:
            table: the table.
            name: the name.
            kind: what a constraint of that kind is to the catalog: "c", "f".
            columns: its columns, where they are known.

        Raises:
            ValueError: it is another constraint.
        """
        for there, left, on in rows(self.database, _LEFT, table.oid, name):
            if not left or there != kind or (columns is not None and set(on) != set(columns)):
                raise ValueError(f"table {table.name!r} has another constraint {name!r}, on {', '.join(on)}")

    def add_validated(
        self,
        table: TableNow,
        name: str,
        definition: str,
        unfit: Callable[[], UnfitRows | None],
        *,
        others: tuple[TableNow, ...] = (),
        before: Callable[[], None] | None = None,
    ) -> None:
        """Add a constraint in two transactions, of which only the first, a short one, makes others wait.

        Where the first was killed after it, the next run goes on from there.

        Args:
            table: the table.
            name: the constraint's name.
            definition: what stands behind the name.
            unfit: looks for rows that do not fit.
            others: tables that it refers to.
            before: is called when no new row can break the constraint any more, and before the others are looked at.

        Raises:
            UnfitRows: rows do not fit; the constraint is gone again.
        """
        adding = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quoted(name)} {definition}"
        if self._is_at_once(table, definition):
            with self.refusals_named(table, unfit):
                self.execute(table, adding, others=others)
            return
        if not self.constraint(table, name):
            self.execute(table, f"{adding} NOT VALID", others=others)
        if before:
            before()
        try:
            with self.refusals_named(table, unfit):
                self.execute(table, f"ALTER TABLE {table.sql} VALIDATE CONSTRAINT {quoted(name)}", others=others)
        except UnfitRows:
            self.alter(table, f"DROP CONSTRAINT IF EXISTS {quoted(name)}")
            raise

    def _is_at_once(self, table: TableNow, definition: str) -> bool:
        """Tell whether Postgres cannot do it later: before 18 it cannot with a key of a partitioned table."""
        return (
            table.partitioned
            and definition.upper().startswith("FOREIGN")
            and (self.database.server_version or 0) < 180000
        )


def derived(table: str, column: str, purpose: str) -> str:
    """Return a name for what belongs to a column, as Postgres would make it; a long one is cut and told apart."""
    name = f"{table}_{column}_{purpose}"
    if len(name.encode()) <= LONGEST:
        return name
    told_apart = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    room = LONGEST - len(f"__{told_apart}{purpose}")
    return f"{name.encode()[:room].decode(errors='ignore')}_{told_apart}_{purpose}"
