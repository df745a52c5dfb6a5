"""exchanger_leak: the secondary pressure rises with no make-up, while the primary pressure is higher: the plates leak.

A loop that warms expands and lifts its pressure too: what that explains is taken off.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Trigger, Window, judged
from perception.point import Title

_OVER_MIN = 30


class ExchangerLeak(Parameters):
    """Raised when the return pressure rises by more than `rise_mpa_h` without make-up, warming taken off.

    `mpa_per_k`: what a kelvin of warming adds; beta 4.6e-4 per K over a cushion that takes 0.03 of the loop per MPa
    makes 0.015, rounded up.
    """

    on_delay_s: float = Field(default=1800.0, ge=0)
    off_delay_s: float = Field(default=3600.0, ge=0)
    rise_mpa_h: float = Field(default=0.03, gt=0)
    most_makeup_m3_h: float = Field(default=0.01, ge=0)
    mpa_per_k: float = Field(default=0.02, ge=0)


def _rise(window: Window, point: str) -> NDArray[np.float64]:
    """float64[n, 1]: change per hour over the last half hour."""
    rise: NDArray[np.float64] = (window.past(point, 1) - window.past(point, _OVER_MIN)) * 60 / (_OVER_MIN - 1)
    return rise


def _unexplained(window: Window, p: ExchangerLeak) -> NDArray[np.float64]:
    """float64[n, 1]: the rise of the return pressure, MPa/h, less what warming adds."""
    warming = (_rise(window, "t_sec_supply") + _rise(window, "t_sec_return")) / 2
    rise: NDArray[np.float64] = _rise(window, "p_sec_return") - np.maximum(warming, 0.0) * p.mpa_per_k
    return rise


def judge(window: Window, p: ExchangerLeak) -> Judgement:
    """Look for a rise of pressure that neither make-up nor warming explains."""
    rise = _unexplained(window, p)
    fed = np.fmax.reduce(window.trace("flow_makeup", _OVER_MIN), axis=1)[:, None]
    over = window.value("p_pri_supply") - window.value("p_sec_supply")
    return judged((rise > p.rise_mpa_h) & (fed <= p.most_makeup_m3_h) & (over > 0), rise, fed, over)


def evidence(window: Window, p: ExchangerLeak) -> Mapping[str, NDArray[np.float64]]:
    """Show the rise, its limit and both pressures."""
    rise = _unexplained(window, p)
    return {
        "rise_mpa_h": rise,
        "limit_mpa_h": np.full_like(rise, 1) * p.rise_mpa_h,
        "p_pri_supply": window.value("p_pri_supply"),
        "p_sec_supply": window.value("p_sec_supply"),
    }


RULE = Rule(
    name="exchanger_leak",
    title=Title(zh="换热器内漏", en="Inner leak of the exchanger"),
    advice=Title(
        zh="可能原因：板片穿孔或密封垫失效，一次水窜入二次侧。后果：二次侧超压、水质变化，一次网失水。处理：核对"
        "两侧压力与水质，切换备用换热器，停机检漏更换板片。",
        en="Cause: a pierced plate or a failed gasket lets primary water into the secondary loop. "
        "Consequence: overpressure and other water on the secondary side, loss of water on the primary. "
        "To do: compare pressures and water of both sides, switch to the other exchanger, shut down and "
        "test the plates.",
    ),
    priority=1,
    respond_s=3600,
    parameters=ExchangerLeak,
    judge=judge,
    evidence=evidence,
    family=Family.PRESSURE,
    needs=("p_sec_return", "p_sec_supply", "p_pri_supply", "flow_makeup", "t_sec_supply", "t_sec_return"),
    history=("p_sec_return", "flow_makeup", "t_sec_supply", "t_sec_return"),
    trigger=Trigger.MINUTE,
)
