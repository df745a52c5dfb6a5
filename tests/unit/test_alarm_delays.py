"""On-delay, off-delay and "cannot tell", step by step."""

import numpy as np
import pytest

from application.instants import SECOND
from application.memory import NEVER
from application.rule import Judgement, Parameters, Verdict
from application.track import advance

R, C, X = Verdict.RAISE, Verdict.CLEAR, Verdict.CANNOT_TELL
DELAYS = Parameters(on_delay_s=60, off_delay_s=30)


def follow(story, parameters=DELAYS, since=None):
    """Tell (second, verdict) after (second, verdict) and return (second, what) of each transition."""
    pending, opened, found = np.full((1, 1), NEVER), np.full((1, 1), NEVER), []
    for second, verdict in story:
        told = None if since is None else np.array([[since * SECOND]])
        at = np.array([second * SECOND])
        step = advance(pending, opened, Judgement(np.array([[verdict]], np.int8), told), at, parameters)
        if step.raises[0, 0]:
            found.append((int(step.opened[0, 0]) // SECOND, "raised"))
        if step.clears[0, 0]:
            found.append((second, "cleared"))
        pending, opened = step.pending, step.opened
    return found


@pytest.mark.parametrize(
    ("story", "found"),
    [
        pytest.param([(0, R)], [], id="one reading is not a minute"),
        pytest.param([(0, R), (59, R)], [], id="59 seconds are not a minute"),
        pytest.param([(0, R), (60, R)], [(60, "raised")], id="a minute is a minute"),
        pytest.param([(0, R), (10, C), (60, R)], [], id="clear in between begins anew"),
        pytest.param([(0, R), (10, X), (60, R)], [], id="cannot tell in between begins anew"),
        pytest.param([(0, R), (60, R), (70, C), (99, C)], [(60, "raised")], id="the off-delay holds"),
        pytest.param([(0, R), (60, R), (70, C), (100, C)], [(60, "raised"), (100, "cleared")], id="the off-delay ends"),
        pytest.param([(0, R), (60, R), (70, C), (80, R), (105, C)], [(60, "raised")], id="back again: not cleared"),
        pytest.param([(0, R), (60, R), (70, X), (500, X)], [(60, "raised")], id="cannot tell keeps it open"),
        pytest.param([(0, R), (60, R), (70, C), (80, X), (110, C)], [(60, "raised")], id="and begins its end anew"),
        pytest.param([(0, R), (300, R), (400, R)], [(300, "raised")], id="raised once"),
    ],
)
def test_delays(story, found):
    assert follow(story) == found


def test_without_delay_the_first_reading_raises_and_the_first_clears():
    none = Parameters(on_delay_s=0, off_delay_s=0)
    assert follow([(5, R), (6, C), (7, R)], none) == [(5, "raised"), (6, "cleared"), (7, "raised")]


def test_an_alarm_of_the_clock_opens_when_its_condition_began():
    assert follow([(500, R)], Parameters(on_delay_s=0, off_delay_s=0), since=180) == [(180, "raised")]
    assert follow([(500, R)], DELAYS, since=180) == [(240, "raised")]
    assert follow([(230, R)], DELAYS, since=180) == []
