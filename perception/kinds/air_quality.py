"""air_quality: a monitor of outdoor air at a street. Concentrations only: an index is a matter of the reader's country.

Limits: measuring ranges of continuous monitors, 0 to 1000 ug/m3 of particles, 500 ppb of NO2, O3 and SO2, 50 ppm
of CO, converted at 25 Cel and 1013 hPa (1 ppb is 1.88, 1.96 and 2.62 ug/m3, 1 ppm of CO 1.145 mg/m3); which
ranges a monitor has is an assumption. Typical: a heating winter of a northern city, assumption; for comparison
the daily means of class 2 of GB 3095-2012 are 75 and 150 ug/m3 of particles, 80 of NO2, 150 of SO2, 4 mg/m3 of CO.
"""

from collections.abc import Mapping

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from perception.surroundings import Floats, Surroundings

_DAY_S = 86_400.0


def behaviour(around: Surroundings) -> Mapping[str, Floats]:
    """Rush hours bring NO2 and CO, cold nights bring smoke, wind takes all away, the sun makes O3 of what is left.

    Shapes after urban monitoring in general; every number is an assumption.
    """
    traffic = (around.peak(7.8, 1.3) + 0.9 * around.peak(18.0, 1.8)) * np.where(around.weekend, 0.6, 1.0)
    heating = np.clip((15 - around.outdoor_c) / 40, 0, 1)
    stagnant = 2.2 / (0.8 + np.maximum(around.wind, 0) / 2) * (1 + 0.25 * around.drift(2.3 * _DAY_S, 1))
    night = 1.25 - 0.25 * around.daylight
    site = 0.8 + 0.4 * around.dice(1)
    washed = 1 / (1 + 0.4 * around.rain)
    pm25 = (12 + 42 * heating * night + 14 * traffic) * stagnant * site * washed
    no2 = (14 + 14 * heating + 30 * traffic) * stagnant * site
    return {
        "pm25": np.clip(pm25, 2, 900),
        "pm10": np.clip(pm25 * (1.35 + 0.15 * around.drift(_DAY_S / 3, 2)) + 6, 4, 950),
        "no2": np.clip(no2, 2, 800),
        "o3": np.clip(70 - 0.8 * no2 + 0.09 * around.irradiance, 3, 800),
        "co": np.clip((0.3 + 0.5 * heating * night + 0.5 * traffic) * stagnant * site, 0.1, 50),
        "so2": np.clip((4 + 14 * heating * night) * stagnant * site, 1, 1000),
    }


def _gas(name: str, zh: str, en: str, high: float, typical: tuple[float, float], unit: str = "ug/m3") -> Point:
    return Point(
        name=name,
        title=Title(zh=zh, en=en),
        unit=unit,
        low=0,
        high=high,
        typical=typical,
        noise=0.03,
        noise_relative=True,
        decimals=2 if unit == "mg/m3" else 0,
    )


KIND = SensorKind(
    name="air_quality",
    title=Title(zh="空气质量监测仪", en="Air quality monitor"),
    interval_s=60,
    key_points=("pm25", "pm10", "no2", "o3"),
    behaviour=behaviour,
    points=(
        _gas("pm25", "细颗粒物 PM2.5", "Fine particles, PM2.5", 1000, (5, 115)),
        _gas("pm10", "可吸入颗粒物 PM10", "Particles, PM10", 1000, (10, 180)),
        _gas("no2", "二氧化氮", "Nitrogen dioxide, NO2", 940, (10, 100)),
        _gas("o3", "臭氧", "Ozone, O3", 980, (5, 120)),
        _gas("co", "一氧化碳", "Carbon monoxide, CO", 57, (0.2, 3), "mg/m3"),
        _gas("so2", "二氧化硫", "Sulphur dioxide, SO2", 1310, (3, 50)),
    ),
)
