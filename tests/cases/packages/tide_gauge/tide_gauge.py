"""tide_gauge: a kind from a package of its own. Limits are an assumption."""

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind

MOON_S = 44_714.0
"""Half a lunar day, 12 h 25 min."""


def behaviour(around):
    """High water twice in a lunar day, a little earlier or later at each quay."""
    phase = around.at_s / MOON_S + 0.1 * around.dice(1)
    return {"level": 2.5 + 1.8 * np.sin(2 * np.pi * phase) + 0.1 * around.drift(3_600, 1), "pump_run": phase % 1 < 0.1}


KIND = SensorKind(
    name="tide_gauge",
    title=Title(zh="潮位计", en="Tide gauge"),
    interval_s=60,
    key_points=("level",),
    behaviour=behaviour,
    points=(
        Point(
            name="level",
            title=Title(zh="潮位", en="Water level"),
            unit="m",
            low=0,
            high=6,
            typical=(0.5, 4.5),
            noise=0.01,
        ),
        Point(
            name="pump_run",
            title=Title(zh="水泵运行", en="Pump running"),
            unit="1",
            low=0,
            high=1,
            event=True,
            decimals=0,
        ),
    ),
)
