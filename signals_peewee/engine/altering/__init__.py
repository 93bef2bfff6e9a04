"""How each database carries out the operations of a step."""

from __future__ import annotations

from .base import Altering, Conduct, altering_for
from .changes import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Backfill,
    Change,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropIndex,
    DropNotNull,
    DropTable,
    RenameColumn,
    RenameTable,
    RunSql,
)
from .destructive import findings_of_sql
from .fields import is_called
from .findings import Code, Finding

__all__ = [
    "AddColumn",
    "AddColumnDefault",
    "AddConstraint",
    "AddForeignKey",
    "AddIndex",
    "AddNotNull",
    "AddUnique",
    "AlterColumnType",
    "Altering",
    "Backfill",
    "Change",
    "Code",
    "Conduct",
    "DropColumn",
    "DropColumnDefault",
    "DropConstraint",
    "DropForeignKey",
    "DropIndex",
    "DropNotNull",
    "DropTable",
    "Finding",
    "RenameColumn",
    "RenameTable",
    "RunSql",
    "altering_for",
    "findings_of_sql",
    "is_called",
]
