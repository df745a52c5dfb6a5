"""Seen: the real station of a comparison: a shipped recording by its name, or a file with its column map."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from perception.sensor_kind import SensorKind
from simulators.likeness.dirt import cleaned
from simulators.likeness.running import running
from simulators.likeness.track import DAY_US, HOUR_US, Instants, Track, cadence_s, local_us, track_of
from simulators.recorded import entries
from simulators.recording import RecordingError, Trouble, load_map, read_recording

SUBSTATION = "heat_substation"
NIS_SOURCE = "Cvetković, Zdravković, Ignjatović: Data in Brief 2025, doi 10.1016/j.dib.2025.111320, CC BY 4.0"
_NIS = "nis-"
_LEAST_DAYS = 2
_MONDAY = 4
"""1970-01-01, day 0, was a Thursday."""
_HEATED = 0.9
"""Of the hours of the week that is heated most."""
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at: a shipped recording's name (`nis-l4`, or `L4`) or a file, its map, its zone, the first day."""

    real: str
    map: Path | None
    zone: str | None
    week: date | None
    days: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The real station: its name, where it comes from, its track over the wanted span, the local begin of the week."""

    name: str
    source: str
    track: Track
    begin: int
    trouble: Trouble
    recorded: tuple[str, str]

    @property
    def days(self) -> int:
        """So many days, begun ones counted, lie between the first and the last row."""
        return -(-int(self.track.at[-1] - self.track.at[0] + 1) // DAY_US)

    @property
    def clean(self) -> Track:
        """The track without its dirt."""
        clean, _ = cleaned(self.track)
        return clean

    @property
    def step_s(self) -> float:
        """The usual time between two rows."""
        return cadence_s(self.track)


def see(wanted: Wanted, recordings: Path, kinds: Mapping[str, SensorKind]) -> Seen:
    """Return the real station. Raises RecordingError that says what is wrong, and what there is instead."""
    file, columns_file, name, source = _chosen(wanted, recordings)
    columns, trouble = load_map(columns_file, kinds), Trouble()
    if columns.kind != SUBSTATION:
        raise RecordingError(f"{columns_file}: look compares stations: kind must be {SUBSTATION}, not {columns.kind}")
    readings = read_recording(file, columns, trouble)
    if not readings:
        raise RecordingError(f"{file}: no row of it could be read: {'; '.join(trouble.named) or 'it is empty'}")
    zone = wanted.zone or columns.time.zone or "UTC"
    track = track_of(readings, zone)
    begin = _begin(track, wanted, file)
    local = local_us(track)
    first, last = (int(np.searchsorted(local, begin + k * DAY_US)) for k in (0, wanted.days))
    if last - first < 2:
        raise RecordingError(f"{file}: there is nothing in the {wanted.days} days from {_day(begin)}: {_reach(local)}")
    cut = track.between(int(track.at[first]), int(track.at[last - 1]) + 1)
    return Seen(name, source, cut, begin, trouble, (_day(int(local[0])), _day(int(local[-1]))))


def _chosen(wanted: Wanted, recordings: Path) -> tuple[Path, Path, str, str]:
    shipped = {e.device: e for e in entries(recordings)}
    for name in (wanted.real, wanted.real.lower(), _NIS + wanted.real.lower()):
        if name in shipped:
            entry = shipped[name]
            return recordings / entry.file, wanted.map or recordings / entry.map, name, NIS_SOURCE
    file = Path(wanted.real)
    if not file.is_file():
        raise RecordingError(f"{wanted.real}: neither a file nor a shipped recording; those are {', '.join(shipped)}")
    if wanted.map is None:
        raise RecordingError(
            f"{file}: say with --map which column is which point; configs/replay/nis.toml is an example"
        )
    return file, wanted.map, file.name, ""


def _begin(track: Track, wanted: Wanted, file: Path) -> int:
    """Return the local midnight that begins the week: the wanted one, or the first Monday of a week of heating."""
    local = local_us(track)
    if wanted.week is not None:
        return (wanted.week - _EPOCH).days * DAY_US
    first, last = (int(local[k]) // DAY_US for k in (0, -1))
    if last - first + 1 < _LEAST_DAYS:
        raise RecordingError(f"{file}: shorter than {_LEAST_DAYS} days: {_reach(local)}")
    hours = np.unique(local[running(cleaned(track)[0])] // HOUR_US)
    mondays = range(first + (_MONDAY - first) % 7, last - 5, 7)
    heated = [int(((hours >= 24 * m) & (hours < 24 * (m + 7))).sum()) for m in mondays]
    enough = (m for m, h in zip(mondays, heated, strict=True) if h >= _HEATED * max(heated))
    return next(enough, first) * DAY_US


def utc_offset_s(track: Track) -> float:
    """Return the station's local offset at its first instant."""
    offset = datetime.fromtimestamp(int(track.at[0]) / 1e6, UTC).astimezone(ZoneInfo(track.zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _day(local: int) -> str:
    return str(_EPOCH + timedelta(days=local // DAY_US))


def _reach(local: Instants) -> str:
    return f"it reaches from {_day(int(local[0]))} to {_day(int(local[-1]))}"
