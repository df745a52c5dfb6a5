"""Rota: who is on call at an instant, and when nobody is: pure, by the clock of the rota's city."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from application.instants import microseconds, moment
from application.notify.plan import DAYS, Quiet, Rota, Shift

_DAY, _WEEK = 24 * 60, 7 * 24 * 60


def on_call(rota: Rota, at: int) -> tuple[tuple[str, ...], ...]:
    """Return the rungs at an instant (epoch microseconds), the first to be told first; empty: nobody is on call.

    What is told for certain dates goes before the week; of two shifts at once, the one that stands first.
    """
    now = moment(at)
    for part in rota.instead:
        if part.begin <= now < part.until:
            return part.rungs
    local = now.astimezone(ZoneInfo(rota.zone))
    minute = local.weekday() * _DAY + local.hour * 60 + local.minute
    found = next((shift for shift in rota.shift if _covers(shift, minute)), None)
    return () if found is None else found.rungs


def holes(rota: Rota) -> list[str]:
    """Return the stretches of the week in which nobody is on call, in words: `Tue 02:00-06:00`."""
    return [_words(begin, end) for begin, end in _uncovered(rota.shift)]


def overlaps(rota: Rota) -> list[str]:
    """Return the pairs of shifts of which both hold at some minute, by their numbers in the file."""
    spans = [_spans(shift) for shift in rota.shift]
    return [
        f"shifts {a + 1} and {b + 1}"
        for a in range(len(spans))
        for b in range(a + 1, len(spans))
        if any(x[0] < y[1] and y[0] < x[1] for x in spans[a] for y in spans[b])
    ]


def next_change(rota: Rota, at: int) -> int | None:
    """Return when other people will be on call than at an instant, to the minute; None: never within a week."""
    now, first = on_call(rota, at), moment(at).astimezone(UTC).replace(second=0, microsecond=0)
    for step in range(1, _WEEK + 1):
        then = first + timedelta(minutes=step)
        instant = int(then.timestamp()) * 1_000_000
        if on_call(rota, instant) != now:
            return instant
    return None


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


def _covers(shift: Shift, minute: int) -> bool:
    return any(begin <= minute < end for begin, end in _spans(shift))


def _spans(shift: Shift) -> list[tuple[int, int]]:
    """Return the minutes of the week of a shift; what goes beyond Sunday comes back on Monday."""
    begin, end = shift.minutes
    spans: list[tuple[int, int]] = []
    for day in shift.days:
        start = DAYS.index(day) * _DAY
        first, last = start + begin, start + end
        spans += [(first, last)] if last <= _WEEK else [(first, _WEEK), (0, last - _WEEK)]
    return [span for span in spans if span[0] < span[1]]


def _uncovered(shifts: Sequence[Shift]) -> list[tuple[int, int]]:
    """Return the gaps of a week. One over the night to Monday is one gap, that ends beyond the week."""
    gaps: list[tuple[int, int]] = []
    reached = 0
    for begin, end in sorted(span for shift in shifts for span in _spans(shift)):
        if begin > reached:
            gaps.append((reached, begin))
        reached = max(reached, end)
    if reached < _WEEK:
        gaps.append((reached, _WEEK))
    if len(gaps) > 1 and gaps[0][0] == 0 and gaps[-1][1] == _WEEK:
        gaps = [*gaps[1:-1], (gaps[-1][0], _WEEK + gaps[0][1])]
    return gaps


def _words(begin: int, end: int) -> str:
    day, last_day = begin // _DAY, (end - 1) // _DAY
    until = _clock(end - last_day * _DAY)
    after = "" if last_day == day else f"{DAYS[last_day % 7].capitalize()} "
    return f"{DAYS[day].capitalize()} {_clock(begin - day * _DAY)}-{after}{until}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
