"""How does Postgres carry out the operations of a step?"""

from __future__ import annotations

from .altering import AlteringPostgres

__all__ = ["AlteringPostgres"]
