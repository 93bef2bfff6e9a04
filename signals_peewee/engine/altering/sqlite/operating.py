"""What do all the operations of SQLite share? Which version runs, how to undo, how to refuse rows by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from peewee import IntegrityError, OperationalError

from ....errors import UnfitRows
from ...sql_sqlite.tokens import quoted
from ..base import Altering
from .rebuild import SUFFIX, Rebuilding, rebuild
from .table import TableNow, names_followed, rows, table_now

DROPS_COLUMNS = (3, 35)
ALTERS_COLUMNS = (3, 53)
TAKES_NULL = (3, 54)
_REFUSED = re.compile(r"constraint failed|cannot store|Cannot add")


def _nothing_known() -> UnfitRows | None:
    return None


class Operating(Altering):
    """Each operation is a transaction, or a savepoint in the step's: what fails leaves nothing behind.

    Attributes:
        native: use what ALTER TABLE can; otherwise every table is built anew, as on an old SQLite.
    """

    native = True

    def can(self, since: tuple[int, int]) -> bool:
        """Tell whether the running SQLite is this new, and may show it."""
        ((version,),) = rows(self.database, "SELECT sqlite_version()")
        return self.native and tuple(map(int, version.split(".")[:2])) >= since

    def adds_check(self, table: TableNow, expression: str) -> bool:
        """Tell whether ADD CONSTRAINT takes a CHECK: SQLite 3.53 refuses one that is NULL for a row, 3.54 does not."""
        if self.can(TAKES_NULL) or not self.can(ALTERS_COLUMNS):
            return self.can(TAKES_NULL)
        return not rows(self.database, f"SELECT 1 FROM main.{quoted(table.name)} WHERE ({expression}) IS NULL LIMIT 1")

    def table(self, name: str) -> TableNow:
        """Return the table of exactly this name.

        Raises:
            ValueError: there is none that can be changed.
        """
        return table_now(self.database, name)

    @contextmanager
    def undone_on_error(self, table: str, unfit: Callable[[], UnfitRows | None] = _nothing_known) -> Iterator[None]:
        """Undo everything on an error; rows that were refused are looked for then, and named.

        Args:
            table: the table that is changed.
            unfit: looks for them.

        Raises:
            UnfitRows: SQLite refused rows.
        """
        try:
            with self.migrating.engine.write():
                yield
        except (IntegrityError, OperationalError) as error:
            if not _REFUSED.search(str(error)):
                raise
            said = str(error).replace(f"{table}{SUFFIX}", table)
            raise unfit() or UnfitRows(table, (), 0, (), f"its rows do not fit: {said}") from error

    def alter(self, table: TableNow, sql: str, *, keys: bool = True) -> None:
        """Say ALTER TABLE, which leaves the foreign keys of every row as they were unless `keys` is False."""
        with self.migrating.keeping_keys() if keys else nullcontext(), names_followed(self.database):
            self.database.execute_sql(f"ALTER TABLE main.{quoted(table.name)} {sql}")

    def rebuild(self, table: TableNow, sql: str, *columns: str, **change: Any) -> None:
        """Give a table another CREATE TABLE statement; the definition of these columns may differ.

        Where it is the one that the table has, and every value stays, there is nothing to do.
        """
        values = change.get("values", {})
        if sql == table.read.sql and all(value == quoted(name) for name, value in values.items()):
            return
        rebuild(self.database, table, Rebuilding(sql, columns=frozenset(columns), **change))
