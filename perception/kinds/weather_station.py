"""weather_station: outdoor conditions of a district, against which every heating curve is judged."""

from perception.command import EVERY_SIMULATED
from perception.point import Point, Title
from perception.sensor_kind import SensorKind

KIND = SensorKind(
    name="weather_station",
    title=Title(zh="气象站", en="Weather station"),
    interval_s=60,
    key_points=("t_outdoor", "wind_speed", "rh_outdoor"),
    commands=EVERY_SIMULATED,
    points=(
        Point(
            name="t_outdoor",
            title=Title(zh="室外温度", en="Outdoor temperature"),
            unit="Cel",
            low=-50,
            high=50,
            typical=(-30, 20),
            noise=0.1,
            max_rate=0.2,
        ),
        Point(
            name="rh_outdoor",
            title=Title(zh="室外湿度", en="Outdoor humidity"),
            unit="%",
            low=0,
            high=100,
            typical=(30, 90),
            noise=1,
            decimals=0,
        ),
        Point(
            name="wind_speed",
            title=Title(zh="风速", en="Wind speed"),
            unit="m/s",
            low=0,
            high=60,
            typical=(0, 12),
            noise=0.2,
        ),
        Point(
            name="irradiance",
            title=Title(zh="太阳辐照度", en="Global irradiance"),
            unit="W/m2",
            low=0,
            high=1400,
            typical=(0, 700),
            noise=2,
            decimals=0,
        ),
        Point(
            name="p_air",
            title=Title(zh="气压", en="Air pressure"),
            unit="hPa",
            low=850,
            high=1100,
            typical=(980, 1040),
            noise=0.2,
        ),
    ),
)
