"""Contact: what rules about one contact of a station have in common: it is 0 or 1, and 1 is what they speak of."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Judgement, Parameters, Window, judged

_CLOSED = 0.5


class ContactClosed(Parameters):
    """Raised when the contact stays closed for the on-delay."""

    on_delay_s: float = Field(default=10.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)


def looks_at(point: str) -> Callable[[Window, Any], Judgement]:
    """Return the judge of a contact; it cannot tell without it."""

    def judge(window: Window, _: ContactClosed) -> Judgement:
        """Look at the contact."""
        contact = window.value(point)
        return judged(contact > _CLOSED, contact)

    return judge


def shows(point: str) -> Callable[[Window, Any], Mapping[str, NDArray[np.float64]]]:
    """Return the evidence: the contact."""
    return lambda window, _: {point: window.value(point)}


def is_calm(point: str) -> Callable[[NDArray[np.float64], Any], Bounds]:
    """Return where the contact is open beyond doubt."""
    return lambda _head, _numbers: {(point, None): (-np.inf, _CLOSED)}
