"""street_lamp: the controller in a street lamp: switches and dims by the sun and the hour, and meters what it uses.

Limits: an LED lantern of 120 W on 230 V; dimming in percent of full power, the mains within EN 50160 (230 V, 10 %)
with some room for what a meter should still show. Dimming to half between 23:00 and 05:00 is common practice.
All of it is an assumption about a lamp, none about a make.
"""

from collections.abc import Mapping

import numpy as np

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from perception.surroundings import Floats, Surroundings

_FULL_W = 120.0
_IDLE_W = 1.5
_MINUTES = 1440


def behaviour(around: Surroundings) -> Mapping[str, Floats]:
    """On from dusk to dawn, half as bright in the small hours; the two counters add up exactly what is switched."""
    dimming = _dimming(around.sunrise, around.sunset)
    burning = np.where(dimming > 0, 1.0, 0.0)
    power = _IDLE_W + (_FULL_W - _IDLE_W) * dimming / 100
    volts = 230 + 3 * around.drift(7_000, 1) + 2 * (around.dice(1) - 0.5)
    now = around.rate(power)
    return {
        "lamp_on": around.rate(burning),
        "dimming_level": around.rate(dimming),
        "power": now,
        "voltage": volts,
        "current": now / volts / 0.95,
        "energy_total": around.counted(power / 1000),
        "burning_time_total": around.counted(burning),
        "lamp_fault": np.zeros(len(around)),
    }


def _dimming(sunrise: float, sunset: float) -> Floats:
    """Return percent for each minute of the day: off by day, 50 from 23:00 to 05:00, 100 in the rest of the night."""
    hour = np.arange(_MINUTES) / 60
    night = np.where((hour >= 23) | (hour < 5), 50.0, 100.0)
    return np.where((hour < sunrise) | (hour >= sunset), night, 0.0)


KIND = SensorKind(
    name="street_lamp",
    title=Title(zh="路灯控制器", en="Street lamp controller"),
    interval_s=60,
    key_points=("dimming_level", "power", "energy_total"),
    behaviour=behaviour,
    points=(
        Point(name="lamp_on", title=Title(zh="灯亮", en="Lamp on"), unit="1", low=0, high=1, event=True, decimals=0),
        Point(
            name="dimming_level",
            title=Title(zh="调光", en="Dimming level"),
            unit="%",
            low=0,
            high=100,
            typical=(0, 100),
            decimals=0,
        ),
        Point(
            name="power",
            title=Title(zh="功率", en="Power"),
            unit="W",
            low=0,
            high=200,
            typical=(0, 125),
            noise=0.005,
            noise_relative=True,
        ),
        Point(
            name="voltage",
            title=Title(zh="电压", en="Voltage"),
            unit="V",
            low=150,
            high=300,
            typical=(207, 253),
            noise=0.4,
        ),
        Point(
            name="current",
            title=Title(zh="电流", en="Current"),
            unit="A",
            low=0,
            high=2,
            typical=(0, 0.6),
            noise=0.005,
            noise_relative=True,
            decimals=2,
        ),
        Point(
            name="energy_total",
            title=Title(zh="累计电量", en="Electric energy, total"),
            unit="kW.h",
            low=0,
            high=1e6,
            counter=True,
            most_per_hour=0.2,
            interval_s=900,
        ),
        Point(
            name="burning_time_total",
            title=Title(zh="累计亮灯时间", en="Burning time, total"),
            unit="h",
            low=0,
            high=2e5,
            counter=True,
            most_per_hour=1,
            interval_s=900,
        ),
        Point(
            name="lamp_fault",
            title=Title(zh="灯故障", en="Lamp fault"),
            unit="1",
            low=0,
            high=1,
            event=True,
            decimals=0,
        ),
    ),
)
