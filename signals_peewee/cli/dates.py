"""Which instant does a cell mean? A guess is made nowhere: where a date can be read in two ways, it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from .errors import BadArgument

Order = Literal["day", "month"]

_TIME = (
    r"(?:(?:[T ]|,\s*)\s*(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?"
)
_OFFSET = r"\s*(?:(?P<utc>Z|z|UTC|GMT)|(?P<sign>[+-])(?P<off_hours>\d\d):?(?P<off_minutes>\d\d)?)?"
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})([-/.])(?P<b>\d{{1,2}})\2(?P<c>\d{{1,2}}){_TIME}{_OFFSET}", re.ASCII)
_YEAR_LAST = re.compile(rf"(?P<b>\d{{1,2}})([-/.])(?P<c>\d{{1,2}})\2(?P<year>\d{{4}}){_TIME}{_OFFSET}", re.ASCII)


class AmbiguousDate(ValueError):
    """A date whose day and month could be either way round."""


@dataclass(frozen=True)
class Dates:
    """How the dates of a file are written.

    Args:
        order: what comes first in 03/04/2025; None refuses such dates. One that can only be read the other way round
            (3/31/2025) is read so.
        format: a `strptime` format for anything else; it is then the only form that is read.
        zone: what a date without an offset is taken to be in.
    """

    order: Order | None = None
    format: str | None = None
    zone: tzinfo = timezone.utc

    def read(self, cell: str) -> datetime:
        """Return the aware time of a cell; a date without a time is its midnight.

        Raises:
            AmbiguousDate: day and month could be either way round, and `order` does not say.
            ValueError: it is no date in a form that is read.
        """
        found = datetime.strptime(cell, self.format) if self.format else self._recognised(cell)  # noqa: DTZ007
        return found if found.tzinfo else found.replace(tzinfo=self.zone)

    def is_other_way_round(self, cell: str) -> bool:
        """Tell whether a date is read against `order`, because it can only be read so."""
        parts = _YEAR_LAST.fullmatch(cell) if self.order and not self.format else None
        return parts is not None and self._day_first(parts) != (self.order == "day")

    def _day_first(self, parts: re.Match[str]) -> bool:
        first, second = int(parts["b"]), int(parts["c"])
        return first > 12 or second <= 12 if self.order == "day" else first > 12 >= second

    def _recognised(self, cell: str) -> datetime:
        if parts := _YEAR_FIRST.fullmatch(cell):
            month, day = parts["b"], parts["c"]
        elif parts := _YEAR_LAST.fullmatch(cell):
            if self.order is None:
                raise AmbiguousDate(cell)
            month, day = (parts["c"], parts["b"]) if self._day_first(parts) else (parts["b"], parts["c"])
        else:
            raise ValueError(cell)
        hour = int(parts["hour"] or 0)
        if parts["half"]:
            if not 1 <= hour <= 12:
                raise ValueError(cell)
            hour = hour % 12 + (12 if parts["half"] in "Pp" else 0)
        micro = int((parts["fraction"] or "").ljust(6, "0")[:6])
        time = (hour, int(parts["minute"] or 0), int(parts["second"] or 0), micro)
        return datetime(int(parts["year"]), int(month), int(day), *time, tzinfo=_offset(parts))


def _offset(parts: re.Match[str]) -> tzinfo | None:
    if parts["utc"]:
        return timezone.utc
    if not parts["sign"]:
        return None
    ahead = timedelta(hours=int(parts["off_hours"]), minutes=int(parts["off_minutes"] or 0))
    return timezone(-ahead if parts["sign"] == "-" else ahead)


def zone_named(name: str) -> tzinfo:
    """Return the time zone of an IANA name such as Europe/London.

    Raises:
        BadArgument: this machine knows no such zone.
    """
    if name.upper() in ("UTC", "Z"):
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise BadArgument(
            "--timezone", name, "an IANA name such as Europe/London (some systems need: pip install tzdata)"
        ) from error


def check_format(form: str) -> str:
    """Return a `strptime` format that names at least a year, a month and a day.

    Raises:
        BadArgument: it has a directive that does not exist, or gives no whole date.
    """
    problem = BadArgument("--date-format", form, "a strptime format of a whole date, such as '%d %b %Y %H:%M'")
    try:
        datetime.strptime("", form)  # noqa: DTZ007
    except ValueError as error:
        if "does not match" not in str(error):
            raise problem from error
    directives = set(re.findall("%[A-Za-z]", form.replace("%%", "")))
    year, month, day = directives & {"%Y", "%y", "%G"}, directives & {"%m", "%b", "%B"}, directives & {"%d"}
    if not directives & {"%c", "%x", "%j"} and not (year and month and day):
        raise problem
    return form
