"""How are signals read with what belongs to them, in a number of queries that does not grow with the rows?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from functools import cached_property, reduce
from operator import itemgetter
from typing import Any, Literal, get_args

from peewee import OP, SQL, Expression, Model, Select, Value

from ..errors import InvalidFilter
from ..schema import Models, Signal
from ..schema.binding import Declared
from .hydrating import Reader, reader
from .rooms import Room

Include = Literal["workspace", "inbox_item", "projects", "personas", "tags", "embedding", "raw_payload"]
INCLUDES: tuple[str, ...] = get_args(Include)
_LINKS = {
    "projects": ("project_links", "SignalProject"),
    "personas": ("persona_links", "SignalPersona"),
    "tags": ("tag_links", "SignalTag"),
}
HEAVY = frozenset({"embedding", "raw_payload"})
"""What an include adds to the columns of a signal; the others are relations."""
_NOTHING: frozenset[Include] = frozenset()
_SELECT: Any = Model.select.__func__  # type: ignore[attr-defined]
Row = Sequence[Any]
"""A row as the driver gives it."""
_METADATA, _PAYLOAD = "source_metadata", "rawPayload"


def check_include(include: Iterable[Include]) -> frozenset[Include]:
    """Return the names of what is to be read along with signals.

    Raises:
        InvalidFilter: one of them does not exist.
    """
    if include == ():
        return _NOTHING
    if not isinstance(include, Iterable):
        raise InvalidFilter("include", include, f"some of {', '.join(INCLUDES)}")
    names: list[Any] = [include] if isinstance(include, str) else list(include)
    for name in names:
        if name not in INCLUDES:
            raise InvalidFilter("include", name, f"some of {', '.join(INCLUDES)}")
    return frozenset(names)


class Fetching(Room):
    """Signals are selected by `_columns`, fetched, and made by `_signals`, whatever query stands in between."""

    @cached_property
    def _reader(self) -> Reader:
        return reader(self.engine, self.models)

    def _columns(self, include: Collection[str]) -> list[Any]:
        """Return what to select first: all the columns of a signal, but the heavy ones that nobody asked for."""
        signal: Any = self.models.Signal
        return [
            self.engine.without(field, _PAYLOAD).alias(field.column_name)
            if field.name == _METADATA and "raw_payload" not in include
            else field
            for field in fields_of(signal, include)
        ]

    def _mine(self, *selected: Any) -> Any:
        """Return a query of the signals of this workspace."""
        signal: Any = self.models.Signal
        return signal.select(*selected).where(signal.workspace == self.id)

    def _fetch(self, shape: Hashable, parameters: Iterable[Any], query: Callable[[], Any]) -> list[Any]:
        """Return the rows of a query that begins with `_mine`; see `Reader.fetch`."""
        return self._reader.fetch(shape, [self._sent_id, *parameters], query)

    @cached_property
    def _sent_id(self) -> Any:
        """The workspace's key as its column holds it."""
        return self.models.Signal.workspace.db_value(self.id)

    def _signals(self, rows: Sequence[Row], include: Collection[str]) -> list[Signal]:
        """Return rows, as the driver gives them, that begin with `_columns`, as signals with their relations."""
        return Relations(self._reader, self.models, self.id).signals(rows, include)


def fields_of(signal: Any, include: Collection[str]) -> list[Any]:
    """Return the fields of a signal that `_columns` selects."""
    return [field for field in signal._meta.sorted_fields if field.name not in HEAVY or field.name in include]


class Relations:
    """Reads what belongs to signals: one statement for each kind of it, whatever their number.

    `projects` fills `row.project_links`: a list of links, each with its project. `personas` fills `row.persona_links`,
    and `tags` fills `row.tag_links`. A link comes with its signal, and in `linked_by` with the user who made it, as a
    row. `workspace` and `inbox_item` fill the attributes of those names. A project or an inbox item that is another
    workspace's by now is left out. What is one row in the database is one object.
    """

    def __init__(self, reader: Reader, models: Models, workspace: Any) -> None:
        self.reader = reader
        self.models = models
        self.workspace = workspace

    def signals(self, rows: Sequence[Row], include: Collection[str]) -> list[Signal]:
        """Return fetched rows that begin with the fields of signals as signals, with what is included."""
        signal: Any = self.models.Signal
        fields = self.reader.once(("fields", HEAVY.intersection(include)), lambda: fields_of(signal, include))
        relations = {}
        if "workspace" in include:
            relations["workspace"] = self._referred(signal.workspace, _given(rows, fields, "workspace"))
        if "inbox_item" in include:
            items = _given(rows, fields, "inbox_item")
            relations["inbox_item"] = self._referred(signal.inbox_item, items, self.models.inbox_workspace)
        signals: list[Signal] = self.reader.hydrate(rows, signal, fields, relations=relations)
        if signals and not _LINKS.keys().isdisjoint(include):
            self._hang(_given(rows, fields, "id"), signals, include)
        return signals

    def links(self, link: Any, rows: Sequence[Row], start: int = 0) -> list[Any]:
        """Return fetched rows as links, each with the user who made it.

        Args:
            link: the class of the links.
            rows: with all the fields of a link side by side.
            start: the place of the first of them.
        """
        fields = link._meta.sorted_fields
        users = self._referred(link.linked_by, _given(rows, fields, "linked_by", start))
        return self.reader.hydrate(rows, link, fields, start, {"linked_by": users})

    def _hang(self, ids: list[str], signals: list[Signal], included: Collection[str]) -> None:
        """Hang links on signals, of which these are the keys."""
        links = {name: getattr(self.models, model) for name, (_, model) in _LINKS.items() if name in included}
        sought = sorted(ids)  # SQLite puts them into a tree first, for which their order is the fastest
        rows = self._named_rows([link for name, link in links.items() if name != "projects"], sought)
        projects: dict[Any, Any] = {}
        if "projects" in links:
            rows[links["projects"]], projects = self._project_rows(links["projects"], sought)
        makers: set[Any] = set().union(*(_given(rows[link], link._meta.sorted_fields, "linked_by") for link in rows))
        users = self._referred(self.models.SignalProject.linked_by, makers)
        relations = {"signal": dict(zip(ids, signals, strict=True)), "linked_by": users}
        for name, link in links.items():
            whose = {**relations, "project": projects} if name == "projects" else relations
            hung: dict[str, list[Any]] = {key: [] for key in ids}
            # Let go of as soon as they are made: the fewer objects there are, the less often Python looks for cycles.
            fields = link._meta.sorted_fields
            self.reader.hydrate_under("signal", hung, rows.pop(link), link, fields, relations=whose)
            for signal, made in zip(signals, hung.values(), strict=True):
                setattr(signal, _LINKS[name][0], made)

    def _named_rows(self, links: Sequence[Any], ids: list[str]) -> dict[Any, list[Row]]:
        """Return the links of signals to what is a name, class by class, in the order of their making."""
        if not links:
            return {}
        engine, place = self.reader.engine, len(links[0]._meta.sorted_fields)

        def query() -> Any:
            first, *others = (
                link.select(*link._meta.sorted_fields, SQL(str(number))).where(engine.among(link.signal, ids))
                for number, link in enumerate(links)
            )
            order = [_place(links[0]._meta.sorted_fields, name) + 1 for name in ("linked_at", "id")]
            return reduce(Select.union_all, others, first).order_by(*(SQL(str(each)) for each in order))

        rows = self.reader.fetch(("named", *links), [engine.packed(ids)] * len(links), query)
        found: list[list[Row]] = [[] for _ in links]
        for row in rows:
            found[row[place]].append(row)
        return dict(zip(links, found, strict=True))

    def _project_rows(self, link: Any, ids: list[str]) -> tuple[list[Row], dict[Any, Any]]:
        """Return the links of signals to projects in the order of their making, and the projects by their keys."""
        engine, project = self.reader.engine, self.models.Project
        conditions, sent = self._of_workspace(project, self.models.project_workspace)
        fields, primary = link._meta.sorted_fields, project._meta.primary_key
        # A host's column may disregard case or blanks, so that a key is written otherwise where it points to.
        theirs = not issubclass(project, Declared)

        def query() -> Any:
            found = link.select(*fields)
            if theirs:  # SQLite compares as the column on the left does
                found = link.select(*fields, primary).join_from(link, project, on=primary == link.project)
            wanted = [*(conditions if theirs else ()), engine.among(link.signal, ids)]
            return found.where(*wanted).order_by(link.linked_at, link.id)

        rows = self.reader.fetch(("links", link), [*(sent if theirs else ()), engine.packed(ids)], query)
        given = _given(rows, fields, "project")
        keys = dict(zip(given, map(itemgetter(-1), rows) if theirs else given, strict=True))
        found = self._found(primary, list(set(keys.values())), self.models.project_workspace)
        projects = {key: found[at] for key, at in keys.items() if at in found}
        if len(projects) < len(keys):  # another workspace's, or somebody has deleted one since, with its links
            rows = [row for row, key in zip(rows, given, strict=True) if key in projects]
        return rows, projects

    def _referred(self, key: Any, given: Iterable[Any], mine: str | None = None) -> dict[Any, Any]:
        """Return the rows that a key refers to, by what the driver gave for it.

        Args:
            key: a field.
            given: what the driver gave.
            mine: the key that says whose a row is, where it has to be this workspace's.
        """
        values = list(set(given) - {None})
        model, engine = key.rel_model, self.reader.engine
        if getattr(model.select, "__func__", None) is _SELECT:
            return self._found(key.rel_field, values, mine)
        # The host has its own idea of which rows there are, and may change it.
        conditions, _ = self._of_workspace(model, mine)
        query = model.select().where(engine.among(key.rel_field, values), *conditions)
        found = {row.get_id(): row for row in query} if values else {}
        return {value: found.get(key.python_value(value)) for value in values}

    def _found(self, key: Any, values: list[Any], mine: str | None) -> dict[Any, Any]:
        """Return the rows with these values of a key, by what the driver gives for it."""
        model, engine = key.model, self.reader.engine
        conditions, sent = self._of_workspace(model, mine)

        def query() -> Any:
            return _SELECT(model).where(engine.among(key, values), *conditions)

        if not values:
            return {}
        fields = model._meta.sorted_fields
        rows = self.reader.fetch(("found", model, key.name, mine), [engine.packed(values), *sent], query)
        return dict(zip(_given(rows, fields, key.name), self.reader.hydrate(rows, model, fields), strict=True))

    def _of_workspace(self, model: Any, key: str | None) -> tuple[list[Any], list[Any]]:
        """Return the condition that rows are this workspace's, where they are anybody's, and what it sends."""
        if key is None:
            return [], []
        field = model._meta.fields[key]
        sent = field.db_value(self.workspace)
        return [Expression(self.reader.engine.sifted(field), OP.EQ, Value(sent))], [sent]


def _given(rows: Iterable[Row], fields: Sequence[Any], name: str, start: int = 0) -> list[Any]:
    """Return what the driver gave for one of the fields that stand side by side in some rows."""
    return list(map(itemgetter(start + _place(fields, name)), rows))


def _place(fields: Sequence[Any], name: str) -> int:
    return [field.name for field in fields].index(name)
