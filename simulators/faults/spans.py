"""Spans of time as scenario files write them: "+2h", "-80min", "d3 06:00", an instant, "1d 12h"."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_PIECE = r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)"
_DURATION = re.compile(rf"{_PIECE}(?:\s*{_PIECE})*")
_DAY = re.compile(r"d(\d{1,4})\s+(\d{1,2}):(\d{2})")
_MOST_S = 100 * 366 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class When:
    """A time that needs the start of a scenario to be known: an offset from it, a time of its n-th day, or neither.

    `at` (epoch microseconds) is set where the file names an instant, `local` where it names one by the city's clock.
    Day 1 is the local day on which the scenario starts.
    """

    offset_s: float = 0.0
    day: int | None = None
    minute: int = 0
    at: int | None = None
    local: datetime | None = None

    def from_start(self, start: int, zone: ZoneInfo) -> int:
        """Return epoch microseconds, for a scenario that starts then in that zone."""
        if self.at is not None:
            return self.at
        if self.local is not None:
            return _us(self.local.replace(tzinfo=zone))
        if self.day is None:
            return start + round(self.offset_s * 1e6)
        local = datetime.fromtimestamp(start / 1e6, UTC).astimezone(zone)
        day = local.date() + timedelta(days=self.day - 1)
        begun = datetime(day.year, day.month, day.day, self.minute // 60, self.minute % 60, tzinfo=zone)
        return _us(begun)


def duration_s(told: object) -> float:
    """Read a length of time. Raises ValueError that says how to write one."""
    text = told.strip() if isinstance(told, str) else ""
    if not _DURATION.fullmatch(text):
        raise ValueError(f'a length of time is written like "90min", "2h" or "1d 12h", not {told!r}')
    seconds = sum(float(n) * _UNITS_S[unit] for n, unit in re.findall(_PIECE, text))
    if not 0 < seconds <= _MOST_S:
        raise ValueError(f"a length of time is more than nothing and at most a hundred years, not {told!r}")
    return seconds


def when(told: object) -> When:
    """Read a time. Raises ValueError that says how to write one."""
    if isinstance(told, When):
        return told
    if isinstance(told, date):
        return _instant(told if isinstance(told, datetime) else datetime(told.year, told.month, told.day))  # noqa: DTZ001
    text = told.strip() if isinstance(told, str) else ""
    if text[:1] in {"+", "-"} and len(text) > 1:
        length = 0.0 if re.fullmatch(r"[+-]0+\s*(s|min|h|d|w)", text) else duration_s(text[1:])
        return When(offset_s=-length if text[0] == "-" else length)
    named = _DAY.fullmatch(text)
    if named:
        day, hour, minute = (int(part) for part in named.groups())
        if day < 1 or hour > 23 or minute > 59:
            raise ValueError(f'days count from d1 and hours from 00:00 to 23:59, not {told!r}: write "d3 06:00"')
        return When(day=day, minute=hour * 60 + minute)
    try:
        return _instant(datetime.fromisoformat(text))
    except ValueError as err:
        raise ValueError(
            f'a time is written like "+2h", "-80min", "d3 06:00" or 2026-01-05T06:00:00, not {told!r}'
        ) from err


def _instant(moment: datetime) -> When:
    return When(local=moment) if moment.tzinfo is None else When(at=_us(moment))


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
