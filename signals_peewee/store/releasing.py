"""What had merges copied from signals that are about to go, to those that stand for them?"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from .changing import Held, told
from .copies import Copying, TakenBack
from .merging import listed


class _Released(NamedTuple):
    """A signal that a duplicate was taken from, that duplicate, and what went with it."""

    key: str
    duplicate: str
    taken: TakenBack


class Releasing(Copying):
    """The same as if each of them had been unmerged first, in a number of statements that does not grow."""

    def _release_from_above(self, gone: Collection[str], held: Held) -> int:
        """Take back what was copied upwards from signals that go, tell the signals above, and return how many links.

        Args:
            gone: the signals that go; nothing is told to them.
            held: these, and all that stand for them.
        """
        chains = [chain for key in sorted(gone) if len(chain := _chain(key, gone, held)) > 1]
        if not chains:
            return 0
        family, released = self._family([*dict.fromkeys(key for chain in chains for key in chain)]), list[_Released]()
        for lowest, *above in chains:
            names: Collection[tuple[str, object]] = family.given(above[0], lowest)
            below = lowest
            for key in above:
                taken = family.take(key, names, lowest)
                if below != lowest and not taken.links:
                    break
                released.append(_Released(key, below, taken))
                names, below = taken.links.keys(), key
            family.under[above[0]].discard(lowest)
        self._delete_links([each.taken.links for each in released])
        self._tell_released(released, held)
        return sum(len(each.taken.links) for each in released)

    def _tell_released(self, released: list[_Released], held: Held) -> None:
        linked = held.with_status("linked")
        bare = {each.key for each in released if each.taken.last and each.key in linked}
        self._set(sorted(bare), held.at, status="reviewed")
        self._set(sorted({each.key for each in released} - bare), held.at)
        moved = [each.key in bare and each.taken.last for each in released]
        before = [
            listed(each.duplicate, each.taken.links, "linked" if moves else None)
            for each, moves in zip(released, moved, strict=True)
        ]
        after = [told({"status": "reviewed"}) if moves else None for moves in moved]
        self._tell("released", [each.key for each in released], held.at, None, before=before, after=after)


def _chain(key: str, gone: Collection[str], held: Held) -> list[str]:
    """Return a signal and those above it, as far as they are held and stay; ends where plain SQL has made a circle."""
    chain = [key]
    while (above := held.rows[chain[-1]][1]) in held.rows and above not in gone and above not in chain:
        chain.append(above)
    return chain
