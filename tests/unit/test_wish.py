"""What is asked of `simulate` becomes a span of time, or a message that says what to ask instead."""

import pytest
import typer

from simulators.tempo import DAY_US, MAX
from simulators.wish import PlanError, Wish, iso, moment_of, span_of, speed_of

NOW = 1_795_000_000_000_000


@pytest.mark.parametrize(
    ("wish", "span"),
    [
        (Wish(), (None, None)),
        (Wish(days=0.5), (None, NOW + DAY_US // 2)),
        (Wish(speed=60), (NOW - DAY_US, None)),
        (Wish(speed=MAX, days=3), (NOW - 3 * DAY_US, None)),
        (Wish(speed=60, begin=NOW - 9 * DAY_US), (NOW - 9 * DAY_US, None)),
        (Wish(speed=60, begin=NOW - 9 * DAY_US, days=2), (NOW - 9 * DAY_US, NOW - 7 * DAY_US)),
        (Wish(speed=60, days=2, until=NOW - 5 * DAY_US), (NOW - 7 * DAY_US, NOW - 5 * DAY_US)),
        (Wish(begin=NOW - DAY_US), (NOW - DAY_US, None)),
    ],
)
def test_a_wish_has_its_span(wish, span):
    assert span_of(wish, NOW) == span


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(begin=NOW + 1_000_000), "begin in the future"),
        (Wish(speed=60, begin=NOW - DAY_US, until=NOW - 2 * DAY_US), "before it begins"),
        (Wish(until=NOW - DAY_US), "before it begins"),
    ],
)
def test_a_wish_that_cannot_be_says_why(wish, words):
    with pytest.raises(PlanError, match=words):
        span_of(wish, NOW)


@pytest.mark.parametrize(("word", "speed"), [("1", 1.0), ("60", 60.0), ("0.5", 0.5), ("max", MAX)])
def test_speeds(word, speed):
    assert speed_of(word) == speed


@pytest.mark.parametrize("word", ["0", "-3", "fast", "", "nan", "inf"])
def test_what_is_no_speed(word):
    with pytest.raises(typer.BadParameter, match="positive number or max"):
        speed_of(word)


def test_times_need_a_zone():
    assert iso(moment_of("2026-01-31T08:00+08:00", "--begin")) == "2026-01-31T00:00:00Z"
    assert moment_of(None, "--begin") is None
    with pytest.raises(typer.BadParameter, match="no zone"):
        moment_of("2026-01-31T08:00", "--begin")
    with pytest.raises(typer.BadParameter, match="not 'yesterday'"):
        moment_of("yesterday", "--begin")


@pytest.mark.parametrize("word", ["0001-01-01T00:00Z", "9999-12-31T23:59-12:00", "1969-12-31T00:00Z"])
def test_a_time_beyond_all_plants_is_refused(word):
    with pytest.raises(typer.BadParameter, match="expected a year from 1971 to 2199"):
        moment_of(word, "--begin")
