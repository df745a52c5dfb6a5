"""exchanger_fouled: the plates pass less heat than they did, or return the water warmer than a clean exchanger would.

UA = Q / LMTD, with the flows taken off, against the best that the station's own history taught. A good plate exchanger
returns the primary water 1 to 2 K above the secondary return (IEA DHC handbook). Judged over a day, because UA of ten
minutes is noisy: the temperature differences of a good exchanger are small.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Verdict, load_share
from application.slow import physics
from application.slow.window import SlowWindow
from perception.point import Title

_DAY_H = 24
_NEARLY = 0.15
_MOST = 0.7
"""A day of which less can be judged says nothing: the hours that are left would be odd ones."""


class ExchangerFouled(Parameters):
    """Raised when UA falls below `ratio` of the learned one, or the approach exceeds `approach_k` under `load`.

    UA counts above `least_load`. Both sides have to tell of the same heat as ever, within `agree` over the day, and the
    outdoor sensor of the same weather as its neighbours, within `odd_k`: else a sensor is wrong, not the plates.
    """

    on_delay_s: float = Field(default=6 * 3600.0, ge=0)
    off_delay_s: float = Field(default=24 * 3600.0, ge=0)
    ratio: float = Field(default=0.8, gt=0, lt=1)
    deadband: float = Field(default=0.05, ge=0)
    approach_k: float = Field(default=8.0, gt=0)
    deadband_k: float = Field(default=1.0, ge=0)
    load: float = Field(default=0.5, ge=0, le=1)
    least_load: float = Field(default=0.3, ge=0, le=1)
    agree: float = Field(default=0.02, gt=0)
    odd_k: float = Field(default=2.5, gt=0)
    room_c: float = Field(default=18.0)
    design_outdoor_c: float = Field(default=-24.2)


def _ratio(window: SlowWindow, p: ExchangerFouled) -> NDArray[np.float64]:
    """float64[n, 1]: UA of the last day over the learned one, NaN where it is not to be told."""
    nearly = np.abs(physics.agreement(window, _DAY_H) - 1) < _NEARLY
    factor = window.middle(np.where(nearly, physics.ua_factor(window, _DAY_H), np.nan), _DAY_H, _MOST)
    return np.where(_agrees(window, p), factor / window.learned("ua_factor_kw_k"), np.nan)


def _agrees(window: SlowWindow, p: ExchangerFouled) -> NDArray[np.bool_]:
    """bool[n, 1]: both sides tell of the same heat as it was learned, or nearly, as long as that is not learned."""
    agreement, learned = window.middle(physics.agreement(window, _DAY_H), _DAY_H), window.learned("heat_agreement")
    new = np.isnan(learned)
    off = np.abs(agreement / np.where(new, 1.0, learned) - 1)
    return np.asarray(off < np.where(new, _NEARLY, p.agree))


def _approach(window: SlowWindow) -> NDArray[np.float64]:
    """float64[n, 1]: primary return above secondary return, median of a day."""
    return window.middle(window.trace("t_pri_return", _DAY_H) - window.trace("t_sec_return", _DAY_H), _DAY_H)


def judge(window: SlowWindow, p: ExchangerFouled) -> Judgement:
    """Compare UA of the last day with what the station taught, and both returns with each other."""
    ratio, approach = _ratio(window, p), _approach(window)
    outdoor = window.mean("t_outdoor", _DAY_H)
    load = load_share(outdoor, p.room_c, p.design_outdoor_c)
    fouled = (load > p.least_load) & (ratio < p.ratio + np.where(window.raised, p.deadband, 0.0))
    warm = (load > p.load) & _agrees(window, p) & (approach > p.approach_k - np.where(window.raised, p.deadband_k, 0.0))
    odd = np.abs(outdoor - window.neighbours(outdoor)) > p.odd_k  # false where there are no neighbours
    unknown = odd | np.isnan(outdoor + approach) | (np.isnan(ratio) & ~warm)
    verdict = np.where(fouled | warm, Verdict.RAISE, Verdict.CLEAR)
    return Judgement(np.where(unknown, Verdict.CANNOT_TELL, verdict).astype(np.int8))


def evidence(window: SlowWindow, p: ExchangerFouled) -> Mapping[str, NDArray[np.float64]]:
    """Show UA against the learned one, and the approach with its limit."""
    ratio = _ratio(window, p)
    return {
        "ua_ratio": ratio,
        "limit": np.full_like(ratio, 1) * p.ratio,
        "approach_k": _approach(window),
        "limit_k": np.full_like(ratio, 1) * p.approach_k,
    }


RULE = Rule(
    name="exchanger_fouled",
    title=Title(zh="换热器结垢", en="Exchanger fouled"),
    advice=Title(
        zh="可能原因：板片结垢或堵塞，水质不达标，除污器失效。后果：一次回水升温，输送能耗增加，严寒时供热能力不足。"
        "处理：对比历史传热系数，安排停机清洗板片，检查补水水质与除污器。",
        en="Cause: scale or dirt on the plates, water that was not treated, a strainer that lets dirt pass. "
        "Consequence: the primary return warms, pumping costs more, and in the coldest days heat falls short. "
        "To do: compare with earlier weeks, plan a cleaning of the plates, check water treatment and strainers.",
    ),
    priority=3,
    respond_s=7 * 24 * 3600,
    parameters=ExchangerFouled,
    judge=judge,
    evidence=evidence,
    family=Family.HEAT,
    tempo="slow",
    needs=(*physics.PRIMARY, *physics.SECONDARY, "t_outdoor"),
    learned=("ua_factor_kw_k", "heat_agreement"),
)
