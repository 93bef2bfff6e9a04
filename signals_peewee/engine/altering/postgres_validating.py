"""How does a table get a constraint without being read while others wait? First for new rows, then for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ...errors import UnfitRows
from .postgres_operating import Operating
from .postgres_table import TableNow, quoted, rows

_CONSTRAINT = "SELECT convalidated FROM pg_constraint WHERE conrelid = %s AND conname = %s"
_LONGEST = 63


class Validating(Operating):
    """Constraints that are NOT VALID at first."""

    def constraint(self, table: TableNow, name: str) -> bool:
        """Tell whether a table has a constraint of this name."""
        return bool(rows(self.database, _CONSTRAINT, table.oid, name))

    def is_validated(self, table: TableNow, name: str) -> bool:
        """Tell whether it has one that every row was looked at for."""
        return bool(self.value(_CONSTRAINT, table.oid, name))

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
        if not self.constraint(table, name):
            sql = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quoted(name)} {definition} NOT VALID"
            self.execute(table, sql, others=others)
        if before:
            before()
        try:
            with self.refusals_named(table, unfit):
                self.execute(table, f"ALTER TABLE {table.sql} VALIDATE CONSTRAINT {quoted(name)}", others=others)
        except UnfitRows:
            self.alter(table, f"DROP CONSTRAINT IF EXISTS {quoted(name)}")
            raise


def derived(table: str, column: str, purpose: str) -> str:
    """Return a name for what belongs to a column, as Postgres would make it; a long one is cut and told apart."""
    name = f"{table}_{column}_{purpose}"
    if len(name.encode()) <= _LONGEST:
        return name
    told_apart = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    room = _LONGEST - len(f"__{told_apart}{purpose}")
    return f"{name.encode()[:room].decode(errors='ignore')}_{told_apart}_{purpose}"
