"""Which classes does one store use? Its own, and its host's."""

from __future__ import annotations

from typing import Any

from peewee import Model

from . import tables
from .binding import D, Wiring, bound
from .hosts import Hosts, check_hosts, inbox_columns, inbox_workspace, project_workspace


class Models:
    """The classes of one store, bound to its database and schema, for raw Peewee: `store.models.Signal.select()`.

    Args:
        wiring: what they are bound to.
        hosts: the models that the host plugs in.

    Raises:
        InvalidHosts: one of them cannot play its role.
    """

    Workspace: type[Any]
    User: type[Any]
    Project: type[Any]
    InboxItem: type[Any]
    Signal: type[tables.Signal]
    SignalProject: type[tables.SignalProject]
    SignalPersona: type[tables.SignalPersona]
    SignalTag: type[tables.SignalTag]
    SignalEvent: type[tables.SignalEvent]

    def __init__(self, wiring: Wiring, hosts: Hosts) -> None:
        check_hosts(hosts, wiring.database)
        roles: dict[str, type[Model]] = {}
        self.owned: list[type[Model]] = []

        def own(declared: type[D]) -> type[D]:
            model = bound(declared, wiring, roles)
            roles[declared._meta.table_name] = model
            self.owned.append(model)
            return model

        def plugged(declared: type[D], host: type[Model] | None) -> type[Any]:
            if host is None:
                return own(declared)
            roles[declared._meta.table_name] = host
            return host

        self.Workspace = plugged(tables.Workspace, hosts.workspace)
        self.User = plugged(tables.User, hosts.user)
        self.Project = plugged(tables.Project, hosts.project)
        self.InboxItem = plugged(tables.InboxItem, hosts.inbox_item)
        self.Signal = own(tables.Signal)
        self.SignalProject = own(tables.SignalProject)
        self.SignalPersona = own(tables.SignalPersona)
        self.SignalTag = own(tables.SignalTag)
        self.SignalEvent = own(tables.SignalEvent)
        self.project_workspace = project_workspace(hosts, self.Project, self.Workspace)
        self.inbox_workspace = inbox_workspace(self.InboxItem, self.Workspace)
        self.inbox_columns = inbox_columns(hosts, self.InboxItem)
