"""station_smoke: a contact of the station says so."""

from pydantic import Field

from application.contact import ContactClosed, is_calm, looks_at, shows
from application.rule import Family, Rule
from perception.point import Title


class StationSmoke(ContactClosed):
    """Raised when the contact stays closed for the on-delay."""

    on_delay_s: float = Field(default=5.0, ge=0)


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
    judge=looks_at("smoke_contact"),
    evidence=shows("smoke_contact"),
    family=Family.HOUSE,
    calm=is_calm("smoke_contact"),
    needs=("smoke_contact",),
)
