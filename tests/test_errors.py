"""Does an error say what it must, and come out of a process pool as it was raised?"""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from signals_peewee import SignalsError, errors, open_store
from signals_peewee.errors import InvalidSignal, NotFound
from signals_peewee.errors.tree import _remade
from signals_peewee.store import RejectedRow

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SignalsError)]


@pytest.mark.parametrize("kind", [*KINDS, RejectedRow])
def test_every_error_pickles(kind: type[SignalsError]) -> None:
    error = _remade(kind, ("what happened",))
    vars(error).update(field="source", value=["fax"])
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (kind, str(error), vars(error))


def test_what_is_refused_carries_its_field_value_and_what_was_expected(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        workspace = store.workspace_named("acme", create=True)
        with pytest.raises(InvalidSignal) as refused:
            workspace.record("words", source="fax")
        with pytest.raises(NotFound) as missing:
            workspace.get("none")
    assert (refused.value.field, refused.value.value) == ("source", "fax")
    assert refused.value.expected.startswith("one of webhook, upload")
    assert (missing.value.field, missing.value.value) == ("signal", "none")
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_a_long_or_deep_value_is_shown_short() -> None:
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    for value in ("x" * 10_000, deep, 10**5000, {"a": "y" * 10_000}):
        assert len(str(InvalidSignal("field", value, "less"))) < 400
