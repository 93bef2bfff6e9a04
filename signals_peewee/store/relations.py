"""How are the relations of signals read, in a number of queries that does not grow with the rows?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Literal, get_args

from peewee import JOIN

from ..errors import InvalidFilter
from ..schema import Models, Signal

Include = Literal["workspace", "inbox_item", "projects", "personas", "embedding"]
INCLUDES: tuple[str, ...] = get_args(Include)
_HEAVY = ("embedding",)


def check_include(include: Iterable[str]) -> frozenset[str]:
    """Return the names of what is to be read along with signals.

    Raises:
        InvalidFilter: one of them does not exist.
    """
    names = [include] if isinstance(include, str) else list(include)
    for name in names:
        if name not in INCLUDES:
            raise InvalidFilter("include", name, f"some of {', '.join(INCLUDES)}")
    return frozenset(names)


def columns(signal: Any, include: Collection[str]) -> list[Any]:
    """Return the columns to select: all but the heavy ones that nobody asked for."""
    return [field for field in signal._meta.sorted_fields if field.name not in _HEAVY or field.name in include]


def load_relations(models: Models, workspace: Any, rows: list[Signal], include: Collection[str]) -> list[Signal]:
    """Fill in the relations of some signals, one query for each, and return them.

    `projects` fills `row.project_links`: a list of links, each with its project and the user who linked it.
    `personas` fills `row.persona_links`. `workspace` and `inbox_item` fill the attributes of those names. A project or
    an inbox item that is another workspace's by now is left out.
    """
    if not rows:
        return rows
    if "workspace" in include:
        _load_one(rows, "workspace", models.Workspace)
    if "inbox_item" in include:
        _load_one(rows, "inbox_item", models.InboxItem, _mine(models.InboxItem, models.inbox_workspace, workspace))
    if "projects" in include:
        _load_many(rows, "project_links", _project_links(models, workspace, rows))
    if "personas" in include:
        _load_many(rows, "persona_links", _links(models.SignalPersona, rows))
    return rows


def _mine(model: Any, key: str | None, workspace: Any) -> list[Any]:
    return [] if key is None else [getattr(model, key) == workspace]


def _load_one(rows: list[Signal], name: str, model: type[Any], mine: Iterable[Any] = ()) -> None:
    wanted = {row.__data__[name] for row in rows} - {None}
    query = model.select().where(model._meta.primary_key.in_(list(wanted)), *mine) if wanted else ()
    found = {each.get_id(): each for each in query}
    for row in rows:
        row.__rel__[name] = found.get(row.__data__[name])


def _load_many(rows: list[Signal], name: str, links: Iterable[Any]) -> None:
    of: dict[str, list[Any]] = defaultdict(list)
    for link in links:
        of[link.__data__["signal"]].append(link)
    for row in rows:
        setattr(row, name, of[row.id])
        for link in of[row.id]:
            link.__rel__["signal"] = row


def _project_links(models: Models, workspace: Any, rows: list[Signal]) -> Any:
    link: Any = models.SignalProject
    project, user = models.Project.alias(), models.User.alias()  # one model may play both roles
    return (
        _links(link, rows)
        .select(link, project, user)
        .join_from(link, project, on=link.project == _key_of(project), attr="project")
        .join_from(link, user, JOIN.LEFT_OUTER, on=link.linked_by == _key_of(user), attr="linked_by")
        .where(*_mine(project, models.project_workspace, workspace))
    )


def _links(link: Any, rows: list[Signal]) -> Any:
    return link.select().where(link.signal.in_([row.id for row in rows])).order_by(link.linked_at, link.id)


def _key_of(alias: Any) -> Any:
    return getattr(alias, alias.model._meta.primary_key.name)
