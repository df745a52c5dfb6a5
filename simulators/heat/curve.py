"""The heating curve: how warm the water must leave, for the cold outside."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROOM_C = 20.0
DESIGN_OUTDOOR_C = -24.2
"""Design temperature of the region (GB 50736-2012, appendix A)."""
SOURCE_SUPPLY_C, SOURCE_RETURN_C = 110.0, 50.0
SOURCE_SUPPLY_LOW_C, SOURCE_SUPPLY_HIGH_C = 65.0, 118.0


def load_share(outdoor: Floats) -> Floats:
    """Return the heat load as a share of the design load, at least 0.05."""
    share: Floats = np.maximum((ROOM_C - outdoor) / (ROOM_C - DESIGN_OUTDOOR_C), 0.05)
    return share


def supply_for(share: Floats, supply_d: Floats | float, return_d: Floats | float, exponent: Floats | float) -> Floats:
    """Return supply temperature in Cel by quality regulation at constant flow (textbook form).

    `supply_d` and `return_d` are the design pair; `exponent` is B of the emitter (0.3 radiators, 0.1 floor).
    """
    lift = 0.5 * (supply_d + return_d - 2 * ROOM_C) * share ** (1 / (1 + exponent))
    spread = 0.5 * (supply_d - return_d) * share
    supply: Floats = ROOM_C + lift + spread
    return supply


def source_supply(outdoor: Floats) -> Floats:
    """Return what the plant sends out, in Cel, clamped to what plants can do."""
    raw = supply_for(load_share(outdoor), SOURCE_SUPPLY_C, SOURCE_RETURN_C, 0.3)
    return np.clip(raw, SOURCE_SUPPLY_LOW_C, SOURCE_SUPPLY_HIGH_C)
