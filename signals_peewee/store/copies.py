"""Which links does a merge copy to the signal that stands for others, and which of them does it take back?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from peewee import ForeignKeyField

from .changing import Changing
from .links import PERSONA, PROJECT, TAG, LinkKind

KINDS = {"projects": PROJECT, "personas": PERSONA, "tags": TAG}
"""The kinds of links, under the words by which an event lists the copies of each."""
Links = dict[tuple[str, Any], str]
"""Links of one signal: the word of the kind and what it links to, with the key of the link."""
Found = dict[str, list[dict[str, Any]]]
"""Links of several signals as mappings, by the word of the kind."""


class TakenBack(NamedTuple):
    """What went from one signal.

    Attributes:
        links: the copies that it has no longer.
        last: whether a project was among them, and no other is left.
    """

    links: Links
    last: bool


@dataclass
class Family:
    """A signal, those that stand for it one above the other, and all that are merged into these.

    Attributes:
        links: what each of them is linked to.
        under: for each, the ones that are merged into it.
        copied: for each, the keys of the links that were copied to it, by the one that they were copied from.
    """

    links: dict[str, Links] = field(default_factory=lambda: defaultdict(dict))
    under: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    copied: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def given(self, to: str, by: str) -> set[tuple[str, Any]]:
        """Return what a signal may have from a duplicate: what that one is linked to, or was when it was merged."""
        copies = self.copied[to][by]
        return {*self.links[by], *(name for name, link in self.links[to].items() if link in copies)}

    def take(self, key: str, names: Collection[tuple[str, Any]], released: str) -> TakenBack:
        """Take some of its copies from a signal, but those that one merged into it and not released has as well."""
        links = self.links[key]
        copies = {link for each in self.copied[key].values() for link in each}
        kept = {name for other in self.under[key] if other != released for name in self.links[other]}
        taken = {name: link for name, link in links.items() if name in names and link in copies and name not in kept}
        for name in taken:
            del links[name]
        return TakenBack(taken, _projects(taken) and not _projects(links))


class Staying(NamedTuple):
    """What links name, looked for before their signals were held: whether it is there, and then stays.

    Attributes:
        users: by their keys.
        projects: by their keys; one of another workspace is not there.
    """

    users: Mapping[Any, bool]
    projects: Mapping[Any, bool]


class LinksChangedError(Exception):
    """Signals were linked to a project, or by a user, that had not been looked for when they were held."""


class Copying(Changing):
    """All of it happens to held signals, in a number of statements that grows with nothing."""

    def _keep_named(self, signals: Sequence[str]) -> Staying:
        """Keep the users and the projects that the links of signals name, before these signals are held."""
        models, users, projects = self.models, set[Any](), set[Any]()
        for kind in KINDS.values():
            link: Any = getattr(models, kind.model)
            near = self.engine.among(link.signal, signals)
            users.update(key for (key,) in link.select(link.linked_by).where(near).distinct().tuples())
            if kind is PROJECT:
                projects.update(key for (key,) in link.select(link.project).where(near).distinct().tuples())
        there = self._staying(models.User, users)
        mine = self._staying(models.Project, projects, models.project_workspace)
        return Staying({key: key in there for key in users}, {key: key in mine for key in projects})

    def _copy(self, into: str, duplicates: Sequence[str], staying: Staying) -> tuple[dict[str, Links], bool]:
        """Give a signal what it lacks of the links of others: a copy of the earliest of each.

        A link to a project that is another workspace's by now stays where it is.

        Args:
            into: the signal.
            duplicates: the others.
            staying: what `_keep_named` returned for all of them.

        Returns:
            The copies, by the duplicate that each is from, and whether they brought the first project.

        Raises:
            LinksChangedError: a link names what was not kept.
        """
        found = {word: self._earliest(kind, into, duplicates) for word, kind in KINDS.items()}
        had = any(row["signal"] == into for row in found["projects"])
        others = {word: [row for row in rows if row["signal"] != into] for word, rows in found.items()}
        lacking = _storable(others, staying)
        copies: dict[str, Links] = {key: {} for key in duplicates}
        for word, rows in lacking.items():
            for key, row in zip(self._append_copies(KINDS[word], into, rows), rows, strict=True):
                copies[row["signal"]][word, row[KINDS[word].target]] = key
        return copies, bool(lacking["projects"]) and not had

    def _earliest(self, kind: LinkKind, into: str, duplicates: Sequence[str]) -> list[dict[str, Any]]:
        """Return a link to each thing that one of these signals is linked to: the one of `into`, or the earliest."""
        link: Any = getattr(self.models, kind.model)
        rows = link.select().where(self.engine.among(link.signal, [into, *duplicates])).dicts()
        found: dict[Any, dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: (row["signal"] != into, row["linked_at"], row["id"])):
            found.setdefault(row[kind.target], row)
        return list(found.values())

    def _staying(self, model: Any, keys: Collection[Any], workspace: str | None = None) -> set[Any]:
        """Return those of some keys (or None) whose rows are there, and stay until the transaction ends."""
        primary = model._meta.primary_key
        wanted = [primary.db_value(key) for key in keys if key is not None]
        query = model.select(primary).where(self.engine.among(primary, wanted)).order_by(primary)
        if workspace is not None:
            query = query.where(getattr(model, workspace) == self.id)
        return {key for (key,) in self.engine.kept(query).tuples()} if wanted else set()

    def _append_copies(self, kind: LinkKind, signal: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Link a signal as these rows say, in one statement, and return the keys of its links."""
        link: Any = getattr(self.models, kind.model)
        columns: dict[str, list[Any]] = {"id": link._meta.new_ids(len(rows))}
        for name in (kind.target, *kind.facts):
            column, values = getattr(link, name), [row[name] for row in rows]
            if isinstance(column, ForeignKeyField):
                values = [column.db_value(value) for value in values]
            columns[column.column_name] = values
        if rows:
            self._appender(link).append(columns, {"signal_id": signal})
        return columns["id"]

    def _take_back(self, chain: Sequence[str]) -> dict[str, TakenBack]:
        """Take away what merges have copied upwards from a signal, if nobody has touched it and no other one gives it.

        Args:
            chain: the signal that is released, the one that stands for it, the one that stands for that one, …

        Returns:
            What went from the second of them, and from those above it as far as something did.
        """
        released, *above = chain
        family, gone = self._family(chain), dict[str, TakenBack]()
        names: Collection[tuple[str, Any]] = family.given(above[0], released) if above else ()
        for key in above:
            taken = family.take(key, names, released)
            if gone and not taken.links:
                break
            gone[key], names = taken, taken.links.keys()
        self._delete_links([each.links for each in gone.values()])
        return gone

    def _family(self, chain: Sequence[str]) -> Family:
        family, (_, *above) = Family(), chain
        signal: Any = self.models.Signal
        near: Any = self.engine.among(signal.id, chain)
        near |= self.engine.among(signal.merged_into, above)
        for word, kind in KINDS.items():
            link: Any = getattr(self.models, kind.model)
            query = link.select(link.id, getattr(link, kind.target), signal.id, signal.merged_into).join(signal)
            for key, target, holder, onto in query.where(self._own(), near).tuples():
                family.links[holder][word, target] = key
                family.under[onto].add(holder)
        event: Any = self.models.SignalEvent
        absorbed = event.select(event.signal, event.after).where(event.kind == "absorbed")
        for key, document in absorbed.where(self.engine.among(event.signal, above)).tuples():
            for word in KINDS:
                family.copied[key][document["merged"]].update(document.get(word, {}).values())
        return family

    def _delete_links(self, gone: Sequence[Links]) -> None:
        for word, kind in KINDS.items():
            link: Any = getattr(self.models, kind.model)
            keys = [key for links in gone for (each, _), key in links.items() if each == word]
            if keys:
                link.delete().where(self.engine.among(link.id, keys)).execute()


def _storable(found: Found, staying: Staying) -> Found:
    """Return links without those whose project, and without the names of users, that have gone meanwhile."""
    try:
        for row in (row for each in found.values() for row in each):
            if row["linked_by"] is not None and not staying.users[row["linked_by"]]:
                row["linked_by"] = None
        return {**found, "projects": [row for row in found["projects"] if staying.projects[row["project"]]]}
    except KeyError as error:
        raise LinksChangedError from error


def _projects(links: Links) -> bool:
    return any(word == "projects" for word, _ in links)
