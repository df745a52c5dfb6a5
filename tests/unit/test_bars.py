"""Bars: every point of every kind has a scale that holds its values, and pointers never leave it."""

import pytest

from perception.kinds import load_kinds
from presentation.components.bar import Scale, bar, deviation_bar, scale_of

POINTS = [(kind.name, point) for kind in load_kinds().values() for point in kind.points]
SUPPLY = load_kinds()["heat_substation"].point("t_sec_supply")
FLOW = load_kinds()["heat_substation"].point("flow_makeup")


@pytest.mark.parametrize(("kind", "point"), POINTS, ids=lambda x: getattr(x, "name", x))
def test_a_scale_lies_inside_the_physical_limits_and_around_what_is_typical(kind, point):
    scale = scale_of(point)
    assert point.low <= scale.low < scale.high <= point.high
    if point.typical is not None:
        assert scale.low <= point.typical[0] <= point.typical[1] <= scale.high


def test_a_narrow_typical_band_is_zoomed_in_on():
    assert scale_of(FLOW) == Scale(0.0, 4.5)
    assert scale_of(SUPPLY) == Scale(0.0, 95.0)


@pytest.mark.parametrize(("value", "place"), [(-100, 0), (0, 0), (47.5, 50), (95, 100), (1e9, 100)])
def test_a_pointer_stays_on_its_scale(value, place):
    assert scale_of(SUPPLY).at(value) == place


def test_without_a_value_there_is_no_pointer_to_see():
    assert 'visibility="hidden"' in bar(SUPPLY, None, 7)
    assert "visibility" not in bar(SUPPLY, 50.0, 7)


def test_a_bar_says_what_moves_it():
    drawn = bar(SUPPLY, 50.0, 7, 52.0, "t_sec_supply_setpoint")
    assert 'data-pointer="t_sec_supply"' in drawn
    assert 'data-pointer="t_sec_supply_setpoint"' in drawn
    assert drawn.count('data-device="7"') == 2


def test_a_deviation_of_zero_points_at_the_middle():
    assert 'x="50.0%"' in deviation_bar(0.0, 7, ("a", "b"))
    assert 'x="100.0%"' in deviation_bar(99.0, 7, ("a", "b"))
