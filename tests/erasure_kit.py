"""What do the tests of erasing share? Two workspaces that hold the same, one of which must never change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from store_kit import Eye, Seen

from signals_peewee import SignalStore, Workspace

ADA = "ada@example.org"


class Desk:
    """A workspace with a project and a user, and what a test wants to see of it."""

    def __init__(self, store: SignalStore, name: str = "acme") -> None:
        self.store = store
        self.ws: Workspace = store.workspace_named(name, create=True)
        self.models: Any = store.models
        self.user = self.models.User.create(email=f"{name}@example.org").id
        self.project = self.models.Project.create(workspace=self.ws.id, name="speed").id

    def signal(self, words: str = "It is slow", **more: Any) -> str:
        """Record a signal, and return its key."""
        return self.ws.record(words, **{"source": "email", **more}).signal.id

    def of(self, subject: str, words: str = "It is slow", **more: Any) -> str:
        """Record a signal from somebody, and return its key."""
        return self.signal(words, source_metadata={"customerEmail": subject}, **more)

    def item(self, words: str = "Dear team", **more: Any) -> str:
        """Put an item into the inbox, and return its key."""
        columns = {"type": "feedback", "source": "email", "title": "a mail", "raw_content": words, **more}
        key: str = self.models.InboxItem.create(workspace=self.ws.id, **columns).id
        return key

    def seen(self) -> Seen:
        """Every row of the workspace."""
        return Eye(self.store).see(self.ws.id)

    def keys(self) -> set[str]:
        return set(self.seen()["signals"])

    def events(self, signal: str, *kinds: str) -> list[tuple[str, Any, Any]]:
        """(kind, before, after) of what happened to a signal, the first first."""
        event = self.models.SignalEvent
        query = event.select().where(event.signal == signal).order_by(event.created_at, event.id)
        return [(each.kind, each.before, each.after) for each in query if not kinds or each.kind in kinds]

    def links(self, signal: str) -> dict[str, str]:
        """What a signal is linked to, each with the key of the link."""
        found: dict[str, str] = {}
        for model, target in (("SignalProject", "project"), ("SignalPersona", "persona_id"), ("SignalTag", "tag")):
            link = getattr(self.models, model)
            columns = (getattr(link, target), link.id)
            found.update(link.select(*columns).where(link.signal == signal).tuples())
        return found


@contextmanager
def untouched(desk: Desk) -> Iterator[None]:
    """Nothing of this workspace changes in the block."""
    before = desk.seen()
    yield
    assert desk.seen() == before


def busy(desk: Desk, subject: str = ADA) -> list[str]:
    """Fill a workspace: two signals of somebody (the second merged into a third, of nobody), linked and told of."""
    item = desk.item("Dear team, it is slow", metadata={"from": subject})
    first = desk.of(subject, "It is slow", source_ref="1", inbox_item_id=item)
    second = desk.of(subject.upper(), "So slow", source_ref="2")
    third = desk.signal("Slow", source_ref="3", inbox_item_id=item)
    desk.ws.link_project([first, third], desk.project, reason="She said so", confidence=0.5, by=desk.user)
    desk.ws.link_persona(second, "cook", by=desk.user)
    desk.ws.tag([first, second], "hot", by=desk.user)
    desk.ws.merge(third, second, by=desk.user)
    desk.ws.archive(first, by=desk.user)
    return [first, second, third]
