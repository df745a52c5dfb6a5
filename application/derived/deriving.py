"""Deriving: computes the derived points of all stations from their completed buckets. A pass of tend.

What came late, or is doubted later, changes rollups: so each time the last two hours are computed anew, and every
hour the last day and a half. What has not changed is not written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from application.baseline import Baseline, Key, learned
from application.derived import keeping, learning
from application.derived.devices import OF_KIND, Pair, pairs, stand_beside
from application.derived.rows import PUMPS, Known, Means, derived, laid_out
from application.instants import DAY, HOUR, MINUTE
from application.quality.sensing import Weather, median, told_at
from perception.sensor_kind import SensorKind
from support.store import StoreDownError

TENTH = 10 * MINUTE
SETTLED = 2 * MINUTE
OFTEN, RARELY = 2 * HOUR, 36 * HOUR
SIGNATURE = ("signature_kw_per_k", "signature_balance_c")
"""Baselines of a station: its load rises so much per kelvin below the outdoor temperature at which it needs none."""
_NEIGHBOURS, _LEAST_NEIGHBOURS = 9, 2
_PORTION = 200


class Deriving:
    """The pass. It begins with the last day and a half."""

    def __init__(self, engine: Engine, kinds: Callable[[], Mapping[str, SensorKind]], room: keeping.Room) -> None:
        self._engine, self._kinds, self._room = engine, kinds, room
        self._hour: int | None = None
        self._until: int | None = None
        self._taught: int | None = None

    def run(self, now: int) -> Iterator[int]:
        """Compute what buckets completed by `now` give; yield how many readings changed, after each portion."""
        until = (now - SETTLED) // TENTH * TENTH
        if until == self._until:
            return
        back = OFTEN if self._hour == until // HOUR else RARELY
        try:
            teach = self._taught != until // DAY
            yield from derive_span(self._engine, self._kinds(), (until - back, until), self._room, teach=teach)
        except (OperationalError, InterfaceError) as err:
            raise StoreDownError(f"the database cannot be reached: {err.orig}") from err
        self._hour, self._until, self._taught = until // HOUR, until, until // DAY


def derive_span(
    engine: Engine,
    kinds: Mapping[str, SensorKind],
    span: tuple[int, int],
    room: keeping.Room,
    only: str | None = None,
    *,
    teach: bool = True,
) -> Iterator[int]:
    """Compute what is derived over [from, to), of all devices or one; yield how much changed, portion by portion.

    `teach`: learn as well what was not learned for a day.
    """
    for name, source in OF_KIND.items():
        if name not in kinds or source not in kinds:
            continue
        with engine.begin() as on:
            stand_beside(on, name)
            every = pairs(on, name)
        for portion in _portions(every):
            if only is None or any(p.device == only for p in portion):
                with engine.begin() as on:
                    changed = _portion(on, (kinds[source], kinds[name]), portion, span, room, only, teach=teach)
                yield changed


def _portions(every: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    """Yield pairs of one city, as many as are computed together."""
    for city in dict.fromkeys(p.city for p in every):
        mine = [p for p in every if p.city == city]
        yield from (mine[k : k + _PORTION] for k in range(0, len(mine), _PORTION))


def _portion(
    on: Connection,
    kinds: tuple[SensorKind, SensorKind],
    portion: Sequence[Pair],
    span: tuple[int, int],
    room: keeping.Room,
    only: str | None,
    *,
    teach: bool,
) -> int:
    source, target = kinds
    pumps = learning.known_of(on)
    if teach and learning.learn(on, source, portion, span[1], pumps):
        pumps = learning.known_of(on)
    known = {**pumps, **learned(on, SIGNATURE)}
    heated = keeping.areas(on)
    means = keeping.means_of(on, source, [p.source_id for p in portion], (span[0] - HOUR, span[1]))
    before = keeping.stored(on, target, [p.derived_id for p in portion], span)
    changed = 0
    for pair in portion:
        told = means.get(pair.source_id)
        if told is None or only not in (None, pair.device):
            continue
        found = derived(told, _neighbours(pair, portion, means), _known(pair, known, heated))
        values = laid_out(target, found, len(told.ts))
        other = (told.ts >= span[0]) & before[pair.derived_id].differs(told.ts, values)
        if other.any():
            changed += keeping.write(on, target, pair.derived_id, told.ts[other], values[other], room)
    return changed


def _known(pair: Pair, known: Mapping[Key, Baseline], heated: Mapping[str, float]) -> Known:
    """Return what is known of the station of a pair."""

    def value(subject: str, name: str) -> float:
        found = known.get(Key(subject, name))
        return np.nan if found is None else found.value

    slope, balance = (value(f"station:{pair.station}", name) for name in SIGNATURE)
    per_hertz = {k: value(f"device:{pair.device}", learning.name_for(k)) for k in PUMPS}
    return Known(heated.get(pair.station, np.nan), slope, balance, per_hertz)


def _neighbours(pair: Pair, portion: Sequence[Pair], means: Mapping[int, Means]) -> NDArray[np.float64]:
    """float64[m]: the median of what others of the district, then of the city, say of the weather at each bucket."""
    at = means[pair.source_id].ts
    others = sorted((p for p in portion if p != pair), key=lambda p: (p.district != pair.district, p.source_id))
    near = [means[p.source_id] for p in others if p.source_id in means][:_NEIGHBOURS]
    if not near:
        return np.full(len(at), np.nan)
    columns = np.column_stack([told_at(_weather(m), at) for m in near])
    enough = (~np.isnan(columns)).sum(axis=1) >= _LEAST_NEIGHBOURS
    return np.where(enough, median(columns), np.nan)


def _weather(means: Means) -> Weather:
    outdoor = means["t_outdoor"]
    good = ~np.isnan(outdoor)
    return Weather(means.ts[good], outdoor[good])
