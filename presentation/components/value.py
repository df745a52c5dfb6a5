"""Value: one number that moves, and how old it is."""

from collections.abc import Mapping

from markupsafe import Markup

from perception.point import Point
from presentation.markup import el
from presentation.texts import ABSENT, Texts

_SWITCH_WORDS = {"_run", "_open"}


def live_value(point: Point, value: float | None, device_id: int, t: Texts, *, bad: bool = False) -> Markup:
    """Return the number of a point; hatched when it is not good."""
    return el(
        "span",
        value_text(point, value, t),
        class_="value bad" if bad else "value",
        data_device=device_id,
        data_point=point.name,
        data_decimals=point.decimals,
        data_words="|".join(switch_words(point, t)) if is_switch(point) else None,
        title=t.say("Not good: outside its physical limits or of the wrong type") if bad else None,
    )


def value_text(point: Point, value: float | None, t: Texts) -> str:
    """Return the value as people read it: a number, or a word for a switch."""
    if value is not None and is_switch(point):
        return switch_words(point, t)[1 if value >= 0.5 else 0]
    return t.number(value, point.decimals)


def is_switch(point: Point) -> bool:
    """Say whether a point only knows off and on."""
    return point.unit == "1" and (point.low, point.high) == (0, 1) and point.decimals == 0


def switch_words(point: Point, t: Texts) -> tuple[str, str]:
    """Return the words for 0 and 1."""
    if point.name.endswith("_run"):
        return t.say("stopped"), t.say("running")
    if point.name.endswith("_open"):
        return t.say("closed"), t.say("open")
    return t.say("no"), t.say("yes")


def live_difference(
    values: Mapping[str, float], minus: tuple[str, str], device_id: int, t: Texts, decimals: int = 1
) -> Markup:
    """Return the difference of two points of a device with its sign."""
    return el(
        "span",
        t.signed(difference(values, minus), decimals),
        class_="value",
        data_device=device_id,
        data_minus=",".join(minus),
        data_decimals=decimals,
    )


def difference(values: Mapping[str, float], minus: tuple[str, str]) -> float | None:
    """Return first minus second, None where one is missing."""
    first, second = (values.get(name) for name in minus)
    return None if first is None or second is None else first - second


def live_age(ts: int | None, at: int, device_id: int, hold: float, t: Texts) -> Markup:
    """Return the age of a device's newest reading; the page counts on from it. `hold` in milliseconds."""
    stale = ts is None or at - ts > hold
    return el(
        "span",
        ABSENT if ts is None else t.age((at - ts) / 1000),
        class_="age stale" if stale else "age",
        data_device=device_id,
        data_age=True,
        data_ts=ts,
        data_hold=round(hold),
    )
