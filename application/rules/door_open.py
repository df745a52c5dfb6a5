"""door_open: a contact of the station says so."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Bounds, Family, Judgement, Parameters, Rule, Window, judged
from perception.point import Title


class DoorOpen(Parameters):
    """Raised when the contact stays closed for the on-delay."""

    on_delay_s: float = Field(default=60.0, ge=0)
    off_delay_s: float = Field(default=60.0, ge=0)


def judge(window: Window, _: DoorOpen) -> Judgement:
    """Look at the contact."""
    contact = window.value("door_open")
    return judged(contact > 0.5, contact)


def calm(_: NDArray[np.float64], __: DoorOpen) -> Bounds:
    """Return where it is clear beyond doubt."""
    return {("door_open", None): (-np.inf, 0.5)}


def evidence(window: Window, _: DoorOpen) -> Mapping[str, NDArray[np.float64]]:
    """Show the contact."""
    return {"door_open": window.value("door_open")}


RULE = Rule(
    name="door_open",
    title=Title(zh="站房门未关", en="Station door open"),
    advice=Title(
        zh="可能原因：检修未关门、门锁损坏、有人闯入。后果：站房受冻、设备被盗或误操作。处理：与检修计划核对；无"
        "人检修时通知巡检员到场。",
        en="Cause: a door left open after works, a broken lock, or somebody who broke in. Consequence: the "
        "room freezes, equipment is stolen or tampered with. To do: compare with the planned works; if "
        "there are none, send the patrol.",
    ),
    priority=3,
    respond_s=28800,
    parameters=DoorOpen,
    judge=judge,
    evidence=evidence,
    family=Family.HOUSE,
    calm=calm,
    needs=("door_open",),
)
