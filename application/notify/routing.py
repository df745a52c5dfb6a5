"""Routing: who is to be told of an incident now, from the plan and from what was told before: pure.

An incident is told once to each recipient, however many alarms it has. It speaks up again only where that changes what
somebody has to do: an alarm joined that is more urgent than what is still to be seen, or, at a station, that came when
all before was seen or over; or the shelving of one ended by itself. On call, the next rung is told until somebody
acknowledges.
"""

from collections.abc import Iterable, Iterator, Sequence

from application.instants import MINUTE
from application.notify.matter import (
    BACK,
    CLEARED,
    ESCALATION,
    MORE,
    OPENED,
    Matter,
    Notice,
    Speaking,
    Told,
    notices,
)
from application.notify.plan import ON_CALL, Plan, Rota, Route
from application.notify.rota import on_call


def due(plan: Plan, matter: Matter, told: Sequence[Told], now: int) -> list[Notice]:
    """Return the notices that are to be queued at `now` (epoch microseconds); each at most once."""
    if matter.moved:
        return []
    if matter.over:
        return list(_unique(_cleared(plan, matter, told), told))
    found: list[Notice] = []
    for via in dict.fromkeys(name for route in plan.route for name in route.to):
        about = _about(plan, matter, via)
        found += _to(plan, matter, via, about, told, now)
    return list(_unique(found, told))


def nobody_on_call(plan: Plan, matter: Matter, now: int) -> list[str]:
    """Return the rotas that should be told of an incident now and have nobody to tell."""
    rotas = {n for route in plan.route for n in route.to if n.startswith(ON_CALL) and _about(plan, matter, n)}
    return sorted(r for r in rotas if not _rungs(plan.on_call[r.removeprefix(ON_CALL)], now))


def _about(plan: Plan, matter: Matter, via: str) -> list[Speaking]:
    """Return the alarms of an incident that the routes tell somebody of."""
    routes = [route for route in plan.route if via in route.to and _fits_place(route, matter)]
    return [alarm for alarm in matter.speaking if any(_fits(route, alarm) for route in routes)]


def _fits_place(route: Route, matter: Matter) -> bool:
    pairs = (
        (route.cities, matter.cities),
        (route.districts, matter.districts),
        (route.stations, matter.stations),
    )
    return all(not wanted or wanted & there for wanted, there in pairs)


def _fits(route: Route, alarm: Speaking) -> bool:
    return (
        alarm.priority in route.priorities
        and (not route.rules or alarm.rule in route.rules)
        and (not route.families or alarm.family in route.families)
    )


def _to(
    plan: Plan, matter: Matter, via: str, about: Sequence[Speaking], told: Sequence[Told], now: int
) -> Iterator[Notice]:
    """Yield what one recipient, or one rota, is to be told."""
    rota = plan.on_call[via.removeprefix(ON_CALL)] if via.startswith(ON_CALL) else None
    first = (via,) if rota is None else next(iter(_rungs(rota, now)), ())
    mine = [t for t in told if t.via == via or (t.recipient in first and t.stage == OPENED)]
    covered = frozenset(alarm for t in mine for alarm in t.alarms)
    ready = any(now - a.recorded >= plan.hold_us(a.priority) for a in about if a.alarm_id not in covered)
    if not mine:
        if ready and not all(a.acknowledged for a in about):
            yield from notices(plan, matter, OPENED, first, via, about)
        return
    fresh = [a for a in about if a.alarm_id not in covered and not a.acknowledged]
    if fresh and ready and _matters(matter, fresh, about, mine):
        worst = min(fresh, key=lambda a: (a.priority, a.opened, a.alarm_id))
        yield from notices(plan, matter, f"{MORE}:{worst.alarm_id}", first, via, fresh)
        return
    yield from _back(plan, matter, via, [a for a in about if a.alarm_id in covered], mine, first)
    if rota is not None:
        told_of = [] if matter.area and matter.seen else [a for a in about if matter.area or a.alarm_id in covered]
        waiting = [a for a in told_of if not a.acknowledged]
        yield from _escalated(plan, matter, rota, via, waiting, mine, now)


def _matters(matter: Matter, fresh: Sequence[Speaking], about: Sequence[Speaking], mine: Sequence[Told]) -> bool:
    """Return whether alarms that joined change what somebody has to do."""
    worst = min(a.priority for a in fresh)
    if matter.area:
        return worst < min(t.priority for t in mine)
    covered = {alarm for t in mine for alarm in t.alarms}
    unseen = [a.priority for a in about if a.alarm_id in covered and not a.acknowledged]
    return not unseen or worst < min(unseen)


def _back(
    plan: Plan, matter: Matter, via: str, about: Sequence[Speaking], mine: Sequence[Told], first: Sequence[str]
) -> Iterator[Notice]:
    """Yield that the shelving of an alarm ended by itself and the alarm is still there, once per shelving."""
    known = {t.stage for t in mine}
    since = min(t.created for t in mine)
    for alarm in about:
        if alarm.back is not None and alarm.back[1] > since and f"{BACK}:{alarm.back[0]}" not in known:
            yield from notices(plan, matter, f"{BACK}:{alarm.back[0]}", first, via, [alarm])


def _escalated(
    plan: Plan, matter: Matter, rota: Rota, via: str, waiting: Sequence[Speaking], mine: Sequence[Told], now: int
) -> Iterator[Notice]:
    """Yield the notices of the next rung, when the last one has had its time and nobody has acknowledged."""
    minutes = rota.escalate_min.get(min((a.priority for a in waiting), default=0))
    if minutes is None:
        return
    # Without one: who was on call was told by another route, and is not on call any more.
    primary = max([t for t in mine if t.rung == 0] or mine[:1], key=lambda t: (t.created, t.stage))
    about = "".join(primary.stage.partition(":")[1:])
    steps = [t for t in mine if t.rung and t.stage.removeprefix(f"{ESCALATION}-{t.rung}") == about]
    reached = max((t.rung for t in steps), default=0)
    last = max((t.created for t in steps if t.rung == reached), default=primary.created)
    rungs = _rungs(rota, now)
    if now - last >= minutes * MINUTE and reached + 1 < len(rungs):
        stage = f"{ESCALATION}-{reached + 1}{about}"
        yield from notices(plan, matter, stage, rungs[reached + 1], via, waiting)


def _rungs(rota: Rota, now: int) -> tuple[tuple[str, ...], ...]:
    """Return the rungs that have somebody; where nobody is on call, who is to be told otherwise."""
    rungs = tuple(rung for rung in on_call(rota, now) if rung)
    return rungs or (((rota.otherwise,),) if rota.otherwise else ())


def _cleared(plan: Plan, matter: Matter, told: Iterable[Told]) -> Iterator[Notice]:
    """Yield that it is over, for those who heard of it and want to know."""
    wanting = {name for route in plan.route if route.cleared for name in route.to}
    for t in told:
        if t.sent and t.via in wanting and t.recipient in plan.recipient:
            yield Notice(
                matter.incident_id, CLEARED, t.recipient, t.channel, t.via, t.priority, tuple(sorted(t.alarms))
            )


def _unique(found: Iterable[Notice], told: Iterable[Told]) -> Iterator[Notice]:
    """Yield each message once, however many routes lead to its recipient, and none that was told already."""
    seen: set[tuple[str, str, str]] = {(t.stage, t.recipient, t.channel) for t in told}
    for notice in found:
        key = (notice.stage, notice.recipient, notice.channel)
        if key not in seen:
            seen.add(key)
            yield notice
