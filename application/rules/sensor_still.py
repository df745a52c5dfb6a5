"""sensor_still: a temperature of a device that reports rarely has not moved for half a day, or all of a device at once.

A slow rule: of a device that reports every quarter of an hour or every hour, an hour tells nothing, and of any device
the other temperature may hardly move within one. Twelve equal values (or means of ten minutes) while the other
temperature of the side moved are a frozen sensor. Where each temperature of a device stands still, the outdoor one
among them, it repeats its last row: water may stand, the weather does not. Measured on three real substations:
docs/data-quality.md.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Verdict
from perception.point import Title

_PARTNERS = {
    "t_pri_supply": "t_pri_return",
    "t_pri_return": "t_pri_supply",
    "t_sec_supply": "t_sec_return",
    "t_sec_return": "t_sec_supply",
}
_OUTDOOR = "t_outdoor"
_POINTS = (_OUTDOOR, *_PARTNERS)
_WHOLE = "device"
_HOURS = 24
_SAME_K = 1e-6
_LEAST_POINTS = 3

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Past(Protocol):
    """What this rule looks at of a window of rules of tempo slow."""

    raised: Flags
    expected: Floats

    def trace(self, point: str, hours: int) -> Floats:
        """Return float64[n, buckets]: ten-minute means of the last hours, oldest first, NaN where nothing came."""


class SensorStill(Parameters):
    """Raised when a temperature had one value `least_samples` times and its partner moved by more than `moved_k`.

    Or when all of a device did.
    """

    on_delay_s: float = Field(default=0.0, ge=0)
    off_delay_s: float = Field(default=600.0, ge=0)
    least_samples: int = Field(default=12, ge=3)
    moved_k: float = Field(default=1.0, gt=0)


def _since(trace: Floats) -> Flags:
    """bool[n, buckets]: from here on there has been one value only; buckets without one are passed over."""
    known = ~np.isnan(trace)
    last = trace.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    newest = trace[np.arange(len(trace)), last][:, None]
    same = ~known | (np.abs(trace - newest) < _SAME_K)
    onward: Flags = np.asarray(np.logical_and.accumulate(same[:, ::-1], axis=1))
    return onward[:, ::-1] & known.any(axis=1, keepdims=True)


def _range(trace: Floats, where: Flags) -> Floats:
    """float64[n, 1]: between which values it was there; NaN where nothing came."""
    seen = np.where(where, trace, np.nan)
    found: Floats = (np.fmax.reduce(seen, axis=1) - np.fmin.reduce(seen, axis=1))[:, None]
    return found


def _count(trace: Floats, where: Flags) -> NDArray[np.int64]:
    found: NDArray[np.int64] = (where & ~np.isnan(trace)).sum(axis=1)[:, None]
    return found


def _alone(window: Past, p: SensorStill, raised: Flags) -> tuple[Flags, Flags, Floats]:
    """Return [n, 4] each: a sensor stands still, whether that can be told, and how far its partner moved."""
    still, known, moved = [], [], []
    for place, (point, partner) in enumerate(_PARTNERS.items()):
        trace = window.trace(point, _HOURS)
        since = _since(trace)
        spread = _range(window.trace(partner, _HOURS), since)
        long = _count(trace, since) >= p.least_samples
        still.append(long & ((spread > p.moved_k) | (raised[:, [place]] & (_count(trace, since) > 1))))
        known.append(_count(trace, np.ones_like(since)) >= p.least_samples)
        moved.append(spread)
    join = [np.concatenate(columns, axis=1) for columns in (still, known)]
    return join[0], join[1] & ~np.isnan(np.concatenate(moved, axis=1)), np.concatenate(moved, axis=1)


def _whole(window: Past, p: SensorStill) -> tuple[Flags, Flags]:
    """Return [n, 1] each: all temperatures of a device stand still, and whether that can be told."""
    traces = [window.trace(point, _HOURS) for point in _POINTS]
    since: Flags = np.asarray(
        np.logical_and.reduce([_since(t) | np.isnan(t).all(axis=1, keepdims=True) for t in traces])
    )
    spoken = np.concatenate([_count(t, np.ones_like(since)) >= p.least_samples for t in traces], axis=1)
    known = spoken[:, [0]] & (spoken.sum(axis=1, keepdims=True) >= _LEAST_POINTS)
    return known & (_count(traces[0], since) >= p.least_samples), known


def judge(window: Past, p: SensorStill) -> Judgement:
    """Look at the last day of each temperature, and of all of them together."""
    raised = np.broadcast_to(window.raised, (len(window.expected), 1 + len(_PARTNERS)))
    hangs, told = _whole(window, p)
    still, known, moved = _alone(window, p, raised[:, 1:])
    there = ~np.isnan(moved)  # of a device that repeats itself, what it does not tell is not known to move either
    beyond = np.concatenate([hangs, still & ~hangs], axis=1)
    sure = np.concatenate([told, known | (hangs & told & there)], axis=1)
    verdict = np.where(beyond, Verdict.RAISE, np.where(sure, Verdict.CLEAR, Verdict.CANNOT_TELL))
    return Judgement(verdict.astype(np.int8))


def evidence(window: Past, p: SensorStill) -> Mapping[str, Floats]:
    """Show the value that stands still, and how far its partner moved."""
    traces = [window.trace(point, _HOURS) for point in _POINTS]
    last = [np.where(_since(t), t, np.nan) for t in traces]
    value = np.concatenate([np.fmax.reduce(t, axis=1)[:, None] for t in last], axis=1)
    moved = np.concatenate([_range(window.trace(b, _HOURS), _since(window.trace(a, _HOURS)))
                            for a, b in _PARTNERS.items()], axis=1)  # fmt: skip
    nothing = np.full((len(value), 1), np.nan)
    limit = np.full_like(moved, 1) * p.moved_k
    return {
        "value": value,
        "partner_moved_k": np.concatenate([nothing, moved], axis=1),
        "limit_k": np.concatenate([nothing, limit], axis=1),
    }


RULE = Rule(
    name="sensor_still",
    title=Title(zh="读数长时间不变", en="Readings stand still"),
    advice=Title(
        zh="可能原因：采集模块死机，监控系统重复最后一组数据，通道被强制。后果：看似正常，实际无人监视。处理：核对数据时间"
        "与采集程序，重启采集模块，现场核对读数。",
        en="Cause: a hung input module, a controller or a data server that repeats its last row, a channel forced by "
        "hand. Consequence: it looks well and nobody watches. To do: see whether other points of the device move, "
        "restart what collects them, compare with an instrument on site.",
    ),
    priority=3,
    respond_s=24 * 3600,
    parameters=SensorStill,
    judge=judge,
    evidence=evidence,
    family=Family.SENSOR,
    follows=frozenset({"sensor_frozen"}),
    needs=_POINTS,
    elements=lambda _kind: (_WHOLE, *_PARTNERS),
    subject="device",
    tempo="slow",
)
