"""What can be done inside one workspace?"""

from __future__ import annotations

from .erasure import Erasure
from .evidence import Informing
from .history import History
from .inbox import Inbox
from .leasing import Leasing
from .lifecycle import Lifecycle
from .linking import Linking
from .merging import Merging
from .orphans import Orphaned
from .reading import Reading
from .recording import Recording
from .updating import Updating


class Workspace(
    Recording, Reading, Lifecycle, Updating, History, Linking, Informing, Orphaned, Inbox, Leasing, Merging, Erasure
):
    """The signals of one workspace. Made by `store.workspace(...)`; cheap, and safe to share between threads.

    A signal, project or inbox item of another workspace reads as one that does not exist.
    """

    def __repr__(self) -> str:
        return f"<Workspace {self.id!r}>"
