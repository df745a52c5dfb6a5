"""Without faults the pretend stations move as real ones do: level of the bars, and where they come from.

The real figures are those of three substations (Nis; L4, L12, L17; Cvetkovic et al. 2025, 10.1016/j.dib.2025.111320,
CC BY 4.0): changes from hour to hour between 11 and 19 o'clock in November to March, where the station has run for four
hours before and runs for two more. They switch off at night and heat up in the morning; stations in Harbin never do,
so only the hours in which both heat continuously are compared. docs/physics.md has the method and what it found.
"""

from datetime import UTC, datetime

import numpy as np
import pytest

from perception.kinds import load_kinds
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.heat.design import StationFacts
from simulators.world import World

KIND = load_kinds()["heat_substation"]
N, STEP_S, DAYS = 16, 120, 5
SEED = 11
REAL = {  # point: median and 99th percentile of the change per hour, K: median of the three stations
    "t_pri_supply": (1.0, 11.8),
    "t_pri_return": (0.4, 5.0),
    "t_sec_supply": (0.4, 7.0),
    "t_sec_return": (0.3, 5.5),
}
RESOLUTION_K = 0.1
"""Of both; a median of 0.3 K may be 0.25 or 0.35."""


def city(seed):
    rng = np.random.default_rng(seed)
    envelopes = ["old", "renovated", "new"]
    facts = [
        StationFacts(rng.uniform(3e4, 1.5e5), 700, envelopes[i % 3], pipe_m=rng.uniform(500, 9000), source=i % 3)
        for i in range(N)
    ]
    parts = [Part(f"s{i}", KIND, 10_000_000, f) for i, f in enumerate(facts)]
    return World(parts, SEASONS["winter"], utc_offset_s=8 * 3600, seed=seed)


def lived(world, begin, days, step_s):
    """Points [instants, stations, points] as the instruments show them."""
    moment = world.begin(round(begin.timestamp() * 1e6))
    shown = []
    for _ in range(days):
        moments = []
        for _ in range(86_400 // step_s):
            moment = world.advance(moment, moment.at + step_s * 1_000_000, float(step_s))
            moments.append(moment)
        rows = dict(world.record(moments, np.arange(N)))
        shown.append(np.stack([rows[i] for i in range(N)], axis=1))
    return np.concatenate(shown)


def point(values, name):
    return values[:, :, KIND.bits[name]]


@pytest.fixture(scope="module")
def days():
    return lived(city(SEED), datetime(2026, 11, 25, tzinfo=UTC), DAYS, STEP_S)


@pytest.mark.parametrize("name", REAL)
def test_change_per_hour_is_within_a_factor_of_one_and_a_half(days, name):
    change = np.abs(np.diff(point(days, name)[:: 3600 // STEP_S], axis=0))
    usual, largest = np.percentile(change, (50, 99))
    assert (REAL[name][0] - RESOLUTION_K / 2) / 1.5 <= usual <= 1.5 * (REAL[name][0] + RESOLUTION_K / 2)
    assert REAL[name][1] / 1.5 <= largest <= 1.5 * REAL[name][1]


def test_control_strays_as_real_controllers_do(days):
    error = np.abs(point(days, "t_sec_supply") - point(days, "t_sec_supply_setpoint"))
    assert 0.3 <= np.median(error) <= 0.9


def test_the_measured_heat_balance_is_within_six_percent(days):
    power, flow = point(days, "heat_power"), point(days, "flow_pri") * 985 / 3600
    told = flow * 4.187 * (point(days, "t_pri_supply") - point(days, "t_pri_return"))
    low, high = np.percentile((power - told) / power, (5, 95))
    assert -0.06 < low < high < 0.06


def test_daily_heat_follows_the_weather():
    month = lived(city(SEED), datetime(2026, 11, 5, tzinfo=UTC), 30, 900)
    heat, outdoor = (point(month, name).reshape(30, -1, N).mean(axis=1) for name in ("heat_power", "t_outdoor"))
    fit = np.array([np.corrcoef(outdoor[:, i], heat[:, i])[0, 1] ** 2 for i in range(N)])
    assert np.median(fit) > 0.95
