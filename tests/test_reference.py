"""Is every public name documented, in a docstring and in the reference?"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import signals_peewee
from signals_peewee import SignalFilter, SignalStore, Workspace, errors, runner, schema, store
from signals_peewee.store.paging import SORTS
from signals_peewee.store.reading import _BY
from signals_peewee.store.relations import INCLUDES

DOCS = Path(__file__).resolve().parents[1] / "docs"
REFERENCE = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("reference.md", "migrations.md"))


def members(kind: type) -> list[tuple[str, Any]]:
    return [(name, each) for name, each in inspect.getmembers(kind, callable) if not name.startswith("_")]


@pytest.mark.parametrize("module", [signals_peewee, errors, runner, schema, store], ids=lambda module: module.__name__)
def test_every_public_name_is_in_the_reference(module: ModuleType) -> None:
    names = {name for name in module.__all__ if not name.startswith("_")}
    assert {name for name in names if not re.search(rf"`[^`]*\b{name}\b", REFERENCE)} == set()


@pytest.mark.parametrize("module", [signals_peewee, errors, runner, schema, store], ids=lambda module: module.__name__)
def test_every_public_name_has_a_docstring(module: ModuleType) -> None:
    things = [getattr(module, name) for name in module.__all__]
    classes = [each for each in things if inspect.isclass(each)]
    functions = [each for each in things if inspect.isfunction(each)]
    functions += [method for each in classes for _, method in members(each) if _ours(method)]
    assert [each for each in (*classes, *functions) if not inspect.getdoc(each)] == []


def _ours(method: Any) -> bool:
    return inspect.isfunction(method) and method.__module__.startswith("signals_peewee")


@pytest.mark.parametrize(("kind", "door"), [(SignalStore, "store"), (Workspace, "ws")])
def test_every_operation_is_in_the_reference(kind: type, door: str) -> None:
    assert [name for name, _ in members(kind) if f"`{door}.{name}(" not in REFERENCE] == []


def test_every_word_of_the_reading_room_is_in_the_reference() -> None:
    words = {*SORTS, *INCLUDES, *_BY, *(name for name in SignalFilter.__annotations__ if name != "_also")}
    assert {word for word in words if f"`{word}`" not in REFERENCE} == set()


@pytest.mark.parametrize("name", ["severity", "frequency", "source", "status"])
def test_the_words_of_a_vocabulary_are_in_the_reference(name: str) -> None:
    from signals_peewee.schema.vocabularies import DEFAULTS

    assert f"| {name} | {', '.join(DEFAULTS[name])} |" in REFERENCE
