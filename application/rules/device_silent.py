"""device_silent: a device that should report has said nothing for too long.

The limit is three of the device's intervals, three minutes at least. Silence begins at the newest
reading, or when we began to listen if that was later: what was said while nobody listened may yet come.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from application.rule import Family, Judgement, Parameters, Rule, Trigger, Verdict, Window
from perception.point import Title

_SECOND = 1_000_000


class DeviceSilent(Parameters):
    """Raised after the larger of `intervals` of the device's own and `least_s`."""

    on_delay_s: float = Field(default=0.0, ge=0)
    off_delay_s: float = Field(default=0.0, ge=0)
    intervals: float = Field(default=3.0, ge=1)
    least_s: float = Field(default=180.0, ge=1)


def _limit_us(window: Window, p: DeviceSilent) -> NDArray[np.int64]:
    """int64[n, 1]."""
    limit_s = np.maximum(p.intervals * window.interval_s[:, None], p.least_s)
    limit: NDArray[np.int64] = np.round(limit_s * _SECOND).astype(np.int64)
    return limit


def judge(window: Window, p: DeviceSilent) -> Judgement:
    """Compare the newest reading with the clock; cannot tell as long as we have not listened for the limit."""
    limit = _limit_us(window, p)
    now, last = window.now[:, None], window.last_ts[:, None]
    heard = np.maximum(last, window.attended_since[:, None])
    silent = now - limit > heard
    spoke = last >= now - limit
    verdict = np.where(silent, Verdict.RAISE, np.where(spoke, Verdict.CLEAR, Verdict.CANNOT_TELL))
    since = np.where(silent, np.minimum(heard, now) + limit, now)
    return Judgement(verdict.astype(np.int8), since)


def evidence(window: Window, p: DeviceSilent) -> Mapping[str, NDArray[np.float64]]:
    """Show for how long it has been silent (unknown when it has never spoken) and the limit, in seconds."""
    never = window.last_ts == np.iinfo(np.int64).min
    age = (window.now - np.where(never, window.now, window.last_ts)) / _SECOND
    return {"silent_s": np.where(never, np.nan, age), "limit_s": _limit_us(window, p) / _SECOND}


RULE = Rule(
    name="device_silent",
    title=Title(zh="设备无数据", en="Device silent"),
    advice=Title(
        zh="可能原因：站点停电、通信中断、采集设备死机，或设备时钟偏差过大使数据被视为迟到。后果：该站处于无人监视状态。"
        "处理：检查站点供电与通信（信号、SIM卡、网关），核对设备时钟，必要时现场重启。",
        en="Cause: a power cut at the station, lost communication, a hung controller, or a device clock so wrong that "
        "its readings count as late. Consequence: nobody watches this station. To do: check power and communication "
        "(signal, SIM, gateway), check the device's clock, restart it on site if need be.",
    ),
    priority=2,
    respond_s=3600,
    parameters=DeviceSilent,
    judge=judge,
    evidence=evidence,
    family=Family.LINK,
    trigger=Trigger.CLOCK,
    subject="device",
)
