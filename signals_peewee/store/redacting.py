"""Where are the words of an erased signal, or of a person, repeated by signals that stay? There they are taken out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any, cast

from ..schema import EventDocument
from .changing import Held, as_told, told
from .copies import Copying, Family
from .subjects import Subject

FACTS = ("link_reason", "confidence", "linked_by", "linked_at")
Fact = tuple[Any, Any, Any]
"""By what a copy is known: the project, since when, and why."""
Rows = list[dict[str, Any]]


class Redacting(Copying):
    """Rows are written anew under their keys, so that a fixed number of statements does it."""

    def _redact_copies(self, gone: Collection[str], held: Held) -> int:
        """Let what merges copied from signals that go, and others give as well, say what those others say.

        Args:
            gone: the signals that go, with their links and events as yet.
            held: these, and all that stand or stood for them.

        Returns:
            How many events told why such a copy was there, and do so no longer.
        """
        staying = [key for key in held.rows if key not in gone]
        if not (gone and staying):
            return 0
        family = self._family(["", *staying])
        links = self._project_links({*held.rows, *chain.from_iterable(family.under.values())})
        events = self._link_events(list(held.rows))
        said = {_fact(row) for row in links if row["signal"] in gone}
        said.update(fact for event in events if event["signal"] in gone for fact in _facts_told(event))
        stale = _corrected(family, links, said, _upwards(staying, held), gone)
        self._write_links(stale)
        self._set(sorted({row["signal"] for row in stale}), held.at)
        linked = [event for event in events if event["kind"] == "project_linked"]
        own = {(event["signal"], fact) for event in linked for fact in _facts_told(event)}
        return self._write_events(
            [
                {**event, "before": _without_words(event["before"])}
                for event in events
                if event["signal"] not in gone and event["kind"] == "project_unlinked"
                for fact in _facts_told(event)
                if fact in said and fact[-1] is not None and (event["signal"], fact) not in own
            ]
        )

    def _redact_subject(self, subject: Subject, events: Collection[str], links: Collection[str]) -> int:
        """Take a subject out of events and links of signals that stay, and return how many events that were."""
        event, link = cast("Any", self.models.SignalEvent), cast("Any", self.models.SignalProject)
        reasons = link.select(link.id, link.link_reason).where(self.engine.among(link.id, list(links))).tuples()
        saying = [key for key, reason in reasons if subject.stands_in(reason)] if links else []
        if saying:
            link.update(link_reason=None).where(self.engine.among(link.id, saying)).execute()
        query = event.select().where(self.engine.among(event.id, list(events)))
        rows = [row for row in query.dicts() if subject.told_by(row["before"], row["after"])] if events else []
        return self._write_events([{**row, **subject.taken_out(row)} for row in rows])

    def _project_links(self, signals: Collection[str]) -> Rows:
        link: Any = self.models.SignalProject
        return [*link.select().where(self.engine.among(link.signal, sorted(signals))).dicts()]

    def _link_events(self, signals: Sequence[str]) -> Rows:
        event: Any = self.models.SignalEvent
        query = event.select().where(event.kind.in_(("project_linked", "project_unlinked")))
        return [*query.where(self.engine.among(event.signal, signals)).dicts()]

    def _write_links(self, rows: Rows) -> None:
        if not rows:
            return
        link: Any = self.models.SignalProject
        users = self._staying(self.models.User, {row["linked_by"] for row in rows})
        projects = self._staying(self.models.Project, {row["project"] for row in rows})
        for row in rows:
            row["linked_by"] = row["linked_by"] if row["linked_by"] in users else None
        self._write_anew(link, [row for row in rows if row["project"] in projects])

    def _write_events(self, rows: Rows) -> int:
        """Write events anew that are there still, with the signals that they are of."""
        if not rows:
            return 0
        staying = self._staying(self.models.Signal, {row["signal"] for row in rows})
        kept = [row for row in rows if row["signal"] in staying]
        sides = [{name: None if row[name] is None else told(row[name]) for name in ("before", "after")} for row in kept]
        self._write_anew(self.models.SignalEvent, [{**row, **side} for row, side in zip(kept, sides, strict=True)])
        return len(kept)

    def _write_anew(self, model: Any, rows: Rows) -> None:
        columns: dict[str, list[Any]] = {}
        for name, field in model._meta.fields.items():
            values = [row[name] for row in rows]
            if name in ("signal", "project", "linked_by", "created_by"):
                values = [field.db_value(value) for value in values]
            columns[field.column_name] = values
        if rows:
            model.delete().where(self.engine.among(model.id, columns["id"])).execute()
            self._appender(model).append(columns, {})


def _corrected(
    family: Family, links: Rows, said: Collection[Fact], upwards: Sequence[str], gone: Collection[str]
) -> Rows:
    """Return the copies of what was said, each as the earliest link says that a duplicate which stays has."""
    found: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    for row in links:
        found[row["signal"]][row["project"]] = row
    corrected: Rows = []
    for key in upwards:
        copies = {link for each in family.copied[key].values() for link in each}
        for project, row in found[key].items():
            if row["id"] not in copies or _fact(row) not in said:
                continue
            others = [found[other].get(project) for other in family.under[key] if other not in gone]
            given = min((each for each in others if each), key=lambda each: (each["linked_at"], each["id"]), default={})
            row.update({name: given.get(name) for name in (FACTS if given else FACTS[:3])})
            corrected.append(row)
    return corrected


def _upwards(staying: Sequence[str], held: Held) -> list[str]:
    """Return signals so that each comes before the one that stands for it."""

    def height(key: str) -> int:
        seen = {key}
        while (above := held.rows[key][1]) in held.rows and above not in seen:
            seen.add(key := above)
        return len(seen)

    return sorted(staying, key=height, reverse=True)


def _fact(row: Mapping[str, Any]) -> Fact:
    return as_told(row["project"]), as_told(row["linked_at"]), row["link_reason"]


def _facts_told(event: Mapping[str, Any]) -> list[Fact]:
    side = event["after"] if event["kind"] == "project_linked" else event["before"]
    if not isinstance(side, Mapping) or "linked_at" not in side:
        return []
    return [(side.get("project"), side["linked_at"], side.get("link_reason"))]


def _without_words(side: Mapping[str, Any]) -> EventDocument:
    """Return the side of an event without why, how sure, and on whose word a link was there."""
    left = {name: value for name, value in side.items() if name != "linked_by"}
    return cast("EventDocument", {**left, "link_reason": None, "confidence": None})
