"""What does running code, or somebody's data, lose by an operation, whichever the database is?"""

from __future__ import annotations

from collections.abc import Iterator

from . import changes as c
from .findings import Code

FEW = 1000
"""Up to so many rows nobody notices that a table is read or written as a whole."""
MANY = 1_000_000
"""So many rows are counted at most."""

Said = Iterator[tuple[Code, str]]


def of_dropped_column(change: c.DropColumn) -> Said:
    """Say what goes with a column."""
    yield (
        "drop",
        (
            f"column {change.column!r} goes with its values, which down() cannot bring back, and code that still reads "
            "or writes it fails; drop it once no running code names it"
        ),
    )


def of_dropped_table(change: c.DropTable) -> Said:
    """Say what goes with a table."""
    yield (
        "drop",
        (
            f"table {change.table!r} goes with its rows, which down() cannot bring back; rename it first, and drop it "
            "once nobody has missed it"
        ),
    )


def of_dropped_index(change: c.DropIndex) -> Said:
    """Say what goes with an index."""
    yield "drop", f"index {change.name!r} goes, and queries that use it read the whole table; make the next one first"


def of_dropped_constraint(change: c.DropConstraint) -> Said:
    """Say what goes with a constraint."""
    yield "drop", f"nothing keeps {change.name!r} any more; where another rule takes its place, add that one first"


def of_dropped_key(change: c.DropForeignKey) -> Said:
    """Say what goes with a foreign key."""
    yield "drop", f"rows of {change.table!r} may then point at nothing, and ON DELETE does nothing; keep it if you can"


def of_dropped_default(change: c.DropColumnDefault) -> Said:
    """Say what goes with the default of a column that is NOT NULL."""
    yield "default-lost", f"old code that leaves {change.subject} out will fail; drop it once no such code runs"


def of_renamed_column(change: c.RenameColumn) -> Said:
    """Say who loses a column by its new name."""
    yield (
        "rename",
        _renamed(change.subject, f"add {change.new_name!r}, write both, backfill, and drop the old one later"),
    )


def of_renamed_table(change: c.RenameTable) -> Said:
    """Say who loses a table by its new name."""
    yield "rename", _renamed(change.table, "leave a view of the old name until no code needs it")


def counted(count: int) -> str | None:
    """Return a number of rows, counted up to MANY, in words, or None for few."""
    if count <= FEW:
        return None
    return f"all of the {count} rows" if count < MANY else f"all of the more than {MANY} rows"


def _renamed(old: str, instead: str) -> str:
    return f"code that runs now and says {old!r} fails from this moment on; {instead}"
