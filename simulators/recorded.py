"""Recorded: a real device's past, played again and again as if it were now, shifted by whole days."""

import tomllib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from perception.catalogue import Catalogue, DeviceStatus
from perception.payload import RawReading
from perception.sensor_kind import SensorKind
from simulators.cast import Part, part
from simulators.past import MOST_PER_PARCEL, Parcel
from simulators.recording import RecordingError, Trouble, load_map, read_recording

DAY_US = 86_400 * 1_000_000
INDEX = "recordings.toml"


class Slice(BaseModel):
    """One recording: the device that plays it, its file and its column map, beside the index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str
    file: str
    map: str


class _Index(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    recordings: tuple[Slice, ...]


class RecordedPlayer:
    """Plays one recording in laps of whole days, from `live_from` on; its past reaches back to `past_from`.

    Any instant shows the same row, whenever the play began. Counters count on from lap to lap.
    """

    def __init__(self, who: Part, readings: Sequence[RawReading], live_from: int, *, past_from: int | None) -> None:
        self.parts: Sequence[Part] = (who,)
        self._rows = readings
        self._at = [r.ts or 0 for r in readings]
        self._lap = -(-(self._at[-1] - self._at[0] + 1) // DAY_US) * DAY_US
        self._gains = _gains(who.kind, readings)
        self._next = self._place(live_from)
        self._past_from = self._next if past_from is None else self._place(past_from)
        self._begun = self._next

    def next_due(self) -> int:
        """Return when the next row is due."""
        return self._when(self._next)

    def play(self, until: int) -> Iterator[tuple[str, RawReading]]:
        """Yield every row due up to `until`."""
        while self.next_due() <= until:
            place, self._next = self._next, self._next + 1
            yield self.parts[0].name, self._reading(place)

    def skip(self, before: int) -> None:
        """Forget rows that were due before that time."""
        self._next = max(self._next, self._place(before))

    def past(self) -> Iterator[Parcel | None]:
        """Yield the rows between `past_from` and `live_from`, newest parcels first."""
        end = self._begun
        while end > self._past_from:
            begin = max(end - MOST_PER_PARCEL, self._past_from)
            yield self.parts[0].name, [self._reading(place) for place in range(begin, end)]
            end = begin

    def _place(self, at: int) -> int:
        """Return the number of the first row at or after `at`, counted over all laps."""
        lap, rest = divmod(at - self._at[0], self._lap)
        return lap * len(self._rows) + bisect_left(self._at, self._at[0] + rest)

    def _when(self, place: int) -> int:
        lap, row = divmod(place, len(self._rows))
        return self._at[row] + lap * self._lap

    def _reading(self, place: int) -> RawReading:
        lap, row = divmod(place, len(self._rows))
        values = self._rows[row].values
        counted = {
            name: round(float(str(values[name])) + lap * g, 3) for name, g in self._gains.items() if name in values
        }
        return RawReading(self._when(place), {**values, **counted})


def _gains(kind: SensorKind, readings: Sequence[RawReading]) -> dict[str, float]:
    """Return what each counter counts in one lap."""
    counters = [p.name for p in kind.points if p.counter]
    found: dict[str, float] = {}
    for name in counters:
        counts = [float(str(r.values[name])) for r in readings if name in r.values]
        if counts:
            found[name] = max(counts[-1] - counts[0], 0.0)
    return found


def load_recordings(
    folder: Path,
    catalogue: Catalogue,
    kinds: Mapping[str, SensorKind],
    live_from: int,
    past_from: int | None,
) -> list[RecordedPlayer]:
    """Return a player for each recording of the folder whose device is active. Raises RecordingError."""
    active = {d.name: d for d in catalogue.devices if d.status is DeviceStatus.ACTIVE}
    players: list[RecordedPlayer] = []
    for entry in entries(folder):
        device = active.get(entry.device)
        if device is not None and device.kind in kinds:
            columns = load_map(folder / entry.map, kinds)
            readings = read_recording(folder / entry.file, columns, Trouble())
            if readings:
                who = part(device, kinds[device.kind])
                players.append(RecordedPlayer(who, readings, live_from, past_from=past_from))
    return players


def entries(folder: Path) -> tuple[Slice, ...]:
    """Return the recordings that a folder's index names. Raises RecordingError."""
    file = folder / INDEX
    try:
        return _Index.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).recordings
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as err:
        raise RecordingError(f"{file}: cannot be read as the index of recordings: {err}") from err
