"""Weather file: a recorded year, hour by hour, from CSV (also as .gz) with local times."""

import csv
import gzip
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulators.air import Record

Floats = NDArray[np.float64]

_COLUMNS = ("t_outdoor", "rh_outdoor", "p_air")
_LEAST_HOURS, _MOST_HOURS = 8_700, 8_800
_FROM_C, _STRETCH = 5.0, 1.333
"""Below 5 Cel the recorded cold is stretched, so that Shenyang's design temperature becomes Harbin's."""


class WeatherError(Exception):
    """A weather file cannot be used: the message says which, where, and what was expected."""


def read_weather(file: Path) -> Record:
    """Return the record of a file with the columns local_time, t_outdoor, rh_outdoor and p_air. Raises WeatherError.

    Rows are whole hours in order, about a year of them; what is empty or missing is filled by a line between its
    neighbours. The cold side of the temperatures is stretched.
    """
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
        rows = list(csv.DictReader(text.splitlines()))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as err:
        raise WeatherError(f"{file}: cannot be read as a weather file: {err}") from err
    if not rows or not {"local_time", *_COLUMNS} <= set(rows[0]):
        raise WeatherError(f"{file}: expected a CSV with the columns local_time, {', '.join(_COLUMNS)}")
    hours = _hours(file, rows)
    count = int(hours[-1] - hours[0]) + 1
    if not _LEAST_HOURS <= count <= _MOST_HOURS:
        raise WeatherError(f"{file}: expected a year of hours (8760), found {count}")
    told = {name: _filled(file, name, rows, hours - hours[0], count) for name in _COLUMNS}
    cold = told["t_outdoor"]
    told["t_outdoor"] = np.where(cold < _FROM_C, _FROM_C - _STRETCH * (_FROM_C - cold), cold)
    return Record(float(hours[0]) * 3600, **told)


def _hours(file: Path, rows: list[dict[str, str]]) -> Floats:
    try:
        times = [datetime.fromisoformat(row["local_time"]).replace(tzinfo=UTC).timestamp() for row in rows]
    except ValueError as err:
        raise WeatherError(f"{file}: {err}; expected times such as 2012-07-01T00:00") from err
    hours = np.round(np.array(times) / 3600)
    back = np.flatnonzero(np.diff(hours) <= 0)
    if back.size:
        raise WeatherError(f"{file}, line {int(back[0]) + 3}: the time does not go on; sort the rows, one per hour")
    return hours


def _filled(file: Path, name: str, rows: list[dict[str, str]], places: Floats, count: int) -> Floats:
    try:
        values = np.array([float(row[name]) if row[name] else np.nan for row in rows])
    except (TypeError, ValueError) as err:
        raise WeatherError(f"{file}: column {name}: {err}; expected a number, or nothing") from err
    there = np.isfinite(values)
    if there.sum() < 2:
        raise WeatherError(f"{file}: column {name} has no values")
    filled: Floats = np.interp(np.arange(count), places[there], values[there])
    return filled
