"""Columns go the way that messages go: what a link does to a device's readings is the same for both."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perception.payload import RawReading
from simulators.airway import Airway, Passed
from simulators.faults import LinkFate
from simulators.trial.postbox import Postbox

MINUTE = 60_000_000
FATES = st.builds(
    LinkFate,
    silent=st.booleans(),
    keeps=st.booleans(),
    delay_s=st.sampled_from([0.0, 90.0, 600.0]),
    clock_offset_s=st.sampled_from([0.0, -300.0, 1.5]),
)


@given(st.lists(FATES, min_size=1, max_size=40))
def test_a_postbox_lets_through_what_an_airway_lets_through_in_the_same_minute(fates):
    def fate(_who, at):
        return fates[at // MINUTE % len(fates)]

    airway, postbox = Airway(fate), Postbox(fate)
    for minute in range(len(fates) + 15):
        at = minute * MINUTE
        passed = [p.ts for p in airway.take("a", RawReading(at, {"x": minute})) if isinstance(p, Passed)]
        passed += [p.ts for p in airway.through(at)]
        letters = [*postbox.post(0, at, np.array([float(minute)])), *postbox.through(at)]
        assert [one.ts for one in letters] == passed
        assert all(at - MINUTE < one.received_at <= at for one in letters)
