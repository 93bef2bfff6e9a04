"""What does erasing leave, in plain Python?"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from store_model_merging import Merging
from store_model_state import Answer, Modelled, text_of

WORDS = ("verbatim", "interpretation", "user_segment", "source_ref", "source_metadata", "ai_classification")
"""Columns that an event tells in somebody's words; a link's reason is told so too."""
Fact = tuple[str, str, Any]
"""By what a copy of a link is known again: the project, since when, and why."""


class Erasing(Merging):
    """Signals that go, and what those that stay say of them."""

    def erase(self, ids: list[str] | None = None, subject: str | None = None) -> Answer:
        gone = [self.signals[key] for key in dict.fromkeys(each.id for each in self.hold(ids or ())[0])]
        items: set[str] = set()
        if subject is not None:
            gone, items = self._named(subject)
        near = self._near(gone, items)
        _, at = self.hold(each.id for each in near)
        links = self._leave(gone, items, at)
        redacted = self._redact_copies(gone, [each for each in near if each not in gone], at)
        links += sum(len(to) for each in gone for to in each.links.values())
        for each in gone:
            del self.signals[each.id]
        for key in items:
            del self.items[key]
        if subject is not None:
            redacted += sum(_redact(each, subject) for each in self.signals.values())
        return len(gone), sum(len(each.events) for each in gone), links, len(items), redacted

    def _named(self, subject: str) -> tuple[list[Modelled], set[str]]:
        """The signals and the inbox items that are somebody's."""
        items, gone = {key for key, item in self.items.items() if names(subject, item["metadata"])}, []
        for each in self.signals.values():
            said = each.source_metadata
            if names(subject, _naming(said)) or (each.inbox_item_id in items and names(subject, said)):
                gone.append(each)
        return gone, items | {each.inbox_item_id for each in gone if each.inbox_item_id is not None}

    def _near(self, gone: list[Modelled], items: set[str]) -> list[Modelled]:
        """What goes, all that stand or stood for it, what it stands for, and what came from the items."""
        keys, everything = {each.id for each in gone}, self.signals.values()
        stood = {event[4]["merged_into_id"] for each in gone for event in each.events if event[0] == "merged"}
        near = {above.id for each in everything if each.id in keys | stood for above in self.standing(each)}
        near |= {each.id for each in everything if each.merged_into_id in keys or each.inbox_item_id in items}
        return [each for each in everything if each.id in near]

    def _leave(self, gone: list[Modelled], items: set[str], at: Any) -> int:
        """Take from those above what they had from what goes, and set those free that it stood for."""
        links, keys = 0, {each.id for each in gone}
        for signal in sorted(gone, key=lambda each: each.id):
            chain = [signal, *takewhile(lambda each: each.id not in keys, self.standing(signal)[1:])]
            if len(chain) > 1:
                signal.columns["merged_into_id"] = None
                links += self.take_back(chain, at, None).total()
        for each in self.signals.values():
            lost = {"merged_into_id": each.merged_into_id} if each.merged_into_id in keys else {}
            kind = "unmerged" if lost else "updated"
            lost |= {"inbox_item_id": each.inbox_item_id} if each.inbox_item_id in items else {}
            if lost and each not in gone:
                each.change(at, **dict.fromkeys(lost))
                each.tell(kind, at, None, lost, dict.fromkeys(lost))
        return links

    def _redact_copies(self, gone: list[Modelled], staying: list[Modelled], at: Any) -> int:
        """Let copies that others give as well say what those say, and events no longer what the copies said."""
        said = {_fact(project, link) for each in gone for project, link in each.links["projects"].items()}
        said |= {fact for each in gone for event in each.events for fact in _told_links(event)}
        for each in sorted(staying, key=lambda each: -len(self.standing(each))):  # those below give to those above
            for project, link in each.links["projects"].items():
                if _fact(project, link) in said and any(copy is link for *_, copy in each.copies):
                    link.update(self._given(each, project, gone))
                    each.change(at)
        redacted = 0
        for each in staying:
            own = {fact for event in each.events if event[0] == "project_linked" for fact in _told_links(event)}
            for place, event in enumerate(each.events):
                facts = set(_told_links(event)) & said - own if event[0] == "project_unlinked" else set()
                if any(fact[-1] is not None for fact in facts):
                    left = {name: value for name, value in event[3].items() if name != "linked_by"}
                    each.events[place] = (*event[:3], {**left, "link_reason": None, "confidence": None}, event[4])
                    redacted += 1
        return redacted

    def _given(self, signal: Modelled, project: str, gone: list[Modelled]) -> dict[str, Any]:
        """What the earliest link says that a signal merged into this one, and staying, has to a project."""
        giving = [
            (link["linked_at"], self.link_ids["projects", each.id, project], link)
            for each in self.signals.values()
            if each.merged_into_id == signal.id and each not in gone
            for link in [each.links["projects"].get(project)]
            if link is not None
        ]
        unknown = dict.fromkeys(("link_reason", "confidence", "linked_by"))
        return dict(min(giving, key=lambda each: each[:2])[2]) if giving else unknown

    def purge(self) -> Answer:
        everything = self.signals.values()
        events = sum(len(each.events) for each in everything)
        links = sum(len(to) for each in everything for to in each.links.values())
        return len(everything), events, links, len(self.items), len(self.projects), 1


def _redact(signal: Modelled, subject: str) -> int:
    """Take a subject out of what stays, and return out of how many events."""
    for link in signal.links["projects"].values():
        if names(subject, link["link_reason"]):
            link["link_reason"] = None
    redacted = 0
    for place, event in enumerate(signal.events):
        sides = [event[3] or {}, event[4] or {}]
        repeating = {name for name in WORDS if any(names(subject, side.get(name)) for side in sides)}
        reasons = [names(subject, side.get("link_reason")) for side in sides]
        if repeating or any(reasons):
            left = [{name: value for name, value in side.items() if name not in repeating} for side in sides]
            cleared = [
                {**side, "link_reason": None} if reason else side for side, reason in zip(left, reasons, strict=True)
            ]
            whole = [None if old is None else new for old, new in zip(event[3:], cleared, strict=True)]
            signal.events[place] = (*event[:3], *whole)
            signal.forgotten |= bool(repeating)
            redacted += 1
    return redacted


def _fact(project: str, link: dict[str, Any]) -> Fact:
    return project, text_of(link["linked_at"]), link["link_reason"]


def _told_links(event: Answer) -> list[Fact]:
    """The link to a project that an event tells of."""
    side = {"project_linked": event[4], "project_unlinked": event[3]}.get(event[0])
    return [(side["project"], side["linked_at"], side["link_reason"])] if side else []


def names(subject: str, value: Any) -> bool:
    """Whether a value is this text, or holds it, whatever the case of its letters."""
    if isinstance(value, (dict, list)):
        return any(names(subject, each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and value.casefold() == subject.casefold()


def _naming(metadata: Any) -> list[Any]:
    return [(metadata or {}).get(name) for name in ("customerEmail", "interviewee", "rawPayload")]
