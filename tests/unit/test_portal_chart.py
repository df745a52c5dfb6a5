"""The chart of the portal: gaps stay gaps, hours are the city's, and the drawing stretches with the page."""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from application.public import STEP_MS, History
from presentation.portal.chart import gaps, hour_ticks, line, patience, runs, scale_for, steps, trend
from presentation.texts import texts_for

SCALE = scale_for([40.0, 50.0])


def ms(*moment):
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def history(supply, target=None, first=None):
    first = ms(2026, 1, 20) if first is None else first
    at = [first + i * STEP_MS for i in range(len(supply))]
    return History(at, supply, supply, supply, target or [45.0] * len(supply))


def test_a_gap_breaks_the_line():
    values = [41.0, 42.0, None, 43.0, 44.0]
    assert [[i for i, _ in run] for run in runs(values)] == [[0, 1], [3, 4]]
    assert line(values, SCALE).count("M") == 2


def test_a_single_value_between_gaps_is_still_seen():
    assert re.fullmatch(r"M1 [\d.]+h1", line([None, 45.0, None], SCALE))


def test_the_running_step_is_no_gap_yet():
    assert gaps([1.0, None, None, 1.0, None]) == [(1, 2)]


def test_a_device_that_reads_every_quarter_of_an_hour_has_no_gap_in_every_third_step():
    assert [patience(interval) for interval in (None, 10, 600, 601, 900, 1800, 3600)] == [0, 0, 0, 1, 1, 2, 5]
    values = [41.0, 42.0, None, 43.0, 44.0, None, None, 45.0, None, None]
    assert gaps(values, 1) == [(5, 2)]
    assert line(values, SCALE, 1).count("M") == 2
    assert gaps(values, 2) == []
    assert line(values, SCALE, 2).count("M") == 1


def test_a_target_changes_in_steps():
    assert re.fullmatch(r"M0 [\d.]+V[\d.]+H1V[\d.]+H2", steps([45.0, 46.0], SCALE))


@pytest.mark.parametrize("values", [[45.0], [45.0, 45.3], [20.0, 80.0], [-3.0, 2.0], [0.0, 95.0]])
def test_a_scale_holds_its_values_between_few_round_ticks(values):
    scale = scale_for(values)
    assert scale.low <= min(values) <= max(values) <= scale.high
    assert 3 <= len(scale.ticks) <= 8
    assert scale.ticks[0] == scale.low
    assert scale.ticks[-1] == scale.high


def test_noise_is_not_blown_up():
    scale = scale_for([45.0, 45.1])
    assert scale.high - scale.low >= 8


def test_warmer_is_higher():
    assert SCALE.y(50.0) < SCALE.y(40.0)


@pytest.mark.parametrize(("zone", "labels"), [
    ("Asia/Shanghai", ["12:00", "18:00", "00:00", "06:00"]),
    ("Asia/Kathmandu", ["12:00", "18:00", "00:00", "06:00"]),
    ("Europe/Belgrade", ["06:00", "12:00", "18:00", "00:00"]),
])  # fmt: skip
def test_hours_are_those_of_the_city(zone, labels):
    at = [ms(2026, 1, 20) + 20 * 60_000 + i * STEP_MS for i in range(144)]
    ticks = hour_ticks(at, zone)
    assert [label for _, label in ticks] == labels
    assert all(0 <= share <= 1 for share, _ in ticks)


def test_the_day_that_loses_an_hour_keeps_its_clock():
    at = [ms(2026, 3, 28, 23) + i * STEP_MS for i in range(144)]  # Belgrade moves its clocks on 29 March at 02:00
    ticks = hour_ticks(at, "Europe/Belgrade")
    assert [label for _, label in ticks] == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    hours = [round((after - before) * 24, 6) for (before, _), (after, _) in pairwise(ticks)]
    assert hours == [5, 6, 6, 6]


def test_a_chart_says_in_words_what_it_shows_and_escapes_them():
    chart = trend(history([44.0, 45.0, None, 46.0]), "UTC", texts_for("en"), "from <b> to & so on")
    assert '<title id="trend-title">from &lt;b&gt; to &amp; so on</title>' in chart
    assert 'role="img"' in chart
    assert " style=" not in chart


def test_nothing_known_draws_nothing():
    assert trend(history([None, None]), "UTC", texts_for("en"), "") is None
    assert trend(history([None, None], target=[None, None]), "UTC", texts_for("zh"), "") is None


def test_a_missing_target_still_draws_the_water():
    chart = trend(history([44.0, 45.0], target=[None, None]), "UTC", texts_for("en"), "")
    assert 'd="" class="line target"' in chart
    assert chart.count("<circle") == 1
