"""Counters: meters that count up and, when something is wrong, do not."""

from typing import Annotated

import numpy as np
from pydantic import Field

from perception.point import Title
from simulators.faults.fault import FaultKind, Parameters, Scaled, Shown
from simulators.faults.kinds.sensors import PointName, bent

_ENERGY = "heat_energy_total"


class Reset(Parameters):
    """`point` counts from zero again."""

    point: PointName = _ENERGY


def _reset(p: Reset, shown: Shown) -> None:
    k = shown.bits[p.point]
    shown.values[:, k] = np.maximum(shown.values[:, k] - shown.held[k], 0.0)


class Rollover(Parameters):
    """A meter of so many `digits`, fitted when it begins, that is `left` units (of the point) before its end."""

    point: PointName = _ENERGY
    digits: Annotated[int, Field(ge=3, le=9)] = 6
    left: Annotated[float, Field(gt=0, le=1000), Scaled(20.0, 2.0)]


def _rollover(p: Rollover, shown: Shown) -> None:
    k = shown.bits[p.point]
    counted = np.maximum(shown.values[:, k] - shown.held[k], 0.0)
    shown.values[:, k] = (counted + 10.0**p.digits - p.left) % 10.0**p.digits


class Jump(Parameters):
    """`jump`: what the counter counts at once, in units of the point, though nothing flowed."""

    point: PointName = _ENERGY
    jump: Annotated[float, Field(gt=0, le=1e8), Scaled(500.0, 50_000.0)]


def _jump(p: Jump, shown: Shown) -> None:
    shown.values[:, shown.bits[p.point]] += p.jump


class Zero(Parameters):
    """`point` shows zero, then is back where it would have been."""

    point: PointName = _ENERGY


def _zero(p: Zero, shown: Shown) -> None:
    shown.values[:, shown.bits[p.point]] = 0.0


KINDS = (
    FaultKind(
        "counter_reset", Title(zh="累计表清零", en="Counter is reset"),
        "A counter begins again at zero.",
        ("COUNTER",), Reset, meters=_reset, bends=bent, lasts_h=(48, 1000),
    ),
    FaultKind(
        "counter_rollover", Title(zh="累计表翻转", en="Counter rolls over"),
        "A counter with too few digits reaches its end and begins again at zero.",
        ("COUNTER",), Rollover, meters=_rollover, bends=bent, lasts_h=(48, 1000),
    ),
    FaultKind(
        "counter_jump", Title(zh="累计表跳变", en="Counter jumps"),
        "A counter jumps ahead though nothing flowed.",
        ("COUNTER",), Jump, meters=_jump, bends=bent, lasts_h=(48, 1000),
    ),
    FaultKind(
        "counter_zero", Title(zh="累计表短时归零", en="Counter at zero and back"),
        "A counter shows zero for a while, and is then back.",
        ("COUNTER",), Zero, meters=_zero, bends=bent, lasts_h=(0.1, 2),
    ),
)  # fmt: skip
