"""How does each kind of value become a column, and who refuses what cannot be one?"""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from peewee import SQL, DoubleField, JSONField, Node, TextField

from ..engine import InstantField
from ..errors import InvalidSignal
from . import documents
from .texts import check_text
from .vocabularies import check_word

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
_EARLIEST = datetime(1, 1, 2, tzinfo=timezone.utc)
_LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)


class Typed(Generic[T]):
    """What a field is to type checkers: itself on the class, its value on a row."""

    if TYPE_CHECKING:

        def __new__(cls, *arguments: Any, **options: Any) -> Self: ...
        @overload
        def __get__(self, instance: None, owner: Any) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> T: ...
        def __get__(self, instance: object | None, owner: Any) -> Any: ...
        def __set__(self, instance: object, value: T) -> None: ...


def utc_now() -> datetime:
    """Return this instant."""
    return datetime.now(timezone.utc)


def check_time(field: str, value: object) -> datetime:
    """Return an aware time in UTC.

    Raises:
        InvalidSignal: it is not a datetime, has no offset (it is never guessed), or lies outside the years 1 to 9999.
    """
    if not isinstance(value, datetime):
        hint = "a datetime with an offset, not a date" if isinstance(value, date) else "a datetime with an offset"
        raise InvalidSignal(field, value, hint)
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidSignal(field, value, "an aware datetime: say which offset, for example tzinfo=timezone.utc")
    try:
        instant = value.astimezone(timezone.utc)
    except OverflowError as error:
        raise InvalidSignal(field, value, "a time between the years 1 and 9999") from error
    if not _EARLIEST <= instant <= _LATEST:
        raise InvalidSignal(field, value, "a time between the years 1 and 9999")
    return instant


class WordsField(Typed[T], TextField):
    """A text that both databases can store."""

    def __init__(self, *, max_length: int | None = None, **options: Any) -> None:
        self.max_length = max_length
        super().__init__(**options)

    def db_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Node):
            return value
        return check_text(self.name, value, max_length=self.max_length)


class IdField(WordsField[str]):
    """A key of 21 characters, made by the store's own maker of keys."""

    def bind(self, model: Any, name: str, set_attribute: bool = True) -> None:
        make = getattr(model._meta, "new_ids", None)
        if make is not None:
            self.default = lambda: make(1)[0]
        super().bind(model, name, set_attribute)


class TimeField(Typed[T], InstantField):
    """An instant: aware UTC in Python. A naive time is refused, on writing and in a comparison.

    Args:
        now: Peewee's `create()` and the database both fill it with the present instant.
    """

    def __init__(self, *, now: bool = False, **options: Any) -> None:
        super().__init__(default_now=now, default=utc_now if now else None, **options)

    def db_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Node):
            return value
        return super().db_value(check_time(self.name, value))


class VocabularyField(Typed[T], TextField):
    """A word of a vocabulary, checked on writing and in a comparison.

    Args:
        vocabulary: its name among `Vocabularies`.
        default: the word that Python and the database both fill in.
    """

    known: tuple[str, ...] = ()

    def __init__(self, vocabulary: str, *, default: str | None = None, **options: Any) -> None:
        self.vocabulary = vocabulary
        constraints = [SQL(f"DEFAULT '{default}'")] if default else None
        super().__init__(default=default, constraints=constraints, **options)

    def bind(self, model: Any, name: str, set_attribute: bool = True) -> None:
        vocabularies = getattr(model._meta, "vocabularies", None)
        if vocabularies is not None:
            self.known = vocabularies[self.vocabulary]
        super().bind(model, name, set_attribute)

    def db_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Node):
            return value
        return check_word(self.name, value, self.known)


class DocumentField(Typed[T], JSONField):
    """A JSON object: jsonb on Postgres, JSON text on SQLite. Paths, `contains` and `has_key` are Peewee's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    def db_value(self, value: Any) -> Any:
        # Peewee converts the other side of a comparison with a path here too, so it need not be an object.
        if value is not None and not isinstance(value, Node):
            value = documents.check_json(self.name, value)
        return super().db_value(value)  # type: ignore[no-untyped-call]


def check_confidence(field: str, value: object) -> float:
    """Return a confidence as a float.

    Raises:
        InvalidSignal: it is no number from 0 to 1.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise InvalidSignal(field, value, "a number from 0 to 1")


class ConfidenceField(Typed[T], DoubleField):
    """How sure somebody is, from 0 to 1; double precision, because float4 does not find 0.9 again."""

    def db_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, Node) else check_confidence(self.name, value)
