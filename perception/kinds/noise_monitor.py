"""noise_monitor: a sound level meter at a street, with the levels of the last minute.

Limits: 20 to 140 dB, what class 1 meters after IEC 61672-1 commonly span; assumption. Typical: a street in a city,
assumption; for comparison GB 3096-2008 allows 60 dB by day and 50 by night where homes are mixed with trade, 70 and
55 beside a main road. All levels are A-weighted. L10 and L90 are exceeded in 10 and 90 percent of the minute.
"""

from collections.abc import Mapping

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from perception.surroundings import Floats, Surroundings


def behaviour(around: Surroundings) -> Mapping[str, Floats]:
    """Traffic sets the level: rush hours, quiet nights, quieter weekends; each minute has its lorry or has none.

    The order L90 < LAeq < L10 < Lmax holds at all times. Every number is an assumption.
    """
    rush = around.peak(7.8, 1.4) + 0.9 * around.peak(17.8, 1.9)
    awake = 1 / (1 + np.exp(-(around.hour - 6.0) / 0.5)) / (1 + np.exp((around.hour - 22.3) / 0.7))
    base = 44 + 13 * awake + 4.5 * rush * np.where(around.weekend, 0.4, 1.0) + 5 * (around.dice(1) - 0.5)
    wind = 0.5 * np.maximum(around.wind - 4, 0)
    leq = base + wind + 3 * np.minimum(around.rain, 4) / 4 + 1.2 * around.drift(2_700, 1)
    restless = around.chance(60, 1)
    leq = np.clip(leq + 1.5 * restless, 30, 110)
    above = 2 + 2.5 * restless
    lorry = np.where(around.chance(60, 2) > 0.97, 9.0, 0.0)
    return {
        "laeq": leq,
        "la10": leq + above,
        "la90": leq - 4 - 3 * restless,
        "lamax": leq + above + 4 + 5 * around.chance(60, 3) + lorry,
    }


def _level(name: str, zh: str, en: str, typical: tuple[float, float]) -> Point:
    return Point(
        name=name,
        title=Title(zh=zh, en=en),
        unit="dB[SPL]",
        low=20,
        high=140,
        typical=typical,
        noise=0.1,
    )


KIND = SensorKind(
    name="noise_monitor",
    title=Title(zh="噪声监测仪", en="Noise monitor"),
    interval_s=60,
    key_points=("laeq", "lamax"),
    behaviour=behaviour,
    points=(
        _level("laeq", "等效声级 LAeq", "Equivalent level, LAeq", (42, 70)),
        _level("la10", "累积声级 L10", "Level exceeded 10 % of the time, L10", (45, 75)),
        _level("la90", "累积声级 L90", "Level exceeded 90 % of the time, L90", (35, 65)),
        _level("lamax", "最大声级 Lmax", "Highest level, Lmax", (50, 90)),
    ),
)
