"""sensor_frozen: a temperature has not moved at all for an hour, while the one beside it has.

A sensor with a noise of a tenth of a kelvin never shows the same value for an hour. A device that reports every ten
minutes has but few values in it, so its partner has to have moved further; of rarer ones an hour tells nothing, and
`sensor_still` judges them over half a day.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.cadence import HOUR_MIN, expected
from application.rule import Family, Judgement, Parameters, Rule, Trigger, Window, judged
from perception.point import Title

_PARTNERS = {
    "t_pri_supply": "t_pri_return",
    "t_pri_return": "t_pri_supply",
    "t_sec_supply": "t_sec_return",
    "t_sec_return": "t_sec_supply",
}
_LEAST_SHARE, _LEAST_SAMPLES = 5 / 6, 5
_ENOUGH = 12
"""With so many samples `moved_k` is enough; with fewer the partner has to have moved as much further."""


class SensorFrozen(Parameters):
    """Raised when an hour of samples is one and the same value and its partner moved by more than `moved_k`."""

    on_delay_s: float = Field(default=0.0, ge=0)
    off_delay_s: float = Field(default=600.0, ge=0)
    moved_k: float = Field(default=1.0, gt=0)


def _range(window: Window, point: str) -> NDArray[np.float64]:
    """float64[n, 1]: between which values it was in the last hour, as a difference; NaN with too few samples."""
    samples = window.trace(point, HOUR_MIN)
    least = np.maximum(np.floor(expected(window)[:, 0] * _LEAST_SHARE), _LEAST_SAMPLES)
    known = (~np.isnan(samples)).sum(axis=1) >= least
    between = np.fmax.reduce(samples, axis=1) - np.fmin.reduce(samples, axis=1)
    return np.where(known, between, np.nan)[:, None]


def _ranges(window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = {point: _range(window, point) for point in _PARTNERS}
    own = np.concatenate([found[point] for point in _PARTNERS], axis=1)
    return own, np.concatenate([found[partner] for partner in _PARTNERS.values()], axis=1)


def _limit(window: Window, p: SensorFrozen) -> NDArray[np.float64]:
    """float64[n, 1]: how far the partner has to have moved."""
    limit: NDArray[np.float64] = p.moved_k * np.maximum(1.0, _ENOUGH / expected(window))
    return limit


def judge(window: Window, p: SensorFrozen) -> Judgement:
    """Compare how far each temperature and its partner moved within the hour; frozen stays frozen until it moves."""
    own, partner = _ranges(window)
    still = own == 0
    return judged(still & ((partner > _limit(window, p)) | window.raised), own, np.where(window.raised, 0.0, partner))


def evidence(window: Window, p: SensorFrozen) -> Mapping[str, NDArray[np.float64]]:
    """Show the value that stands still, and how far its partner moved."""
    _, partner = _ranges(window)
    value = np.concatenate([window.value(point) for point in _PARTNERS], axis=1)
    return {"value": value, "partner_moved_k": partner, "limit_k": np.full_like(value, 1) * _limit(window, p)}


RULE = Rule(
    name="sensor_frozen",
    title=Title(zh="传感器数值冻结", en="Sensor frozen"),
    advice=Title(
        zh="可能原因：采集模块死机、传感器脱落后保持旧值、通道被强制。后果：看似正常，实际无人监视。处理：重启采"
        "集模块，检查通道是否被强制，现场核对读数。",
        en="Cause: a hung input module, a channel forced by hand, or a controller that repeats its last "
        "value. Consequence: it looks well and nobody watches. To do: restart the input module, see "
        "whether the channel is forced, compare with an instrument on site.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=SensorFrozen,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    follows=frozenset({"sensor_still"}),
    needs=tuple(_PARTNERS),
    history=tuple(_PARTNERS),
    trigger=Trigger.MINUTE,
    elements=lambda _kind: tuple(_PARTNERS),
    subject="device",
)
