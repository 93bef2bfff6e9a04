"""Which models is a database to be compared with?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from peewee import Model

from ..errors import InvalidOption

Models = Iterable[type[Model]] | Callable[[], Iterable[type[Model]]]
"""Peewee models, or a function that returns them, for a source that is made before they are."""


def offered(models: Models | None) -> Models | None:
    """Return what a source was given for `models`, so that it can be read more than once.

    Raises:
        InvalidOption: it is neither models nor a function.
    """
    if models is None or (callable(models) and not isinstance(models, type)):
        return models
    return _checked(models)


def offers(sources: Sequence[Any]) -> bool:
    """Tell whether any of the sources knows models."""
    return any(getattr(source, "models", None) is not None for source in sources)


def models_of(models: Iterable[type[Model]] | None, sources: Sequence[Any]) -> list[type[Model]]:
    """Return the models that were given, or else those that the sources offer.

    Raises:
        InvalidOption: there are none, or one of them is no model.
    """
    if models is not None:
        return _checked(models)
    if not offers(sources):
        raise InvalidOption("models", None, "models, here or in a source: DirectorySource(…, models=[User, …])")
    of_sources = [getattr(source, "models", None) or () for source in sources]
    return [model for some in of_sources for model in _checked(some() if callable(some) else some)]


def _checked(models: Any) -> list[type[Model]]:
    chosen = [models] if isinstance(models, type) or not isinstance(models, Iterable) else list(models)
    for model in chosen:
        if chosen == [models] or not (isinstance(model, type) and issubclass(model, Model)):
            raise InvalidOption("models", model, "a list of Peewee model classes")
    return chosen
