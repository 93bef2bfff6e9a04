"""Which tables does a backfill on Postgres go through?"""

from __future__ import annotations

from collections.abc import Callable

from peewee import Database

from ....errors import UnfitRows
from ..changes import Backfill
from .filling import Attempted, Filling
from .table import TableNow, heirs_of, rows

_HIDDEN = "SELECT row_security_active(%s::oid), current_user::text"


def fill(
    database: Database,
    table: TableNow,
    change: Backfill,
    attempted: Attempted,
    tell: Callable[[int, int | None], None],
) -> None:
    """Fill the rows of a table, and of those that inherit from it, one table after the other.

    No key, and no place where a row lies, tells rows of different tables apart.

    Raises:
        ValueError: the role does not see every row of it.
        UnfitRows: the value of a row is NULL.
    """
    heirs = [] if table.partitioned else heirs_of(database, table)
    for each in (table, *heirs):
        _refuse_hidden(database, each)
    fillings = [Filling(database, each, change, heirs=bool(heirs)) for each in (table, *heirs)]
    done, total = 0, sum(filling.count(attempted) for filling in fillings)
    for filling in fillings:
        done = filling.run(attempted, tell, done, total)
    if total and not done and sum(filling.count(attempted) for filling in fillings) >= total:
        problem = f"none of {total} rows got its value: a trigger, or a rule, keeps it from them"
        raise UnfitRows(table.name, (change.column,), total, (), problem)


def _refuse_hidden(database: Database, table: TableNow) -> None:
    """Refuse a table of which row-level security may hide rows: they would be left as they are, and nobody told."""
    ((hidden, role),) = rows(database, _HIDDEN, table.oid)
    if hidden:
        raise ValueError(
            f"row-level security of table {table.name!r} may hide rows from role {role!r}: let a role with BYPASSRLS "
            "run the step, or its owner, where the table does not say FORCE ROW LEVEL SECURITY"
        )
