"""How does one signal come to stand for others that say the same, and how does it stop?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from ..errors import InvalidMerge, LostRace, NotFound
from ..schema import EventDocument, Signal
from .calls import operation
from .changing import Held, Ids, told, wanted_ids
from .copies import KINDS, Copying, Links, LinksChangedError, TakenBack
from .linking import UNLINKED

ATTEMPTS = 20


@dataclass(frozen=True)
class Merged:
    """What became of one `merge`.

    Attributes:
        merged: how many duplicates the other signal stands for now.
        skipped: how many it stood for already.
        projects: how many links to projects were copied to it.
        personas: how many links to personas.
        tags: how many tags.
    """

    merged: int
    skipped: int
    projects: int
    personas: int
    tags: int


@dataclass(frozen=True)
class Unmerged:
    """What one `unmerge` took back, from all the signals that stood for the released one together.

    Attributes:
        projects: how many links to projects.
        personas: how many links to personas.
        tags: how many tags.
    """

    projects: int
    personas: int
    tags: int


class Merging(Copying):
    """Each call is one transaction, or a savepoint inside the host's, and is told in the history of each signal.

    A call sends the same few statements, whatever the number of duplicates, of links, and of signals above them.
    """

    @operation
    def merge(self, into: str | Signal, duplicates: Ids, *, by: Any = None) -> Merged:
        """Let a signal stand for others that say the same; pages, counts and evidence then leave those out.

        What they are linked to (projects, personas, tags) and it is not, it is linked to as well: by a copy of the
        earliest of their links, with who, when, why and how sure. Their own links and statuses stay as they are. The
        first project of a new or reviewed signal makes it linked. A duplicate may itself stand for others.

        Args:
            into: the signal that is to stand for the others, as its key or its row.
            duplicates: one signal or any number of them, each as its key or its row.
            by: the user (a row or its key) who says so.

        Raises:
            InvalidMerge: a signal would be merged into itself, in a circle, into one that is merged itself, or into a
                second one; nothing was changed.
            LostRace: what the signals are linked to did not stay as it was found; nothing was changed.
            NotFound: a signal is none of this workspace, or there is no such user; nothing was changed.
        """
        (survivor,), asked = wanted_ids([into]), wanted_ids(duplicates)
        for _ in range(ATTEMPTS):
            with suppress(LinksChangedError), self.engine.write():
                return self._merge(survivor, asked, by)
        raise LostRace(f"signal {survivor!r}: the links were changed {ATTEMPTS} times meanwhile; call it again")

    @operation
    def unmerge(self, id: str | Signal, *, by: Any = None) -> Unmerged:
        """Let a signal stand for itself again, and take back what was copied because of it.

        A copy goes if nobody has touched it and no other duplicate has that link, so the order in which signals are
        unmerged makes no difference. Where the signal that stood for it is merged itself, the same goes from the one
        above, and so on. A linked signal that has no project left becomes reviewed.

        Args:
            id: the signal, as its key or its row.
            by: the user (a row or its key) who says so.

        Raises:
            InvalidMerge: it is not merged into another signal.
            LostRace: the signals above it did not stay as they were found; nothing was changed, so call it again.
            NotFound: it is none of this workspace, or there is no such user.
        """
        (released,) = wanted_ids([id])
        for _ in range(ATTEMPTS):
            with suppress(_ChainChangedError), self.engine.write():
                return self._unmerge(released, by)
        raise LostRace(f"signal {released!r}: what stands for it was changed {ATTEMPTS} times meanwhile; call it again")

    def _merge(self, survivor: str, asked: Sequence[str], by: Any) -> Merged:
        user, staying = self._user(by), self._keep_named([survivor, *asked])
        held = self._hold([survivor, *asked])
        self._check(survivor, asked, held)
        merged = [key for key in asked if held.rows[key][1] is None]
        if not merged:
            return Merged(0, len(asked), 0, 0, 0)
        copies, first = self._copy(survivor, merged, staying)
        status = held.rows[survivor][0]
        linked = first and status in UNLINKED
        self._set(merged, held.at, merged_into=survivor)
        self._set([survivor], held.at, **({"status": "linked"} if linked else {}))
        before, after = told({"merged_into_id": None}), told({"merged_into_id": survivor})
        self._tell("merged", merged, held.at, user, before=before, after=after)
        without, given = _absorbed(copies, status if linked else None)
        self._tell("absorbed", [survivor] * len(merged), held.at, user, before=without, after=given)
        return Merged(len(merged), len(asked) - len(merged), **_counted(copies.values()))

    def _check(self, into: str, duplicates: Collection[str], held: Held) -> None:
        if into in duplicates:
            raise InvalidMerge("duplicates", into, "signals other than the one that stands for them: leave it out")
        if held.rows[into][1] is not None:
            raise InvalidMerge("into", into, self._instead(into, duplicates))
        for key in duplicates:
            other = held.rows[key][1]
            if other not in (None, into):
                expected = f"a signal that no other stands for, and {other!r} stands for this one: unmerge it first"
                raise InvalidMerge("duplicates", key, expected)

    def _instead(self, into: str, duplicates: Collection[str]) -> str:
        top, beyond = list(self._upwards(into).items())[-1]
        if top in duplicates:
            return f"a signal that none of the duplicates stands for, and {top!r} does, a circle: unmerge it first"
        if beyond is not None:  # in another workspace, or a circle that was made with plain SQL
            return "a signal that no other stands for: unmerge it first"
        return f"a signal that no other stands for: merge into {top!r}, which stands for it"

    def _unmerge(self, released: str, by: Any) -> Unmerged:
        user, onto = self._user(by), self._upwards(released)
        chain, held = list(onto), self._hold_chain(released, onto)
        if onto[released] is None:
            raise InvalidMerge("id", released, "a signal that another stands for, and none stands for this one")
        gone = self._take_back(chain)
        bare = [key for key in held.with_status("linked") if key in gone and gone[key].last]
        self._set([released], held.at, merged_into=None)
        self._set(bare, held.at, status="reviewed")
        self._set([key for key in gone if key not in bare], held.at)
        before, after = told({"merged_into_id": onto[released]}), told({"merged_into_id": None})
        self._tell("unmerged", [released], held.at, user, before=before, after=after)
        given, without = _released(chain, gone, bare)
        self._tell("released", list(gone), held.at, user, before=given, after=without)
        return Unmerged(**_counted(each.links for each in gone.values()))

    def _upwards(self, key: str) -> dict[str, str | None]:
        """Return a signal and those that stand for it, one above the other, each with the key of the next.

        One statement, and nothing is locked. It ends where plain SQL has made a circle or left the workspace.
        """
        signal: Any = self.models.Signal
        mine = self._own()
        lowest = signal.select(signal.id, signal.merged_into).where(signal.id == key, mine)
        chain = lowest.cte("chain", recursive=True, columns=("id", "onto"))
        step = signal.select(signal.id, signal.merged_into).join(chain, on=signal.id == chain.c.onto).where(mine)
        whole = chain.union(step)  # not UNION ALL, which would go round in a circle
        found = dict(whole.select_from(whole.c.id, whole.c.onto).tuples())
        onto: dict[str, str | None] = {}
        while key in found and key not in onto:
            onto[key] = found[key]
            key = found[key]
        return onto

    def _hold_chain(self, released: str, onto: Mapping[str, str | None]) -> Held:
        """Hold what `_upwards` found, if it is so still.

        All of it in one go: who locks one signal after the other, going upwards, waits in a circle with a merge.
        """
        try:
            held = self._hold([released, *onto])
        except NotFound as error:
            if error.value == released:
                raise
            raise _ChainChangedError from error
        if not onto or any(held.rows[key][1] != above for key, above in onto.items()):
            raise _ChainChangedError
        return held


class _ChainChangedError(Exception):
    """Somebody merged, unmerged or removed one of these signals before they were locked."""


def _absorbed(copies: Mapping[str, Links], status: str | None) -> tuple[list[str | None], list[str | None]]:
    """Return both sides of the events of a signal that stands for others now: before the copies were made, and after.

    Args:
        copies: those made because of each duplicate.
        status: the one it had, if the first project has changed it.
    """
    before, after = list[str | None](), list[str | None]()
    for duplicate, links in copies.items():
        moved = status is not None and any(word == "projects" for word, _ in links)
        before.append(told({"status": status}) if moved and status is not None else None)
        after.append(listed(duplicate, links, "linked" if moved else None))
        status = None if moved else status
    return before, after


def _released(
    chain: list[str], gone: Mapping[str, TakenBack], bare: Collection[str]
) -> tuple[list[str | None], list[str | None]]:
    """Return both sides of the events of signals from which copies went: with them, and without."""
    duplicates = dict(zip(chain[1:], chain, strict=False))
    before = [listed(duplicates[key], taken.links, "linked" if key in bare else None) for key, taken in gone.items()]
    after = [told({"status": "reviewed"}) if key in bare else None for key in gone]
    return list[str | None](before), list[str | None](after)


def listed(duplicate: str, links: Links, status: str | None) -> str:
    """Return the side of an event that lists the copies of the links of a duplicate."""
    document: dict[str, Any] = {"merged": duplicate}
    for (word, target), key in links.items():
        document.setdefault(word, {})[str(target)] = key  # a key of JSON is text, and one of the host's need not be
    if status is not None:
        document["status"] = status
    return told(cast("EventDocument", document))


def _counted(each: Iterable[Links]) -> dict[str, int]:
    counts = Counter(word for links in each for word, _ in links)
    return {word: counts[word] for word in KINDS}
