"""Is the database what the models say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peewee import Model

from ..engine.introspection import Column
from ..engine.migrating import Migrating
from ..engine.scratch import Pair, scratch_for
from .describing import described, part_of
from .gaps import Comparing, Gap, Kind, Shape


@dataclass(frozen=True)
class Difference:
    """One thing in which the database is not what a model says.

    Attributes:
        kind: what it is about: "table", "column", "type", "null", "default", "index", "foreign key", …
        table: the table.
        name: the column, index or constraint; None for the table itself, or a constraint without a name.
        expected: what the model says, as SQL says it; None where it has nothing of the kind.
        found: what the database has; None where it has nothing.
    """

    kind: Kind
    table: str
    name: str | None
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        what = f"{self.kind} {self.name}" if self.name else self.kind
        about = f"{self.table}: {what}" if self.kind != "table" else f"table {self.table}"
        if self.found is None:
            return f"{about} is missing" + (f": {self.expected}" if self.expected else "")
        if self.expected is None:
            return f"{about} is in no model" + (f": {self.found}" if self.found else "")
        return f"{about} is {self.found}, and the model says {self.expected}"


@dataclass(frozen=True)
class Drift:
    """Every difference between a database and its models; true where there is one."""

    differences: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return bool(self.differences)

    def __str__(self) -> str:
        return "\n".join(map(str, self.differences)) or "no difference"


def drift_of(
    migrating: Migrating, schema: str | None, models: Sequence[type[Model]], *, known: Sequence[str] | None = None
) -> Drift:
    """Compare a database with its models.

    Args:
        migrating: the engine's half of a run; its database is open.
        schema: where tables are that name no schema.
        models: the models.
        known: tables that need no model; with None no table does.
    """
    scratch = scratch_for(migrating, schema)
    comparing = Comparing(scratch.inspector)
    found = [_difference(pair, gap) for pair in scratch.pairs(models) for gap in comparing.gaps(pair)]
    if known is not None:
        others = (name for name in scratch.others(models) if name not in known)
        found += [Difference("table", name, None, None, "") for name in others]
    return Drift(tuple(found))


def _difference(pair: Pair, gap: Gap) -> Difference:
    schema, table = pair.model._meta.schema, pair.expected.name
    expected, found = _said(gap.kind, gap.expected), _said(gap.kind, gap.found)
    return Difference(gap.kind, f"{schema}.{table}" if schema else table, gap.name, expected, found)


def _said(kind: Kind, shape: Shape | None) -> str | None:
    if isinstance(shape, Column):
        return part_of(shape, kind)
    return None if shape is None else described(shape)
