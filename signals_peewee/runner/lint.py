"""What becomes of a finding: is it accepted, told, or a reason to stop?"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Literal

from ..engine.altering import Finding
from .events import Teller

_LOG = logging.getLogger("signals_peewee")

LintMode = Literal["warn", "error", "off"]


class Unaccepted(Exception):
    """A step was about to do what it has not accepted; only the one who runs the step sees it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        said = "; ".join(f"{finding.name} ({finding.message})" for finding in findings)
        names = ", ".join(f'"{finding.name}"' for finding in findings)
        super().__init__(
            f"it was about to do what it has not accepted: {said}; write it in another way, or where it is meant, "
            f"accept = [{names}] into the script"
        )


class Lint:
    """Listens to the findings of one step.

    Args:
        mode: "warn" tells, "error" stops, "off" does not look.
        accepted: the names that the step accepts.
        teller: hears of each finding once.
    """

    def __init__(self, mode: LintMode, accepted: Sequence[str], teller: Teller) -> None:
        self.looks = mode != "off"
        self._stops = mode == "error"
        self._accepted = set(accepted)
        self._teller = teller
        self._heard: set[str] = set()

    def hear(self, findings: Iterable[Finding], *, before: bool = True) -> None:
        """Tell of findings.

        Args:
            findings: what is about to happen.
            before: it can still be stopped, or undone.

        Raises:
            Unaccepted: the mode is "error", and the step does not accept one of them.
        """
        new = [finding for finding in findings if finding.name not in self._accepted]
        self._heard.update(finding.name for finding in findings if finding.name in self._accepted)
        for finding in new:
            if finding.name not in self._heard:
                self._teller("finding", message=str(finding), finding=finding)
            self._heard.add(finding.name)
        if new and self._stops and before:
            raise Unaccepted(new)

    def warn_of_unheard(self, step: str) -> None:
        """Log what the step accepts and never did, once it is through."""
        for name in sorted(self._accepted - self._heard) if self.looks else ():
            _LOG.warning("%s accepts %r, which it never did; take it out of accept", step, name)
