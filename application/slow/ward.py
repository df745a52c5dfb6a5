"""Ward: the devices of one kind as the slow watch keeps them: past, diary, what is known, and the tracks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import NDArray

from application.baseline import Baseline, Key
from application.instants import MINUTE, SECOND, moment
from application.kind_state import Watched
from application.memory import NEVER, Facts
from application.recollection import OpenAlarm
from application.rule import Rule
from application.slow.diary import Diary
from application.slow.facts import FACTS
from application.slow.lesson import Known, Learned
from application.slow.lessons import LESSONS
from application.slow.past import TENTH, Past, Rows
from application.slow.window import SlowWindow
from application.track import Track
from application.tuning import Tuning
from perception.roster import Member
from perception.sensor_kind import SensorKind
from support.store import Tenths

_DAY = 24 * 60 * MINUTE
_HELD = 3
"""A device speaks for so many of its buckets."""


@dataclass(frozen=True, slots=True)
class Ward:
    """n devices of one kind. tracks[i] belongs to watched[i]; rows[i] are those that it judges.

    heard int64[n]: begin of the newest bucket that came in time, NEVER at first. station and district intp[n].
    """

    facts: Facts
    watched: tuple[Watched, ...]
    tracks: tuple[Track, ...]
    rows: tuple[Rows, ...]
    past: Past
    diary: Diary
    known: Mapping[str, Known]
    heard: NDArray[np.int64]
    station: NDArray[np.intp]
    stations: int
    district: NDArray[np.intp]
    zones: tuple[tzinfo, ...]
    apart: frozenset[int]

    def absorbed(self, tenths: Tenths, judged: int) -> "Ward":
        """Return the ward with these buckets; those that end by `judged` are late, and only fill the past."""
        rows = self.facts.find(tenths.device_id)
        mine = rows >= 0
        if not mine.any():
            return self
        numbers, rows = tenths.bucket[mine] // TENTH, rows[mine]
        nothing = np.full(len(rows), np.nan)
        columns = [tenths.mean[p][mine] if p in tenths.mean else nothing for p in self.past.points]
        values = np.array(columns, np.float32).reshape(len(columns), len(rows))
        past, heard = self.past, self.heard
        for number in np.unique(numbers).tolist():
            here = np.flatnonzero(numbers == number)
            past = past.filled(number, rows[here], values[:, here])
            if (number + 1) * TENTH > judged:
                heard = heard.copy()
                heard[rows[here]] = np.maximum(heard[rows[here]], number * TENTH)
        return replace(self, past=past, heard=heard)

    def window(self, end: int) -> SlowWindow:
        """Return what rules see at the end of a bucket."""
        n = len(self.facts.members)
        day = end // _DAY - 1
        return SlowWindow(
            kind=self.facts.kind,
            now=np.full(n, end),
            raised=np.zeros((n, 1), np.bool_),
            station=self.station,
            stations=self.stations,
            district=self.district,
            offset_us=_offsets(self.zones, end),
            expected=np.minimum(1.0, TENTH / SECOND / self.facts.interval_s)[:, None],
            past=self.past,
            known={name: known.value for name, known in self.known.items()},
            diary=lambda fact, count: self.diary.last(fact, day, count),
        )

    def speaking(self, end: int) -> NDArray[np.bool_]:
        """bool[n]: the device spoke in time within its hold: three of its intervals, or of ten minutes."""
        hold = _HELD * np.maximum(self.facts.interval_s * SECOND, TENTH).astype(np.int64)
        told: NDArray[np.bool_] = (self.heard != NEVER) & (np.maximum(self.heard, 0) + TENTH > end - hold)
        return told

    def subject(self, row: int) -> str:
        """Return whose a device's baselines are: its station's, or its own where it is not the first there."""
        member = self.facts.members[row]
        return f"device:{member.name}" if member.device_id in self.apart else f"station:{member.station}"

    def baselines(self, name: str, new: NDArray[np.bool_], at: int) -> Iterator[tuple[Key, Baseline]]:
        """Yield what is known of a quantity, of those rows where it is new."""
        known = self.known[name]
        for row in np.flatnonzero(new).tolist():
            low, high = (float(c[row]) if np.isfinite(c[row]) else None for c in (known.low, known.high))
            found = Baseline(float(known.value[row]), low, high, int(known.samples[row]), at)
            yield Key(self.subject(row), name), found

    def homes(self) -> Iterator[tuple[tuple[str, str, str], tuple[Track, int, int]]]:
        """Yield by subject, rule and element where a condition is kept: its track, row and place."""
        for watched, track, rows in zip(self.watched, self.tracks, self.rows, strict=True):
            for row in rows.tolist():
                for element in range(len(watched.elements)):
                    condition = watched.condition(self.facts.members[row], element)
                    yield (condition.subject, condition.rule, condition.element), (track, row, element)

    def open_alarms(self) -> Iterator[OpenAlarm]:
        """Yield the alarms that are open."""
        for watched, track in zip(self.watched, self.tracks, strict=True):
            for row, element in zip(*np.nonzero(track.opened != NEVER), strict=True):
                condition = watched.condition(self.facts.members[row], int(element))
                yield OpenAlarm(condition, int(track.opened[row, element]))


def laid_out(
    kind: SensorKind,
    members: Sequence[Member],
    apart: frozenset[int],
    rules: Sequence[tuple[Rule, Tuning]],
    zones: Mapping[str, tzinfo],
    stations: Mapping[str, int],
) -> Ward:
    """Return a ward of devices that have said nothing yet. `apart` are those that are not the first of their station.

    `stations` numbers the stations, for devices of all kinds alike.
    """
    facts = Facts.of(kind, members)
    n = len(facts.members)
    here = tuple(fact for fact in FACTS if fact.fits(kind))
    names = {fact.name for fact in here}
    watched = tuple(
        Watched(rule, tuning.laid_out(facts.members), rule.elements(kind), _named_apart(rule, apart))
        for rule, tuning in rules
        if rule.tempo == "slow" and rule.fits(kind)
    )
    points = {p for w in watched for p in (*w.rule.needs, *w.rule.history)} | {p for fact in here for p in fact.needs}
    first = np.array([m.device_id not in apart for m in facts.members], np.bool_)
    return Ward(
        facts=facts,
        watched=watched,
        tracks=tuple(Track.blank(n, len(w.elements)) for w in watched),
        rows=tuple(np.flatnonzero(first) if w.rule.whole else np.arange(n) for w in watched),
        past=Past(tuple(p for p in kind.names if p in points), n),
        diary=Diary(here, n),
        known={lesson.name: Known.nothing(n) for lesson in LESSONS if set(lesson.facts) <= names},
        heard=np.full(n, NEVER),
        station=np.array([stations[m.station] for m in facts.members], np.intp),
        stations=len(stations),
        district=_numbers([m.district for m in facts.members]),
        zones=tuple(zones.get(m.city, UTC) for m in facts.members),
        apart=apart,
    )


def owned(ward: Ward) -> Ward:
    """Return a ward whose tracks may be written to."""
    return replace(ward, tracks=tuple(track.copied() for track in ward.tracks))


def told(ward: Ward, baselines: Mapping[Key, Baseline]) -> Ward:
    """Return a ward that knows what was kept of its stations."""
    known = dict(ward.known)
    for name, column in known.items():
        rows = [(i, baselines.get(Key(ward.subject(i), name))) for i in range(len(ward.facts.members))]
        kept = [(i, b) for i, b in rows if b is not None]
        if kept:
            unknown = float("nan")
            found = Learned(
                np.array([b.value for _, b in kept]),
                np.array([unknown if b.low is None else b.low for _, b in kept]),
                np.array([unknown if b.high is None else b.high for _, b in kept]),
                np.array([b.samples for _, b in kept], np.int64),
            )
            known[name] = column.told(np.array([i for i, _ in kept], np.intp), found)
    return replace(ward, known=known)


def carried(new: Ward, old: Ward) -> Ward:
    """Return a ward that was just laid out, with what is known of devices that stay."""
    ids = [np.array([m.device_id for m in ward.facts.members]) for ward in (new, old)]
    _, here, there = np.intersect1d(ids[0], ids[1], return_indices=True)
    for watched, track in zip(new.watched, new.tracks, strict=True):
        for before, earlier in zip(old.watched, old.tracks, strict=True):
            if before.rule.name == watched.rule.name and before.elements == watched.elements:
                track.carry(earlier, here, there)
    heard = new.heard.copy()
    heard[here] = old.heard[there]
    known = {
        name: column.carried(old.known[name], here, there) if name in old.known else column
        for name, column in new.known.items()
    }
    past, diary = new.past.carried(old.past, here, there), new.diary.carried(old.diary, here, there)
    return replace(new, heard=heard, known=known, past=past, diary=diary)


def _named_apart(rule: Rule, apart: frozenset[int]) -> frozenset[int]:
    return apart if rule.subject == "station" and not rule.whole else frozenset()


def _numbers(names: Sequence[str]) -> NDArray[np.intp]:
    """intp[n]: equal names have equal numbers, from 0 on in the order of the names."""
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.array([places[name] for name in names], np.intp)


def _offsets(zones: Sequence[tzinfo], at: int) -> NDArray[np.int64]:
    """int64[n]: what local time is ahead of UTC at an instant, microseconds."""
    when = moment(at)
    ahead = {zone: when.astimezone(zone).utcoffset() for zone in set(zones)}
    us = {zone: 0 if offset is None else round(offset.total_seconds() * SECOND) for zone, offset in ahead.items()}
    return np.array([us[zone] for zone in zones], np.int64)
