"""Evidence: the numbers that speak for an alarm, each with its name and its unit as people read them."""

from collections.abc import Mapping

from application.read_models import AlarmRow
from perception.point import Point
from presentation.components.value import is_switch, value_text
from presentation.texts import Texts
from presentation.units import unit_text

_SHOWN = 4
_LIMITS = ("limit", "low", "high")
"""Evidence of these names comes after what was measured."""
_SUFFIXES = {
    "_mpa_h": (3, "MPa/h"),
    "_m3_h": (2, "m³/h"),
    "_pct": (2, "%"),
    "_mpa": (3, "MPa"),
    "_kpa": (1, "kPa"),
    "_hz": (1, "Hz"),
    "_k": (1, "K"),
    "_c": (1, "°C"),
    "_a": (1, "A"),
    "_v": (0, "V"),
    "_s": (0, "s"),
}
"""Units that rules put at the end of a name, the longer ones first: decimals and how the unit reads."""
_YES_NO = "_contact"
"""A contact is 0 or 1: no number of its own kind."""

Points = Mapping[str, Point]
"""Points by name, for the titles and units of evidence."""


def evidence_text(alarm: AlarmRow, t: Texts, points: Points) -> str:
    """Return the numbers that speak for the alarm: value against limit."""
    known = [(name, value) for name, value in alarm.evidence.items() if value is not None]
    shown = sorted(known, key=lambda pair: _is_limit(pair[0]))[:_SHOWN]
    point = points.get(alarm.element)
    return " · ".join(
        f"{_name(name, t, points)} {_value(name, value, t, points.get(name, point))}" for name, value in shown
    )


def _is_limit(name: str) -> bool:
    return name.removesuffix(_suffix(name)) in _LIMITS


def _name(name: str, t: Texts, points: Points) -> str:
    if name in points:
        return t.title(points[name].title)
    plain = name.removesuffix(_suffix(name)).removesuffix(_YES_NO)
    return _words(t).get(plain) or plain.replace("_", " ")


def _words(t: Texts) -> Mapping[str, str]:
    return {
        "value": t.say("value"),
        "limit": t.say("limit"),
        "low": t.say("low limit"),
        "high": t.say("high limit"),
        "silent": t.say("silent for"),
        "before": t.say("before"),
        "usual": t.say("usual spread"),
        "spread": t.say("spread"),
        "swing": t.say("swing of the current"),
        "lost": t.say("share lost"),
        "residual": t.say("imbalance"),
        "rise": t.say("rise"),
        "speed": t.say("speed"),
        "current": t.say("current"),
        "fault": t.say("fault contact"),
        "over": t.say("reversed by"),
        "partner_moved": t.say("its partner moved"),
        "step": t.say("step"),
        "reversals": t.say("reversals per hour"),
        "ua_ratio": t.say("heat transfer against usual"),
        "approach": t.say("primary above secondary return"),
        "delta_t": t.say("temperature difference"),
        "expected": t.say("expected"),
        "off": t.say("deviation"),
        "room": t.say("room temperature"),
        "cold_rooms": t.say("cold rooms"),
        "rooms": t.say("rooms"),
        "evening": t.say("make-up in the evening"),
        "rest": t.say("make-up otherwise"),
        "times": t.say("times the usual"),
        "fall": t.say("fall"),
        "network": t.say("more resistance of the network"),
        "drawn": t.say("make-up less contraction"),
        "night": t.say("ordinary night"),
    }


def _value(name: str, value: float, t: Texts, point: Point | None) -> str:
    suffix = "" if point is not None and point.name == name else _suffix(name)
    if suffix == "_s":
        return t.age(value)
    if suffix:
        decimals, unit = _SUFFIXES[suffix]
        return f"{t.number(value, decimals)} {unit}"
    if name.endswith(_YES_NO) and point is None:
        return t.say("yes") if value >= 0.5 else t.say("no")
    if point is None:
        return t.number(value, 0 if abs(value) >= 100 or value == round(value) else 2)
    if is_switch(point):
        return value_text(point, value, t)
    return f"{t.number(value, point.decimals)} {unit_text(point.unit)}".strip()


def _suffix(name: str) -> str:
    """Return the unit that the name of a piece of evidence ends with, or nothing."""
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
