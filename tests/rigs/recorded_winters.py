"""Whole heating seasons of recorded substations through the rules, and what raw rows say of each alarm.

A season is lived through from 15 October to 15 April by an engine of its own, at the cadence that the rows have. What
is flagged as doubtful is found by the quality search in the whole season at once, which is kinder than `tend`, that
finds it hours later; the fast rules are not told of it, the slow ones are, as in the product.

`verdict` looks at raw rows and at the labels of dirt_labels.py, never at what a rule or the search says.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from dirt_labels import POINTS, labelled
from recorded_dirt import KIND, KINDS, Station, at_once

from application.instants import DAY, HOUR, MINUTE, SECOND, microseconds
from application.rules_file import read_rules
from application.trial.engine import Block, Engine, roster_of
from perception.seed_files import load_catalogue
from simulators.recording import Trouble, load_map, read_recording

ROOT = Path(__file__).resolve().parents[2]
CADENCES_S = (3600, 900, 180)
RIGHT, WRONG, NOBODY_KNOWS = "right", "wrong", "nobody_knows"
_ROWS, _OFF_SHARE = 2, 0.06


class Season(NamedTuple):
    """One heating season of some stations: [begin, end) epoch microseconds; rows by station."""

    name: str
    begin: int
    end: int
    stations: dict


def read_folder(folder):
    """Return the recorded stations of a folder by the name that the catalogue has for them, in true time."""
    columns = load_map(ROOT / "configs/replay/nis.toml", KINDS)
    found = {}
    for file in sorted(Path(folder).glob("*.csv.gz")):
        named = re.search(r"[lL](\d+)\.csv\.gz$", file.name)
        if named is not None:
            found[f"nis-l{named[1]}"] = _station(read_recording(file, columns, Trouble()))
    return found


def _station(rows):
    ts = np.array([row.ts for row in rows], np.int64)
    values = np.full((len(rows), len(KIND.points)), np.nan)
    for place, row in enumerate(rows):
        for point, value in row.values.items():
            values[place, KIND.bits[point]] = value
    low, high = (np.array([getattr(p, side) for p in KIND.points]) for side in ("low", "high"))
    return Station(ts, values, (values < low) | (values > high))


def seasons(stations, years):
    """Yield the seasons that begin in these years, with the stations that recorded in them."""
    for year in years:
        begin = microseconds(datetime(year, 10, 15, tzinfo=UTC))
        end = microseconds(datetime(year + 1, 4, 15, tzinfo=UTC))
        cut = {}
        for name, station in stations.items():
            rows = slice(*np.searchsorted(station.ts, [begin, end]))
            if rows.stop - rows.start > 1:
                cut[name] = Station(*(column[rows] for column in station))
        if cut:
            first, last = min(s.ts[0] for s in cut.values()), max(s.ts[-1] for s in cut.values())
            yield Season(f"{year}-{(year + 1) % 100:02d}", int(first), int(last) + 1, cut)


class Judge(Engine):
    """The engine of the score, told of doubtful values, and of the cadence whenever it changes."""

    def doubting(self, stations, flags, numbers):
        self._doubts = {numbers[name]: (stations[name].ts, flags[name]) for name in stations}
        return self

    def at_cadence(self, roster):
        self._roster = roster
        self._state = self._watch.enrol(self._state, roster)
        self._slow_state = self._slow.enrol(self._slow_state, roster)

    def _slowly(self, accepted, now):
        return super()._slowly({name: self._undoubted(readings) for name, readings in accepted.items()}, now)

    def _undoubted(self, readings):
        values = readings.values.copy()
        places = [KIND.bits[p] for p in POINTS]
        for device, (ts, flags) in self._doubts.items():
            rows = np.flatnonzero(readings.device_id == device)
            told = flags[np.searchsorted(ts, readings.ts[rows]).clip(0, len(ts) - 1)]
            values[np.ix_(rows, places)] = np.where(told, np.nan, values[np.ix_(rows, places)])
        return replace(readings, values=values)


def lived(season, rules=ROOT / "configs/rules.toml"):
    """Return the alarms of a season as alarms.jsonl has them, and bool[k, 5] by station: what the search flags."""
    flags = at_once(season.stations)
    catalogue = load_catalogue(ROOT / "configs/cities")
    numbers = {name: number for number, name in enumerate(season.stations, start=1)}
    cadence = CADENCES_S[0]
    known = {KIND.name: KIND}
    roster = roster_of(catalogue, known, numbers, {KIND.name: float(cadence)})
    engine = Judge(read_rules(rules), catalogue, roster, season.begin)
    engine.doubting(season.stations, flags, numbers)
    at = season.begin
    while at < season.end:
        wanted = _cadence(season, at)
        if wanted != cadence:
            cadence = wanted
            engine.at_cadence(roster_of(catalogue, known, numbers, {KIND.name: float(cadence)}))
        until = min(at + (HOUR if cadence == CADENCES_S[0] else 10 * MINUTE), season.end)
        engine.take(_block(season, numbers, at, until), until)
        at = until
    return engine.book.alarms(), flags


def _cadence(season, at):
    """Return seconds between the rows that came last at most stations."""
    gaps = []
    for station in season.stations.values():
        stop = np.searchsorted(station.ts, at)
        gaps += np.diff(station.ts[max(0, stop - 6) : stop]).tolist()
    middle = np.median(gaps) / SECOND if gaps else CADENCES_S[0]
    return min(CADENCES_S, key=lambda each: abs(np.log(each / max(middle, 1))))


def _block(season, numbers, begin, end):
    parts = []
    for name, station in season.stations.items():
        rows = slice(*np.searchsorted(station.ts, [begin, end]))
        ts = station.ts[rows]
        parts.append((np.full(len(ts), numbers[name], np.int32), ts, station.values[rows]))
    ids, ts, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(ts, kind="stable")
    return {KIND.name: Block(ids[order], ts[order], ts[order], values[order])} if len(ts) else {}


def judged(season, alarms, flags):
    """Yield each alarm with `beside_trouble` (a value of its station was flagged meanwhile) and `verdict`."""
    labels = labelled({name: s.recorded() for name, s in season.stations.items()})
    for alarm in alarms:
        station = season.stations[alarm["station"]]
        opened, cleared = (_us(alarm[side]) for side in ("opened_at", "cleared_at"))
        until = season.end if cleared is None else cleared
        around = slice(*np.searchsorted(station.ts, [opened - HOUR, until + 1]))
        trouble = flags[alarm["station"]][around].any() or station.bad[around].any()
        told = verdict(alarm, opened, until, station, labels[alarm["station"]])
        yield {**alarm, "beside_trouble": bool(trouble), "verdict": told}


def verdict(alarm, opened, until, station, label):
    """Return what raw rows say of an alarm: right, wrong, or that they do not say."""
    look = _LOOKS.get(alarm["rule"])
    return NOBODY_KNOWS if look is None else (RIGHT if look(opened, until, station, label) else WRONG)


def _rows(station, begin, end):
    return slice(*np.searchsorted(station.ts, [begin, end + 1]))


def _column(station, point, rows):
    return station.values[rows, KIND.bits[point]]


def _dirty(*reasons):
    def look(opened, until, station, label):
        rows = _rows(station, opened - DAY, until)
        return any(getattr(label, reason)[rows].any() for reason in reasons)

    return look


def _beyond(opened, until, station, label):
    rows = _rows(station, opened - HOUR, until)
    return bool(station.bad[rows].any() or label.sentinel[rows].any())


def _still(opened, until, station, label):
    """Something of the station stood still, or showed a code, within the day before."""
    return _dirty("frozen", "sentinel")(opened, until, station, label)


def _counter(opened, _until, station, _label):
    rows = _rows(station, opened - 2 * DAY, opened + HOUR)
    energy, ts = _column(station, "heat_energy_total", rows), station.ts[rows]
    known = ~np.isnan(energy)
    rise, hours = np.diff(energy[known]), np.diff(ts[known]) / HOUR
    usual = np.nanquantile(_column(station, "heat_power", slice(None)), 0.99) * 0.0036  # kW in GJ/h
    return bool(((rise < -1e-6) | (rise > 1.5 * usual * np.maximum(hours, 0.05) + 0.1)).any())


def _off_setpoint(opened, _until, station, label):
    """Three kelvin and more beside the setpoint for two rows while heat is taken, by sound values.

    A station that takes less than 6 % of what it takes at most is switched off: these do so on most nights.
    """
    most = np.nanquantile(_column(station, "heat_power", slice(None)), 0.95)
    rows = _rows(station, opened - 2 * HOUR, opened)
    error = np.abs(_column(station, "t_sec_supply", rows) - _column(station, "t_sec_supply_setpoint", rows))
    power = _column(station, "heat_power", rows)
    sound = ~(label.sentinel | label.frozen)[rows][:, POINTS.index("t_sec_supply")]
    far = (error > 3) & (power > _OFF_SHARE * most) & sound
    return len(far) >= _ROWS and bool(far[-_ROWS:].all())


def _swapped(opened, _until, station, _label):
    rows = _rows(station, opened - 3 * HOUR, opened)
    sides = (("t_pri_supply", "t_pri_return"), ("t_sec_supply", "t_sec_return"))
    return any((_column(station, a, rows) + 0.5 < _column(station, b, rows)).sum() >= _ROWS for a, b in sides)


def _warm_return(opened, _until, station, _label):
    rows = _rows(station, opened - 5 * HOUR, opened)
    primary, secondary = (_column(station, p, rows) for p in ("t_pri_return", "t_sec_return"))
    return bool(np.nanmean(primary - secondary) > 10 or np.nanmean(primary) > 55)


def _silent(opened, _until, station, _label):
    before = np.searchsorted(station.ts, opened)
    gap = station.ts[min(before, len(station.ts) - 1)] - station.ts[max(before - 1, 0)]
    return bool(gap >= 9 * MINUTE)


_LOOKS = {
    "sensor_out_of_range": _beyond,
    "sensor_sentinel": _beyond,
    "sensor_frozen": _still,
    "sensor_still": _still,
    "sensor_drift": _dirty("offset", "grey"),
    "sensors_swapped": _swapped,
    "counter_jumped": _counter,
    "device_silent": _silent,
    "supply_off_setpoint": _off_setpoint,
    "primary_return_high": _warm_return,
}
"""Rules whose alarms raw rows can confirm or deny. Of the others nobody can say today who was right."""


def _us(text):
    return None if text is None else microseconds(datetime.fromisoformat(text))
