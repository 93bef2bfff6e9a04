"""Which tables does the service that embeds the library bring itself?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from peewee import (
    AutoField,
    CharField,
    CompositeKey,
    Database,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)

from ..engine import plain_database
from ..errors import InvalidHosts, InvalidOption
from .texts import storable

ROLES = ("workspace", "user", "project", "inbox_item")
INBOX_COLUMNS = (
    "raw_content",
    "processed_content",
    "source",
    "source_ref",
    "metadata",
    "status",
    "created_at",
    "processed_at",
    "updated_at",
)
"""The columns of an inbox item that turning it into signals reads or writes."""
_INT64 = 1 << 63
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_KEYS = (TextField, CharField, AutoField, IntegerField, UUIDField)


@dataclass(frozen=True)
class Hosts:
    """The host's own Peewee models, by the role that each plays. A role left out gets a table of the library.

    Args:
        workspace: tenants.
        user: who links signals.
        project: what signals inform.
        inbox_item: the queue in front of signals.
        project_workspace: the key (or its name) from the project to its workspace, where the project has several keys
            to the workspace model. A plugged project with none is shared between all workspaces.
        inbox_columns: for columns of an inbox item (raw_content, processed_content, source, source_ref, metadata,
            status, created_at, processed_at, updated_at) the field of the plugged model, or its name, that stands for
            it: `{"raw_content": "body", "processed_at": "done_at"}`. A field of the same name needs no mapping, and
            with None it is left alone; `status` is touched where it is mapped. Only `from_inbox` needs them.
    """

    workspace: type[Model] | None = None
    user: type[Model] | None = None
    project: type[Model] | None = None
    inbox_item: type[Model] | None = None
    project_workspace: Field | str | None = None
    inbox_columns: Mapping[str, Field | str | None] | None = None

    def plugged(self) -> dict[str, type[Model]]:
        """Return the models that the host plugged in, by role."""
        models = {name: getattr(self, name) for name in ROLES}
        return {name: model for name, model in models.items() if model is not None}


def check_hosts(hosts: Hosts, database: Database) -> None:
    """Refuse what cannot play its role.

    Raises:
        InvalidHosts: not a model, no single-column key of type text, integer or UUID, or on another database.
    """
    for name, model in hosts.plugged().items():
        if not (isinstance(model, type) and issubclass(model, Model)):
            raise InvalidHosts(name, model, "a Peewee model class")
        key = leaf_key(model)
        if not isinstance(key, _KEYS):
            raise InvalidHosts(
                name, model, "a model with a single-column key of type text, integer, big integer or UUID"
            )
        if not _is_on(model, database):
            raise InvalidHosts(name, model, "a model bound to the store's own database")
    if hosts.inbox_columns is not None:
        _check_inbox_columns(hosts.inbox_columns, hosts.inbox_item)


def _check_inbox_columns(columns: Any, model: type[Model] | None) -> None:
    if model is None or not isinstance(columns, Mapping):
        raise InvalidHosts("inbox_columns", columns, "a mapping, beside an inbox_item of yours")
    for name, field in columns.items():
        if name not in INBOX_COLUMNS:
            raise InvalidHosts("inbox_columns", name, f"one of {', '.join(INBOX_COLUMNS)}")
        if field is not None and _name_of(field) not in model._meta.fields:
            known = ", ".join(model._meta.fields)
            raise InvalidHosts(f"inbox_columns[{name!r}]", field, f"a field of {model.__name__}: {known}")
    done = columns.get("processed_at")
    if done is not None and not model._meta.fields[_name_of(done)].null:
        raise InvalidHosts("inbox_columns['processed_at']", done, "a field with null=True, empty until it is done")


def _is_on(model: type[Model], database: Database) -> bool:
    try:
        return plain_database(model._meta.database) is database
    except InvalidOption:
        return False


def leaf_key(model: type[Model]) -> Any:
    """Return the field that gives the type of a model's key: of a key that is a foreign key, the one it points at."""
    key: Any = model._meta.primary_key
    while isinstance(key, ForeignKeyField):
        key = key.rel_field
    return None if isinstance(key, CompositeKey) or key is False else key


def key_of(model: type[Model], value: Any) -> Any:
    """Return the key that `value`, a row of the model or its key, stands for; None where it can be no key of it."""
    if isinstance(value, model):
        return value.get_id()
    leaf = leaf_key(model)
    if isinstance(leaf, (TextField, CharField)):
        return value if isinstance(value, str) and storable(value) else None
    if isinstance(leaf, UUIDField):
        return value if isinstance(value, UUID) else _uuid(value)
    if type(value) is str and _INTEGER.fullmatch(value):
        value = int(value)
    return value if type(value) is int and -_INT64 <= value < _INT64 else None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (TypeError, ValueError, AttributeError):
        return None


def inbox_workspace(inbox_item: type[Model], workspace: type[Model]) -> str | None:
    """Return the name of the inbox item's key to its workspace, or None where items are shared.

    Raises:
        InvalidHosts: there are several, and none is called workspace.
    """
    keys = _keys_to(workspace, inbox_item)
    if len(keys) > 1 and "workspace" not in keys:
        raise InvalidHosts("inbox_item", inbox_item, "one key to the workspace model, or one called workspace")
    return "workspace" if "workspace" in keys else next(iter(keys), None)


def inbox_columns(hosts: Hosts, inbox_item: type[Model]) -> dict[str, str]:
    """Return, for each column of an inbox item that the model has, the name of its field.

    A field of the same name stands for it, but for the status, whose words are the host's, and for a time of processing
    that is never empty.
    """
    fields, given = inbox_item._meta.fields, hosts.inbox_columns or {}
    if hosts.inbox_item is None:
        return {name: name for name in INBOX_COLUMNS}
    same = {name: name for name in INBOX_COLUMNS if name in fields and name != "status"}
    if "processed_at" in same and not fields["processed_at"].null:
        del same["processed_at"]
    return {name: _name_of(field) for name, field in {**same, **given}.items() if field is not None}


def _name_of(field: Field | str) -> str:
    name: str = field if isinstance(field, str) else getattr(field, "name", "")
    return name


def _keys_to(workspace: type[Model], model: type[Model]) -> dict[str, Any]:
    return {
        name: key
        for name, key in model._meta.fields.items()
        if isinstance(key, ForeignKeyField) and key.rel_model is workspace
    }


def project_workspace(hosts: Hosts, project: type[Model], workspace: type[Model]) -> str | None:
    """Return the name of the project's key to its workspace, or None where projects are shared.

    Raises:
        InvalidHosts: the named one is no such key, or there are several and none is named.
    """
    keys = _keys_to(workspace, project)
    named = hosts.project_workspace
    if named is not None:
        name = named if isinstance(named, str) else named.name
        if name not in keys:
            raise InvalidHosts("project_workspace", named, f"a key of {project.__name__} to the workspace model")
        return str(name)
    if len(keys) > 1:
        raise InvalidHosts("project_workspace", None, f"one of {', '.join(sorted(keys))}: the project has several")
    return next(iter(keys), None)
