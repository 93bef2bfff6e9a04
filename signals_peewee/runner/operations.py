"""What may a step import besides Peewee and playhouse? What is here stays: released steps are never edited."""

from __future__ import annotations

from ..engine import InstantField, SqlField

__all__ = ["InstantField", "SqlField"]
