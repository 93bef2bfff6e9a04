"""What goes with a column of SQLite, and what else depends on it? SQLite is asked, by renaming it for a moment."""

from __future__ import annotations

from dataclasses import dataclass

from peewee import Database, OperationalError

from ...sql_sqlite.definition import Constraint
from ...sql_sqlite.reading import definition
from ...sql_sqlite.tokens import Token, folded, names, quoted, same, tokens
from .compare import Objects, objects
from .table import TableNow, names_followed


@dataclass(frozen=True)
class Dependents:
    """What names a column, outside its own definition.

    Attributes:
        own_indexes, own_constraints: what is on nothing but this column, and goes with it.
        indexes, constraints: what is on others too.
        columns: columns that are computed from it.
        views, triggers: by name.
        keys: other tables whose foreign keys refer to it.
    """

    own_indexes: tuple[str, ...] = ()
    own_constraints: tuple[Constraint, ...] = ()
    indexes: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    columns: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def others(self) -> list[str]:
        """What is in the way, in words."""
        return [
            *(f"index {name!r}" for name in self.indexes),
            *(f"constraint {said.name or said.text!r}" for said in self.constraints),
            *(f"column {name!r}" for name in self.columns),
            *(f"view {name!r}" for name in self.views),
            *(f"trigger {name!r}" for name in self.triggers),
            *(f"a foreign key of {name!r}" for name in self.keys),
        ]


def dependents(database: Database, table: TableNow, column: str) -> Dependents:
    """Return what names a column.

    Raises:
        ValueError: SQLite cannot tell, because a view or a trigger is broken.
    """
    before = objects(database)
    marker = _marker(before)
    after = _renamed(database, table, column, marker)
    naming = [
        key
        for key, (_, sql) in after.rows.items()
        if sql and marker in names(tokens(sql)) and key != ("table", table.name)
    ]
    by_kind = {
        kind: tuple(name for found, name in naming if found == kind) for kind in ("index", "view", "trigger", "table")
    }
    known = {folded(other.name) for other in table.columns} - {folded(column)} | {marker}
    own = {
        name for name in by_kind["index"] if _columns_of_index(str(after.rows["index", name][1])) & known == {marker}
    }
    read = definition(str(after.rows["table", table.name][1]))
    constraints = [
        (was, marker in names(now.tokens), names(now.tokens) & known == {marker} or now.columns == (marker,))
        for was, now in zip(table.read.table_constraints, read.table_constraints, strict=True)
    ]
    elsewhere = [
        (was, now)
        for was, now in zip(table.read.columns, read.columns, strict=True)
        if now.name != marker and marker in names(now.tokens)
    ]
    return Dependents(
        own_indexes=tuple(sorted(own)),
        own_constraints=tuple(was for was, naming, alone in constraints if naming and alone),
        indexes=tuple(name for name in by_kind["index"] if name not in own),
        constraints=tuple(was for was, naming, alone in constraints if naming and not alone)
        + tuple(
            before
            for was, now in elsewhere
            for before, after_ in zip(was.constraints, now.constraints, strict=True)
            if before.kind != "generated" and marker in names(after_.tokens)
        ),
        columns=tuple(was.name for was, now in elsewhere if _computed(now.constraints, marker)),
        views=by_kind["view"],
        triggers=by_kind["trigger"],
        keys=by_kind["table"],
    )


def _computed(constraints: tuple[Constraint, ...], marker: str) -> bool:
    return any(said.kind == "generated" and marker in names(said.tokens) for said in constraints)


def _columns_of_index(sql: str) -> set[str]:
    """Return the names in an index, behind ON and the table."""
    found: list[Token] = [token for token in tokens(sql) if token.meant]
    opening = next(position for position, token in enumerate(found) if token.text == "(")
    return names(found[opening:])


def _marker(before: Objects) -> str:
    """Return a name that stands nowhere in the schema."""
    said = {name for _, sql in before.rows.values() if sql for name in names(tokens(sql))}
    return next(name for number in range(len(said) + 1) if (name := f"signals_renamed_{number}") not in said)


def _renamed(database: Database, table: TableNow, column: str, marker: str) -> Objects:
    """Return what the schema would be if a column had another name."""
    with names_followed(database), database.savepoint() as savepoint:
        try:
            rename_column(database, table.name, column, marker)
            return objects(database)
        except OperationalError as error:
            raise ValueError(f"SQLite cannot tell what depends on {table.name}.{column}: {error}") from error
        finally:
            savepoint.rollback(begin=False)


def rename_column(database: Database, table: str, column: str, new_name: str) -> None:
    """Say ALTER TABLE RENAME COLUMN."""
    database.execute_sql(f"ALTER TABLE main.{quoted(table)} RENAME COLUMN {quoted(column)} TO {quoted(new_name)}")


def in_primary_key(table: TableNow, column: str) -> bool:
    """Tell whether a column belongs to the primary key."""
    return any(same(column, key) for key in table.primary_key)
