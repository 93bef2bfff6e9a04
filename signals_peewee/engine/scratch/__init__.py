"""What would the tables be that the models' own DDL makes? An empty place of the same database software tells."""

from __future__ import annotations

from .base import Pair, Scratch, scratch_for
from .references import in_order

__all__ = ["Pair", "Scratch", "in_order", "scratch_for"]
