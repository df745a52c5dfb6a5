"""Water: what leaves the loops, enters them or is stolen from them."""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from perception.point import Title
from simulators.faults.fault import FaultKind, Hours, Parameters, Plant, Scaled, grown
from simulators.heat.network import HEAD_MPA, PLANT_RETURN_MPA, segment_flow

_SENT_MPA = PLANT_RETURN_MPA + HEAD_MPA
_MOST_OF_BRANCH = 8.0
"""A break loses at most so many times what the branch was laid for: the plant has no more."""
_BELOW_HEAD_MPA = 0.02
"""A leak is sized at a pressure a little below the head of the highest flat."""


class Leak(Parameters):
    """`makeup_share`: the leak as a share of what one make-up pump gives; above 2 the pressure cannot be held."""

    makeup_share: Annotated[float, Field(gt=0, le=20), Scaled(0.6, 2.2)]
    grows_over_h: Hours = 0.5


def _leak(p: Leak, on: Plant) -> None:
    full = p.makeup_share * on.fact("makeup") / np.sqrt(max(on.fact("static_head") - _BELOW_HEAD_MPA, 0.02))
    on.add("leak_sec", full * grown(on.age_s, p.grows_over_h * 3600))


class Burst(Parameters):
    """`drop_mpa_per_min`: how fast the secondary pressure falls in the first minute."""

    drop_mpa_per_min: Annotated[float, Field(ge=0.05, le=2), Scaled(0.15, 0.5)]


def _burst(p: Burst, on: Plant) -> None:
    lost = p.drop_mpa_per_min * on.fact("compliance") * 60 + 2 * on.fact("makeup")
    on.add("leak_sec", lost / np.sqrt(on.fact("p_hold")))


class BurstPrimary(Parameters):
    """`drop_mpa`: by how much the primary pressure falls at the hole; a hole beside the plant loses less of it."""

    drop_mpa: Annotated[float, Field(gt=0, le=0.4), Scaled(0.12, 0.2)]


def _burst_primary(p: BurstPrimary, on: Plant) -> None:
    """Find the flow whose extra loss along the line is that drop: sum r ((f + x)^2 - f^2) over its segments."""
    net = on.design.network
    here = int(net.rank[on.place])
    flow = segment_flow(net, on.design.plates.flow_pri_d)
    line = slice(int(net.first[here]), here + 1)
    squared, linear = float(net.resistance[line].sum()), float((net.resistance[line] * flow[line]).sum())
    lost = (np.sqrt(linear**2 + squared * p.drop_mpa) - linear) / max(squared, 1e-12)
    lost = min(lost, _MOST_OF_BRANCH * float(flow[line.start]))
    on.add("leak_pri", lost * 3.6 / np.sqrt(_SENT_MPA - p.drop_mpa))


class InnerLeak(Parameters):
    """`rise_mpa_per_h`: how fast the secondary pressure would rise by primary water that comes through the plates."""

    rise_mpa_per_h: Annotated[float, Field(gt=0, le=2), Scaled(0.06, 0.4)]


def _inner_leak(p: InnerLeak, on: Plant) -> None:
    through = p.rise_mpa_per_h * on.fact("compliance") + on.fact("seep")
    across = _SENT_MPA - HEAD_MPA / 2 - on.fact("p_hold")
    on.add("leak_inner", through / np.sqrt(max(across, 0.02)))


class Theft(Parameters):
    """Hot water drawn from the radiators in the evening; `circulating_share` of the secondary design flow, on average.

    `from_hour` and `to_hour` are hours of the local day.
    """

    circulating_share: Annotated[float, Field(gt=0, le=0.05), Scaled(0.003, 0.008)]
    from_hour: Annotated[float, Field(ge=0, le=24)] = 18.0
    to_hour: Annotated[float, Field(ge=0, le=24)] = 22.0

    @model_validator(mode="after")
    def _some_hours(self) -> "Theft":
        if self.from_hour >= self.to_hour:
            raise ValueError(f"from_hour {self.from_hour} is not before to_hour {self.to_hour}")
        return self


def _theft(p: Theft, on: Plant) -> None:
    if p.from_hour <= on.hour < p.to_hour:
        middle = np.sin(np.pi * (on.hour - p.from_hour) / (p.to_hour - p.from_hour))
        on.add("theft", p.circulating_share * on.fact("flow_sec") * 3.6 * np.pi / 2 * float(middle))


class MakeupFailure(Parameters):
    """`working_share`: what is left of the make-up pumps."""

    working_share: Annotated[float, Field(ge=0, le=1), Scaled(0.05, 0.0)]


def _makeup_failure(p: MakeupFailure, on: Plant) -> None:
    on.times("makeup_share", p.working_share)


KINDS = (
    FaultKind(
        "leak", Title(zh="二次网泄漏", en="Secondary leak"),
        "The secondary loop loses water; make-up runs longer, then all the time, then cannot hold the pressure.",
        ("LEAK_SEC", "P_LOW"), Leak, plant=_leak, changes=True, lasts_h=(6, 96),
    ),
    FaultKind(
        "burst", Title(zh="二次网爆管", en="Secondary pipe burst"),
        "A secondary pipe breaks: the pressure falls within a minute, with make-up at its most.",
        ("BURST", "LEAK_SEC", "P_LOW"), Burst, plant=_burst, lasts_h=(2, 12),
    ),
    FaultKind(
        "burst_primary", Title(zh="一次网爆管", en="Primary pipe burst"),
        "The primary line breaks beside the station: primary pressure falls at once, there and beyond.",
        ("BURST",), BurstPrimary, plant=_burst_primary, one_of_area=True, lasts_h=(4, 24),
    ),
    FaultKind(
        "inner_leak", Title(zh="换热器内漏", en="Exchanger leaks inside"),
        "Primary water comes through the plates: the secondary pressure rises with make-up off.",
        ("HX_LEAK", "P_HIGH"), InnerLeak, plant=_inner_leak, lasts_h=(12, 96),
    ),
    FaultKind(
        "theft", Title(zh="偷水", en="Water theft"),
        "Hot water is taken from the radiators every evening.",
        ("THEFT",), Theft, plant=_theft, changes=True, lasts_h=(240, 960),
    ),
    FaultKind(
        "makeup_failure", Title(zh="补水泵故障", en="Make-up fails"),
        "The make-up pumps cannot give what the loop loses: its pressure sinks.",
        ("P_LOW",), MakeupFailure, plant=_makeup_failure, lasts_h=(6, 72),
    ),
)  # fmt: skip
