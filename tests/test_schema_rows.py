"""Do the row types say what the models store, and what `record` takes?"""

from __future__ import annotations

import inspect
import types
import typing
from datetime import datetime
from typing import Any

from peewee import ForeignKeyField

from signals_peewee import NewSignal, SignalRow, Workspace, open_store
from signals_peewee.schema import tables, vocabularies
from signals_peewee.schema.fields import DocumentField, TimeField, VocabularyField

LITERALS = {
    "severity": vocabularies.Severity,
    "frequency": vocabularies.Frequency,
    "source": vocabularies.Source,
    "status": vocabularies.Status,
}
DOCUMENTS = {"source_metadata": tables.SourceMetadata, "ai_classification": tables.AIClassification}


def columns() -> dict[str, Any]:
    with open_store("sqlite:///:memory:", migrate=False) as store:
        return dict(store.models.Signal._meta.columns)


def without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (kind,) = [each for each in typing.get_args(hint) if each is not type(None)]
        return kind, True
    return hint, False


def of(field: Any) -> Any:
    if isinstance(field, VocabularyField):
        return LITERALS[field.vocabulary]
    if isinstance(field, DocumentField):
        return DOCUMENTS[field.name]
    return datetime if isinstance(field, TimeField) else str


def test_a_signal_row_has_the_type_of_every_column() -> None:
    said = {name: without_none(hint) for name, hint in typing.get_type_hints(SignalRow).items()}
    assert said == {name: (of(field), field.null) for name, field in columns().items()}


def test_a_new_signal_is_what_record_takes() -> None:
    taken = inspect.signature(Workspace.record).parameters
    hints = typing.get_type_hints(NewSignal)
    assert set(hints) == set(taken) - {"self", "on_existing", "repair"}
    required = {name for name in hints if taken[name].default is inspect.Parameter.empty}
    assert required == NewSignal.__required_keys__ == {"verbatim", "source"}


def test_a_new_signal_has_the_types_of_the_columns() -> None:
    stored = columns()
    for name, hint in typing.get_type_hints(NewSignal).items():
        kind, optional = without_none(hint)
        assert kind == of(stored[name])
        assert optional == (name not in NewSignal.__required_keys__)


def test_the_words_of_a_literal_are_the_vocabulary() -> None:
    for name, literal in LITERALS.items():
        assert vocabularies.Vocabularies()[name] == typing.get_args(literal)


def test_every_role_key_is_declared_for_type_checkers() -> None:
    for name, field in columns().items():
        if isinstance(field, ForeignKeyField):
            assert name.endswith("_id")
            assert f"{name} = TextField(" in inspect.getsource(tables.Signal)
