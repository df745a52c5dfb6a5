"""station_smoke: a contact of the station says so."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class StationSmoke(Parameters):
    """Raised when the contact stays closed for the on-delay."""

    on_delay_s: float = Field(default=5.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)


def judge(window: Window, _: StationSmoke) -> Judgement:
    """Look at the contact."""
    contact = window.value("smoke_contact")
    return judged(contact > 0.5, contact)


def calm(_: NDArray[np.float64], __: StationSmoke) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("smoke_contact", None): (-np.inf, 0.5)}


def evidence(window: Window, _: StationSmoke) -> Mapping[str, NDArray[np.float64]]:
    """Show the contact."""
    return {"smoke_contact": window.value("smoke_contact")}


RULE = Rule(
    name="station_smoke",
    title=Title(zh="站房烟雾", en="Smoke in the station"),
    advice=Title(
        zh="可能原因：电气起火、电机过热。后果：火灾、停热、人身危险。处理：立即报火警，远程停泵断电，人员不得单"
        "独进入。",
        en="Cause: an electrical fire or an overheated motor. Consequence: fire, no heat, danger to people. "
        "To do: call the fire brigade at once, stop pumps and cut power from afar, let nobody go in "
        "alone.",
    ),
    priority=1,
    respond_s=300,
    parameters=StationSmoke,
    judge=judge,
    evidence=evidence,
    family=Family.HOUSE,
    calm=calm,
    needs=("smoke_contact",),
)
