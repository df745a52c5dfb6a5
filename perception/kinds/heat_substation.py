"""heat_substation: a heat-exchange station between the primary network and the homes of a community.

Points, limits, noise and rates: typical values of substations in northern China and the rating
classes of the Swedish substation rule F:101; temperatures agree with three real substations.
Every number is a default of the catalogue.
"""

from typing import Any

from perception.command import EVERY_SIMULATED, Choice, Command, Parameter
from perception.point import Point, Title
from perception.sensor_kind import SensorKind

_CIRCULATION_PUMPS = (1, 2, 3)
_MAKEUP_PUMPS = (1, 2)
_MPA: dict[str, Any] = {"unit": "MPa", "decimals": 3}
_FLOW: dict[str, Any] = {"unit": "m3/h", "noise": 0.01, "noise_relative": True, "max_rate": 0.2}
_METER: dict[str, Any] = {"counter": True, "interval_s": 900, "low": 0}
"""Meters: the most per hour is what the largest power or flow that counts as good would add."""


def _point(name: str, zh: str, en: str, typical: tuple[float, float] | None = None, **facts: Any) -> Point:
    return Point(name=name, title=Title(zh=zh, en=en), typical=typical, **facts)


def _celsius(name: str, zh: str, en: str, low: float, high: float, typical: tuple[float, float], **facts: Any) -> Point:
    return _point(name, zh, en, typical, unit="Cel", low=low, high=high, **facts)


def _contact(name: str, zh: str, en: str) -> Point:
    """Return a point that is 0 or 1, sent when it changes."""
    return _point(name, zh, en, unit="1", low=0, high=1, decimals=0, event=True)


def _command(name: str, zh: str, en: str, *parameters: Parameter, **facts: Any) -> Command:
    return Command(name=name, title=Title(zh=zh, en=en), parameters=parameters, **facts)


def _number(name: str, zh: str, en: str, **facts: Any) -> Parameter:
    return Parameter(name=name, title=Title(zh=zh, en=en), **facts)


def _choice(name: str, zh: str, en: str) -> Choice:
    return Choice(name=name, title=Title(zh=zh, en=en))


# fmt: off
_COMMANDS = (
    _command("setpoint_offset", "供水温度设定偏移", "Shift the supply setpoint",
        _number("kelvin", "偏移", "Shift", unit="K", low=-8, high=8, step=5, required=True), releases=True),
    _command("curve", "供热曲线", "Heating curve",
        _number("shift", "曲线平移", "Shift of the curve", unit="K", low=-10, high=10, step=5),
        _number("supply", "固定供水温度", "Fixed supply temperature", unit="Cel", low=25, high=75, step=15, alone=True,
                point="t_sec_supply_setpoint"),
        needs_one=True, releases=True),
    _command("pump_speed", "循环泵频率", "Circulation pump speed",
        _number("hertz", "频率", "Frequency", unit="Hz", low=15, high=50, step=20, required=True), releases=True),
    _command("valve", "一次阀开度", "Primary valve position",
        _number("percent", "开度", "Opening", unit="%", low=0, high=100, step=40, decimals=0, required=True,
                point="valve_pri_position"), releases=True),
    _command("mode", "运行方式", "Mode of operation",
        Parameter(name="mode", title=Title(zh="方式", en="Mode"), required=True, choices=(
            _choice("automatic", "自动", "Automatic"), _choice("manual", "手动（保持现状）", "Manual: hold what is"),
            _choice("off", "夏季停运", "Off for summer")))),
    *EVERY_SIMULATED,
)
"""Limits and steps are trade practice and defaults of the catalogue: what a heating network bears in one go."""

KIND = SensorKind(
    name="heat_substation",
    title=Title(zh="换热站", en="Heat-exchange station"),
    interval_s=10,
    key_points=(
        "t_sec_supply", "t_sec_return", "t_pri_supply", "t_pri_return",
        "p_sec_return", "p_sec_supply", "flow_sec", "heat_power",
    ),
    commands=_COMMANDS,
    points=(
        _celsius("t_outdoor", "室外温度", "Outdoor temperature", -45, 45, (-30, 20), noise=0.1, max_rate=0.2, interval_s=60),
        # Primary side
        _celsius("t_pri_supply", "一次供水温度", "Primary supply temperature", 0, 150, (60, 110), noise=0.15, max_rate=3),
        _celsius("t_pri_return", "一次回水温度", "Primary return temperature", 0, 110, (25, 60), noise=0.15, max_rate=3),
        _point("flow_pri", "一次流量", "Primary flow", (2, 120), **_FLOW, low=0, high=500),
        _point("p_pri_supply", "一次供水压力", "Primary supply pressure", (0.6, 1.2), **_MPA, low=0, high=1.6, noise=0.003, max_rate=0.05),
        _point("p_pri_return", "一次回水压力", "Primary return pressure", (0.3, 0.8), **_MPA, low=0, high=1.6, noise=0.003, max_rate=0.05),
        _point("dp_pri", "一次压差", "Primary differential pressure", (0.1, 0.6), **_MPA, low=-0.1, high=1, noise=0.003, max_rate=0.05),
        _point("valve_pri_position", "一次阀位", "Primary valve position", (15, 85), unit="%", low=0, high=100, noise=0.3, max_rate=60),
        _point("valve_pri_command", "一次阀位指令", "Primary valve command", (15, 85), unit="%", low=0, high=100, max_rate=100, event=True),
        _point("heat_power", "热功率", "Heat power", (100, 8000), unit="kW", low=0, high=20_000, noise=0.015, noise_relative=True, max_rate=0.2, interval_s=60, decimals=0),
        _point("heat_energy_total", "累计热量", "Heat energy, total", unit="GJ", high=1e7, most_per_hour=72, **_METER),
        _point("volume_pri_total", "一次累计流量", "Primary volume, total", unit="m3", high=1e8, most_per_hour=500, **_METER),
        # Secondary side
        _celsius("t_sec_supply", "二次供水温度", "Secondary supply temperature", 0, 95, (30, 65), noise=0.1, max_rate=2),
        _celsius("t_sec_supply_setpoint", "二次供水温度设定值", "Secondary supply setpoint", 20, 85, (30, 60), max_rate=5, event=True),
        _celsius("t_sec_return", "二次回水温度", "Secondary return temperature", 0, 80, (25, 50), noise=0.1, max_rate=1.5),
        _point("flow_sec", "二次流量", "Secondary flow", (20, 600), **_FLOW, low=0, high=1500),
        _point("p_sec_supply", "二次供水压力", "Secondary supply pressure", (0.35, 0.8), **_MPA, low=0, high=1.6, noise=0.002, max_rate=0.05),
        _point("p_sec_return", "二次回水压力", "Secondary return pressure", (0.25, 0.6), **_MPA, low=0, high=1, noise=0.002, max_rate=0.03),
        _point("dp_sec", "二次压差", "Secondary differential pressure", (0.08, 0.2), **_MPA, low=0, high=0.5, noise=0.002, max_rate=0.03),
        _point("dp_strainer_pri", "一次除污器压差", "Primary strainer pressure drop", (5, 30), unit="kPa", low=0, high=200, noise=0.5, max_rate=10, interval_s=60),
        _point("dp_strainer_sec", "二次除污器压差", "Secondary strainer pressure drop", (5, 30), unit="kPa", low=0, high=200, noise=0.5, max_rate=10, interval_s=60),
        # Pumps
        *(_contact(f"pump_circ_{k}_run", f"{k}号循环泵运行", f"Circulation pump {k} running") for k in _CIRCULATION_PUMPS),
        *(_point(f"pump_circ_{k}_freq", f"{k}号循环泵频率", f"Circulation pump {k} frequency", (0, 48), unit="Hz", low=0, high=50, noise=0.05, max_rate=300) for k in _CIRCULATION_PUMPS),
        *(_point(f"pump_circ_{k}_current", f"{k}号循环泵电流", f"Circulation pump {k} current", (0, 150), unit="A", low=0, high=300, noise=0.01, noise_relative=True) for k in _CIRCULATION_PUMPS),
        *(_point(f"pump_circ_{k}_power", f"{k}号循环泵功率", f"Circulation pump {k} power", (0, 75), unit="kW", low=0, high=160, noise=0.01, noise_relative=True, interval_s=60) for k in _CIRCULATION_PUMPS),
        *(_contact(f"pump_circ_{k}_fault", f"{k}号循环泵故障", f"Circulation pump {k} fault") for k in _CIRCULATION_PUMPS),
        *(_contact(f"pump_makeup_{k}_run", f"{k}号补水泵运行", f"Make-up pump {k} running") for k in _MAKEUP_PUMPS),
        *(_point(f"pump_makeup_{k}_freq", f"{k}号补水泵频率", f"Make-up pump {k} frequency", unit="Hz", low=0, high=50, noise=0.05, max_rate=300) for k in _MAKEUP_PUMPS),
        # Make-up water
        _point("flow_makeup", "补水流量", "Make-up flow", (0, 3), unit="m3/h", low=0, high=50, noise=0.02, noise_relative=True, decimals=2),
        _point("volume_makeup_total", "累计补水量", "Make-up volume, total", unit="m3", high=1e6, most_per_hour=50, **_METER),
        _point("level_makeup_tank", "补水箱液位", "Make-up tank level", (0.8, 2.2), unit="m", low=0, high=3, noise=0.005, max_rate=0.1, interval_s=30, decimals=2),
        _contact("valve_relief_open", "安全阀开启", "Relief valve open"),
        # Electricity and room
        _point("elec_energy_total", "累计电量", "Electric energy, total", unit="kW.h", high=1e8, most_per_hour=1000, **_METER),
        _point("elec_power", "电功率", "Electric power", (1, 150), unit="kW", low=0, high=1000, noise=0.005, noise_relative=True, interval_s=60),
        _point("voltage_mains", "市电电压", "Mains voltage", (370, 390), unit="V", low=0, high=450, noise=1, decimals=0),
        _contact("ups_on_battery", "UPS电池供电", "UPS on battery"),
        _celsius("t_station_room", "站房温度", "Station room temperature", -20, 60, (10, 35), noise=0.2, interval_s=60),
        # Domestic hot water
        _celsius("t_dhw_supply", "生活热水供水温度", "Hot water supply temperature", 0, 95, (50, 60), noise=0.2, interval_s=60),
        _celsius("t_dhw_return", "生活热水回水温度", "Hot water return temperature", 0, 95, (42, 55), noise=0.2, interval_s=60),
        _point("flow_dhw", "生活热水流量", "Hot water flow", (0, 20), unit="m3/h", low=0, high=200, noise=0.02, noise_relative=True, interval_s=60),
        # Contacts and link
        _contact("door_open", "门开", "Door open"),
        _contact("flood_contact", "水浸", "Flood contact"),
        _contact("smoke_contact", "烟感", "Smoke contact"),
        _point("comm_rssi", "信号强度", "Signal strength", (-95, -55), unit="dB[m]", low=-130, high=0, noise=2, interval_s=60, decimals=0),
    ),
)
# fmt: on
