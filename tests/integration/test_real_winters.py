"""A few days of real stations through the rules, and what raw rows say of alarms that are right or wrong."""

from pathlib import Path

import numpy as np
import pytest
from recorded_winters import KIND, NOBODY_KNOWS, RIGHT, WRONG, judged, lived, read_folder, seasons

from application.instants import DAY, HOUR, moment

RECORDINGS = Path(__file__).resolve().parents[2] / "configs" / "recordings"


@pytest.fixture(scope="module")
def days():
    """Three days of January 2024."""
    [season] = seasons(read_folder(RECORDINGS), [2023])
    end = season.begin + 3 * DAY
    cut = {n: type(s)(*(column[s.ts < end] for column in s)) for n, s in season.stations.items()}
    return season._replace(end=end, stations=cut)


def alarm(rule, opened, cleared=None):
    told = [None if at is None else moment(at).isoformat() for at in (opened, cleared)]
    return {"rule": rule, "station": "nis-l4", "opened_at": told[0], "cleared_at": told[1], "operator": True}


def changed(season, point, rows, value):
    """Return a season in which a point of L4 has a value in some of its rows."""
    station = season.stations["nis-l4"]
    values = station.values.copy()
    values[rows, KIND.bits[point]] = value
    return season._replace(stations={**season.stations, "nis-l4": station._replace(values=values)})


def verdict(season, *about):
    none = {name: np.zeros((len(s.ts), 5), np.bool_) for name, s in season.stations.items()}
    [told] = judged(season, [alarm(*about)], none)
    return told["verdict"]


def test_days_are_lived_through_and_every_alarm_is_judged(days):
    alarms, flags = lived(days)
    assert {a["station"] for a in alarms} <= set(days.stations) == set(flags)
    assert {a["verdict"] for a in judged(days, alarms, flags)} <= {RIGHT, WRONG, NOBODY_KNOWS}


def test_raw_rows_confirm_what_they_show_and_deny_what_they_do_not(days):
    at = days.begin + DAY
    row = int(np.searchsorted(days.stations["nis-l4"].ts, at))
    before = slice(row - 8, row + 1)
    broken = changed(days, "t_sec_supply", before, -39.9)
    assert verdict(broken, "sensor_sentinel", at, at + HOUR) == RIGHT
    assert verdict(days, "sensor_sentinel", at, at + HOUR) == WRONG
    cold = changed(changed(days, "t_sec_supply", before, 30.0), "heat_power", before, 200.0)
    assert verdict(cold, "supply_off_setpoint", at) == RIGHT
    off = changed(cold, "heat_power", before, 3.0)
    assert verdict(off, "supply_off_setpoint", at) == WRONG  # switched off for the night
    assert verdict(changed(days, "heat_energy_total", [row], 0.0), "counter_jumped", at) == RIGHT
    assert verdict(days, "counter_jumped", at) == WRONG
    assert verdict(changed(days, "t_pri_return", slice(row - 20, row + 1), 60.0), "primary_return_high", at) == RIGHT
    assert verdict(days, "wrong_curve", at) == NOBODY_KNOWS
