"""What does every room of a workspace hold in its hand?"""

from __future__ import annotations

from typing import Any

from ..engine import Engine
from ..schema import Models


class Room:
    """Some operations on the signals of one workspace; every statement that they send carries it.

    Attributes:
        id: the key of the workspace.
        engine: which database it is.
        models: the classes of the store.
    """

    def __init__(self, engine: Engine, models: Models, workspace_id: Any) -> None:
        self.engine = engine
        self.models = models
        self.id = workspace_id
