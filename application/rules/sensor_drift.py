"""sensor_drift: a sensor tells another story than its neighbours, or than the physics of its own station.

The outdoor sensor is compared with the district's other stations: good ones differ by 1.7 to 2.4 K (p95) in reality.
Both sides of an exchanger carry the same heat: a side that leaves what it used to be, while the heat meter goes with
the other, has a sensor that drifts.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Verdict
from application.slow import physics
from application.slow.window import SlowWindow
from perception.point import Title
from perception.sensor_kind import SensorKind

_OVER_H = 6
_OUTDOOR_H = 3
_ELEMENTS = ("t_outdoor", "primary", "secondary")


class SensorDrift(Parameters):
    """Raised when the outdoor sensor is `limit_k` off its neighbours over 3 hours, or a side `limit_pct` off the heat.

    A side far outside (by more than `wild_pct`) is no drift: swapped, frozen and failed sensors have their own rules.
    """

    on_delay_s: float = Field(default=3600.0, ge=0)
    off_delay_s: float = Field(default=24 * 3600.0, ge=0)
    limit_k: float = Field(default=4.0, gt=0)
    deadband_k: float = Field(default=1.0, ge=0)
    limit_pct: float = Field(default=12.0, gt=0)
    deadband_pct: float = Field(default=3.0, ge=0)
    wild_pct: float = Field(default=80.0, gt=0)


def _off_neighbours(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: 3-h mean of the outdoor sensor less the median of the district's other stations, K."""
    own = window.mean("t_outdoor", _OUTDOOR_H)
    off: NDArray[np.float64] = own - window.neighbours(own)
    return off


def _off_heat(window: SlowWindow) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """float64[n, 1] each, in per cent: secondary over primary against what it used to be; both over the heat meter."""
    primary, secondary = physics.heat_primary(window, _OVER_H), physics.heat_secondary(window, _OVER_H)
    meter = window.trace("heat_power", _OVER_H)
    meter = np.where(meter > 1.0, meter, np.nan)
    usual = window.learned("heat_agreement")
    sides = window.middle(physics.agreement(window, _OVER_H), _OVER_H) / usual
    by_meter = window.middle(primary / meter, _OVER_H), window.middle(secondary / meter, _OVER_H) / usual
    apart, one, other = ((share - 1) * 100 for share in (sides, *by_meter))
    return apart, one, other


def judge(window: SlowWindow, p: SensorDrift) -> Judgement:
    """Compare the outdoor sensor with its neighbours, and both sides with each other and with the heat meter."""
    open_ = np.broadcast_to(window.raised, (len(window.now), len(_ELEMENTS)))
    low = [open_[:, [place]] for place in range(len(_ELEMENTS))]
    off = _off_neighbours(window)
    apart, primary, secondary = _off_heat(window)
    limits = [p.limit_pct - np.where(side, p.deadband_pct, 0.0) for side in low[1:]]
    wild = np.abs(apart) > p.wild_pct
    one = (np.abs(apart) > limits[0]) & (np.abs(primary) > np.abs(secondary))
    other = (np.abs(apart) > limits[1]) & (np.abs(secondary) > np.abs(primary))
    unknown = np.isnan(apart + primary + secondary) | wild
    beyond = np.abs(off) > p.limit_k - np.where(low[0], p.deadband_k, 0.0)
    columns = [np.where(np.isnan(off), Verdict.CANNOT_TELL, np.where(beyond, Verdict.RAISE, Verdict.CLEAR))]
    columns += [
        np.where(unknown, Verdict.CANNOT_TELL, np.where(side, Verdict.RAISE, Verdict.CLEAR)) for side in (one, other)
    ]
    return Judgement(np.concatenate(columns, axis=1).astype(np.int8))


def evidence(window: SlowWindow, p: SensorDrift) -> Mapping[str, NDArray[np.float64]]:
    """Show how far each is off, in K for the outdoor sensor and in per cent for a side, and the limits."""
    _, primary, secondary = _off_heat(window)
    n = len(window.now)
    limits = [np.full((n, 1), 1.0) * limit for limit in (p.limit_k, p.limit_pct, p.limit_pct)]
    return {
        "off": np.concatenate([_off_neighbours(window), primary, secondary], axis=1),
        "limit": np.concatenate(limits, axis=1),
    }


def _elements(kind: SensorKind) -> tuple[str, ...]:
    del kind
    return _ELEMENTS


RULE = Rule(
    name="sensor_drift",
    title=Title(zh="传感器漂移", en="Sensor drifts"),
    advice=Title(
        zh="可能原因：室外传感器受日晒或安装不当，温度传感器老化，流量计结垢。后果：控制跟随错误的测量值，住户偏冷或偏热，"
        "热量计量失准。处理：与邻近站及便携仪表比对，移位或更换传感器并记录修正值。",
        en="Cause: an outdoor sensor in the sun or badly mounted, an aged temperature sensor, a flow meter with scale. "
        "Consequence: control follows what is not so, homes are too cold or too warm, heat is metered wrongly. To do: "
        "compare with neighbouring stations and a portable instrument, move or replace the sensor, enter a correction.",
    ),
    priority=2,
    respond_s=48 * 3600,
    parameters=SensorDrift,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    tempo="slow",
    needs=("t_outdoor", *physics.PRIMARY, *physics.SECONDARY, "heat_power"),
    elements=_elements,
    learned=("heat_agreement",),
)
