"""How does what a person said leave the store, with all that hangs on it?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, cast

from ..errors import InvalidOption
from ..schema import EventDocument, EventKind
from .calls import operation
from .changing import Held, Ids, as_told, told, wanted_ids
from .redacting import Redacting
from .releasing import Releasing
from .scenes import Scene, Staging
from .subjects import Subject
from .tracing import Traces


@dataclass(frozen=True)
class Erased:
    """What one `erase` removed.

    Attributes:
        signals: how many signals.
        events: how many events, all of theirs.
        links: how many links to projects and personas and how many tags, with the copies that merges had made of them.
        inbox_items: how many inbox items.
        redacted: how many events of other signals repeated the subject, or why an erased signal was linked; these
            words are out of them, and the rest of each is as it was.
    """

    signals: int
    events: int
    links: int
    inbox_items: int
    redacted: int = 0


class Erasure(Staging, Releasing, Redacting):
    """The only way out of a workspace for what is told in its histories."""

    def erase(self, *, subject: str | None = None, ids: Ids | None = None) -> Erased:
        """Remove every trace of a person, or some signals, for good; `store.compact()` then removes the bytes.

        A subject is one text that stands for a person, matched whole and exactly but for the case of letters. With it
        go, in any status: the signals whose `source_metadata` has it as customerEmail or interviewee, or anywhere in
        rawPayload (as a value, not as a key); and of the default inbox table the items whose metadata has it, or whose
        raw_content is a JSON object or array that has it, with a signal that was given it from there, and those that
        such a signal came from. Another signal that came from such an item stays, and its history tells that the item
        is gone. A host's own inbox is left alone.

        Signals that stay lose a link's reason that is the subject, and their events each column and reason that is it
        or has it as a value; the rest of an event stays. Their verbatim, interpretation and other columns of the
        present are not searched.

        By `ids` the signals go and no inbox item: an id names a signal, and not whoever said it.

        With each signal go its events, links and tags, and what merges had copied from them to the signals that stand
        for it. A copy that another duplicate gives as well stays, and says of a project what that one's link says.
        Those that it stood for stand for themselves again. Both is told in their histories.

        The workspace is read a page at a time, with nothing locked. What was found is then locked, looked at again
        and removed in one transaction, or a savepoint inside the host's. What somebody records of the subject
        meanwhile may stay: stop that first, or call again until nothing is found.

        Args:
            subject: an email address, a name, …
            ids: one signal or any number of them, each as its key or its row.

        Raises:
            InvalidOption: neither or both were given.
            InvalidSignal: the subject is blank, or could never have been stored.
            NotFound: a signal is none of this workspace; nothing was removed.
        """
        if (subject is None) == (ids is None):
            raise InvalidOption("subject", subject, "a subject or ids, and not both")
        if subject is None:
            return self._erase(Traces(signals=wanted_ids(() if ids is None else ids)), None)
        person = Subject(subject)
        return self._erase(self._traces(person), person)

    @operation
    def _erase(self, traces: Traces, subject: Subject | None) -> Erased:
        if not traces:
            return Erased(0, 0, 0, 0)
        with self.engine.write():
            scene = self._locked_scene(traces, subject)
            held, gone, items = self._hold(scene.signals), scene.gone().keys(), scene.gone_items()
            copies = self._release_from_above(gone, held)
            self._set_free(scene, held, gone, items)
            cleared = [key for key in scene.wanted if key in scene.signals and key not in gone]
            redacted = self._redact_copies(gone, held)
            if subject:
                events = [*traces.events, *self._telling(subject, cleared)]
                redacted += self._redact_subject(subject, events, [*traces.links, *self._reasoning(subject, cleared)])
            return replace(self._removed(sorted(gone), sorted(items), copies), redacted=redacted)

    def _set_free(self, scene: Scene, held: Held, gone: Collection[str], items: Collection[str]) -> None:
        """Point nothing that stays at what goes, and tell each in one event, as every call does."""
        staying = {key: item for key, (item, _) in scene.signals.items() if key not in gone}
        freed = {key: onto for key in staying if (onto := held.rows[key][1]) in gone}
        left = {key: as_told(item) for key, item in staying.items() if item in items}
        self._set([*freed], held.at, merged_into=None)
        self._set([*left], held.at, inbox_item=None)
        before: dict[str, EventDocument] = {key: {"inbox_item_id": item} for key, item in left.items()}
        for key, onto in freed.items():
            before[key] = {"merged_into_id": onto, **before.get(key, {})}
        kinds: dict[str, EventKind] = {key: "unmerged" if key in freed else "updated" for key in before}
        for kind in dict.fromkeys(kinds.values()):
            sides = {key: document for key, document in before.items() if kinds[key] == kind}
            without = [told(cast("EventDocument", dict.fromkeys(side))) for side in sides.values()]
            self._tell(kind, [*sides], held.at, None, before=[*map(told, sides.values())], after=without)

    def _removed(self, gone: list[str], items: list[str], copies: int) -> Erased:
        """Delete, children before parents, so that each is counted."""
        models: Any = self.models
        kinds = (models.SignalProject, models.SignalPersona, models.SignalTag)
        links = sum(self._deleted(kind, kind.signal, gone) for kind in kinds)
        told_of = self._deleted(models.SignalEvent, models.SignalEvent.signal, gone)
        signals = self._deleted(models.Signal, models.Signal.id, gone)
        return Erased(signals, told_of, links + copies, self._deleted(models.InboxItem, models.InboxItem.id, items))

    def _deleted(self, model: Any, column: Any, keys: list[str]) -> int:
        return int(model.delete().where(self.engine.among(column, keys)).execute()) if keys else 0
