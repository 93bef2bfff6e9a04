"""What has to stand still while something is erased? All that goes, and all that points at it or that it points at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import NotFound
from .changing import Changing
from .subjects import Subject, said_by_item
from .tracing import Traces, Tracing


@dataclass
class Scene:
    """All that is locked for one erasure.

    Attributes:
        wanted: the signals that were asked for, or found.
        subject: whom they have to name; None where they were asked for.
        items: the inbox items that were found, each with what it says in documents.
        signals: the inbox item and the metadata of each wanted signal, and of those that are merged into one, stand
            for one, or came from one of the items.
    """

    wanted: Collection[str]
    subject: Subject | None
    items: dict[str, Any] = field(default_factory=dict)
    signals: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def gone(self) -> dict[str, Any]:
        """Return the signals that go, each with its inbox item; what was found may name somebody else by now."""
        found = {key: self.signals[key] for key in self.wanted if key in self.signals}
        return {key: item for key, (item, said) in found.items() if self._goes(item, said)}

    def gone_items(self) -> set[str]:
        """Return the inbox items that go."""
        left = set(self.gone().values())
        return {key for key in self.items if key in left or self._is_named(key)}

    def _goes(self, item: Any, said: Any) -> bool:
        subject = self.subject
        return subject is None or subject.named_by(said) or (self._is_named(item) and subject.stands_in(said))

    def _is_named(self, item: Any) -> bool:
        return self.subject is not None and self.subject.stands_in(self.items.get(item))


class Staging(Tracing, Changing):
    """Locks are taken in the order of every call: inbox items, and then signals, by their keys."""

    def _locked_scene(self, traces: Traces, subject: Subject | None) -> Scene:
        """Lock it; what came near after it was looked for, and before it was locked, is locked in a further round.

        Raises:
            NotFound: a signal that was asked for is none of this workspace.
        """
        scene, items = Scene(traces.signals, subject), set(traces.items)
        while True:
            scene.items.update(self._locked_items(items - scene.items.keys()))
            near = self._near(list(scene.wanted), list(scene.items))
            if near <= scene.signals.keys():
                break
            scene.signals.update(self._locked_signals(sorted(near - scene.signals.keys())))
            if subject and self._has_inbox():
                items.update(item for item in scene.gone().values() if item is not None)
        for key in scene.wanted if subject is None else ():
            if key not in scene.signals:
                raise NotFound("signal", key)
        return scene

    def _locked_items(self, keys: Collection[str]) -> dict[str, Any]:
        item: Any = self.models.InboxItem
        if not keys:
            return {}
        query = item.select(item.id, item.metadata, item.raw_content).where(self._own_items())
        query = query.where(self.engine.among(item.id, sorted(keys))).order_by(item.id)
        return {key: said_by_item(*said) for key, *said in self.engine.doomed(query).tuples()}

    def _near(self, signals: Sequence[str], items: Sequence[str]) -> set[str]:
        """Return these signals, all that stand or stood for them, those merged into them, and those from the items."""
        signal: Any = self.models.Signal
        lowest: Any = self.engine.among(signal.id, [*signals, *self._stood_for(signals)])
        wanted = signal.select(signal.id, signal.merged_into).where(self._own(), lowest)
        chain = wanted.cte("chain", recursive=True, columns=("id", "onto"))
        step = signal.select(signal.id, signal.merged_into).join(chain, on=signal.id == chain.c.onto)
        whole = chain.union(step.where(self._own()))  # not UNION ALL, which would go round in a circle
        beside: Any = self.engine.among(signal.merged_into, signals)
        if items:
            beside |= self.engine.among(signal.inbox_item, items)
        rows = [*whole.select_from(whole.c.id).tuples(), *signal.select(signal.id).where(self._own(), beside).tuples()]
        return {key for (key,) in rows}

    def _stood_for(self, signals: Sequence[str]) -> set[str]:
        """Return the keys of the signals that some were ever merged into, which may be gone."""
        event: Any = self.models.SignalEvent
        query = event.select(event.after).where(event.kind == "merged", self.engine.among(event.signal, signals))
        return {document["merged_into_id"] for (document,) in query.tuples()} if signals else set()

    def _locked_signals(self, keys: Sequence[str]) -> dict[str, tuple[Any, Any]]:
        signal: Any = self.models.Signal
        query = signal.select(signal.id, signal.inbox_item, signal.source_metadata)
        query = query.where(self._own(), self.engine.among(signal.id, keys)).order_by(signal.id)
        return {key: (item, said) for key, item, said in self.engine.doomed(query).tuples()}
