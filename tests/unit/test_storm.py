"""A storm stays readable: one cause, few alarms, and whoever has a trouble of his own is still heard.

Short in `make test`: 100 stations, 10 of them without power; in full 500 and 50.
"""

import pytest
from stormy_city import evening, power_cut

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("spread", [False, True], ids=["one-district", "all-over"])
def test_a_power_cut_is_one_incident_and_nobody_drowns(length, spread):
    count = length.of(10, 50)
    told = power_cut(
        length.of(100, 500), count, spread=spread, cut_s=length.of(35 * 60, 3600), after_s=length.of(600, 3600)
    )
    assert (told["incidents"], told["unnamed"]) == (1, 0)
    assert told["listed_in_the_first_minute"] <= 3
    assert told["listed_in_the_cut"] <= 3, "the leak at another station, and the one cause"
    assert told["leak_heard_after_min"] <= 30
    assert told["pump_heard_after_s"] <= 60
    assert told["listed"] <= 1.2 * count, told  # 60 of 50 stations, all that comes when the power returns included


def test_an_evening_that_cools_is_no_leak_and_a_leak_in_it_is_heard_within_half_an_hour(length):
    told = evening(length.of(16, 500), every=length.of(4, 25))
    assert (told["false"], told["missed"]) == (0, 0)
    assert told["heard_after_min"] <= 31, "thirty minutes, and the minute of the cadence"
