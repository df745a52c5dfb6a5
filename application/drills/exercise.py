"""Exercise: what a drill breaks, and by which sign in the readings one sees it. Pure.

Severities are chosen so that a quick branch of a rule sees it: what a rule averages over half an hour, a drill does
not wait for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from application.rule import Family
from perception.point import Title

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sign:
    """A point that goes above or below a limit; `falls_by`: below what it showed when the drill began."""

    point: str
    above: float | None = None
    below: float | None = None
    falls_by: float | None = None

    def shows(self, before: Values, now: Values) -> bool:
        """Return whether these values, by point, show it."""
        value, was = now.get(self.point), before.get(self.point)
        if value is None:
            return False
        if self.above is not None and value > self.above:
            return True
        if self.below is not None and value < self.below:
            return True
        return self.falls_by is not None and was is not None and value < was - self.falls_by


@dataclass(frozen=True, slots=True)
class Exercise:
    """One drill. `fault` and `args` are the order that breaks a simulated substation; `topic` is a trend of its page.

    `families` are those of the rules that are hurried: others would raise what their delays wait out for good reason.
    `hold_s`: after so long it is whole again, whoever still watches.
    """

    name: str
    title: Title
    fault: str
    sign: Sign
    topic: str
    families: frozenset[Family]
    args: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    hold_s: float = 150.0


EXERCISES: Mapping[str, Exercise] = MappingProxyType({
    e.name: e
    for e in (
        Exercise(
            "leak",
            Title(zh="二次网泄漏", en="The secondary network leaks"),
            "leak",
            Sign("p_sec_return", falls_by=0.015),
            "pressures",
            frozenset({Family.PRESSURE}),
            {"makeup_share": 8.0, "grows_over_h": 0.0},
        ),
        Exercise(
            "pump",
            Title(zh="循环泵跳闸，备用泵未投入", en="A circulation pump trips, and no other takes over"),
            "pump_trip",
            Sign("pump_circ_1_fault", above=0.5),
            "flow_heat",
            frozenset({Family.PUMP}),
        ),
        Exercise(
            "power-cut",
            Title(zh="换热站停电", en="The station's mains are cut"),
            "power_cut",
            Sign("voltage_mains", below=300.0),
            "flow_heat",
            frozenset({Family.POWER, Family.PUMP}),
            {"battery_min": 60.0},
        ),
        Exercise(
            "cold-night",
            Title(zh="寒夜一次调节阀卡在近关位", en="On a cold night the primary valve sticks, nearly shut"),
            "valve_stuck",
            Sign("t_sec_supply", falls_by=1.5),
            "temperatures",
            frozenset({Family.HEAT}),
            {"opening_percent": 15.0},
        ),
    )
})  # fmt: skip
