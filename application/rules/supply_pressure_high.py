"""supply_pressure_high: the secondary supply pressure comes near the relief valve's.

The limit is a share of the relief pressure; the deadband is 2 % of the sensor's span of 1 MPa (EEMUA 191).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class SupplyPressureHigh(Parameters):
    """Raised above `share` of `relief_mpa`; cleared `deadband_mpa` below."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)
    relief_mpa: float = Field(default=0.9, gt=0)
    share: float = Field(default=0.9, gt=0, le=1)
    deadband_mpa: float = Field(default=0.02, ge=0)


def judge(window: Window, p: SupplyPressureHigh) -> Judgement:
    """Compare the supply pressure with a share of the relief pressure."""
    pressure = window.value("p_sec_supply")
    limit = p.share * p.relief_mpa - np.where(window.raised, p.deadband_mpa, 0.0)
    return judged(pressure > limit, pressure)


def calm(_: NDArray[np.float64], p: SupplyPressureHigh) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("p_sec_supply", None): (-np.inf, p.share * p.relief_mpa - p.deadband_mpa)}


def evidence(window: Window, p: SupplyPressureHigh) -> Mapping[str, NDArray[np.float64]]:
    """Show the pressure and its limit."""
    pressure = window.value("p_sec_supply")
    return {"p_sec_supply": pressure, "limit_mpa": np.full_like(pressure, 1) * p.share * p.relief_mpa}


RULE = Rule(
    name="supply_pressure_high",
    title=Title(zh="二次供水压力过高", en="Secondary supply pressure high"),
    advice=Title(
        zh="可能原因：补水泵未停、定压设定过高、换热器内漏或阀门误关。后果：安全阀起跳，散热器和管道可能爆裂。处"
        "理：停补水泵，检查定压设定与阀门；压力仍升则查换热器内漏。",
        en="Cause: a make-up pump that does not stop, a pressure setpoint too high, an inner leak of the "
        "exchanger, or a valve shut by mistake. Consequence: the relief valve opens, radiators and pipes "
        "may burst. To do: stop the make-up pumps, check setpoint and valves; if pressure still rises, "
        "look for an inner leak.",
    ),
    priority=1,
    respond_s=600,
    parameters=SupplyPressureHigh,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    heat_left=1.0,
    calm=calm,
    needs=("p_sec_supply",),
)
