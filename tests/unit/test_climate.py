"""The weather of the pretend city: cold nights, damped lags, dark nights."""

import numpy as np
import pytest

from simulators.climate import SEASONS, Climate

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
BEGIN = 1_780_000_000_000_000  # in May: the season is the city's own


@pytest.fixture(scope="module")
def climate():
    return Climate(SEASONS["cold-night"], np.array([0.0, 0.5]), utc_offset_s=8 * 3600, seed=7)


def hourly(climate, lag_s=0.0):
    return np.array([climate.outdoor(BEGIN + k * HOUR_US, lag_s)[0] for k in range(24 * 14)])


def test_nights_are_about_minus_25_whatever_the_month(climate):
    days = hourly(climate).reshape(14, 24)
    assert -27.5 < days.min(axis=1).mean() < -23.5
    assert -17 < days.max(axis=1).mean() < -12


def test_the_day_turns_in_local_time(climate):
    hottest = [
        max(range(24), key=lambda h, d=d: climate.outdoor(BEGIN + d * DAY_US + h * HOUR_US)[0]) for d in range(14)
    ]
    local = [climate.hour(BEGIN + h * HOUR_US) for h in hottest]
    assert all(12.5 < h < 17 for h in local)


def test_a_lag_damps_and_delays(climate):
    plain, lagged = hourly(climate), hourly(climate, lag_s=6 * 3600)
    assert lagged.std() < 0.7 * plain.std()
    assert abs(lagged.mean() - plain.mean()) < 0.5


def test_change_per_hour_is_that_of_real_weather(climate):
    assert np.percentile(np.abs(np.diff(hourly(climate))), 99) < 4.7


def test_the_sun_is_below_the_horizon_at_night(climate):
    light = {round(climate.hour(BEGIN + k * HOUR_US)): climate.irradiance(BEGIN + k * HOUR_US) for k in range(24)}
    assert all(light[h] == 0 for h in (0, 1, 2, 3, 4, 22, 23) if h in light)
    assert max(light.values()) > 150


@pytest.mark.parametrize("what", ["humidity", "wind", "pressure"])
def test_other_elements_stay_in_their_typical_range(climate, what):
    low, high = {"humidity": (30, 90), "wind": (0, 12), "pressure": (980, 1040)}[what]
    values = [getattr(climate, what)(BEGIN + k * HOUR_US) for k in range(24 * 14)]
    assert low <= min(values) < max(values) <= high
