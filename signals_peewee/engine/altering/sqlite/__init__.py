"""How does SQLite carry out the operations of a step?"""

from __future__ import annotations

from .altering import AlteringSqlite

__all__ = ["AlteringSqlite"]
