"""Theme: the colours that charts use. Pages take theirs from assets/console.css, by the same roles.

Okabe-Ito hues that no alarm uses; lines differ in dash and width as well, and every line is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

FONT: Final = "system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
INK: Final = "#3d4852"
GRID: Final = "#d5d9de"
BAND: Final = "rgba(0,114,178,0.14)"
CORRIDOR: Final = "rgba(120,130,140,0.16)"
"""What may be off the setpoint."""
SHADE: Final = "rgba(120,130,140,0.12)"
"""The time through which an alarm stood."""
LEVEL: Final = "#8c3a00"
"""Where alarms begin."""
PRIORITIES: Final = ("#d55e00", "#e69f00", "#56b4e9")
OCCURRED: Final = "#6b7682"
"""Marks of what is no alarm."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a series is drawn."""

    colour: str
    width: float = 1.5
    dash: str = "solid"
    steps: bool = False


LINES: Final[Mapping[str, Line]] = MappingProxyType(
    {
        "t_sec_supply": Line("#0072b2", 2.4),
        "t_sec_supply_setpoint": Line("#0072b2", 1.4, "dot", steps=True),
        "t_sec_return": Line("#5a3e85", 1.8),
        "t_pri_supply": Line("#4a4f55", 1.6, "dash"),
        "t_outdoor": Line("#00745a", 1.8),
        "p_sec_supply": Line("#0072b2", 2.2),
        "p_sec_return": Line("#5a3e85", 1.8),
        "p_pri_supply": Line("#4a4f55", 1.6, "dash"),
        "p_pri_return": Line("#7a6a58", 1.6, "dot"),
        "flow_sec": Line("#0072b2", 2.2),
        "flow_pri": Line("#4a4f55", 1.6, "dash"),
        "heat_power": Line("#00745a", 1.8),
    }
)
OTHERS: Final = (
    Line("#0072b2", 1.8),
    Line("#5a3e85", 1.8, "dash"),
    Line("#00745a", 1.8, "dot"),
    Line("#4a4f55", 1.6, "dashdot"),
    Line("#7a6a58", 1.6),
    Line("#0072b2", 1.4, "longdash"),
)
"""For points without a line of their own, in turn."""
