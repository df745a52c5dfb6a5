"""Lessons: what is learned of each substation, from the facts of its days. Names end with their unit.

Stored in table baseline under `station:<name>` (`device:<name>` of a second substation there).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from application.rule import Family
from application.slow.lesson import Learned, Lesson, theil_sen, usual
from application.slow.physics import PUMPS
from application.slow.window import Floats

Last = Callable[[str, int], Floats]
_FORTNIGHT, _FOUR_WEEKS = 14, 28
_LEAST_DAYS, _LEAST_NIGHTS, _LEAST_LINE_DAYS = 3, 4, 5
_LEAST_SPAN_K = 3.0
"""A line is drawn from days whose weather differed by some kelvin."""
_SENSOR, _HEAT, _WATER = Family.SENSOR, Family.HEAT, Family.PRESSURE


def _usual(last: Last, fact: str, least: int) -> Learned:
    return usual(last(fact, _FORTNIGHT), least)


def _line(last: Last, fact: str, part: int) -> Learned:
    """Fit a day's mean over the day's outdoor temperature: slope (0) and the value at 0 Cel (1)."""
    return theil_sen(last("t_outdoor", _FOUR_WEEKS), last(fact, _FOUR_WEEKS), _LEAST_LINE_DAYS, _LEAST_SPAN_K)[part]


def _farthest(last: Last, fact: str, *, warmest: bool) -> Learned:
    """Return the coldest or warmest of the days that a line is drawn from."""
    outdoor = last("t_outdoor", _FOUR_WEEKS)
    known = ~np.isnan(outdoor + last(fact, _FOUR_WEEKS))
    count = known.sum(axis=1)
    side = -1.0 if warmest else 1.0
    most = side * np.where(known, side * outdoor, np.inf).min(axis=1)
    value = np.where(count >= _LEAST_LINE_DAYS, most, np.nan)
    return Learned(value, np.full_like(value, np.nan), np.full_like(value, np.nan), count)


def _signature(last: Last) -> Learned:
    """Return kW per kelvin of cold: how the heat grows as it gets colder outside."""
    slope = _line(last, "heat_power", 0)
    return Learned(-slope.value, -slope.high, -slope.low, slope.samples)


def _balance(last: Last) -> Learned:
    """Return the outdoor temperature at which no heat is needed: where the line of the signature meets zero."""
    slope, at_zero = _line(last, "heat_power", 0), _line(last, "heat_power", 1)
    falls = slope.value < 0
    steep = np.where(falls, -slope.value, np.nan)
    value, low, high = (column / steep for column in (at_zero.value, at_zero.low, at_zero.high))
    return Learned(value, low, high, np.where(falls, at_zero.samples, 0))


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        "ua_factor_kw_k",
        partial(_usual, fact="ua_factor", least=_LEAST_DAYS),
        ("ua_factor",),
        frozenset({_HEAT, _SENSOR}),
        rises=True,
    ),
    *(
        Lesson(
            f"flow_per_hz_{k}_m3_h",
            partial(_usual, fact=f"flow_per_hz_{k}", least=_LEAST_DAYS),
            (f"flow_per_hz_{k}",),
            frozenset({_WATER, _SENSOR, Family.PUMP}),
            rises=True,
        )
        for k in PUMPS
    ),
    Lesson(
        "conductance_m3_h",
        partial(_usual, fact="conductance", least=_LEAST_DAYS),
        ("conductance",),
        frozenset({_WATER, _SENSOR, _HEAT}),
    ),
    Lesson(
        "heat_agreement", partial(_usual, fact="agreement", least=_LEAST_DAYS), ("agreement",), frozenset({_SENSOR})
    ),
    Lesson(
        "makeup_night_m3_h",
        partial(_usual, fact="makeup_night", least=_LEAST_NIGHTS),
        ("makeup_night",),
        frozenset({_WATER, _SENSOR}),
    ),
    *(
        Lesson(
            name,
            partial(_line, fact="t_sec_supply_setpoint", part=part),
            ("t_sec_supply_setpoint", "t_outdoor"),
            frozenset({_HEAT, _SENSOR}),
        )
        for part, name in enumerate(("curve_k_per_k", "curve_at_zero_c"))
    ),
    *(
        Lesson(
            name,
            partial(_farthest, fact="t_sec_supply_setpoint", warmest=warmest),
            ("t_sec_supply_setpoint", "t_outdoor"),
            frozenset({_HEAT, _SENSOR}),
        )
        for name, warmest in (("curve_coldest_c", False), ("curve_warmest_c", True))
    ),
    *(
        Lesson(
            f"strainer_{side}_kpa_h2_m6",
            partial(_usual, fact=f"strainer_{side}", least=_LEAST_DAYS),
            (f"strainer_{side}",),
            frozenset({_WATER, _SENSOR, Family.PUMP}),
        )
        for side in ("pri", "sec")
    ),
    *(
        Lesson(name, partial(_line, fact="delta_t_pri", part=part), ("delta_t_pri", "t_outdoor"), frozenset({_HEAT}))
        for part, name in enumerate(("delta_t_pri_k_per_k", "delta_t_pri_at_zero_k"))
    ),
    Lesson("signature_kw_per_k", _signature, ("heat_power", "t_outdoor"), frozenset({_HEAT, _SENSOR})),
    Lesson("signature_balance_c", _balance, ("heat_power", "t_outdoor"), frozenset({_HEAT, _SENSOR})),
)
