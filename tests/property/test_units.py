"""Units: conversions there and back, and what measures something else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.kinds import load_kinds
from perception.units import WORDS, UnitError, canonical, conversion


def fits(sent, wanted):
    try:
        conversion(sent, wanted)
    except UnitError:
        return False
    return True


PAIRS = [(a, b) for a in WORDS for b in WORDS if fits(a, b)]


@given(st.sampled_from(PAIRS), st.floats(-1e9, 1e9))
def test_there_and_back_is_where_it_was(pair, value):
    (scale, offset), (back, forth) = conversion(*pair), conversion(*reversed(pair))
    there = value * scale + offset
    assert there * back + forth == pytest.approx(value, rel=1e-9, abs=1e-6 * max(1.0, back))


@given(st.sampled_from(PAIRS), st.sampled_from(WORDS), st.floats(-1e6, 1e6))
def test_by_way_of_a_third_unit_is_the_same(pair, third, value):
    if not fits(pair[0], third):
        return
    (a, b), (c, d), (e, f) = conversion(*pair), conversion(pair[0], third), conversion(third, pair[1])
    assert (value * c + d) * e + f == pytest.approx(value * a + b, rel=1e-9, abs=1e-6 * max(1.0, e))


@pytest.mark.parametrize(
    ("sent", "wanted", "value", "expected"),
    [
        ("GJ/h", "kW", 1, 277.7777777777778),
        ("MW", "kW", 2.5, 2500),
        ("W", "kW", 1500, 1.5),
        ("l/h", "m3/h", 1250, 1.25),
        ("bar", "MPa", 6, 0.6),
        ("kPa", "bar", 250, 2.5),
        ("K", "Cel", 273.15, 0),
        ("[degF]", "Cel", 212, 100),
        ("°F", "Cel", -40, -40),
        ("MW.h", "GJ", 1, 3.6),
        ("kWh", "GJ", 1000, 3.6),
        ("Gcal/h", "MW", 1, 1.163),
    ],
)
def test_known_values(sent, wanted, value, expected):
    scale, offset = conversion(sent, wanted)
    assert value * scale + offset == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("word", WORDS)
def test_a_unit_is_itself_to_the_last_bit(word):
    assert conversion(word, word) == (1.0, 0.0)


def test_a_wrong_dimension_and_an_unknown_word_are_told_with_what_fits():
    with pytest.raises(UnitError, match=r"bar measures pressure, and kW power: expected one of W, kW"):
        conversion("bar", "kW")
    with pytest.raises(UnitError, match=r"no unit is called 'furlong'"):
        canonical("furlong")


def test_every_unit_of_a_kind_can_be_converted():
    assert not {p.unit for kind in load_kinds().values() for p in kind.points} - set(WORDS)
