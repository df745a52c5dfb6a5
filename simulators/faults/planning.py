"""Planning: a scenario laid over the grounds of one city: every fault with its device and its times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from perception.catalogue import Device
from perception.sensor_kind import SensorKind
from simulators.faults.fault import Fault, FaultError, FaultKind
from simulators.faults.grounds import Grounds
from simulators.faults.kinds import KINDS, kind_named
from simulators.faults.making import made
from simulators.faults.scenario import MOST_DRAWN, RANDOM, Planned, Rate, Scenario, ScenarioError

_YEAR_S = 365.25 * 86_400
_THROWS = 200
"""How often another station and time are tried for a drawn fault that would overlap."""


@dataclass(slots=True)
class _Plan:
    """What is being laid out."""

    scenario: Scenario
    grounds: Grounds
    kinds: Mapping[str, SensorKind]
    start: int
    zone: ZoneInfo
    where: str
    faults: list[Fault] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    busy: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def put(self, faults: list[Fault]) -> None:
        self.faults += faults
        for fault in faults:
            self.busy.setdefault(fault.station, []).append((fault.begins, fault.ends or 2**63))

    def is_free(self, stations: list[str], begins: int, ends: int) -> bool:
        return not any(b < ends and begins < e for s in stations for b, e in self.busy.get(s, ()))


def planned(
    scenario: Scenario, grounds: Grounds, kinds: Mapping[str, SensorKind], start: int, zone: ZoneInfo, where: str = ""
) -> tuple[Fault, ...]:
    """Return the faults of a scenario that starts at `start` (epoch microseconds) in a city, the same for its seed.

    A fault that names a place of another city, or one that is not played, is left out. Raises ScenarioError with
    every name that is nowhere in the catalogue, and everything else that does not fit.
    """
    plan = _Plan(scenario, grounds, kinds, start, zone, where)
    rng = np.random.default_rng((scenario.seed, 101))
    for number, told in enumerate(scenario.faults, start=1):
        _lay(plan, number, told, np.random.default_rng((scenario.seed, 102, number)))
    if grounds.stations:
        _draw(plan, rng)
    if plan.problems:
        raise ScenarioError("\n".join(f"{where}: {p}" if where else p for p in dict.fromkeys(plan.problems)))
    return tuple(plan.faults)


def _lay(plan: _Plan, number: int, told: Planned, rng: np.random.Generator) -> None:
    table = f"[[faults]] number {number}"
    sort, name = told.target
    if name != RANDOM and name not in plan.grounds.known[sort] and not told.or_random:
        known = sorted(plan.grounds.known[sort])
        near = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        plan.problems.append(f"{table}, key {sort}: there is no {sort} {name!r} in the catalogue: it has {near}")
        return
    devices = _devices(plan.grounds, told, kind_named(told.kind), rng)
    begins = told.begins.from_start(plan.start, plan.zone)
    ends = None if told.until is None else told.until.from_start(plan.start, plan.zone)
    ends = ends if told.lasts_s is None else begins + round(told.lasts_s * 1e6)
    area = f"{plan.grounds.city}-{told.kind}-{number}" if len(devices) > 1 else None
    try:
        plan.put([_made(plan, told.kind, d, begins, ends, told.severity, told.parameters, area) for d in devices])
    except FaultError as err:
        plan.problems.append(f"{table}: {err}")


def _devices(grounds: Grounds, told: Planned, kind: FaultKind, rng: np.random.Generator) -> list[Device]:
    """Return the devices that a table means, of those that are played."""
    sort, name = told.target
    if sort == "device":
        return _one_device(grounds, told, name, rng)
    stations = _stations(grounds, told, sort, name, rng)
    if kind.one_of_area and told.stations is None:
        stations = _some(stations, 1, rng)
    return [d for s in stations for d in _hit(grounds, kind, s)]


def _one_device(grounds: Grounds, told: Planned, name: str, rng: np.random.Generator) -> list[Device]:
    if name in grounds.devices:
        return [grounds.devices[name]]
    drawn = (name == RANDOM or told.or_random) and len(grounds.stations) > 0
    return [grounds.substation(grounds.drawn("station", rng))] if drawn else []


def _stations(grounds: Grounds, told: Planned, sort: str, name: str, rng: np.random.Generator) -> list[str]:
    if not grounds.stations:
        return []
    if sort == "station" and name == RANDOM:
        inside = list(grounds.stations)
        return _some(inside, told.stations or 1, rng)
    inside = _inside(grounds, sort, name)
    if not inside and (name == RANDOM or told.or_random):
        inside = _inside(grounds, sort, grounds.drawn(sort, rng))
    return inside if told.stations is None else _some(inside, told.stations, rng)


def _inside(grounds: Grounds, sort: str, name: str) -> list[str]:
    if sort == "station":
        return [name] if name in grounds.stations else []
    return list(grounds.areas[sort].get(name, ()))


def _some(names: list[str], count: int, rng: np.random.Generator) -> list[str]:
    chosen = sorted(rng.permutation(len(names))[:count].tolist())
    return [names[k] for k in chosen]


def _hit(grounds: Grounds, kind: FaultKind, station: str) -> list[Device]:
    return list(grounds.at(station)) if kind.whole_station else [grounds.substation(station)]


def _made(
    plan: _Plan,
    kind: str,
    device: Device,
    begins: int,
    ends: int | None,
    severity: float,
    parameters: Mapping[str, Any],
    area: str | None,
) -> Fault:
    return made(
        kind,
        device.name,
        plan.kinds.get(device.kind),
        station=device.station,
        begins=begins,
        ends=ends,
        severity=severity,
        parameters=parameters,
        area=area,
    )


def _draw(plan: _Plan, rng: np.random.Generator) -> None:
    """Draw as many faults of each kind as its rate or the count asks for, at any place and time of the span.

    What befalls an area as a whole counts as one. One that finds no place or time without another is dropped.
    """
    draw = plan.scenario.draw
    begin = draw.begins.from_start(plan.start, plan.zone)
    for event, (name, rate) in enumerate(_events(plan, rng)):
        for _ in range(_THROWS):
            faults = _thrown(plan, name, rate, begin, event, rng)
            if faults is None:
                break
            span = faults[0].begins, faults[0].ends or 2**63
            if plan.scenario.overlap or plan.is_free([f.station for f in faults], *span):
                plan.put(faults)
                break


def _events(plan: _Plan, rng: np.random.Generator) -> Iterator[tuple[str, Rate]]:
    rates = sorted(
        ((n, r) for n, r in plan.scenario.rates.items() if r.per_year > 0),
        key=lambda item: (KINDS[item[0]].area == "station", item[0]),  # what needs many free stations comes first
    )
    if not rates:
        return
    years = plan.scenario.draw.span_s / _YEAR_S
    expected = np.array([rate.per_year * years * _subjects(plan.grounds, KINDS[name]) for name, rate in rates])
    count = plan.scenario.draw.count
    if count is None and expected.sum() > MOST_DRAWN:
        plan.problems.append(
            f"[rates] would be {expected.sum():.0f} faults; {MOST_DRAWN} at most: lower them, or [draw] span"
        )
        return
    times = rng.poisson(expected) if count is None else rng.multinomial(count, expected / expected.sum())
    for (name, rate), number in zip(rates, times.tolist(), strict=True):
        for _ in range(number):
            yield name, rate


def _subjects(grounds: Grounds, kind: FaultKind) -> int:
    return len(grounds.stations) if kind.area == "station" else len(grounds.areas[kind.area])


def _thrown(plan: _Plan, name: str, rate: Rate, begin: int, event: int, rng: np.random.Generator) -> list[Fault] | None:
    """Return one drawn fault at every device that it befalls; None when it does not fit there, which is a problem."""
    kind = KINDS[name]
    place = plan.grounds.drawn(kind.area, rng)
    begins = begin + round(rng.uniform(0, plan.scenario.draw.span_s)) * 1_000_000
    low, high = np.log(kind.lasts_h)
    ends = begins + round(float(np.exp(rng.uniform(low, high))) * 3600) * 1_000_000
    severity = round(float(rng.uniform(*rate.severity)), 3)
    stations = _inside(plan.grounds, kind.area, place)
    devices = [d for s in stations for d in _hit(plan.grounds, kind, s)]
    area = f"{plan.grounds.city}-{name}-drawn-{event + 1}" if len(devices) > 1 else None
    try:
        return [_made(plan, name, d, begins, ends, severity, rate.parameters, area) for d in devices]
    except FaultError as err:
        plan.problems.append(f"[rates] {name}: {err}")
        return None
