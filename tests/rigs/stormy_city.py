"""A simulated city on a simulated clock, through the fast rules and the grouping of incidents, all in memory."""

from dataclasses import dataclass, field, replace

import numpy as np

from application.incident import Areas, Grouping, Raised, incidents
from application.instants import SECOND
from application.rule import Family
from application.rules import load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster
from simulators.cast import cast_of
from simulators.city import generate_city
from simulators.climate import SEASONS
from simulators.faults import Schedule, made
from simulators.world import World

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOON = 1_795_000_000 // 86_400 * 86_400 * SECOND + 4 * 3600 * SECOND
"""Twelve o'clock in Harbin."""


@dataclass
class Told:
    """An alarm as the journal knows it. Times in epoch microseconds; None: it is open."""

    raised: Raised
    condition: tuple[str, str, str]
    cleared: int | None = None


@dataclass
class City:
    """So many stations at a cadence, from `begin` on. `alarms` by number, `listed` those that operators ever saw."""

    stations: int
    begin: int = NOON
    every: int = 10 * SECOND
    seed: int = 11
    tables: dict = field(default_factory=dict)
    alarms: dict = field(default_factory=dict)
    listed: dict = field(default_factory=dict)
    found: list = field(default_factory=list)
    verdicts: dict = field(default_factory=dict)

    def __post_init__(self):
        catalogue = generate_city(self.stations, self.seed)
        name = catalogue.cities[0].name
        parts = [p for p in cast_of(catalogue, KINDS, name) if p.kind is KIND]
        self.schedule = Schedule()
        self.world = World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=self.seed, faults=self.schedule)
        self.names = [p.name for p in parts]
        source = {b.name: b.source for b in catalogue.branches}
        self.of_station = {
            s.name: (f"branch:{s.branch}", f"district:{s.district}", f"source:{source[s.branch]}", f"city:{name}")
            for s in catalogue.stations
        }
        inside = {}
        for station, areas in self.of_station.items():
            for area in areas:
                inside.setdefault(area, set()).add(station)
        self.areas = Areas(self.of_station, {a: frozenset(s) for a, s in inside.items()})
        heads = {s.name: s.static_head_mpa for s in catalogue.stations}
        members = {
            p.name: Member(k, p.name, KIND, p.station, name, self.every / SECOND, static_head_mpa=heads[p.station])
            for k, p in enumerate(parts, 1)
        }
        self.rules = load_rules()
        self.watch = Watch(tuned(self.rules, self.tables))
        self.moment = self.world.begin(self.begin)
        self.state = self.watch.attend(self.watch.enrol(None, Roster(members, KINDS, 1)), self.begin)

    @property
    def now(self):
        return self.moment.at

    def breaks(self, station, kind, after_s=0.0, for_s=None, severity=0.5, **parameters):
        begins = self.now + round(after_s * SECOND)
        ends = None if for_s is None else begins + round(for_s * SECOND)
        self.schedule.add(
            made(
                kind, station, KIND, station=station, begins=begins, ends=ends, severity=severity, parameters=parameters
            )
        )

    def run(self, seconds, every=None):
        """Let time pass, a reading of every station at a time; group what is open as tend would."""
        every = every or self.every
        places = np.arange(len(self.names), dtype=np.intp)
        end = self.now + round(seconds * SECOND)
        while self.now < end:
            moments = []
            while self.now < end and len(moments) < 12:
                self.moment = self.world.advance(self.moment, self.now + every, every / SECOND)
                moments.append(self.moment)
            rows = np.stack([values for _, values in self.world.record(moments, places)])
            for k, moment in enumerate(moments):
                silent = [self.schedule.link(n, moment.at).silent for n in self.names] if self.schedule.faults else None
                self.hear(rows[:, k], moment.at, silent)

    def hear(self, values, at, silent):
        heard = np.flatnonzero(~np.array(silent)) if silent is not None else np.arange(len(self.names))
        n = len(heard)
        times, nothing = np.full(n, at), np.zeros(n, np.int64)
        readings = Readings(KIND, (heard + 1).astype(np.int32), times, times, values[heard], nothing, nothing)
        self.state, transitions, rows = self.watch.step(self.state, {KIND.name: readings}, at)
        for t in transitions:
            self.note(t)
        for row in rows:
            if row.table == "watch_state":
                self.verdicts[row.values["subject"], row.values["rule"], row.values["element"]] = row.values["verdict"]
        self.group(at)

    def note(self, t):
        if t["what"] == "raised":
            rule = self.rules[t["rule"]]
            patient = rule.respond_s * SECOND >= Grouping().recovers_us
            key = (t["alarm_id"], t["rule"], rule.family, t["priority"], t["station"], t["opened_at"])
            self.alarms[t["alarm_id"]] = Told(
                Raised(*key, patient=patient),
                (t["subject"], t["rule"], t["element"]),
            )
        else:
            self.alarms[t["alarm_id"]].cleared = t["at"]

    def listed_at(self, stations):
        """Return the alarms at these stations that operators ever saw."""
        return {n for n in self.listed if self.alarms[n].raised.station in stations}

    def group(self, at):
        still = [(f.scope, f.family) for f in self.found]
        members = {a.alarm_id for f in self.found for a in f.alarms}
        past = [
            replace(a.raised, cleared=a.cleared, settling=a.cleared >= at - Grouping().settles_us)
            for n, a in self.alarms.items()
            if n in members and a.cleared is not None and a.cleared >= at - Grouping().recovers_us
        ]  # fmt: skip
        raised = [
            replace(a.raised, waning=self.verdicts.get(a.condition) == "clear")
            for a in self.alarms.values() if a.cleared is None
        ]  # fmt: skip
        self.found = incidents(raised, self.areas, still, past=past)
        explained = {alarm for f in self.found for alarm in f.explained}
        for alarm_id, told in self.alarms.items():
            if told.cleared is None and alarm_id not in explained:
                self.listed.setdefault(alarm_id, at)

    def heard_of(self, station, family):
        """Return whether operators saw an alarm of that family at a station."""
        mine = (self.alarms[n].raised for n in self.listed)
        return any(a.station == station and a.family is family for a in mine)


def power_cut(stations, count, *, spread, cut_s, after_s, step_s=10):
    """Cut the power of so many stations, of one district or all over the city; return what came of it.

    One of them loses its pump meanwhile, and another station leaks. Alarms are counted at these stations alone.
    """
    city = City(stations)
    city.run(3600, every=60 * SECOND)
    district = city.of_station[city.names[0]][1]
    mine = city.names if spread else [n for n in city.names if city.of_station[n][1] == district]
    dark = sorted(np.random.default_rng(5).choice(mine, count, replace=False).tolist())
    lone, stays_off = next(n for n in city.names if n not in dark), dark[count // 2]
    for name in dark:
        city.breaks(name, "power_cut", for_s=cut_s, battery_min=110)
    city.breaks(stays_off, "pump_trip", after_s=120)
    city.breaks(lone, "leak", after_s=60, makeup_share=1.2, grows_over_h=0)
    begins = city.now
    city.run(60)
    storms = [f for f in city.found if f.family is Family.POWER]
    told = {
        "incidents": len(storms),
        "unnamed": len(set(dark) - {s for f in storms for s in f.stations}),
        "listed_in_the_first_minute": len(city.listed_at({*dark, lone})),
    }
    city.run(cut_s - 70)
    leaks = [a.raised.opened for n, a in city.alarms.items() if n in city.listed and a.raised.station == lone]
    told["leak_heard_after_min"] = (min(leaks, default=np.inf) - begins - 60 * SECOND) / 60e6
    told["listed_in_the_cut"] = len(city.listed_at({*dark, lone}))
    back, heard = city.now, np.inf
    while city.now < back + after_s * SECOND:
        city.run(step_s)
        if heard == np.inf and city.heard_of(stays_off, Family.PUMP):
            heard = (city.now - back) / 1e6
    return told | {"pump_heard_after_s": heard, "listed": len(city.listed_at({*dark, lone}))}


def evening(stations, every, share=0.005):
    """Let a city cool by ten kelvin in two hours, one in `every` station leaking by so much of its flow.

    Looked at are stations that have no programme of their own for the night.
    """
    city = City(stations, begin=NOON + 8 * 3600 * SECOND, every=60 * SECOND)
    city.run(3600)
    began, usual = city.now, city.schedule.interventions

    def cooling(at):
        found = usual(at)
        return replace(found, setpoint_offset=found.setpoint_offset - 10 * np.clip((at - began) / (2 * 3600e6), 0, 1))

    city.world.obey(cooling)
    steady = [n for n in city.names if city.world.design.setback[city.world.row(n)] == 0]
    columns, leaking = city.world.columns([city.moment]), steady[::every]
    for name in leaking:
        row = city.world.row(name)
        pumps = share * columns["flow_sec"][row] / city.world.design.makeup[row]
        city.breaks(name, "leak", after_s=1800, makeup_share=float(pumps), grows_over_h=0)
    city.run(2.5 * 3600)
    heard = {}
    for alarm in (a.raised for a in city.alarms.values()):
        if alarm.rule == "secondary_leak" and alarm.station in steady:
            heard.setdefault(alarm.station, (alarm.opened - began) / 60e6 - 30)
    return {
        "false": len(heard.keys() - set(leaking)),
        "missed": len(set(leaking) - heard.keys()),
        "heard_after_min": max((heard[n] for n in leaking if n in heard), default=np.inf),
        "sound": len(steady) - len(leaking),
        "leaking": len(leaking),
    }
