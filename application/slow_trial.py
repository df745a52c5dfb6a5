"""Slow trial: what a slow rule would have raised on a device, over stored ten-minute means. Nothing is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from application.instants import DAY
from application.rule import Rule, RuleError
from application.slow.diary import DAYS
from application.slow.past import TENTH
from application.slow.watch import SETTLE, SlowWatch
from application.tuning import Tuning
from perception.catalogue import DeviceStatus
from perception.roster import Member, Roster
from perception.sensor_kind import SensorKind
from support.store import Tenths

TenthsOf = Callable[[SensorKind, Sequence[str], Sequence[int], tuple[int, int]], Tenths]


def tried_slowly(
    tenths: TenthsOf,
    pair: tuple[Rule, Tuning],
    member: Member,
    roster: Roster,
    zones: Mapping[str, tzinfo],
    span: tuple[int, int],
) -> Iterator[Mapping[str, object]]:
    """Yield what a slow rule would have raised and cleared on a device over a span, as transitions are announced.

    What was known is learned from the four weeks before the span, as far as they are stored. The stations of the
    district and the rooms of the station take part, so that they can be compared with. Raises RuleError.
    """
    rule, _ = pair
    if not rule.fits(member.kind):
        raise RuleError(f"{rule.name} does not fit the kind {member.kind.name}: it needs {', '.join(rule.needs)}")
    begin, end = (at // TENTH * TENTH for at in span)
    watch = SlowWatch([pair])
    state = replace(watch.enrol(None, _company(roster, member), zones=zones), judged=begin)

    def told(since: int, until: int) -> dict[str, Tenths]:
        """Read what is stored, of the others only from the day before the span on: they are but compared with."""
        return {
            name: tenths(ward.facts.kind, ward.past.points, ids, (since, until))
            for name, ward in state.kinds.items()
            if ward.past.points
            for ids in [[m.device_id for m in ward.facts.members if m.station == member.station or until > begin - DAY]]
        }

    for since, until in _days((begin // DAY - DAYS) * DAY, begin):
        state = watch.filled(state, told(since, until), until)
    for since, until in _days(begin, end):
        stepped = watch.step(state, told(since, until), until + SETTLE)
        state = stepped.state
        yield from (t for t in stepped.transitions if t["station"] == member.station)


def _days(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield [begin, end) cut at the ends of days."""
    while begin < end:
        until = min((begin // DAY + 1) * DAY, end)
        yield begin, until
        begin = until


def _company(roster: Roster, member: Member) -> Roster:
    """Return the device, those of its kind in its district, and whatever else stands at its station."""
    active = [m for m in roster.members.values() if m.status is DeviceStatus.ACTIVE]
    chosen = {
        m.name: m
        for m in active
        if m.station == member.station or (m.kind.name == member.kind.name and m.district == member.district)
    }
    return Roster({**chosen, member.name: replace(member, status=DeviceStatus.ACTIVE)}, roster.kinds)
