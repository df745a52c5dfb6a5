"""Storm: a power cut at 50 of 500 stations, and an evening that cools; in memory, on a simulated clock, no rig."""

import sys
from pathlib import Path

from figures import emit, say

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rigs"))

from stormy_city import evening, power_cut

TARGETS = {
    "incidents": "1",
    "unnamed": "0",
    "listed_in_the_first_minute": "<= 60",
    "listed": "<= 60",
    "listed_in_the_cut": "<= 60",
    "leak_heard_after_min": "<= 30",
    "pump_heard_after_s": "at once",
    "false": "0",
    "missed": "0",
    "heard_after_min": "<= 30",
}


def measure(rig):
    """Tell what operators saw of a power cut and of a leak in a cooling evening."""
    stations, dark = rig.of(100, 500), rig.of(10, 50)
    for name, spread in (("district", False), ("all_over", True)):
        say(f"a power cut at {dark} of {stations} stations, {name} ...")
        told = power_cut(stations, dark, spread=spread, cut_s=3600, after_s=3600)
        _tell(f"storm_{name}", told, stations=stations, dark=dark)
    say("an evening that cools by ten kelvin ...")
    _tell("evening", evening(stations, rig.of(4, 25)), stations=stations)


def _tell(name, told, **facts):
    for what, value in told.items():
        unit = {"min": "min", "s": "s"}.get(what.rpartition("_after_")[2], "1")
        emit(f"{name}_{what}", float(value), unit, target=TARGETS.get(what), **facts)
