"""Spans: stretches of time as people write them on a command line."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

_AGO = re.compile(r"^(\d{1,6})([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SpanError(Exception):
    """What was written is no time, or the end is not after the beginning."""


def moment_of(written: str, now: int, zone: tzinfo = UTC) -> int:
    """Return epoch microseconds of `36h` (before now), a date or an ISO 8601 time; without a zone it is in `zone`.

    Raises SpanError.
    """
    ago = _AGO.match(written.strip())
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) // timedelta(microseconds=1)
        read = datetime.fromisoformat(written.strip())
        when = read if read.tzinfo is not None else read.replace(tzinfo=zone)
        return (when - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as err:
        raise SpanError(f"{written!r} is no time: write 36h, 7d, 2026-01-20 or 2026-01-20T06:00+08:00") from err


def span_of(clock: Callable[[], int], since: str, until: str | None, zone: tzinfo = UTC) -> tuple[int, int]:
    """Return [from, to) in epoch microseconds; without `until`, to now by the clock. Raises SpanError."""
    now = clock()
    start, stop = moment_of(since, now, zone), now if until is None else moment_of(until, now, zone)
    if start >= stop:
        raise SpanError(f"the span ends ({until or 'now'}) before it begins ({since}): swap them, or go further back")
    return start, stop
