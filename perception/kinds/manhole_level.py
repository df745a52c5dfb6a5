"""manhole_level: a sensor under the cover of a sewer: water level, cover, gas.

Limits: a radar or pressure probe over 4 m, an electronic level of 90 deg, a catalytic sensor up to 100 % of the
lower explosive limit, an electrochemical one up to 100 ppm of H2S. Those are usual ranges; which a sensor has, the
levels, and the gas are assumptions. For comparison GBZ 2.1-2019 allows 10 mg/m3 (7 ppm) of H2S where people work.
"""

from collections.abc import Mapping

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from perception.surroundings import Floats, Surroundings

_HOUR_S = 3600.0
_OPENED = 0.002
"""Of the working hours, those in which somebody opens the cover: about once in two months."""


def behaviour(around: Surroundings) -> Mapping[str, Floats]:
    """Sewage follows the day of the homes, rain fills the shaft, gas gathers where little flows, covers are opened."""
    sewage = 0.10 + 0.16 * around.peak(8.0, 1.6) + 0.13 * around.peak(20.3, 2.4)
    level = sewage * (0.7 + 0.6 * around.dice(1)) + 0.05 * np.minimum(around.rain, 30) + 0.01 * around.drift(1_900, 1)
    at_work = (around.hour >= 9) & (around.hour < 16) & ~around.weekend
    opened = np.where(at_work & (around.chance(_HOUR_S, 1) < _OPENED), 1.0, 0.0)
    closed = np.where(opened > 0, 0.2, 1.0)
    still = 1 - np.clip(level / 0.5, 0, 0.8)
    return {
        "level": np.clip(level, 0.02, 3.9),
        "tilt": np.where(opened > 0, 62 + 15 * around.dice(2), 0.6 + 0.8 * around.dice(3)),
        "cover_open": opened,
        "methane": np.clip((1.5 + 3 * around.dice(4)) * still * closed + 0.6 * around.drift(9_000, 2), 0, 90),
        "h2s": np.clip((1 + 3 * around.dice(5)) * still * closed + 0.4 * around.drift(6_000, 3), 0, 90),
        "battery": 3.6 - 0.15 * around.dice(6) - 0.002 * np.maximum(0, -around.outdoor_c),
    }


KIND = SensorKind(
    name="manhole_level",
    title=Title(zh="窨井液位监测仪", en="Manhole level sensor"),
    interval_s=60,
    key_points=("level", "tilt", "methane", "h2s"),
    behaviour=behaviour,
    points=(
        Point(
            name="level",
            title=Title(zh="液位", en="Water level"),
            unit="m",
            low=0,
            high=4,
            typical=(0.05, 0.5),
            noise=0.005,
            decimals=2,
        ),
        Point(
            name="tilt",
            title=Title(zh="井盖倾角", en="Cover tilt"),
            unit="deg",
            low=0,
            high=90,
            typical=(0, 3),
            noise=0.1,
        ),
        Point(
            name="cover_open",
            title=Title(zh="井盖打开", en="Cover open"),
            unit="1",
            low=0,
            high=1,
            event=True,
            decimals=0,
        ),
        Point(
            name="methane",
            title=Title(zh="可燃气体", en="Combustible gas"),
            unit="%{LEL}",
            low=0,
            high=100,
            typical=(0, 10),
            noise=0.2,
        ),
        Point(
            name="h2s",
            title=Title(zh="硫化氢", en="Hydrogen sulphide, H2S"),
            unit="[ppm]",
            low=0,
            high=100,
            typical=(0, 7),
            noise=0.1,
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
