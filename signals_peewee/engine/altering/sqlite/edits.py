"""What does a CREATE TABLE statement become by one change? Everything else in it stays to the letter, comments too."""

from __future__ import annotations

from ...sql_sqlite.definition import Constraint, ConstraintKind, Definition
from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import Token, same, tokens


def with_column(read: Definition, column: str) -> str:
    """Add a column after the last one; `column` is its SQL."""
    return _inserted(read.sql, read.columns[-1].end, f", {column}")


def without_column(read: Definition, name: str) -> str:
    """Take a column out, with its own constraints."""
    column = read.column(name)
    return _without_item(read, column.start, column.end)


def with_table_constraint(read: Definition, constraint: str) -> str:
    """Add a constraint of the table after everything else."""
    return _inserted(read.sql, read.items[-1].end, f", {constraint}")


def with_column_constraint(read: Definition, name: str, constraint: str) -> str:
    """Add a constraint to a column, right after its type."""
    return _inserted(read.sql, read.column(name).type_end, f" {constraint}")


def with_type(read: Definition, name: str, type_: str) -> str:
    """Give a column another type."""
    column = read.column(name)
    if not column.type:
        return _inserted(read.sql, column.type_end, f" {type_}")
    return read.sql[: column.type[0].start] + type_ + read.sql[column.type[-1].end :]


def without_constraint(read: Definition, constraint: Constraint) -> str:
    """Take a constraint out, of a column or of the table."""
    item = next(item for item in read.items if constraint in item.constraints)
    if (item.start, item.end) == (constraint.start, constraint.end):
        return _without_item(read, item.start, item.end)
    return _cut(read.sql, constraint.start, constraint.end)


def without_kinds(read: Definition, name: str, *kinds: ConstraintKind) -> str:
    """Take every constraint of these kinds out of a column."""
    while found := [constraint for constraint in read.column(name).constraints if constraint.kind in kinds]:
        read = definition(without_constraint(read, found[0]))
    return read.sql


def with_default(read: Definition, name: str, default: str) -> str:
    """Give a column a default, in the place of the one that it has."""
    return with_column_constraint(definition(without_kinds(read, name, "default")), name, f"DEFAULT {default}")


def with_not_null(read: Definition, name: str) -> str:
    """Let a column refuse NULL."""
    return with_column_constraint(definition(without_kinds(read, name, "null", "not null")), name, "NOT NULL")


def named(read: Definition, name: str) -> Constraint | None:
    """Return the constraint of exactly this name, else the one whose name differs in case only, else None."""
    exact = [constraint for constraint in read.constraints if constraint.name == name]
    return next(iter(exact or [constraint for constraint in read.constraints if same(constraint.name, name)]), None)


def _inserted(sql: str, position: int, text: str) -> str:
    return sql[:position] + text + sql[position:]


def _without_item(read: Definition, start: int, end: int) -> str:
    """Cut one thing between commas out, and one comma with it; comments around it stay."""
    everything = list(tokens(read.sql))
    before = next((t for t in reversed(everything) if t.meant and t.end <= start), read.opening)
    if before.text == ",":
        return _cut(_blanked(read.sql, before), start - 1, end - 1)
    after = next(t for t in everything if t.meant and t.start >= end)
    return _cut(_blanked(read.sql, after) if after.text == "," else read.sql, start, end)


def _blanked(sql: str, comma: Token) -> str:
    return sql[: comma.start] + sql[comma.end :]


def _cut(sql: str, start: int, end: int) -> str:
    """Cut a piece out, with the white space before it, unless that keeps apart what must not be one."""
    kept = sql[:start].rstrip(" \t\n\f\r")
    comment = next((t for t in reversed(list(tokens(sql))) if t.end <= start and t.kind != "space"), None)
    if comment is not None and comment.kind == "comment":
        kept = sql[:start]
    glue = "" if sql[end : end + 1] in (*" \t\n\f\r,)", "") else " "
    return kept + glue + sql[end:]
