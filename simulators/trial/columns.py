"""Columns: what the devices of a world say, as arrays by kind, in the order of its coming, without bytes or broker."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.cast import ROOM_CLIMATE
from simulators.faults import Fault, LinkFate, joined
from simulators.trial.postbox import Letter, Postbox
from simulators.world import SUBSTATION, Moment, World

MINUTE_US = 60 * 1_000_000
Floats = NDArray[np.float64]
Columns = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], Floats]
"""device_id int32[n], ts and received_at int64[n] in epoch microseconds, values float64[n, points]."""

_DEAD = LinkFate(silent=True)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Microseconds between the readings of a substation and of a room, and between the blocks that are handed over."""

    substation: int = MINUTE_US
    room: int = 10 * MINUTE_US
    block: int = 10 * MINUTE_US


class Telling:
    """Plays a world from `begin` on. `numbers` is the device_id by name; a device's place is that in the world."""

    def __init__(self, world: World, begin: int, cadence: Cadence | None = None) -> None:
        self._world, self._cadence = world, cadence or Cadence()
        self._moment = world.begin(begin)
        self._places = {
            kind: np.array([i for i, p in enumerate(world.parts) if p.kind.name == kind], dtype=np.intp)
            for kind in (SUBSTATION, ROOM_CLIMATE)
        }
        self.numbers = {world.parts[i].name: int(i) + 1 for places in self._places.values() for i in places}
        self._place_of = {part.name: i for i, part in enumerate(world.parts)}
        self._dead = np.zeros(len(world.parts), dtype=np.bool_)
        self._postbox = {kind: Postbox(self._fate) for kind in self._places}

    @property
    def interval_s(self) -> dict[str, float]:
        """The cadence by kind, seconds."""
        return {SUBSTATION: self._cadence.substation / 1e6, ROOM_CLIMATE: self._cadence.room / 1e6}

    def play(self, until: int) -> Iterator[tuple[int, Mapping[str, Columns]]]:
        """Yield (now, what came up to now, by kind), a block at a time, up to `until`."""
        while self._moment.at < until:
            moments, dead = self._walk(min(self._moment.at + self._cadence.block, until))
            blocks = {SUBSTATION: self._told(SUBSTATION, moments, dead)}
            hourly = [k for k, m in enumerate(moments) if m.at % self._cadence.room == 0]
            if hourly and len(self._places[ROOM_CLIMATE]):
                told = self._told(ROOM_CLIMATE, [moments[k] for k in hourly], dead[hourly])
                blocks[ROOM_CLIMATE] = told
            yield self._moment.at, {name: block for name, block in blocks.items() if len(block[1])}

    def _walk(self, until: int) -> tuple[list[Moment], NDArray[np.bool_]]:
        """Return the moments up to `until`, and who is without power in each, bool[moments, parts]."""
        moments: list[Moment] = []
        while self._moment.at < until:
            step = self._cadence.substation
            self._moment = self._world.advance(self._moment, self._moment.at + step, step / 1e6)
            moments.append(self._moment)
        return moments, np.stack([self._world.silent(m) for m in moments])

    def _told(self, kind: str, moments: Sequence[Moment], dead: NDArray[np.bool_]) -> Columns:
        """Return what devices of a kind say of these moments, as it comes."""
        places, at = self._places[kind], np.array([m.at for m in moments])
        shown = self._shown(kind, moments, places)
        odd = self._odd(kind, places, at, dead)
        sound = np.flatnonzero(~odd)
        ids = np.tile((places[sound] + 1).astype(np.int32), len(at))
        ts = np.repeat(at, len(sound))
        values = shown[:, sound].reshape(len(ts), shown.shape[2])
        letters = list(self._letters(kind, np.flatnonzero(odd), moments, dead, shown))
        if not letters:
            return ids, ts, ts, values
        ids = np.concatenate([ids, np.array([one.place + 1 for one in letters], np.int32)])
        received = np.concatenate([ts, np.array([one.received_at for one in letters])])
        ts = np.concatenate([ts, np.array([one.ts for one in letters])])
        values = np.concatenate([values, np.stack([one.values for one in letters])])
        order = np.argsort(received, kind="stable")
        return ids[order], ts[order], received[order], values[order]

    def _letters(
        self, kind: str, odd: NDArray[np.intp], moments: Sequence[Moment], dead: NDArray[np.bool_], shown: Floats
    ) -> Iterator[Letter]:
        """Yield what comes from devices whose links are not sound."""
        places, postbox = self._places[kind], self._postbox[kind]
        for k, moment in enumerate(moments):
            self._dead = dead[k]
            for row in odd.tolist():
                yield from postbox.post(int(places[row]), moment.at, shown[k, row])
            yield from postbox.through(moment.at)

    def _odd(
        self, kind: str, places: NDArray[np.intp], at: NDArray[np.int64], dead: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """bool[places]: the link of the device is not sound in all of these moments."""
        odd = dead[:, places].any(axis=0)
        busy = set(self._postbox[kind].busy())
        for fault in self._linked(int(at[0]), int(at[-1])):
            busy.add(self._place_of[fault.device])
        found: NDArray[np.bool_] = odd | np.isin(places, sorted(busy))
        return found

    def _linked(self, begin: int, end: int) -> Iterator[Fault]:
        for fault in self._world.schedule.faults:
            acts = fault.begins <= end and (fault.ends is None or begin < fault.ends)
            if acts and fault.kind.link is not None and fault.device in self._place_of:
                yield fault

    def _fate(self, place: int, at: int) -> LinkFate:
        fate = self._world.schedule.link(self._world.parts[place].name, at)
        return joined(fate, _DEAD) if self._dead[place] else fate

    def _shown(self, kind: str, moments: Sequence[Moment], places: NDArray[np.intp]) -> Floats:
        """float64[moments, places, points]: what the instruments show, faults counted."""
        count, at = len(moments), np.array([m.at for m in moments])
        exact = self._exact(kind, moments, places)
        flat = exact.reshape(count * len(places), -1)
        shown = self._world.shown(kind, flat, np.tile(places, count), moments[0].at).reshape(exact.shape)
        row_of = {int(place): row for row, place in enumerate(places)}
        for device in {f.device for f in self._metered(int(at[0]), int(at[-1]))}:
            row = row_of.get(self._place_of.get(device, -1))
            if row is not None:
                shown[:, row] = self._world.bent(self._place_of[device], shown[:, row].copy(), at)
        return shown

    def _metered(self, begin: int, end: int) -> Iterator[Fault]:
        for fault in self._world.schedule.faults:
            if fault.kind.meters is not None and fault.begins <= end and (fault.ends is None or begin < fault.ends):
                yield fault

    def _exact(self, kind: str, moments: Sequence[Moment], places: NDArray[np.intp]) -> Floats:
        names = self._world.parts[int(places[0])].kind.bits
        values = np.full((len(moments), len(places), len(names)), np.nan)
        if kind == SUBSTATION:
            columns = self._world.columns(moments)
            for name in columns.keys() & names.keys():
                values[:, :, names[name]] = columns[name].reshape(len(moments), -1)[:, : len(places)]
            return values
        for k, moment in enumerate(moments):
            for name, column in self._world.rooms(moment).items():
                values[k, :, names[name]] = column
        return values
