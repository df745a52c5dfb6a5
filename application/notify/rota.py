"""Rota: who is on call at an instant, and when nobody is: pure, by the clock of the rota's city.

Minutes are counted over the cycle of a rota: one week, or as many as its shifts need to come round.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import lcm
from zoneinfo import ZoneInfo

from application.instants import MINUTE, microseconds, moment
from application.notify.plan import DAYS, Quiet, Rota, Shift

Rungs = tuple[tuple[str, ...], ...]
_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_MONDAY = date(1970, 1, 5)
_AHEAD_MIN = 2 * _WEEK


def on_call(rota: Rota, at: int) -> Rungs:
    """Return the rungs at an instant (epoch microseconds), the first to be told first; empty: nobody is on call.

    What is told for certain dates goes before the weeks; of two shifts at once, the one that stands first.
    """
    return _at(rota, _spans(rota), at)


def next_change(rota: Rota, at: int) -> int | None:
    """Return when other people will be on call than at an instant, to the minute; None: not within two weeks."""
    spans = _spans(rota)
    now, minute = _at(rota, spans, at), at - at % MINUTE
    steps = (minute + step * MINUTE for step in range(1, _AHEAD_MIN + 1))
    return next((then for then in steps if _at(rota, spans, then) != now), None)


def holes(rota: Rota) -> list[str]:
    """Return the stretches of the cycle in which nobody is on call, in words: `Tue 02:00-06:00`."""
    weeks = _cycle(rota)
    gaps = _gaps([(begin, end) for spans in _spans(rota) for begin, end in spans], weeks * _WEEK)
    return [_words(begin, end) + _which(begin, weeks) for begin, end in gaps]


def overlaps(rota: Rota) -> list[str]:
    """Return the pairs of shifts of which both hold at some minute, by their numbers in the file."""
    spans = _spans(rota)
    return [
        f"shifts {a + 1} and {b + 1}"
        for a in range(len(spans))
        for b in range(a + 1, len(spans))
        if any(x[0] < y[1] and y[0] < x[1] for x in spans[a] for y in spans[b])
    ]


def quiet_until(quiet: Quiet | None, priority: int, at: int) -> int:
    """Return when a notice may go out: at once, or when the quiet hours that it falls into are over."""
    if quiet is None or priority not in quiet.priorities:
        return at
    local = moment(at).astimezone(ZoneInfo(quiet.zone))
    begin, end = quiet.minutes
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in (0, 1):  # today's hours, or yesterday's that go on over midnight
        day = midnight - timedelta(days=back)
        if day + timedelta(minutes=begin) <= local < day + timedelta(minutes=end):
            return microseconds((day + timedelta(minutes=end)).astimezone(UTC))
    return at


def _at(rota: Rota, spans: Sequence[Sequence[tuple[int, int]]], at: int) -> Rungs:
    now = moment(at)
    for part in rota.instead:
        if part.begin <= now < part.until:
            return part.rungs
    minute = _minute(now.astimezone(ZoneInfo(rota.zone)), _cycle(rota))
    for shift, mine in zip(rota.shift, spans, strict=True):
        if any(begin <= minute < end for begin, end in mine):
            return shift.rungs
    return ()


def _minute(local: datetime, weeks: int) -> int:
    """Return the minute of the cycle that a clock shows."""
    return _week(local.date()) % weeks * _WEEK + local.weekday() * _DAY + local.hour * 60 + local.minute


def _week(day: date) -> int:
    """Return the number of a week, from Monday to Sunday."""
    return (day - _MONDAY).days // 7


def _cycle(rota: Rota) -> int:
    """Return after how many weeks everything comes again."""
    return lcm(*(shift.every_weeks for shift in rota.shift))


def _spans(rota: Rota) -> list[list[tuple[int, int]]]:
    """Return, per shift, its minutes of the cycle."""
    weeks = _cycle(rota)
    return [_of_shift(shift, weeks) for shift in rota.shift]


def _of_shift(shift: Shift, weeks: int) -> list[tuple[int, int]]:
    """Return the minutes of a shift; what goes beyond the last Sunday comes back on the first Monday."""
    begin, end = shift.minutes
    first = 0 if shift.since is None else _week(shift.since) % shift.every_weeks
    whole = weeks * _WEEK
    spans: list[tuple[int, int]] = []
    for week in range(first, weeks, shift.every_weeks):
        for day in shift.days:
            start = week * _WEEK + DAYS.index(day) * _DAY
            spans += _wrapped(start + begin, start + end, whole)
    return spans


def _wrapped(begin: int, end: int, whole: int) -> list[tuple[int, int]]:
    if end <= whole:
        return [(begin, end)]
    return [(begin, whole), (0, end - whole)] if begin < whole else [(begin - whole, end - whole)]


def _gaps(covered: Sequence[tuple[int, int]], whole: int) -> list[tuple[int, int]]:
    """Return what is not covered. A gap over the night to the first Monday is one, that ends beyond the whole."""
    gaps: list[tuple[int, int]] = []
    reached = 0
    for begin, end in sorted(covered):
        if begin > reached:
            gaps.append((reached, begin))
        reached = max(reached, end)
    if reached < whole:
        gaps.append((reached, whole))
    if len(gaps) > 1 and gaps[0][0] == 0 and gaps[-1][1] == whole:
        gaps = [*gaps[1:-1], (gaps[-1][0], whole + gaps[0][1])]
    return gaps


def _words(begin: int, end: int) -> str:
    day, last_day = begin // _DAY, (end - 1) // _DAY
    until = _clock(end - last_day * _DAY)
    after = "" if last_day == day else f"{DAYS[last_day % 7].capitalize()} "
    return f"{DAYS[day % 7].capitalize()} {_clock(begin - day * _DAY)}-{after}{until}"


def _which(begin: int, weeks: int) -> str:
    """Return which week is meant, where not all are alike: by a Monday that it begins with."""
    if weeks == 1:
        return ""
    return (
        f" in the week of {_MONDAY + timedelta(weeks=_NEAR // weeks * weeks + begin // _WEEK)} and every {weeks} weeks"
    )


_NEAR = _week(date(2026, 1, 5))
"""A week whose like people find in their calendars."""


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
