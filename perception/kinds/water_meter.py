"""water_meter: the bulk meter of the drinking water of a community, with pressure and a leak flag of its own.

Limits: a DN100 meter of permanent flow Q3 = 100 m3/h, of which ISO 4064-1 allows 1.25 times for a while (Q4);
pressure class 1.6 MPa. Use of 0.3 m3 a day per home, its shape over the day, and a night minimum of a few percent of
the mean are assumptions after urban supply in general; the meter calls a leak what runs through at night beyond 15 %.
"""

from collections.abc import Mapping

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from perception.surroundings import Floats, Surroundings

_PER_HOME_M3_DAY = 0.3
_WEEK_SLOTS = 7 * 96
_LEAK_SHARE = 0.15
_LEAKY = 0.9
"""One meter of ten has a leak behind it."""


def behaviour(around: Surroundings) -> Mapping[str, Floats]:
    """Mornings and evenings peak, the night runs low; pressure gives way to flow; the counter adds the flow up."""
    mean = np.clip(around.homes, 10, 3000) * _PER_HOME_M3_DAY / 24
    leaky = around.dice(1) > _LEAKY
    seep = mean * np.where(leaky, 0.2, 0.01 + 0.04 * around.dice(2))
    shape = _week()
    flow = mean * around.rate(shape, 7) + seep
    share = flow / (flow + 3 * mean)
    return {
        "volume_total": mean * around.counted(shape, 7) + seep * around.counted(np.ones(_WEEK_SLOTS), 7),
        "flow": flow,
        "p_water": 0.42 + 0.03 * around.dice(3) - 0.16 * share + 0.006 * around.drift(5_400, 1),
        "t_water": np.clip(8 + 0.12 * around.outdoor_c + 0.3 * around.drift(86_400, 2), 3, 25),
        "leak_detected": np.where(seep > _LEAK_SHARE * mean, 1.0, 0.0),
        "battery": 3.6 - 0.12 * around.dice(4) - 0.002 * np.maximum(0, -around.outdoor_c),
    }


def _week() -> Floats:
    """Return the share of the mean in each quarter of an hour of a week from Monday; the mean of the whole is 1."""
    hour = np.arange(96) / 4
    workday = 0.12 + 2.3 * _bell(hour, 7.3, 1.2) + 0.8 * _bell(hour, 12.3, 1.5) + 2.0 * _bell(hour, 19.7, 2.1)
    day_off = 0.14 + 1.8 * _bell(hour, 9.0, 1.8) + 1.0 * _bell(hour, 12.8, 2.0) + 1.8 * _bell(hour, 19.5, 2.3)
    week = np.concatenate([np.tile(workday, 5), np.tile(day_off, 2)])
    return week / float(week.mean())


def _bell(hour: Floats, at: float, width: float) -> Floats:
    bell: Floats = np.exp(-(((hour - at) / width) ** 2))
    return bell


KIND = SensorKind(
    name="water_meter",
    title=Title(zh="水表", en="Water meter"),
    interval_s=60,
    key_points=("flow", "p_water", "volume_total"),
    behaviour=behaviour,
    points=(
        Point(
            name="volume_total",
            title=Title(zh="累计用水量", en="Water volume, total"),
            unit="m3",
            low=0,
            high=1e8,
            counter=True,
            most_per_hour=125,
        ),
        Point(
            name="flow",
            title=Title(zh="流量", en="Flow"),
            unit="m3/h",
            low=0,
            high=125,
            typical=(0, 30),
            noise=0.03,
            noise_relative=True,
            decimals=2,
        ),
        Point(
            name="p_water",
            title=Title(zh="水压", en="Water pressure"),
            unit="MPa",
            low=0,
            high=1.6,
            typical=(0.25, 0.45),
            noise=0.002,
            decimals=3,
        ),
        Point(
            name="t_water",
            title=Title(zh="水温", en="Water temperature"),
            unit="Cel",
            low=-5,
            high=50,
            typical=(4, 22),
            noise=0.1,
        ),
        Point(
            name="leak_detected",
            title=Title(zh="疑似漏水", en="Leak suspected"),
            unit="1",
            low=0,
            high=1,
            event=True,
            decimals=0,
        ),
        Point(
            name="battery",
            title=Title(zh="电池电压", en="Battery voltage"),
            unit="V",
            low=2,
            high=4.2,
            typical=(3.2, 3.7),
            noise=0.005,
            decimals=2,
            interval_s=900,
        ),
    ),
)
