"""sensor_still: half a day of one value on devices that report rarely, and devices that repeat themselves whole."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from application.rule import Verdict
from application.rules import sensor_still
from application.rules.sensor_still import SensorStill, judge

POINTS = ("t_outdoor", "t_pri_supply", "t_pri_return", "t_sec_supply", "t_sec_return")
ELEMENTS = sensor_still.RULE.elements(None)


@dataclass
class Day:
    """A day of one device in ten-minute means, of which every `step`-th is there."""

    step: int
    changed: dict = field(default_factory=dict)
    open_: tuple = ()

    @property
    def raised(self):
        return np.array([[e in self.open_ for e in ELEMENTS]])

    @property
    def expected(self):
        return np.array([[1 / self.step]])

    def trace(self, point, hours):
        assert hours == 24
        bucket = np.arange(144)
        wave = np.round(20 + 10 * POINTS.index(point) + 3 * np.sin(bucket / 20 + len(point)), 1)
        values = self.changed[point](bucket, wave) if point in self.changed else wave
        return np.where((bucket + 1) % self.step == 0, values, np.nan)[None, :]


def after(bucket, value):
    return lambda buckets, wave: np.where(buckets >= bucket, value, wave)


def said(day, **numbers):
    verdict = judge(day, SensorStill(**numbers)).verdict[0]
    return {e: Verdict(int(v)) for e, v in zip(ELEMENTS, verdict, strict=True)}


@pytest.mark.parametrize("step", [1, 2, 6])
def test_a_sound_day_is_clear_where_an_hour_cannot_tell(step):
    told = said(Day(step))
    assert told.pop("device") == Verdict.CLEAR
    assert set(told.values()) == {Verdict.CLEAR}


def test_a_value_that_stands_still_beside_one_that_moves_is_frozen():
    told = said(Day(6, {"t_sec_return": after(60, 41.0)}))
    assert [e for e, v in told.items() if v == Verdict.RAISE] == ["t_sec_return"]


def test_fewer_values_are_not_enough_unless_fewer_are_asked_for():
    day = Day(6, {"t_sec_return": after(84, 41.0)})
    assert Verdict.RAISE not in said(day).values()
    assert said(day, least_samples=10)["t_sec_return"] == Verdict.RAISE


def test_standing_water_is_nothing():
    still = {p: after(30, 22.0) for p in POINTS if p != "t_outdoor"}
    assert Verdict.RAISE not in said(Day(6, still)).values()


@pytest.mark.parametrize("step", [1, 6])
def test_a_device_that_repeats_its_last_row_is_one_alarm(step):
    told = said(Day(step, {p: after(60, 22.0 + k) for k, p in enumerate(POINTS)}))
    assert [e for e, v in told.items() if v == Verdict.RAISE] == ["device"]


def test_frozen_stays_frozen_until_it_moves():
    day = {"t_sec_return": after(0, 41.0), "t_sec_supply": after(0, 50.0)}
    assert said(Day(6, day, ("t_sec_return",)))["t_sec_return"] == Verdict.RAISE
    assert said(Day(6, day))["t_sec_return"] == Verdict.CLEAR
    moved = day | {"t_sec_return": lambda b, _: np.where(b < 143, 41.0, 42.0)}
    assert said(Day(6, moved, ("t_sec_return",)))["t_sec_return"] == Verdict.CLEAR


def test_nothing_said_cannot_be_told():
    nothing = {p: lambda b, _: np.full(len(b), np.nan) for p in POINTS}
    assert set(said(Day(6, nothing)).values()) == {Verdict.CANNOT_TELL}
    assert set(sensor_still.evidence(Day(6, nothing), SensorStill())) == {"value", "partner_moved_k", "limit_k"}
