"""Moments: times as people type them on the command line."""

import re
from datetime import UTC, datetime, timedelta

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"(\d{1,6})(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


class MomentError(ValueError):
    """A time was given in a way that is not understood; the text says which are."""


def moment(words: str, now: datetime | None = None) -> datetime:
    """Return the time in UTC that somebody means: `2h` or `3d` ago, an ISO date or time, `now`, or `always`.

    A time without a zone is in UTC. Raises MomentError.
    """
    now = now or datetime.now(UTC)
    spoken = {"now": now, "always": ALWAYS}
    if words in spoken:
        return spoken[words]
    try:
        ago = _AGO.fullmatch(words)
        if ago:
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        found = datetime.fromisoformat(words)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise MomentError(
            f"{words!r} is no time: expected 30min, 2h, 3d or 1w (so long ago), "
            "2026-01-31 or 2026-01-31T08:00+08:00 (UTC without a zone), now, or always"
        ) from err
