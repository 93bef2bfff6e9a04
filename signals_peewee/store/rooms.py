"""What does every room of a workspace hold in its hand?"""

from __future__ import annotations

from typing import Any

from ..engine import Engine
from ..errors import NotFound
from ..schema import Models
from ..schema.hosts import key_of


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

    def _found(self, role: str, model: Any, value: Any, workspace: str | None = None, *, keep: bool = False) -> Any:
        """Return the key of a row that plays a role.

        Args:
            role: the name that an error gives.
            model: what plays the role.
            value: a row of the model, or its key.
            workspace: the name of the model's key to its workspace; None where its rows are shared.
            keep: nobody deletes the row until the transaction ends.

        Raises:
            NotFound: there is no such row, or it is another workspace's.
        """
        key, primary = key_of(model, value), model._meta.primary_key
        query = model.select(primary).where(primary == key)
        if workspace is not None:
            query = query.where(getattr(model, workspace) == self.id)
        found = None if key is None else (self.engine.kept(query) if keep else query).first()
        if found is None:
            raise not_found(role, model, value, workspace)
        # As it is stored: a CHAR may be longer than what found it, and a column may disregard case.
        return found.get_id()


def not_found(role: str, model: Any, value: object, workspace: str | None) -> NotFound:
    """Return the error for a row that is none, or another workspace's: nobody can tell which."""
    return NotFound(role, value, f"a row or a key of {model.__name__}{' of this workspace' if workspace else ''}")
