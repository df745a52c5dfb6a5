"""Blanks: NaN says "nothing here" in arrays, None says it in what leaves the house."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def listed(values: NDArray[np.float64]) -> list[Any]:
    """Return an array of any shape as (nested) lists with None in place of NaN."""
    boxed = values.astype(object)
    boxed[np.isnan(values)] = None
    rows: list[Any] = boxed.tolist()
    return rows
