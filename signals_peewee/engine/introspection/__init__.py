"""What is in a database: tables, columns, keys, indexes, as its own catalog tells it."""

from __future__ import annotations

from .base import Inspector, inspector_for
from .shapes import Check, Column, Exclusion, ForeignKey, Index, IndexPart, PrimaryKey, Table, Trigger, Unique

__all__ = [
    "Check",
    "Column",
    "Exclusion",
    "ForeignKey",
    "Index",
    "IndexPart",
    "Inspector",
    "PrimaryKey",
    "Table",
    "Trigger",
    "Unique",
    "inspector_for",
]
