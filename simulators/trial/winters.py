"""Winters: recordings of real stations through the same engine. Nobody knows what was wrong there.

So every alarm may be a true one: their number per station and month bounds the false ones from above.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np

from perception.catalogue import Catalogue
from perception.payload import RawReading
from perception.sensor_kind import SensorKind
from simulators.recorded import entries
from simulators.recording import Trouble, load_map, read_recording
from simulators.trial.columns import Columns
from simulators.trial.engines import ALARMS, Engines
from simulators.trial.matching import DAY_US
from simulators.trial.truths import iso, read_lines, write_lines
from simulators.world import SUBSTATION

REAL, WINTERS = "real", "winters.jsonl"
_HOUR_US = 3_600_000_000
_MONTH_US = 30 * DAY_US
Recorded = Mapping[str, Sequence[RawReading]]


def played(
    folder: Path, catalogue: Catalogue, kinds: Mapping[str, SensorKind], engines: Engines, out: Path
) -> list[dict[str, Any]]:
    """Play the recordings of a folder to an engine of its own; return what it raised at each. Raises RecordingError.

    A device's interval is what its data say: nine of ten gaps are shorter.
    """
    recorded = {
        entry.device: read_recording(folder / entry.file, load_map(folder / entry.map, kinds), Trouble())
        for entry in entries(folder)
    }
    recorded = {device: rows for device, rows in recorded.items() if len(rows) > 1}
    if not recorded:
        return []
    devices = tuple(
        d.model_copy(update={"interval_s": _interval_s(recorded[d.name])})
        for d in catalogue.devices
        if d.name in recorded
    )
    told = catalogue.model_copy(update={"devices": devices})
    numbers = {d.name: number for number, d in enumerate(devices, start=1)}
    begin = min(_at(rows[0]) for rows in recorded.values())
    made = engines(told, numbers, {}, begin, out / REAL)
    with made[""] as engine:
        for now, block in _hours(recorded, numbers, kinds[SUBSTATION]):
            engine.take({SUBSTATION: block}, now)
        engine.close()
    alarms = read_lines(out / REAL / ALARMS)
    station = {d.name: d.station for d in devices}
    told_of = [
        _figures(name, rows, [a for a in alarms if a["station"] == station[name]]) for name, rows in recorded.items()
    ]
    write_lines(out / REAL / WINTERS, told_of)
    return told_of


def _figures(device: str, rows: Sequence[RawReading], alarms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    begin, end = _at(rows[0]), _at(rows[-1])
    months = (end - begin) / _MONTH_US
    shown = [a for a in alarms if a["operator"]]
    return {
        "device": device,
        "rows": len(rows),
        "from": iso(begin),
        "to": iso(end),
        "alarms": len(alarms),
        "operator_alarms": len(shown),
        "operator_alarms_per_station_month": round(len(shown) / months, 2),
        "operator_alarms_per_station_day": round(len(shown) / months / 30, 4),
        "by_rule": dict(Counter(a["rule"] for a in shown).most_common()),
    }


def _hours(recorded: Recorded, numbers: Mapping[str, int], kind: SensorKind) -> Iterator[tuple[int, Columns]]:
    """Yield (now, columns) for each hour in which something was recorded."""
    rows = sorted((_at(row), numbers[device], row) for device, each in recorded.items() for row in each)
    hours: dict[int, list[tuple[int, int, RawReading]]] = {}
    for row in rows:
        hours.setdefault(row[0] // _HOUR_US, []).append(row)
    for _, each in sorted(hours.items()):
        ts = np.array([at for at, _, _ in each], np.int64)
        values = np.full((len(each), len(kind.points)), np.nan)
        for place, (_, _, reading) in enumerate(each):
            for point, value in reading.values.items():
                values[place, kind.bits[point]] = float(str(value))
        yield int(ts[-1]), (np.array([number for _, number, _ in each], np.int32), ts, ts, values)


def _interval_s(rows: Sequence[RawReading]) -> float:
    gaps = [(_at(later) - _at(row)) / 1e6 for row, later in pairwise(rows)]
    return float(max(quantiles(gaps, n=10)[-1] if len(gaps) > 1 else gaps[0], 1.0))


def _at(reading: RawReading) -> int:
    return reading.ts or 0
