"""Rule: one way to find what matters, as a pure judge over a Window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from application.history import Recall
from application.sight import Sight
from perception.point import Title
from perception.sensor_kind import SensorKind

LONGEST_DELAY_S = 366 * 86_400.0


class RuleError(Exception):
    """The rules or their parameters contradict themselves; the text lists every problem."""


class Verdict(IntEnum):
    """What a judge says of one device and element at one instant."""

    CANNOT_TELL = -1
    CLEAR = 0
    RAISE = 1


class Trigger(StrEnum):
    """What makes a rule look: each reading, the first of each minute of the device, or also the passing of time."""

    READING = "reading"
    MINUTE = "minute"
    CLOCK = "clock"


class Family(StrEnum):
    """What sort of trouble a rule speaks of, from cause to consequence: earlier ones explain later ones."""

    POWER = "power"
    LINK = "link"
    PUMP = "pump"
    PRESSURE = "pressure"
    HEAT = "heat"
    SENSOR = "sensor"
    HOUSE = "house"
    OWN = "own"


class Parameters(BaseModel):
    """Root of every rule's parameters. Times in seconds, units in the names.

    `latched`: an alarm stays on the lists after its condition went, until it is reset. `realarm_s`: acknowledged and
    standing still for so long, it wants attention again (0: never). Both as they were when the alarm opened.

    Judges are handed an object with these fields: a number where all devices have the same, float64[n, 1]
    where places or times differ. So a judge works with columns [n, 1] or [n, elements], never with rows [n].
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    on_delay_s: float
    off_delay_s: float
    latched: bool = False
    realarm_s: float = Field(default=0.0, ge=0, le=LONGEST_DELAY_S)

    @model_validator(mode="after")
    def _delays_end(self) -> Self:
        """Refuse delays that no alarm would outlast, and no count of microseconds could hold."""
        if max(self.on_delay_s, self.off_delay_s) > LONGEST_DELAY_S:
            raise ValueError(f"a delay is at most {LONGEST_DELAY_S:.0f} s, which is a year")
        return self


@dataclass(slots=True)
class Window:
    """The recent past of n devices of one kind at one instant each, as rules see it.

    now int64[n]: event time of the judgement, epoch microseconds. `last_ts` int64[n]: newest
    reading of each device (min int64: none yet). `attended_since` int64[n]: since when we have
    listened without a break. values float64[n, points]: last good value of each point carried
    forward for its hold, NaN once that is over. newest float64[n, points]: the newest value
    within its hold, good or not. present bool[n, points]: there is such a value; bad
    bool[n, points]: it came with its quality bit set. raised bool[n, elements]: the rule's alarm
    is open, for deadbands. static_head_mpa and interval_s float64[n], NaN unknown.

    What is seen of the points is worked out when it is looked at: `value` of the few that a rule is
    about costs much less than `values`. `past` and `trace` reach back for the points that a rule of tempo
    fast declares as its `history`. Only the watch writes to it: `raised`, rule by rule.
    """

    kind: SensorKind
    now: NDArray[np.int64]
    last_ts: NDArray[np.int64]
    attended_since: NDArray[np.int64]
    raised: NDArray[np.bool_]
    static_head_mpa: NDArray[np.float64]
    interval_s: NDArray[np.float64]
    sight: Sight
    recall: Recall | None = None

    def past(self, point: str, minutes: int) -> NDArray[np.float64]:
        """Return float64[n, 1]: what a point of `history` showed so many minutes ago (1..60), NaN unknown."""
        return self._recall().past(self.kind.bits[point], minutes)

    def trace(self, point: str, minutes: int) -> NDArray[np.float64]:
        """Return float64[n, minutes]: a sample per completed minute of such a point, oldest first; NaN: none came."""
        return self._recall().trace(self.kind.bits[point], minutes)

    def _recall(self) -> Recall:
        if self.recall is None:
            raise RuleError("this window has no history: name the points in the rule's `history`")
        return self.recall

    def value(self, point: str) -> NDArray[np.float64]:
        """Return float64[n, 1]: the last good value of a point, NaN where it has none."""
        return self.sight.value(self.kind.bits[point])

    @property
    def values(self) -> NDArray[np.float64]:
        """float64[n, points]: see above."""
        return self.sight.values

    @property
    def bad(self) -> NDArray[np.bool_]:
        """bool[n, points]: see above."""
        return self.sight.bad

    @property
    def present(self) -> NDArray[np.bool_]:
        """bool[n, points]: see above."""
        return self.sight.present

    @property
    def newest(self) -> NDArray[np.float64]:
        """float64[n, points]: see above."""
        return self.sight.newest


@dataclass(frozen=True, slots=True)
class Judgement:
    """verdict int8[n, elements] of Verdict; since int64[n, elements]: when the condition began, where not now."""

    verdict: NDArray[np.int8]
    since: NDArray[np.int64] | None = None


def judged(beyond: NDArray[np.bool_], *known: NDArray[np.float64]) -> Judgement:
    """Return raise where the condition holds, else clear, [n, elements]; cannot tell where one of `known` is NaN."""
    verdict = beyond.astype(np.int8)  # Verdict.RAISE is 1, CLEAR is 0
    unknown = np.isnan(sum(known[1:], start=known[0]))
    if unknown.any():
        verdict[np.broadcast_to(unknown, verdict.shape)] = Verdict.CANNOT_TELL
    return Judgement(verdict)


def load_share(outdoor: NDArray[np.float64], room_c: float, design_outdoor_c: float) -> NDArray[np.float64]:
    """Return the heat load that the weather asks for, as a share of the design load: (Ti - To) / (Ti - To_d)."""
    share: NDArray[np.float64] = (room_c - outdoor) / (room_c - design_outdoor_c)
    return share


Bounds = Mapping[tuple[str, str | None], tuple[Any, Any]]
"""(low, high) of a point, or of a point less another: numbers or float64[n, 1]. Infinite: it only has to be there."""

ANY = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its words, its numbers and its judge.

    `needs` are the points it cannot do without; a kind that lacks one is not watched by it. `history` are those
    of them whose last hour it looks at. `kinds` restricts it to kinds of these names; empty: every kind that fits.
    `calm(static_head_mpa [n, 1], parameters)` returns the bounds within which it says clear beyond doubt, its alarm
    open or not (see calm.py). `only_bad`: it raises only where a value is bad, so other devices need not be judged.
    `family` orders cause and consequence. `elements` names what is judged separately within a device: by default the
    device as a whole. `parameters` is the class, with defaults, that configs/rules.toml fills. `advice` says
    cause, consequence and what to do. `respond_s` is the time to respond. `heat_left` is what share of its heat a
    station keeps while the fault stands, 0..1; None: what its family says (consequence.py).

    `follows` are rules of which it is but another sign: an alarm of theirs that stands and came first explains it.

    A rule of tempo slow is judged over ten-minute means, in tend: its judge sees an application.slow.window.SlowWindow.
    `history` are then points that it looks at where a device has them, `learned` the baselines that it needs. `whole`:
    it judges the devices of a station together, and one of them, the first, bears the verdict.
    """

    name: str
    title: Title
    advice: Title
    priority: int
    respond_s: int
    parameters: type[Parameters]
    judge: Callable[[Any, Any], Judgement]
    evidence: Callable[[Any, Any], Mapping[str, NDArray[np.float64]]]
    needs: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    trigger: Trigger = Trigger.READING
    elements: Callable[[SensorKind], tuple[str, ...]] = lambda _kind: ("",)
    tempo: str = "fast"
    subject: str = "station"
    family: Family = Family.OWN
    kinds: frozenset[str] = frozenset()
    calm: Callable[[NDArray[np.float64], Any], Bounds] | None = None
    only_bad: bool = False
    heat_left: float | None = None
    follows: frozenset[str] = frozenset()
    whole: bool = False
    learned: tuple[str, ...] = ()

    def fits(self, kind: SensorKind) -> bool:
        """Return whether this rule can watch devices of a kind."""
        return set(self.needs) <= set(kind.names) and (not self.kinds or kind.name in self.kinds)
