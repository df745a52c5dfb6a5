"""Plant: what each heat source sends out: by its curve, by the hands of its people, and less when a boiler rests."""

import numpy as np
from numpy.typing import NDArray

from simulators.heat.curve import SOURCE_SUPPLY_LOW_C, source_supply

Floats = NDArray[np.float64]

_DAY_S = 86_400.0
_HANDS = ((0.9, 10_900.0), (0.7, 26_300.0))
"""Size in K and period in s of what people do to the setpoint of a boiler."""
_RESTS, _REST_K, _REST_S = 0.65, (6.5, 13.0), (1.5 * 3600, 4 * 3600.0)
"""On how many of its days a plant has a boiler off for some hours, how much colder it sends then, and how long."""
_RAMP_S = 900.0


class Plant:
    """The sources of a city, by number. A pure function of time, the same for the same seed."""

    def __init__(self, sources: int, seed: int) -> None:
        self._seed = seed
        self._sources = sources
        self._phase = np.random.default_rng((seed, 5, 1)).uniform(0, 2 * np.pi, sources)
        self._days: dict[int, tuple[Floats, Floats, Floats]] = {}

    def sent(self, at_s: float, outdoor: Floats) -> Floats:
        """Return what each source sends out at that time, Cel; `outdoor` [1] is the weather as plants take it."""
        hands = sum(
            size * np.sin(at_s * 2 * np.pi / period + (k + 1) * self._phase) for k, (size, period) in enumerate(_HANDS)
        )
        sent: Floats = np.maximum(source_supply(outdoor) - self._resting(at_s), SOURCE_SUPPLY_LOW_C) + hands
        return sent

    def _resting(self, at_s: float) -> Floats:
        """Return how much colder a resting boiler makes the water, K; a rest lies within one day."""
        begins, lasts, depth = self._rests(int(at_s // _DAY_S))
        since = at_s % _DAY_S - begins
        into = np.clip(since / _RAMP_S, 0.0, 1.0)
        out_of = np.clip((lasts - since) / _RAMP_S, 0.0, 1.0)
        rest: Floats = depth * np.minimum(into, out_of)
        return rest

    def _rests(self, day: int) -> tuple[Floats, Floats, Floats]:
        """Return when on that day the rests begin, how long they are, and how deep (0: none)."""
        if day not in self._days:
            rng = np.random.default_rng((self._seed, 67, day))
            begins = rng.uniform(0, _DAY_S - _REST_S[1] - _RAMP_S, self._sources)
            lasts = rng.uniform(*_REST_S, self._sources)
            depth = rng.uniform(*_REST_K, self._sources) * (rng.random(self._sources) < _RESTS)
            self._days = {k: v for k, v in self._days.items() if k >= day - 2} | {day: (begins, lasts, depth)}
        return self._days[day]
