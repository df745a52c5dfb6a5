"""Recorded substations with their dirt: read, looked at as the product looks at them, and compared with labels.

Two ways of looking: `at_once` searches the whole past in one go; `walked` does what tend does, one look after another
over a stretch of the past, each knowing what the ones before it kept. `alarms` lets the rules about sensors live
through it row by row.
"""

import csv
import gzip
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from dirt_labels import COLUMNS, POINTS, Recorded

from application.instants import HOUR, SECOND
from application.quality import spans
from application.quality.bins import WIDTH, Bins
from application.quality.numbers import Numbers
from application.quality.searching import back_us
from application.quality.sensing import found_in, surroundings, weather
from application.rule import Family
from application.rules import load_rules, tuned
from application.watch import Watch
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member, Roster

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
ZONE = ZoneInfo("Europe/Belgrade")
_MORE = {"t_ref": ("t_sec_supply_setpoint", 1.0), "e": ("heat_energy_total", 3.6), "pe": ("heat_power", 1.0)}
ERAS_S = (3600, 900, 180)


class Station(NamedTuple):
    """ts int64[k] in microseconds; values float64[k, points of the kind]; bad bool[k, points]: beyond its limits."""

    ts: np.ndarray
    values: np.ndarray
    bad: np.ndarray

    def recorded(self):
        return Recorded(self.ts // SECOND, self.values[:, [KIND.bits[p] for p in POINTS]])

    def bins(self):
        places = [KIND.bits[p] for p in POINTS]
        return Bins.of_readings(POINTS, self.ts, np.where(self.bad, np.nan, self.values)[:, places])


def read_folder(folder):
    """Return the stations of a folder by name: every gzipped CSV in it that has the columns of the recordings."""
    return {f.name.split(".")[0].lower(): read(f) for f in sorted(Path(folder).glob("*.csv.gz")) if _suits(f)}


def _suits(file):
    with gzip.open(file, "rt") as lines:
        return next(csv.reader(lines))[:2] == ["datetime", "t_amb"]


def read(file):
    with gzip.open(file, "rt") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["datetime"])
    ts = np.array([np.datetime64(row["datetime"]) for row in rows]).astype("datetime64[us]").astype(np.int64)
    values = np.full((len(rows), len(KIND.points)), np.nan)
    for column, (point, scale) in {**{c: (p, 1.0) for c, p in zip(COLUMNS, POINTS, strict=True)}, **_MORE}.items():
        values[:, KIND.bits[point]] = [float(row[column] or "nan") * scale for row in rows]
    low, high = (np.array([getattr(p, side) for p in KIND.points]) for side in ("low", "high"))
    return Station(ts, values, (values < low) | (values > high))


def at_once(stations):
    """Return by station bool[k, 5]: what the search finds in the whole past, and what was beyond its limits."""
    bins = {name: s.bins() for name, s in stations.items()}
    told = {name: weather(b, Numbers()) for name, b in bins.items()}
    found = {}
    for name, station in stations.items():
        around = surroundings(bins[name], told[name], [told[n] for n in stations if n != name])
        found[name] = _flags(station, found_in(bins[name], around, Numbers()))
    return found


def walked(stations, every=HOUR):
    """Return the same as tend finds it: a look every so often, at no more of the past than tend looks at."""
    bins = {name: s.bins() for name, s in stations.items()}
    known = {name: [] for name in stations}
    numbers, count = Numbers(), 0
    begin, end = min(b.ts[0] for b in bins.values()), max(b.ts[-1] for b in bins.values())
    for until in range(int(begin) + every, int(end) + every + WIDTH, every):
        interval_s = _interval_s(bins, until)
        since = until - back_us(interval_s)
        parts = {name: _part(b, since, until) for name, b in bins.items()}
        told = {name: weather(b, numbers) for name, b in parts.items()}
        for name, part in parts.items():
            if not len(part.ts):
                continue
            mine = [s for s in known[name] if s.to_at is None or s.to_at > since]
            still = {s.point: s.from_at for s in mine if s.reason == "frozen" and s.to_at is None}
            around = surroundings(part, told[name], [told[n] for n in parts if n != name])
            heard = {p: part.ts[part.column(part.n, p) > 0].tolist() for p in POINTS}
            for change in spans.changes(mine, found_in(part, around, numbers, still), heard):
                count += change.span_id is None
                number = change.span_id or count
                known[name] = [s for s in known[name] if s.span_id != number]
                known[name].append(spans.Span(number, 1, change.point, change.from_at, change.to_at, change.reason))
    return {name: _flags(station, known[name]) for name, station in stations.items()}


def _interval_s(bins, until):
    gaps = [
        np.diff(b.ts[max(0, np.searchsorted(b.ts, until) - 20) : np.searchsorted(b.ts, until)]) for b in bins.values()
    ]
    gaps = np.concatenate(gaps)
    return float(np.median(gaps)) / SECOND if len(gaps) else 3600.0


def _part(bins, since, until):
    rows = slice(np.searchsorted(bins.ts, since), np.searchsorted(bins.ts, until))
    return Bins(bins.points, bins.ts[rows], bins.n[rows], bins.low[rows], bins.high[rows], bins.mean[rows])


def _flags(station, found):
    flags = station.bad[:, [KIND.bits[p] for p in POINTS]].copy()
    for stretch in found:
        stop = np.iinfo(np.int64).max if stretch.to_at is None else stretch.to_at
        flags[:, POINTS.index(stretch.point)] |= (station.ts >= stretch.from_at) & (station.ts < stop)
    return flags


def alarms(stations):
    """Return by station bool[k]: an alarm of a rule about sensors is open; and the transitions."""
    judged = {n: r for n, r in load_rules().items() if r.family is Family.SENSOR and r.tempo == "fast"}
    watch = Watch(tuned(judged, {}))
    found, told = {}, []
    for name, station in stations.items():
        open_now, flags, state = set(), np.zeros(len(station.ts), np.bool_), None
        quality = (station.bad.astype(np.int64) << np.arange(len(KIND.points))).sum(axis=1)
        one, interval_s = np.ones(1, np.int64), None
        for k, at in enumerate(station.ts.tolist()):
            gap = (at - station.ts[k - 1]) // SECOND if k else ERAS_S[0]
            if gap in ERAS_S and gap != interval_s:
                interval_s = gap
                member = Member(1, name, KIND, name, "nis", float(interval_s))
                state = watch.enrol(state, Roster({name: member}, KINDS, k + 1))
                state = watch.attend(state, at) if state.attended is None else state
            reading = Readings(
                KIND, one.astype(np.int32), one * at, one * at, station.values[[k]], quality[[k]], one * 0
            )
            state, transitions, _ = watch.step(state, {KIND.name: reading}, at)
            for t in transitions:
                key = t["rule"], t["element"]
                (open_now.add if t["what"] == "raised" else open_now.discard)(key)
                told.append((name, t["what"], *key, t["at"]))
            flags[k] = bool(open_now)
        found[name] = flags
    return found, told


def shares(labels, flags):
    """Return what share of labelled values was flagged by reason, and of good rows was not to be flagged."""
    dirty = labels.sentinel | labels.frozen | labels.offset
    good = ~(dirty | labels.grey).any(axis=1)
    told = {"rows": len(good), "good_rows": int(good.sum())}
    for reason in ("sentinel", "frozen", "offset"):
        mask = getattr(labels, reason)
        told[reason] = int(mask.sum())
        told[f"{reason}_flagged"] = float(flags[mask].mean()) if mask.any() else None
    told["false_share"] = float(flags[good].any(axis=1).mean()) if good.any() else 0.0
    plain = ~dirty.any(axis=1)
    told["false_share_with_grey"] = float(flags[plain].any(axis=1).mean()) if plain.any() else 0.0
    return told
