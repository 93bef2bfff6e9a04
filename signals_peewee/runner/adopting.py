"""Which steps has a database had from `playhouse.migrations`, whose scripts are run here from now on?"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Any

from peewee import CharField, Database, DatabaseError

from ..engine.migrating import Migrating
from ..errors import InvalidOption, LateStep, MissingStep, NotAdopted, NotMigrated
from ..errors.advice import Advising, calling, passing
from .comparison import Comparison
from .frozen import base_for
from .scripts import Script

TABLE = "schema_migration"
"""Where playhouse.migrations keeps its history, unless it is told otherwise."""
_NAMED = 5


class Adoption:
    """The history of playhouse.migrations in a database.

    Args:
        migrating: the database.
        schema: where the table is.
        table: its name.
        source: the source whose scripts playhouse ran.
        allow_late: scripts that playhouse has not run may come before one that it has.
    """

    def __init__(self, migrating: Migrating, schema: str | None, table: str, *, source: str, allow_late: bool) -> None:
        self._migrating = migrating
        self._schema = schema
        self._table = table
        self._source = source
        self._allow_late = allow_late

    def steps(self, comparison: Comparison) -> list[Script]:
        """Return the pending steps that playhouse has applied, in the order in which it did.

        Raises:
            InvalidOption: there is no such table.
            MissingStep: it applied a script that is not there.
            LateStep: a script before one of them was not applied.
            UnfinishedStep: a step is to be reverted again.
        """
        comparison.check_reverted()
        names = self._names()
        scripts = {script.name: script for script in comparison.catalog.by_source[self._source]}
        self._check_known(names, scripts)
        pending = {script.name: script for script in comparison.pending[self._source]}
        if not self._allow_late:
            self._check_order(set(names), list(pending.values()))
        return [pending[name] for name in names if name in pending]

    def _names(self) -> list[str]:
        table = self._table
        try:
            return _names_in(self._migrating.database, self._schema, table)
        except DatabaseError as error:
            if not isinstance(self._migrating.engine.explain(error), NotMigrated):
                raise
            expected = (
                "a table that is there and in which playhouse.migrations keeps its history, schema_migration by default"
            )
            raise InvalidOption("table", table, expected) from error

    def _check_known(self, names: list[str], scripts: dict[str, Script]) -> None:
        if unknown := [name for name in names if name not in scripts]:
            steps = tuple(f"{self._source}:{name}" for name in unknown)
            table = f'"{self._schema}"."{self._table}"' if self._schema else f'"{self._table}"'
            gone = ", ".join("'" + name.replace("'", "''") + "'" for name in unknown)
            problem = (
                f"playhouse.migrations applied {', '.join(unknown)}, and source {self._source!r} has no such script; "
                f"restore it, or where it was meant to go, let playhouse forget it: "
                f"DELETE FROM {table} WHERE name IN ({gone}); nothing was recorded"
            )
            raise MissingStep(steps, problem)

    def _check_order(self, names: set[str], pending: list[Script]) -> None:
        highest = max((script.number for script in pending if script.name in names), default=-1)
        if late := [script for script in pending if script.name not in names and script.number < highest]:
            problem = (
                f"playhouse.migrations has not applied {', '.join(script.name for script in late)}, but later scripts; "
                "apply it with playhouse first, renumber it, or pass "
            )
            said = Advising(problem, passing("out_of_order", "warn"), "; nothing was recorded")
            raise LateStep(tuple(script.id for script in late), said)


def check_adopted(migrating: Migrating, schema: str | None, comparison: Comparison) -> None:
    """Refuse to begin with a source of which playhouse.migrations has applied steps: they would run a second time.

    Raises:
        NotAdopted: there is such a source.
    """
    known = comparison.recorded_contexts()
    first = {step.name: step for source, of in comparison.pending.items() if source not in known for step in of}
    applied = [first[name] for name in _applied(migrating, schema) if name in first] if first else []
    if applied:
        names = ", ".join(step.name for step in applied[:_NAMED]) + (", …" if applied[_NAMED:] else "")
        problem = f"playhouse.migrations has applied {names} to this database; take its history over with "
        other = ", or where those were other steps, give the scripts here other names"
        raise NotAdopted(tuple(step.id for step in applied), Advising(problem, calling("adopt"), other))


def _applied(migrating: Migrating, schema: str | None) -> list[str]:
    """Return the names of the scripts that playhouse.migrations has applied; none where it has no table."""
    within = migrating.transaction_state() == "open"
    with suppress(DatabaseError), migrating.database.savepoint() if within else nullcontext():
        return _names_in(migrating.database, schema, TABLE)
    return []


def _names_in(database: Database, schema: str | None, table: str) -> list[str]:
    base = base_for(database, schema)

    class Applied(base):  # type: ignore[misc, valid-type]
        name = CharField(unique=True)

        class Meta:
            table_name = table

    history: Any = Applied
    return [name for (name,) in history.select(history.name).order_by(history.id).tuples()]
