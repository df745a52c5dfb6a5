"""How much of what is belated goes through at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pace import TURN_S, Pace


@pytest.mark.parametrize("each_s", [TURN_S / 200, TURN_S / 40, TURN_S / 7])
def test_turns_grow_to_their_length_and_not_beyond(each_s):
    pace = Pace(100)
    lengths = []
    for _ in range(12):
        lengths.append(pace.quota * each_s)
        pace.took(pace.quota, lengths[-1])
    assert max(lengths) <= TURN_S
    assert lengths[-1] >= min(TURN_S - each_s, 100 * each_s) - 1e-9


def test_a_turn_that_took_too_long_makes_the_next_shorter_at_once():
    pace = Pace(100)
    for _ in range(12):
        pace.took(pace.quota, 0.0)
    assert pace.quota == 100
    pace.took(100, 10 * TURN_S)
    assert pace.quota == 10


@pytest.mark.parametrize("transaction_s", [0.005, 0.4])
def test_the_price_of_a_transaction_does_not_count(transaction_s):
    pace = Pace(100)
    for _ in range(20):
        pace.took_live(transaction_s)
        pace.took(pace.quota, transaction_s + pace.quota * 0.002)
    longest = max(TURN_S, transaction_s)
    assert longest / 2 < pace.quota * 0.002 <= longest or pace.quota == 100


def test_turns_that_cost_hardly_more_than_live_ones_grow():
    pace = Pace(100)
    for _ in range(20):
        pace.took_live(0.2)
        pace.took(pace.quota, 0.2)
    assert pace.quota == 100


@given(st.integers(1, 50_000), st.lists(st.tuples(st.integers(1, 50_000), st.floats(0, 100)), max_size=20))
def test_something_always_goes_through_and_never_more_than_allowed(most, turns):
    pace = Pace(most)
    for deliveries, seconds in turns:
        pace.took(deliveries, seconds)
        assert 1 <= pace.quota <= most
