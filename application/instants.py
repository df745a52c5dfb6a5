"""Instants: between the house's epoch microseconds, the database's timestamptz and the pages' milliseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def moment(us: int) -> datetime:
    """Return epoch microseconds as a moment in UTC, exactly."""
    return _EPOCH + timedelta(microseconds=us)


def microseconds(when: datetime) -> int:
    """Return a moment with a zone as epoch microseconds, exactly."""
    return (when - _EPOCH) // _MICROSECOND


def milliseconds(when: datetime) -> int:
    """Return a moment with a zone as epoch milliseconds, as pages read it."""
    return microseconds(when) // 1000


def milliseconds_or_none(when: datetime | None) -> int | None:
    """Return a moment as epoch milliseconds, None as None."""
    return None if when is None else milliseconds(when)
