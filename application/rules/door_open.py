"""door_open: a contact of the station says so."""

from pydantic import Field

from application.contact import ContactClosed, is_calm, looks_at, shows
from application.rule import Family, Rule
from perception.point import Title


class DoorOpen(ContactClosed):
    """Raised when the contact stays closed for the on-delay."""

    on_delay_s: float = Field(default=60.0, ge=0)


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
    judge=looks_at("door_open"),
    evidence=shows("door_open"),
    family=Family.HOUSE,
    calm=is_calm("door_open"),
    needs=("door_open",),
)
