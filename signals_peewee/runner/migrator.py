"""What does a step hold in its hand? A migrator of playhouse's, with what a step needs and playhouse's has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from peewee import Model
from playhouse.migrate import SchemaMigrator

from ..engine.migrating import Migrating
from .context import Context
from .frozen import base_for


class StepMigrator(SchemaMigrator):  # type: ignore[misc]
    """The `migrator` of `up(migrator, db)`: every operation of playhouse.migrate, in the schema of the run.

    Attributes:
        Model: the base of tables that the step declares; they are on the right database and schema, and no class or
            DeferredForeignKey outside the step can get hold of them.
        context: what the host gives the steps of this source; a model is there as a frozen reference.
    """

    Model: type[Model]
    context: Mapping[str, Any]
    _migrating: Migrating

    def execute_script(self, sql: str) -> None:
        """Execute several statements, separated by semicolons, inside the step's transaction.

        Raises:
            ValueError: one of them would end the transaction; nothing was executed.
        """
        self._migrating.execute_script(sql)


def migrator_for(migrating: Migrating, schema: str | None, context: Context) -> StepMigrator:
    """Return the migrator of one source's steps for one run."""
    playhouse = type(SchemaMigrator.from_database(migrating.database))
    migrator: Any = type("StepMigrator", (StepMigrator, playhouse), {})(migrating.database, schema=schema)
    migrator.Model = base_for(migrating.database, schema)
    migrator.context = context.frozen(migrating.database, migrating.schema_of if schema else None)
    migrator._migrating = migrating
    return cast("StepMigrator", migrator)
