"""The only rooms that know which database it is."""

from __future__ import annotations

from .base import Engine, engine_for, plain_database
from .fields import InstantField

__all__ = ["Engine", "InstantField", "engine_for", "plain_database"]
