"""room_climate: how warm and how moist it is in a sampled flat: what all the heating is for.

Limits, noise and rates: typical values of battery-powered room sensors; the typical range is that of real flats in
a heated season (p1 to p99 of them 17.2 to 26.4 degrees). Every number is a default of the catalogue.
"""

from perception.command import EVERY_SIMULATED
from perception.point import Point, Title
from perception.sensor_kind import SensorKind

KIND = SensorKind(
    name="room_climate",
    title=Title(zh="室内温湿度", en="Room climate"),
    interval_s=600,
    key_points=("t_indoor", "rh_indoor"),
    commands=EVERY_SIMULATED,
    points=(
        Point(
            name="t_indoor",
            title=Title(zh="室内温度", en="Indoor temperature"),
            unit="Cel",
            low=0,
            high=40,
            typical=(18, 26),
            noise=0.1,
            max_rate=0.1,
        ),
        Point(
            name="rh_indoor",
            title=Title(zh="室内湿度", en="Indoor humidity"),
            unit="%",
            low=0,
            high=100,
            typical=(20, 60),
            noise=1,
            decimals=0,
        ),
    ),
)
