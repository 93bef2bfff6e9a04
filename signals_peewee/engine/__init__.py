"""The only rooms that know which database it is."""

from __future__ import annotations

from .base import Engine, engine_for, plain_database
from .fields import InstantField, SqlField
from .urls import database_from_url

__all__ = ["Engine", "InstantField", "SqlField", "database_from_url", "engine_for", "plain_database"]
