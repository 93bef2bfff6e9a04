"""How does Peewee read the same models, used as its manual says?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peewee import PREFETCH_TYPE, Load, Tuple

from .databases import Place
from .readers import HALF, PAGE, Reader, Scene


class Modelled(Reader):
    """Peewee's own queries of the same models, relations by `with_related`."""

    name = "Peewee"

    def open(self, place: Place, scene: Scene) -> None:
        self.scene, self.store = scene, place.store()
        models: Any = self.store.models
        signal = self.signal = models.Signal
        self.fields = [field for field in signal._meta.sorted_fields if field.name != "embedding"]

        def load(key: Any) -> Any:
            return Load(key, strategy=PREFETCH_TYPE.MATERIALIZE)

        links = load(signal.project_links), load(signal.persona_links), load(signal.tag_links)
        projects, personas, tags = links
        self.relations = (
            load(signal.workspace),
            load(signal.inbox_item),
            projects.then(load(models.SignalProject.project), load(models.SignalProject.linked_by)),
            personas.then(load(models.SignalPersona.linked_by)),
            tags.then(load(models.SignalTag.linked_by)),
        )

    def close(self) -> None:
        self.store.close()

    def page(self) -> list[Any]:
        return list(self.query(PAGE))

    def deep(self) -> list[Any]:
        return list(self.beyond(self.query(PAGE), self.scene.at, self.scene.key))

    def whole(self) -> list[Any]:
        rows = list(self.query(HALF).with_related(*self.relations))
        if len(rows) < len(self.scene.latest):
            query = self.beyond(self.query(HALF), rows[-1].created_at, rows[-1].id)
            rows += list(query.with_related(*self.relations))
        return rows

    def query(self, limit: int) -> Any:
        signal = self.signal
        query = signal.select(*self.fields).where(signal.workspace == self.scene.workspace)
        query = query.where(signal.status != "archived", signal.merged_into.is_null())
        return query.order_by(signal.created_at.desc(), signal.id.desc()).limit(limit)

    def beyond(self, query: Any, at: datetime, key: str) -> Any:
        bound = Tuple(self.signal.created_at, self.signal.id) < Tuple(self.signal.created_at.db_value(at), key)
        return query.where(bound)
