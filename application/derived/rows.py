"""Rows: from ten-minute means of a station to its derived points. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from application.derived import quantities as q
from application.instants import HOUR, MINUTE
from perception.sensor_kind import SensorKind

Floats = NDArray[np.float64]

PUMPS = (1, 2, 3)
EVENTS = ("t_sec_supply_setpoint", *(f"pump_circ_{k}_run" for k in PUMPS))
INPUTS = (
    "t_outdoor", "t_pri_supply", "t_pri_return", "t_sec_supply", "t_sec_return", "flow_pri", "flow_sec", "heat_power",
    "flow_makeup", *(f"pump_circ_{k}_freq" for k in PUMPS), *EVENTS,
)  # fmt: skip
"""The points of a station that something is derived from. Events are sent when they change, and every 15 minutes."""

_EVENT_HOLD = 45 * MINUTE
_RUNS = 0.5


@dataclass(frozen=True, slots=True)
class Means:
    """Ten-minute means of one device: ts int64[m], begins in order, epoch microseconds; by point float64[m], NaN."""

    ts: NDArray[np.int64]
    values: Mapping[str, Floats]

    def __getitem__(self, point: str) -> Floats:
        """Return the means of a point, unknown ones where the device has none."""
        found = self.values.get(point)
        return np.full(len(self.ts), np.nan) if found is None else found


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a station besides: NaN where it is not.

    `per_hertz`: flow in m3/h per Hz by how many pumps run, learned. `slope_kw_per_k` and `balance_c`: its energy
    signature, learned.
    """

    area_m2: float = np.nan
    slope_kw_per_k: float = np.nan
    balance_c: float = np.nan
    per_hertz: Mapping[int, float] | None = None


def derived(means: Means, neighbours: Floats, known: Known) -> dict[str, Floats]:
    """Return float64[m] by derived point. `neighbours` float64[m]: the outdoor temperature by other stations."""
    supply, back, out, home = (means[f"t_{p}"] for p in ("pri_supply", "pri_return", "sec_supply", "sec_return"))
    calc_pri = q.carried_kw(means["flow_pri"], supply, back)
    calc_sec = q.carried_kw(means["flow_sec"], out, home)
    power = means["heat_power"]
    given = np.where(np.isnan(power), calc_pri, power)
    between = q.lmtd(supply, back, out, home)
    outdoor = np.where(np.isnan(neighbours), means["t_outdoor"], neighbours)
    slope, balance = (np.full(len(means.ts), x) for x in (known.slope_kw_per_k, known.balance_c))
    return {
        "heat_power_calc_pri": calc_pri,
        "heat_power_calc_sec": calc_sec,
        "heat_balance_residual": q.residual_pct(power, calc_pri),
        "delta_t_pri": supply - back,
        "delta_t_sec": out - home,
        "lmtd": between,
        "ua_value": q.ua_kw_per_k(given, between),
        "hx_effectiveness": q.effectiveness(given, means["flow_pri"], means["flow_sec"], supply, back, home),
        "approach": back - home,
        "makeup_ratio": q.makeup_pct(means["flow_makeup"], means["flow_sec"]),
        "makeup_less_contraction": q.less_contraction(means["flow_makeup"], means["flow_sec"], _fell(means)),
        "flow_by_pump": _by_pump(means, known),
        "t_outdoor_neighbours": neighbours,
        "heat_power_expected": q.expected_kw(outdoor, slope, balance),
        "t_setpoint_error": out - _held(means, "t_sec_supply_setpoint"),
        "specific_heat": given * 1000 / known.area_m2,
    }


def laid_out(kind: SensorKind, found: Mapping[str, Floats], size: int) -> Floats:
    """Return float64[size, points] in the order of a kind's bits; what is beyond a point's limits is unknown."""
    values = np.full((size, len(kind.points)), np.nan)
    for place, point in enumerate(kind.points):
        column = found[point.name]
        with np.errstate(invalid="ignore"):
            within = (column >= point.low) & (column <= point.high)
        values[:, place] = np.where(within, np.round(column, point.decimals + 3), np.nan)
    return values


def running(means: Means) -> tuple[Floats, Floats]:
    """Return float64[m] twice: how many circulation pumps run (NaN: unknown), and the mean frequency of those."""
    runs = np.stack([_held(means, f"pump_circ_{k}_run") for k in PUMPS])
    hertz = np.stack([means[f"pump_circ_{k}_freq"] for k in PUMPS])
    on = runs > _RUNS
    untold = np.isnan(runs) & (hertz > 1)  # it turns, and nobody says whether it is on; one that says nothing is none
    count = np.where(np.isnan(runs).all(axis=0) | untold.any(axis=0), np.nan, on.sum(axis=0))
    blind = (on & np.isnan(hertz)).any(axis=0) | ~on.any(axis=0)
    mean = np.where(on, np.nan_to_num(hertz), 0.0).sum(axis=0) / np.maximum(on.sum(axis=0), 1)
    return count, np.where(blind, np.nan, mean)


def _by_pump(means: Means, known: Known) -> Floats:
    count, hertz = running(means)
    per_hertz = np.full(len(means.ts), np.nan)
    for pumps, value in (known.per_hertz or {}).items():
        per_hertz[count == pumps] = value
    return q.flow_by_pump(hertz, per_hertz)


def _fell(means: Means) -> Floats:
    """float64[m]: by how much the secondary loop cooled per hour since the bucket before, an hour ago at most."""
    loop = (means["t_sec_supply"] + means["t_sec_return"]) / 2
    hours = np.diff(means.ts) / HOUR
    rate = -np.diff(loop) / np.maximum(hours, 1e-9)
    found: Floats = np.append(np.nan, np.where(hours <= 1, rate, np.nan))[: len(loop)]
    return found


def _held(means: Means, point: str) -> Floats:
    """float64[m]: an event carried forward for as long as it holds."""
    values = means[point]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    age = means.ts - means.ts[np.maximum(last, 0)]
    return np.where((last >= 0) & (age <= _EVENT_HOLD), values[np.maximum(last, 0)], np.nan)
