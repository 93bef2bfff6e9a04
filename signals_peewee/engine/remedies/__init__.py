"""What takes a difference away where no operation of a step does?"""

from __future__ import annotations

from .base import Remedies, remedies_for

__all__ = ["Remedies", "remedies_for"]
