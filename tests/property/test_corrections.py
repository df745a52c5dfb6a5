"""Corrections: the timeline says at any time what going through all of them would."""

from hypothesis import given
from hypothesis import strategies as st

from perception.corrections import Correction, Timeline

points = st.sampled_from(["t_a", "t_b", "t_c"])
aliases = st.none() | st.sampled_from(["t_a", "t_b", "x", "y"])
corrections = st.lists(
    st.builds(Correction, points, aliases, st.just(2.0), st.just(0.5), st.integers(0, 6)), max_size=8
)


def gone_through(several, ts):
    in_force = {}
    for correction in sorted(several, key=lambda c: c.valid_from):
        if correction.valid_from <= ts:
            in_force[correction.point] = correction
    named = {c.alias: c for c in in_force.values() if c.alias is not None}
    return named | {point: c for point, c in in_force.items() if point not in named}


@given(corrections, st.integers(-1, 7))
def test_it_is_what_going_through_all_of_them_would_say(several, ts):
    assert Timeline(several).at(ts) == gone_through(several, ts)
