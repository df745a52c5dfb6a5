"""A whole winter from a seed, and a recorded year: any instant, exact lags, the cold of the region."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from simulators.air import Record, Recorded
from simulators.climate import SEASONS, Climate
from simulators.weather_file import WeatherError, read_weather

FILE = Path(__file__).resolve().parents[2] / "configs" / "weather" / "shenyang-2012-2013.csv.gz"
HOUR_S = 3600.0
HOURS = 183 * 24


def season_hours(year=2026):
    return datetime(year, 10, 20, tzinfo=UTC).timestamp() + HOUR_S * np.arange(HOURS)


@pytest.fixture(scope="module")
def record():
    return read_weather(FILE)


def climate_of(season, seed=1):
    return Climate(season, np.zeros(1), utc_offset_s=8 * 3600, seed=seed)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_winter_is_that_of_the_region(seed):
    hours = climate_of(SEASONS["winter"], seed).mean(season_hours())
    days = hours.reshape(-1, 24).mean(axis=1)
    assert hours.mean() == pytest.approx(-8.5, abs=1.0)
    assert days[days <= 5].mean() == pytest.approx(-9.4, abs=1.0)
    assert -33 < hours.min() < -24.2
    assert days[70:110].mean() < days[:30].mean() - 8
    assert np.percentile(np.abs(np.diff(days)), 95) > 4
    assert 0.45 < np.median(np.abs(np.diff(hours))) < 0.95
    assert 1.8 < np.percentile(np.abs(np.diff(hours)), 99) < 4.7


def test_winters_of_two_seeds_differ_and_of_one_seed_do_not():
    one, same, other = (climate_of(SEASONS["winter"], seed).mean(season_hours()) for seed in (1, 1, 2))
    assert (one == same).all()
    assert np.abs(one - other).mean() > 2


def test_the_sun_climbs_towards_spring():
    climate = climate_of(SEASONS["winter"])
    noons = [datetime(2026, month, 21, 3, 36, tzinfo=UTC).timestamp() for month in (12, 3, 6)]
    light = [np.mean([climate.irradiance(int((noon + d * 86_400) * 1e6)) for d in range(8)]) for noon in noons]
    assert light[0] < 0.75 * light[1] < 0.75 * light[2]


def test_a_recorded_year_is_there_at_any_time_and_stretched_to_the_cold(record):
    hours = climate_of(record).mean(season_hours())
    assert hours.mean() == pytest.approx(-8.4, abs=0.3)
    assert hours.min() < -30
    again = climate_of(record).mean(season_hours(2040))
    assert max(np.corrcoef(hours[24:-24], again[k : k + HOURS - 48])[0, 1] for k in (0, 24, 48)) > 0.999


@pytest.mark.parametrize("lag_h", [3, 5])
@pytest.mark.parametrize("recorded", [False, True])
def test_a_lag_is_what_a_filter_makes_of_the_weather(record, lag_h, recorded):
    climate = climate_of(record if recorded else SEASONS["winter"])
    fine = season_hours()[0] + 60.0 * np.arange(20 * 1440)
    plain, behind = climate.mean(fine), climate.mean(fine[:1])[0]
    kept = np.exp(-60 / (lag_h * HOUR_S))
    for value in plain:
        behind = value + (behind - value) * kept
    assert climate.mean(fine[-1:], lag_h * HOUR_S)[0] == pytest.approx(behind, abs=0.05)


def test_a_record_is_played_straight_between_its_hours():
    hours = np.arange(8766, dtype=float)
    air = Recorded(Record(0.0, hours, hours, hours))
    assert air.mean(np.array([1800.0, 7200.0])) == pytest.approx([0.5, 2.0])


def test_humidity_and_pressure_are_recorded_too(record):
    climate = climate_of(record)
    at = [int((season_hours()[0] + h * HOUR_S) * 1e6) for h in range(0, HOURS, 7)]
    assert all(5 <= climate.humidity(t) <= 100 and 980 < climate.pressure(t) < 1060 for t in at)


HEAD = "local_time,t_outdoor,rh_outdoor,p_air\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "columns"),
        ("time,t\n1,2\n", "columns"),
        (HEAD + "yesterday,1,2,3\n", "times such as"),
        (HEAD + "2012-07-01T00:00,1,2,3\n", "a year of hours"),
        (HEAD + "2012-07-01T01:00,1,2,3\n2012-07-01T01:00,1,2,3\n", "line 3"),
        (HEAD + "2012-07-01T00:00,warm,2,3\n2013-06-30T00:00,1,2,3\n", "t_outdoor"),
        (HEAD + "2012-07-01T00:00,,2,3\n2013-06-30T00:00,1,2,3\n", "no values"),
    ],
)
def test_a_file_that_is_no_weather_is_refused_with_its_reason(tmp_path, text, word):
    file = tmp_path / "weather.csv"
    file.write_text(text)
    with pytest.raises(WeatherError, match=word):
        read_weather(file)


def test_a_file_that_is_not_there_or_torn_is_refused(tmp_path):
    with pytest.raises(WeatherError, match="cannot be read"):
        read_weather(tmp_path / "none.csv")
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(FILE.read_bytes()[:900])
    with pytest.raises(WeatherError, match="cannot be read"):
        read_weather(torn)
