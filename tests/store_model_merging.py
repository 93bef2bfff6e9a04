"""What does merging leave, in plain Python?"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any

from store_model_state import EVENTS, UNLINKED, Answer, Modelled, Refusal, State


class Merging(State):
    """Signals that stand for others."""

    def merge(self, into: str, duplicates: list[str], by: Any = None) -> Answer:
        self.check("user", by)
        _, at = self.hold([into, *duplicates])
        survivor, asked = self.signals[into], [self.signals[key] for key in dict.fromkeys(duplicates)]
        if survivor in asked:
            raise Refusal("InvalidMerge", "duplicates")
        if survivor.merged_into_id is not None:
            raise Refusal("InvalidMerge", "into")
        if any(each.merged_into_id not in (None, into) for each in asked):
            raise Refusal("InvalidMerge", "duplicates")
        merged = [each for each in asked if each.merged_into_id is None]
        first = not survivor.links["projects"] and survivor.status in UNLINKED
        counts = Counter[str]()
        for each, lacking in zip(merged, self._lacking(survivor, merged), strict=True):
            moves = first and bool(lacking["projects"])
            moved = {"status": survivor.status} if moves else {}
            first = first and not moves
            for kind, targets in lacking.items():
                counts[kind] += len(targets)
                for target in targets:
                    copy = dict(each.links[kind][target])
                    survivor.links[kind][target] = copy
                    survivor.copies.append((each.id, kind, target, copy))
            each.change(at, merged_into_id=into)
            each.tell("merged", at, by, {"merged_into_id": None}, {"merged_into_id": into})
            survivor.change(at, **_linked(moves))
            listed = {kind: sorted(targets) for kind, targets in lacking.items() if targets}
            survivor.tell("absorbed", at, by, moved, {"merged": each.id, **listed} | _linked(moves))
        return len(merged), len(asked) - len(merged), *(counts[kind] for kind in EVENTS)

    def _lacking(self, survivor: Modelled, merged: list[Modelled]) -> list[dict[str, list[str]]]:
        """What each of these brings: a thing that several have comes from the one that was linked first."""
        brings: list[dict[str, list[str]]] = [{kind: [] for kind in EVENTS} for _ in merged]
        for kind in EVENTS:
            for target in {target for each in merged for target in each.links[kind]} - set(survivor.links[kind]):
                having = [at for at, each in enumerate(merged) if target in each.links[kind]]

                def age(at: int, kind: str = kind, target: str = target) -> Answer:
                    link = merged[at].links[kind][target]
                    return link["linked_at"], self.link_ids[kind, merged[at].id, target]

                brings[min(having, key=age)][kind].append(target)
        return brings

    def unmerge(self, id: str, by: Any = None) -> Answer:
        self.check("user", by)
        self.hold([id])
        released = self.signals[id]
        if released.merged_into_id is None:
            raise Refusal("InvalidMerge", "id")
        chain = self.standing(released)
        _, at = self.hold(each.id for each in chain)
        released.change(at, merged_into_id=None)
        released.tell("unmerged", at, by, {"merged_into_id": chain[1].id}, {"merged_into_id": None})
        counts = self.take_back(chain, at, by)
        return tuple(counts[kind] for kind in EVENTS)

    def standing(self, signal: Modelled) -> list[Modelled]:
        """A signal, the one that stands for it, the one that stands for that one, …"""
        above = signal.merged_into_id
        return [signal] if above is None else [signal, *self.standing(self.signals[above])]

    def take_back(self, chain: list[Modelled], at: datetime, by: Any) -> Counter[str]:
        """Take what merges have copied upwards from the first of these, which is merged into the next no longer."""
        counts, (released, onto, *_) = Counter[str](), chain
        names = {(kind, target) for kind, links in released.links.items() for target in links}
        for source, kind, target, copy in onto.copies:
            if source == released.id and onto.links[kind].get(target) is copy:
                names.add((kind, target))
        for below, above in pairwise(chain):
            names = self._copies_taken(above, names)
            if not names and below is not released:
                break
            counts.update(kind for kind, _ in names)
            for kind, target in names:
                del above.links[kind][target]
            lost = {kind for kind, _ in names}
            last = above.status == "linked" and "projects" in lost and not above.links["projects"]
            above.change(at, **({"status": "reviewed"} if last else {}))
            listed = {kind: sorted(to for each, to in names if each == kind) for kind in EVENTS}
            before = {"merged": below.id, **{kind: to for kind, to in listed.items() if to}}
            above.tell("released", at, by, before | _linked(last), {"status": "reviewed"} if last else {})
        return counts

    def _copies_taken(self, above: Modelled, names: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of some links that a merge has put here, and that none of the signals merged into this one has."""
        under = [each for each in self.signals.values() if each.merged_into_id == above.id]
        return {
            (kind, target)
            for _, kind, target, copy in above.copies
            if (kind, target) in names
            and above.links[kind].get(target) is copy
            and not any(target in each.links[kind] for each in under)
        }


def _linked(becomes: bool) -> dict[str, str]:
    return {"status": "linked"} if becomes else {}
