"""Engine: validate, the fast rules, the slow rules and the grouping, over columns, on the clock of who drives it.

No raw row is stored. It is handed what devices sent, when each reading came, and the catalogue: what an operator knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from application.incident import Areas
from application.rules_file import Pairs
from application.slow.watch import SlowWatch
from application.trial.book import Book
from application.trial.means import Means
from application.watch import Watch
from perception.catalogue import Catalogue, DeviceStatus
from perception.payload import RawReading
from perception.readings import Readings
from perception.roster import Member, Roster
from perception.sensor_kind import SensorKind
from perception.validate import Sheet

Blocks = Mapping[str, "Block"]


class Block(NamedTuple):
    """Readings of one kind in the order of their coming: device_id int32[n], ts and received_at int64[n], values.

    Times are epoch microseconds; values float64[n, points], NaN: not said.
    """

    device_id: NDArray[np.int32]
    ts: NDArray[np.int64]
    received_at: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(slots=True)
class Counts:
    """Readings that came, and what could not be taken in, by reason."""

    readings: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Engine:
    """The rules at work on one city. `event_time`: the clock is the newest event time received."""

    def __init__(
        self, pairs: Pairs, catalogue: Catalogue, roster: Roster, begin: int, *, event_time: bool = False
    ) -> None:
        self._roster = roster
        self._watch = Watch(pairs, event_time=event_time)
        self._state = self._watch.attend(self._watch.enrol(None, roster), begin)
        self._slow = SlowWatch(pairs)
        zones = {city.name: ZoneInfo(city.timezone) for city in catalogue.cities}
        self._slow_state = self._slow.enrol(None, roster, zones=zones)
        largest = max((member.device_id for member in roster.members.values()), default=0)
        self._means = {name: Means(largest, kind.names) for name, kind in roster.kinds.items()}
        self.book = Book({rule.name: rule for rule, _ in pairs}, areas_of(catalogue))
        self.counts = Counts()

    def take(self, blocks: Blocks, now: int) -> Sequence[Mapping[str, object]]:
        """Take what came up to `now` (epoch microseconds); return the transitions in the order of event time."""
        accepted = {name: self._validated(self._roster.kinds[name], block, now) for name, block in blocks.items()}
        self._state, announced, rows = self._watch.step(self._state, accepted, now)
        self.book.hear(rows)
        told = _ordered([*announced, *self._slowly(accepted, now)])
        self.book.enter(told, now)
        return told

    def _slowly(self, accepted: Mapping[str, Readings], now: int) -> Sequence[Mapping[str, object]]:
        """Let the slow rules judge the ten minutes that are complete."""
        for name, readings in accepted.items():
            self._means[name].add(readings)
        tenths = {name: told for name, means in self._means.items() if (told := means.told(now)) is not None}
        if not tenths:
            return ()
        stepped = self._slow.step(self._slow_state, tenths, now, self.book.troubles(now))
        self._slow_state = stepped.state
        self.book.hear(stepped.rows)
        return stepped.transitions

    def _validated(self, kind: SensorKind, block: Block, now: int) -> Readings:
        """Let perception judge the readings, as ingest does."""
        sheet = Sheet(kind, now)
        fits, whole = sheet.accepts(block.ts), np.isfinite(block.values).all(axis=1)
        place = np.arange(len(block.ts))
        rows = np.flatnonzero(fits & whole)
        self.counts.readings += len(block.ts)
        nowhere = np.full(len(rows), -1, np.int64)
        columns = block.device_id[rows], block.ts[rows], block.received_at[rows]
        sheet.add_table(kind.names, *columns, place[rows], nowhere, block.values[rows])
        for row in np.flatnonzero(~(fits & whole)).tolist():
            told = zip(kind.names, block.values[row].tolist(), strict=True)
            raw = RawReading(int(block.ts[row]), {n: v for n, v in told if not np.isnan(v)})
            member = self._roster.by_id[int(block.device_id[row])]
            refusal = sheet.add(member, raw, int(block.received_at[row]), row)
            if refusal is not None:
                self.counts.refused[refusal.reason] = self.counts.refused.get(refusal.reason, 0) + 1
        return sheet.readings()


def _ordered(announced: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    return sorted(announced, key=lambda t: (int(str(t["at"])), str(t["alarm_id"]), str(t["what"])))


def roster_of(
    catalogue: Catalogue, kinds: Mapping[str, SensorKind], numbers: Mapping[str, int], interval_s: Mapping[str, float]
) -> Roster:
    """Return the roster of the devices that have a number; `interval_s` is the cadence of a kind in this trial."""
    stations = {s.name: s for s in catalogue.stations}
    city_of = {d.name: d.city for d in catalogue.districts}
    members = {
        device.name: Member(
            numbers[device.name],
            device.name,
            kinds[device.kind],
            device.station,
            city_of[stations[device.station].district],
            interval_s.get(device.kind) or device.interval_s or kinds[device.kind].interval_s,
            DeviceStatus.ACTIVE,
            stations[device.station].static_head_mpa,
            district=stations[device.station].district,
        )
        for device in catalogue.devices
        if device.name in numbers
    }
    return Roster(members, {m.kind.name: m.kind for m in members.values()})


def areas_of(catalogue: Catalogue) -> Areas:
    """Return which stations stand where, as the tables tell `tend`."""
    source = {b.name: b.source for b in catalogue.branches}
    city = {d.name: d.city for d in catalogue.districts}
    of_station = {
        s.name: (
            f"branch:{s.branch}",
            f"district:{s.district}",
            f"source:{source[s.branch]}",
            f"city:{city[s.district]}",
        )
        for s in catalogue.stations
    }
    return Areas.around(of_station)
