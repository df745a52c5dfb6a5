"""Links: what becomes of what a device sends."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from perception.point import Title
from simulators.faults.fate import SOUND_LINK, LinkFate
from simulators.faults.fault import FaultKind, Hours, Parameters, Scaled

_HASH = 0x9E3779B1


class Silence(Parameters):
    """`keeps`: whether what was measured meanwhile is sent when the silence ends."""

    keeps: bool = False


class Gateway(Silence):
    """As a silence; a gateway keeps what its devices measured."""

    keeps: bool = True


def _silence(p: Silence, age_s: float, at: int) -> LinkFate:
    del age_s, at
    return LinkFate(silent=True, keeps=p.keeps)


class WeakRadio(Parameters):
    """In each `period_min` the link is away with the chance `away_share`; what was measured is sent afterwards."""

    away_share: Annotated[float, Field(gt=0, lt=1), Scaled(0.2, 0.8)]
    period_min: Annotated[float, Field(gt=0, le=600)] = 10.0


def _weak_radio(p: WeakRadio, age_s: float, at: int) -> LinkFate:
    del at
    turn = int(age_s // (p.period_min * 60)) + 1
    away = (turn * _HASH % 2**32) / 2**32 < p.away_share
    return LinkFate(silent=True, keeps=True) if away else SOUND_LINK


class Late(Parameters):
    """`delay_min`: how long after its measurement each reading leaves."""

    delay_min: Annotated[float, Field(gt=0, le=7 * 24 * 60), Scaled(4.0, 90.0)]


def _late(p: Late, age_s: float, at: int) -> LinkFate:
    del age_s, at
    return LinkFate(delay_s=p.delay_min * 60)


class Duplicates(Parameters):
    """`copies`: how many more copies of each message are sent."""

    copies: Annotated[int, Field(ge=1, le=20), Scaled(1, 4)]


def _duplicates(p: Duplicates, age_s: float, at: int) -> LinkFate:
    del age_s, at
    return LinkFate(duplicates=p.copies)


class WrongClock(Parameters):
    """`offset_s` on the clock, and `drift_s_per_day` on top. Below zero the clock is behind."""

    offset_s: Annotated[float, Field(ge=-4e9, le=4e9), Scaled(-240.0, -7200.0)]
    drift_s_per_day: Annotated[float, Field(ge=-86_400, le=86_400)] = 0.0


def _wrong_clock(p: WrongClock, age_s: float, at: int) -> LinkFate:
    del at
    return LinkFate(clock_offset_s=p.offset_s + p.drift_s_per_day * age_s / 86_400)


class LostClock(Parameters):
    """`year`: in whose first second (UTC) the device believes itself when it begins."""

    year: Annotated[int, Field(ge=1970, le=2100)] = 1970


def _lost_clock(p: LostClock, age_s: float, at: int) -> LinkFate:
    return LinkFate(clock_offset_s=datetime(p.year, 1, 1, tzinfo=UTC).timestamp() - (at / 1e6 - age_s))


class Reboots(Parameters):
    """The device starts again when the fault begins and then every `every_h`; each start takes `takes_s`."""

    every_h: Hours = 6.0
    takes_s: Annotated[float, Field(ge=0, le=3600), Scaled(20.0, 300.0)]


def _reboots(p: Reboots, age_s: float, at: int) -> LinkFate:
    del at
    every = max(p.every_h * 3600, p.takes_s + 1)
    return LinkFate(silent=age_s % every < p.takes_s, boots=int(age_s // every) + 1)


KINDS = (
    FaultKind(
        "silence", Title(zh="通信中断", en="Communication lost"),
        "Nothing comes from the device, and what it measured is lost.",
        ("COMM",), Silence, link=_silence, lasts_h=(0.5, 48),
    ),
    FaultKind(
        "gateway_loss", Title(zh="网关中断", en="Gateway lost"),
        "The gateway of a branch is gone: all of its devices fall silent, and tell everything when it is back.",
        ("COMM",), Gateway, link=_silence, area="branch", whole_station=True, lasts_h=(0.5, 12),
    ),
    FaultKind(
        "weak_radio", Title(zh="信号弱", en="Weak radio"),
        "The link comes and goes: readings arrive late and in heaps.",
        ("COMM",), WeakRadio, link=_weak_radio, lasts_h=(12, 240),
    ),
    FaultKind(
        "late_delivery", Title(zh="数据迟到", en="Late delivery"),
        "Everything arrives, long after it was measured.",
        ("COMM",), Late, link=_late, lasts_h=(2, 72),
    ),
    FaultKind(
        "duplicates", Title(zh="重复发送", en="Duplicates"),
        "Each message is sent more than once. Nothing should be found: a copy is no event.",
        (), Duplicates, link=_duplicates, lasts_h=(2, 240),
    ),
    FaultKind(
        "wrong_clock", Title(zh="时钟偏差", en="Wrong clock"),
        "The device's clock is off, or drifts: its readings count as late, or come from the future.",
        ("COMM",), WrongClock, link=_wrong_clock, lasts_h=(12, 500),
    ),
    FaultKind(
        "lost_clock", Title(zh="时钟丢失", en="Clock lost"),
        "The device has lost its clock and counts from 1970, or believes in 2040: nothing that it says can be kept.",
        ("COMM",), LostClock, link=_lost_clock, lasts_h=(2, 48),
    ),
    FaultKind(
        "reboots", Title(zh="反复重启", en="Device starts again and again"),
        "The device restarts every few hours: short silences, and its running numbers begin anew.",
        (), Reboots, link=_reboots, lasts_h=(12, 240),
    ),
)  # fmt: skip
