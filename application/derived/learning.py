"""Learning: how much flow a hertz of the circulation pumps makes, by how many of them run. Works on a Connection.

By the affinity law the flow of a pump in one and the same loop goes with its speed. The ratio is the median over two
weeks of hours in which as many pumps ran throughout.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection

from application.baseline import Baseline, Key, keep, learned
from application.derived.devices import Pair
from application.derived.keeping import means_of
from application.derived.rows import PUMPS, Means, running
from application.instants import DAY
from perception.sensor_kind import SensorKind
from support.columns import Width

_BACK = 14 * DAY
_LEAST_HOURS = 24
_SIGMA = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""


def name_for(pumps: int) -> str:
    """Return the name of the baseline for so many running pumps."""
    return f"flow_of_{pumps}_pumps_m3_h_per_hz"


NAMES = tuple(name_for(k) for k in PUMPS)


def known_of(on: Connection) -> Mapping[Key, Baseline]:
    """Return what is known of all pumps."""
    return learned(on, NAMES)


def learn(on: Connection, kind: SensorKind, pairs: Sequence[Pair], now: int, known: Mapping[Key, Baseline]) -> int:
    """Learn once a day of each device what its pumps do, and keep it; return how much was learned."""
    due = [p for p in pairs if all(_is_old(known.get(Key(f"device:{p.device}", n)), now) for n in NAMES)]
    if not due:
        return 0
    hours = means_of(on, kind, [p.source_id for p in due], (now - _BACK, now), Width.HOUR)
    return keep(
        on,
        [
            (Key(f"device:{p.device}", name_for(pumps)), found)
            for p in due
            if p.source_id in hours
            for pumps, found in ratios(hours[p.source_id], now).items()
        ],
    )


def ratios(hours: Means, now: int) -> dict[int, Baseline]:
    """Return by number of running pumps the flow per hertz, with twice its robust standard deviation. Pure."""
    count, hertz = running(hours)
    flow = hours["flow_sec"]
    found = {}
    for pumps in PUMPS:
        with np.errstate(invalid="ignore"):
            fits = (count == pumps) & (hertz > 1) & (flow > 1)
        if fits.sum() >= _LEAST_HOURS:
            each = flow[fits] / hertz[fits]
            middle = float(np.median(each))
            spread = 2 * _SIGMA * float(np.median(np.abs(each - middle)))
            found[pumps] = Baseline(middle, middle - spread, middle + spread, int(fits.sum()), now)
    return found


def _is_old(baseline: Baseline | None, now: int) -> bool:
    return baseline is None or baseline.learned_at <= now - DAY
