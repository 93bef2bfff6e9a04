"""How does the text of a step come out of what a database and its models differ in?"""

from __future__ import annotations

from .script import draft_of

__all__ = ["draft_of"]
