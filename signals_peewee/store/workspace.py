"""What can be done inside one workspace?"""

from __future__ import annotations

from .lifecycle import Lifecycle
from .reading import Reading
from .recording import Recording


class Workspace(Recording, Reading, Lifecycle):
    """The signals of one workspace. Made by `store.workspace(...)`; cheap, and safe to share between threads.

    A signal, project or inbox item of another workspace reads as one that does not exist.
    """

    def __repr__(self) -> str:
        return f"<Workspace {self.id!r}>"
