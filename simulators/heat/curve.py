"""The heating curve: how warm the water must leave, and how much of it must flow, for the cold outside."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROOM_C = 20.0
DESIGN_OUTDOOR_C = -24.2
"""Design temperature of the region (GB 50736-2012, appendix A)."""
SOURCE_SUPPLY_C, SOURCE_RETURN_C = 110.0, 50.0
SOURCE_SUPPLY_LOW_C, SOURCE_SUPPLY_HIGH_C = 65.0, 118.0
CONSTANT_FLOW, STEADY_FLOW, STEPPED_FLOW = 0, 1, 2
"""How a station changes its flow with the load: not at all, with the cube root of it, or in three steps."""
_LEAST_FLOW, _STEP = 0.6, 0.2
"""Steps are 0.6, 0.8 and 1 of the design flow; less is asked of no loop."""
_STEP_PLAY = 0.13
"""A step is kept until the cube root is so far off: more than half the way, so that it does not go back and forth."""


def load_share(outdoor: Floats) -> Floats:
    """Return the heat load as a share of the design load, at least 0.05."""
    share: Floats = np.maximum((ROOM_C - outdoor) / (ROOM_C - DESIGN_OUTDOOR_C), 0.05)
    return share


def supply_for(
    share: Floats,
    supply_d: Floats | float,
    return_d: Floats | float,
    exponent: Floats | float,
    flow: Floats | float = 1.0,
) -> Floats:
    """Return supply temperature in Cel by quality-quantity regulation (textbook form).

    `supply_d` and `return_d` are the design pair; `exponent` is B of the emitter (0.3 radiators, 0.1 floor);
    `flow` is the flow as a share of the design flow, 1 for regulation by quality alone.
    """
    lift = 0.5 * (supply_d + return_d - 2 * ROOM_C) * share ** (1 / (1 + exponent))
    spread = 0.5 * (supply_d - return_d) * share / flow
    supply: Floats = ROOM_C + lift + spread
    return supply


def flow_share(share: Floats, regulation: Floats, before: Floats) -> Floats:
    """Return the flow as a share of the design flow, as each station regulates it; `before` is the share so far."""
    steady = np.minimum(np.maximum(np.cbrt(share), _LEAST_FLOW), 1.0)
    stepped = np.where(np.abs(steady - before) > _STEP_PLAY, np.rint(steady / _STEP) * _STEP, before)
    flow: Floats = np.where(regulation == CONSTANT_FLOW, 1.0, np.where(regulation == STEADY_FLOW, steady, stepped))
    return flow


def source_supply(outdoor: Floats) -> Floats:
    """Return what the plant sends out, in Cel, clamped to what plants can do."""
    raw = supply_for(load_share(outdoor), SOURCE_SUPPLY_C, SOURCE_RETURN_C, 0.3)
    return np.clip(raw, SOURCE_SUPPLY_LOW_C, SOURCE_SUPPLY_HIGH_C)
