"""station_flooded: a contact of the station says so."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class StationFlooded(Parameters):
    """Raised when the contact stays closed for the on-delay."""

    on_delay_s: float = Field(default=10.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)


def judge(window: Window, _: StationFlooded) -> Judgement:
    """Look at the contact."""
    contact = window.value("flood_contact")
    return judged(contact > 0.5, contact)


def calm(_: NDArray[np.float64], __: StationFlooded) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("flood_contact", None): (-np.inf, 0.5)}


def evidence(window: Window, _: StationFlooded) -> Mapping[str, NDArray[np.float64]]:
    """Show the contact."""
    return {"flood_contact": window.value("flood_contact")}


RULE = Rule(
    name="station_flooded",
    title=Title(zh="站房进水", en="Station flooded"),
    advice=Title(
        zh="可能原因：管道或设备漏水、雨水倒灌、排水泵故障。后果：电气短路、水泵停运、人身危险。处理：先断电再进"
        "入，启动排水，找到水源并关断。",
        en="Cause: a leak in the station, rain water, or a failed sump pump. Consequence: short circuits, "
        "stopped pumps, danger to people. To do: cut the power before going in, pump the water out, find "
        "where it comes from and shut it off.",
    ),
    priority=1,
    respond_s=900,
    parameters=StationFlooded,
    judge=judge,
    evidence=evidence,
    family=Family.HOUSE,
    calm=calm,
    needs=("flood_contact",),
)
