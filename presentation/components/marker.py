"""Marker: the state of a station as a shape, so that it reads without colour.

Triangle 1, diamond 2, square 3 for alarms by priority; a small disc for normal; a dashed ring for silent.
"""

from typing import Final, Literal

from markupsafe import Markup

from application.read_models import StationRow
from presentation.markup import el
from presentation.texts import Texts

State = Literal["p1", "p2", "p3", "silent", "normal"]
STATES: Final[tuple[State, ...]] = ("p1", "p2", "p3", "silent", "normal")
"""Most urgent first."""

_SHAPES = {
    "p1": "M0,-9 L9,7 L-9,7 Z",
    "p2": "M0,-9.5 L9.5,0 L0,9.5 L-9.5,0 Z",
    "p3": "M-7.5,-7.5 H7.5 V7.5 H-7.5 Z",
}


def hold_ms(interval_s: float | None) -> float:
    """Return the age in milliseconds from which a value is stale: three intervals, at least 180 s."""
    return 1000 * max(3 * (interval_s or 0), 180)


def state_of(row: StationRow, at: int) -> State:
    """Return what the marker of a station says at that time (epoch milliseconds)."""
    if row.worst_priority == 1:
        return "p1"
    if row.worst_priority == 2:
        return "p2"
    if row.worst_priority is not None:
        return "p3"
    if row.ts is None or at - row.ts > hold_ms(row.interval_s):
        return "silent"
    return "normal"


def state_text(state: State, t: Texts) -> str:
    """Return the state in words."""
    return {
        "p1": t.say("Alarm, priority 1"),
        "p2": t.say("Alarm, priority 2"),
        "p3": t.say("Alarm, priority 3"),
        "silent": t.say("No recent reading"),
        "normal": t.say("Normal"),
    }[state]


def shape(state: State) -> Markup:
    """Return the shape around the origin, about 19 units across, to be placed inside an SVG."""
    if state == "normal":
        return el("circle", class_="mark normal", r=4.5)
    if state == "silent":
        return el("circle", class_="mark silent", r=6)
    code = el("text", state[1], class_="mark-code", y=5 if state == "p1" else 4, text_anchor="middle")
    return el("g", el("path", d=_SHAPES[state]), code, class_=f"mark {state}")


def symbol(state: State, t: Texts) -> Markup:
    """Return the shape as an image of its own, with its meaning for those who do not see it."""
    return el(
        "svg",
        shape(state),
        class_="symbol",
        viewBox="-11 -11 22 22",
        width=20,
        height=20,
        role="img",
        aria_label=state_text(state, t),
    )


def priority_state(priority: int) -> State:
    """Return the marker state of an alarm priority."""
    return "p1" if priority == 1 else "p2" if priority == 2 else "p3"
