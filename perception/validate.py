"""Validate: readings in, columns and refusals out. Types, times, corrections, limits; pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perception.corrections import Correction
from perception.payload import MOST_READINGS, JsonValue, RawReading
from perception.point import POINT_NAME
from perception.readings import Readings, Reason, quality_words
from perception.roster import Member
from perception.sensor_kind import SensorKind

SECOND_US = 1_000_000
OLDEST_US = 3652 * 86_400 * SECOND_US  # ten years
NEWEST_US = 300 * SECOND_US
_MOST_NAMED = 10
_POINT_NAME = re.compile(POINT_NAME)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a reading, or (`partial`) only some of its points, could not be taken in."""

    reason: Reason
    detail: str
    points: tuple[str, ...] = ()
    partial: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """Readings that name the same points in the same order: their rows, and their values end to end."""

    columns: tuple[int, ...]
    rows: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


class Sheet:
    """Readings of one kind, written down row by row, turned into columns at the end.

    Devices name the same points again and again, so what is done for each name is done once for
    each block of readings that name the same ones.

    `now` (epoch microseconds) bounds the times: ten years back, or `kept_us` (microseconds) where
    readings are not kept so long, and five minutes ahead.
    """

    def __init__(self, kind: SensorKind, now: int, kept_us: int = OLDEST_US) -> None:
        self._kind = kind
        self._bits = kind.bits
        self._now = now
        self._kept_us = kept_us
        self._oldest, self._newest = now - min(OLDEST_US, kept_us), now + NEWEST_US
        self._device_id: list[int] = []
        self._ts: list[int] = []
        self._received_at: list[int] = []
        self._origin: list[int] = []
        self._place: list[int] = []
        self._tables: list[Readings] = []
        self._blocks: dict[tuple[int, ...], _Block] = {}
        self._named: dict[tuple[str, ...], _Block | None] = {}

    def accepts(self, ts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n]: times (epoch microseconds) within the bounds."""
        fits: NDArray[np.bool_] = (self._oldest <= ts) & (ts <= self._newest)
        return fits

    def add_table(
        self,
        names: tuple[str, ...],
        device_id: NDArray[np.int32],
        ts: NDArray[np.int64],
        received_at: NDArray[np.int64],
        origin: NDArray[np.int64],
        place: NDArray[np.int64],
        given: NDArray[np.float64],
    ) -> None:
        """Add readings of numbers alone that need no correction, each with all of these points of the kind.

        The times are accepted ones; given float64[n, names] is finite.
        """
        columns = [self._bits[name] for name in names]
        values = np.full((len(ts), len(self._kind.points)), np.nan)
        values[:, columns] = given
        beyond = np.zeros(values.shape, np.bool_)
        beyond[:, columns] = beyond_limits(given, self._kind, columns)
        quality = quality_words(beyond)
        self._tables.append(Readings(self._kind, device_id, ts, received_at, values, quality, origin, place))

    def add_plain(
        self, member: Member, ts: int, values: Mapping[str, float], received_at: int, origin: int, place: int = -1
    ) -> bool:
        """Add a reading of numbers alone; False, and nothing added, when it needs `add` to judge it."""
        if member.corrections or not self._oldest <= ts <= self._newest:
            return False
        names = tuple(values)
        try:
            block = self._named[names]
        except KeyError:
            block = self._named[names] = self._block_of(names)
        if block is None:
            return False
        block.rows.append(len(self._ts))
        block.values.extend(values.values())
        self._end_row(member, ts, received_at, origin, place)
        return True

    def add(self, member: Member, raw: RawReading, received_at: int, origin: int, place: int = -1) -> Refusal | None:
        """Add what is good of a reading, and return what is not. `raw.ts` None: the time of receipt."""
        ts = received_at if raw.ts is None else raw.ts
        # what our own clock stamped before it was set back is ahead of now through no fault of the device
        ours = self._now < received_at <= ts <= received_at + MOST_READINGS
        refusal = None if ours else time_refusal(ts, self._now, self._kept_us)
        if refusal is not None:
            return refusal
        good, bad = self._sort_out(raw.values, member.timeline.at(ts))
        if bad:
            refusal = _bad_points(bad, self._kind, partial=bool(good))
        elif not good:
            return Refusal(Reason.EMPTY, "every value is null")
        if good:
            block = self._block(tuple(good))
            block.rows.append(len(self._ts))
            block.values.extend(good.values())
            self._end_row(member, ts, received_at, origin, place)
        return refusal

    def readings(self) -> Readings:
        """Return everything added as columns by origin; values beyond a point's limits carry their quality bit."""
        parts = [*self._tables, self._row_by_row()] if self._ts or not self._tables else self._tables
        if len(parts) == 1:
            return parts[0]
        whole = Readings.concat(parts)
        return whole.take(np.argsort(whole.origin, kind="stable"))

    def _row_by_row(self) -> Readings:
        """Return what was added row by row."""
        rows = len(self._ts)
        if not rows:
            return Readings.empty(self._kind)
        values = np.full((rows, len(self._kind.points)), np.nan)
        for block in self._blocks.values():
            shape = len(block.rows), len(block.columns)
            values[np.array(block.rows)[:, None], block.columns] = np.array(block.values).reshape(shape)
        return Readings(
            kind=self._kind,
            device_id=np.array(self._device_id, np.int32),
            ts=np.array(self._ts, np.int64),
            received_at=np.array(self._received_at, np.int64),
            values=values,
            quality=quality_words(beyond_limits(values, self._kind)),
            origin=np.array(self._origin, np.int64),
            place=np.array(self._place, np.int64),
        )

    def _block_of(self, names: tuple[str, ...]) -> _Block | None:
        """Return the block of readings that name these points, None when one of them is unknown."""
        columns = tuple(self._bits.get(name, -1) for name in names)
        return None if -1 in columns else self._block(columns)

    def _block(self, columns: tuple[int, ...]) -> _Block:
        block = self._blocks.get(columns)
        if block is None:
            block = self._blocks[columns] = _Block(columns)
        return block

    def _end_row(self, member: Member, ts: int, received_at: int, origin: int, place: int) -> None:
        self._device_id.append(member.device_id)
        self._ts.append(ts)
        self._received_at.append(received_at)
        self._origin.append(origin)
        self._place.append(place)

    def _sort_out(
        self, values: Mapping[str, JsonValue], corrections: Mapping[str, Correction]
    ) -> tuple[dict[int, float], dict[str, str]]:
        """Return good values by column, and for each bad point what is wrong with it. null is neither."""
        good: dict[int, float] = {}
        bad: dict[str, str] = {}
        for name, value in values.items():
            correction = corrections.get(name)
            column = self._bits.get(name if correction is None else correction.point)
            if column is None:
                bad[name] = "unknown"
            elif value is not None:
                number = _number(value, correction)
                if number is None:
                    bad[name] = f"not a number but {_shown(value)}"
                elif column in good:
                    bad[name] = "given twice, under its name and its alias"
                else:
                    good[column] = number
        return good, bad


def time_refusal(ts: int, now: int, kept_us: int = OLDEST_US) -> Refusal | None:
    """Return why a time cannot be accepted at `now`, None when it can. Both epoch microseconds.

    What is older than readings are kept (`kept_us`) would be dropped again: better refused, and counted as that.
    """
    if not now - OLDEST_US <= ts <= now + NEWEST_US:
        ahead_s = (ts - now) / SECOND_US
        where = f"{ahead_s:.0f} s ahead" if ahead_s > 0 else f"{-ahead_s / 86_400:.0f} days back"
        return Refusal(
            Reason.TIME_OUT_OF_BOUNDS, f'"ts" is {where}; accepted: 10 years back to 5 minutes ahead. Check the clock'
        )
    if ts < now - kept_us:
        days, kept = ((us / SECOND_US / 86_400) for us in (now - ts, kept_us))
        return Refusal(
            Reason.BEYOND_RETENTION, f'"ts" is {days:.1f} days back; readings are kept for {kept:.0f} (tend.raw_days)'
        )
    return None


def beyond_limits(
    values: NDArray[np.float64], kind: SensorKind, columns: Sequence[int] | None = None
) -> NDArray[np.bool_]:
    """bool[n, points]: present, and outside the physical limits of its point. `columns`: which points these are."""
    points = kind.points if columns is None else [kind.points[column] for column in columns]
    beyond: NDArray[np.bool_] = (values < [p.low for p in points]) | (values > [p.high for p in points])
    return beyond


def _number(value: JsonValue, correction: Correction | None) -> float | None:
    """Return the value as a finite float64, corrected; None when it is none. true and false are 1 and 0."""
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if correction is not None:
        number = number * correction.scale + correction.offset
    return number if math.isfinite(number) else None


def _bad_points(bad: Mapping[str, str], kind: SensorKind, *, partial: bool) -> Refusal:
    named = [f"{printable(name)}: {why}" for name, why in list(bad.items())[:_MOST_NAMED]]
    more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    return Refusal(
        reason=Reason.BAD_POINT,
        detail=f"{'; '.join(named)}{more} (kind {kind.name})",
        points=tuple(printable(name) for name in list(bad)[: len(kind.points)]),
        partial=partial,
    )


def printable(name: str) -> str:
    """Return a name as Rejects tell it: one that could not be a point's is quoted and cut short."""
    return name if _POINT_NAME.fullmatch(name) else ascii(name)[:60]


def _shown(value: JsonValue) -> str:
    names: dict[type, str] = {dict: "an object", list: "a list", str: "the text "}
    what = names.get(type(value), "beyond float64")
    return f"{what}{ascii(value)[:40]}" if isinstance(value, str) else what
