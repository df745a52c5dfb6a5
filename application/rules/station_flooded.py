"""station_flooded: a contact of the station says so."""

from application.contact import ContactClosed, is_calm, looks_at, shows
from application.rule import Family, Rule
from perception.point import Title

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
    parameters=ContactClosed,
    judge=looks_at("flood_contact"),
    evidence=shows("flood_contact"),
    family=Family.HOUSE,
    calm=is_calm("flood_contact"),
    needs=("flood_contact",),
)
