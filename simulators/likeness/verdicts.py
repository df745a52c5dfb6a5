"""Verdicts: is the simulated station like the real one? A line per figure, each with the rule that judges it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from perception.point import Title
from simulators.likeness.energy import SHAPED, daily_shape
from simulators.likeness.figures import Likeness
from simulators.likeness.track import (
    OUTDOOR,
    POWER,
    PRI_RETURN,
    PRI_SUPPLY,
    SEC_RETURN,
    SEC_SUPPLY,
    SETPOINT,
    WATER,
    Floats,
)

FACTOR = 1.5
LEAST_R2 = 0.95
MOST_RESIDUAL = 6.0
"""In %, for p5 and p95: beyond 10 % for hours a meter is suspected, below 5 % is noise."""
LEAST_SHAPE = 0.8
_RESOLUTION = 0.15
"""K: what two meters that show tenths cannot tell apart."""
_LEAST_HOURS = 6


class Rule(StrEnum):
    """How a line is judged. Where either side is unknown, the verdict is: cannot tell."""

    FACTOR = "factor"  # one over the other within 1.5, or no farther apart than two meters can tell
    INSIDE = "inside"  # the simulated median between the real 5th and 95th percentile
    APART = "apart"  # no farther apart than `most`
    LINE = "line"  # a straight line fits at least as well as the real one does, or with R2 above 0.95
    BAND = "band"  # the simulated figure within +-6 %
    SHAPE = "shape"  # the two days rise and fall together: correlation of at least 0.8
    TOLD = "told"  # shown, and not judged
    GIVEN = "given"  # alike by making: shown, and not judged


NOT_JUDGED = frozenset({Rule.TOLD, Rule.GIVEN})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `figure` names what both sides show; `ratio` is simulated over real where that is it."""

    group: str
    title: Title
    unit: str
    figure: str
    rule: Rule
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judged line: both figures, and whether they agree. None: cannot tell, or not judged."""

    line: Line
    real: float
    simulated: float
    agrees: bool | None


_NAMES = {
    OUTDOOR: Title(zh="室外温度", en="outdoor"),
    PRI_SUPPLY: Title(zh="一次供水", en="primary supply"),
    PRI_RETURN: Title(zh="一次回水", en="primary return"),
    SEC_SUPPLY: Title(zh="二次供水", en="secondary supply"),
    SEC_RETURN: Title(zh="二次回水", en="secondary return"),
    SETPOINT: Title(zh="二次供水设定", en="secondary setpoint"),
    POWER: Title(zh="热功率", en="heat power"),
}


def _lines() -> Iterator[Line]:
    yield from _levels()
    yield from _changes()
    for q, zh, en in (("50", "中位数", "median"), ("90", "第90百分位", "p90"), ("99", "第99百分位", "p99")):
        title = Title(zh=f"控制偏差绝对值，{zh}", en=f"control error, {en}")
        yield Line("control", title, "K", f"control_error.p{q}", Rule.FACTOR)
    for point in SHAPED:
        name = _NAMES[point]
        yield Line("shape", Title(zh=f"{name.zh}日变化形状", en=f"{name.en}, course of the day"), "", point, Rule.SHAPE)
        title = Title(zh=f"{name.zh}日变幅", en=f"{name.en}, swing of the day")
        yield Line("shape", title, "%" if point == POWER else "K", f"shape.{point}.swing", Rule.FACTOR)
    yield from _energy()
    for point in (OUTDOOR, PRI_SUPPLY, SEC_SUPPLY, POWER):
        name = _NAMES[point]
        for lag in (1, 24):
            title = Title(zh=f"{name.zh}自相关，{lag}小时", en=f"{name.en}, correlation over {lag} h")
            yield Line("memory", title, "", f"memory.{point}.{lag}h", Rule.APART, most=0.2)
    for point in (OUTDOOR, *WATER):
        name = _NAMES[point]
        yield Line("noise", Title(zh=f"{name.zh}噪声", en=f"{name.en}, noise"), "K", f"noise.{point}", Rule.FACTOR)
    for share, zh, en in (("gaps", "缺失", "gaps"), ("running", "运行", "running"), ("settled", "稳定", "settled")):
        yield Line("share", Title(zh=f"{zh}时间占比", en=f"share of time: {en}"), "%", f"share.{share}", Rule.TOLD)


def _levels() -> Iterator[Line]:
    for point in (OUTDOOR, *WATER, SETPOINT, POWER):
        name, unit = _NAMES[point], "kW" if point == POWER else "Cel"
        rule = Rule.TOLD if point == POWER else Rule.INSIDE
        yield Line("level", Title(zh=f"{name.zh}中位数", en=f"{name.en}, median"), unit, f"level.{point}.p50", rule)
        if point != POWER:
            title = Title(zh=f"{name.zh}分布宽度", en=f"{name.en}, spread p5 to p95")
            yield Line("level", title, "K", f"spread.{point}", Rule.FACTOR)


def _changes() -> Iterator[Line]:
    for point in (OUTDOOR, *WATER):
        name = _NAMES[point]
        for q, word in (("50", "p50"), ("99", "p99"), ("99.9", "p99.9")):
            title = Title(zh=f"{name.zh}每小时变化 {word}", en=f"{name.en}, change per hour {word}")
            rule = Rule.TOLD if q == "99.9" else Rule.FACTOR
            yield Line("change", title, "K", f"change.{point}.p{q}", rule)


def _energy() -> Iterator[Line]:
    balance = Title(zh="热特性平衡温度", en="signature, balance temperature")
    yield Line("energy", balance, "Cel", "signature.balance", Rule.APART, most=4.0)
    yield Line("energy", Title(zh="热特性拟合优度", en="signature, R²"), "", "signature.r2", Rule.LINE)
    yield Line("energy", Title(zh="热特性斜率", en="signature, slope"), "kW/K", "signature.slope", Rule.TOLD)
    for q in ("5", "50", "95"):
        title = Title(zh=f"热平衡残差 p{q}", en=f"heat balance residual p{q}")
        yield Line("energy", title, "%", f"residual.p{q}", Rule.BAND)


LINES = tuple(_lines())
"""Every line of the table, in its order."""


def verdicts(real: Likeness, simulated: Likeness, given: frozenset[str] = frozenset()) -> tuple[Verdict, ...]:
    """Return every line judged, but for those whose figure, or its point, was given to the simulated station."""
    lines = (replace(line, rule=Rule.GIVEN) if _is_given(line, given) else line for line in LINES)
    return tuple(_judged(line, real, simulated) for line in lines)


def _is_given(line: Line, given: frozenset[str]) -> bool:
    return line.figure in given or not given.isdisjoint(line.figure.split("."))


def _judged(line: Line, real: Likeness, simulated: Likeness) -> Verdict:
    if line.figure in SHAPED:
        together = shapes_together(daily_shape(real.track, line.figure), daily_shape(simulated.track, line.figure))
        return Verdict(line, 1.0, together, _rise_together(line, together))
    a, b = _figure(real.figures, line.figure), _figure(simulated.figures, line.figure)
    return Verdict(line, a, b, _agrees(line, a, b, real.figures))


def _rise_together(line: Line, together: float) -> bool | None:
    return None if line.rule is Rule.GIVEN or np.isnan(together) else together >= LEAST_SHAPE


def _figure(figures: Mapping[str, float], name: str) -> float:
    if name.startswith("spread."):
        point = name.removeprefix("spread.")
        return figures[f"level.{point}.p95"] - figures[f"level.{point}.p5"]
    return figures[name] * (100 if name.startswith("share.") else 1)


def _agrees(line: Line, real: float, simulated: float, figures: Mapping[str, float]) -> bool | None:
    if line.rule is Rule.BAND and np.isfinite(simulated):
        return abs(simulated) <= MOST_RESIDUAL
    if line.rule in NOT_JUDGED or not (np.isfinite(real) and np.isfinite(simulated)):
        return None
    if line.rule is Rule.INSIDE:
        stem = line.figure.removesuffix("p50")
        return bool(figures[f"{stem}p5"] <= simulated <= figures[f"{stem}p95"])
    if line.rule is Rule.APART:
        return bool(abs(real - simulated) <= line.most)
    if line.rule is Rule.LINE:
        return bool(simulated >= min(real, LEAST_R2))
    return within_factor(real, simulated)


def within_factor(real: float, simulated: float, factor: float = FACTOR) -> bool:
    """Say whether one is within a factor of the other, or nearer than two meters can tell."""
    low, high = sorted((abs(real), abs(simulated)))
    return high <= factor * low or high - low < _RESOLUTION


def shapes_together(real: Floats, simulated: Floats) -> float:
    """Return the correlation of two days, over the hours that both have; NaN when they have too few."""
    both = np.isfinite(real) & np.isfinite(simulated)
    if both.sum() < _LEAST_HOURS or min(real[both].std(), simulated[both].std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(real[both], simulated[both])[0, 1])


def score(judged: tuple[Verdict, ...]) -> tuple[int, int, int]:
    """Return how many lines agree, disagree, and how many could be judged by neither side."""
    said = [v.agrees for v in judged if v.line.rule not in NOT_JUDGED]
    return said.count(True), said.count(False), said.count(None)
