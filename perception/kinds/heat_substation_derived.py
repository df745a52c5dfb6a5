"""heat_substation_derived: what follows from the readings of a heat-exchange station, computed every ten minutes.

Each active `heat_substation` has such a device beside it, `<device>-derived`. Nobody sends its readings: tend
computes them. Formulas and their sources: application/derived/quantities.py.
"""

from typing import Any

from perception.point import Point, Title
from perception.sensor_kind import SensorKind


def _point(name: str, zh: str, en: str, unit: str, low: float, high: float, **facts: Any) -> Point:
    return Point(name=name, title=Title(zh=zh, en=en), unit=unit, low=low, high=high, **facts)


KIND = SensorKind(
    name="heat_substation_derived",
    title=Title(zh="换热站推算量", en="Heat-exchange station, derived"),
    interval_s=600,
    derived=True,
    key_points=("heat_balance_residual", "approach", "ua_value", "makeup_ratio", "specific_heat", "t_setpoint_error"),
    points=(
        _point(
            "heat_power_calc_pri",
            "一次侧计算热功率",
            "Heat power by primary flow",
            "kW",
            -20_000,
            20_000,
            typical=(100, 8000),
            decimals=0,
        ),
        _point(
            "heat_power_calc_sec",
            "二次侧计算热功率",
            "Heat power by secondary flow",
            "kW",
            -20_000,
            20_000,
            typical=(100, 8000),
            decimals=0,
        ),
        _point("heat_balance_residual", "热量平衡残差", "Heat balance residual", "%", -1000, 1000, typical=(-9, 12)),
        _point("delta_t_pri", "一次供回水温差", "Primary temperature difference", "K", -110, 150, typical=(15, 60)),
        _point("delta_t_sec", "二次供回水温差", "Secondary temperature difference", "K", -80, 95, typical=(5, 15)),
        _point("lmtd", "对数平均温差", "Log mean temperature difference", "K", 0, 150, typical=(2, 30)),
        _point("ua_value", "换热器UA值", "UA value of the exchanger", "kW/K", 0, 5000, typical=(10, 600)),
        _point(
            "hx_effectiveness",
            "换热器效能",
            "Effectiveness of the exchanger",
            "1",
            0,
            1.2,
            typical=(0.6, 1),
            decimals=3,
        ),
        _point("approach", "换热端差", "Approach of the exchanger", "K", -80, 110, typical=(0.5, 8)),
        _point("makeup_ratio", "补水率", "Make-up ratio", "%", 0, 1000, typical=(0, 1), decimals=3),
        _point(
            "makeup_less_contraction",
            "扣除收缩的补水量",
            "Make-up less contraction",
            "m3/h",
            -50,
            50,
            typical=(-0.5, 1),
            decimals=3,
        ),
        _point(
            "flow_by_pump", "按泵频推算流量", "Secondary flow by pump frequency", "m3/h", 0, 1500, typical=(20, 600)
        ),
        _point(
            "t_outdoor_neighbours",
            "邻站室外温度",
            "Outdoor temperature by neighbours",
            "Cel",
            -45,
            45,
            typical=(-30, 20),
        ),
        _point(
            "heat_power_expected",
            "预期热功率",
            "Heat power expected for the weather",
            "kW",
            0,
            20_000,
            typical=(100, 8000),
            decimals=0,
        ),
        _point(
            "t_setpoint_error", "供水温度控制偏差", "Deviation from the supply setpoint", "K", -85, 95, typical=(-2, 2)
        ),
        _point("specific_heat", "单位面积热负荷", "Heat power per heated area", "W/m2", 0, 1000, typical=(10, 45)),
    ),
)
