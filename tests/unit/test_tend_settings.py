"""How long each tier is kept: never for less than a finer one."""

import pytest
from pydantic import ValidationError

from support.columns import Width
from support.settings import TendSettings


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"rollup_1m_days": 30}, "rollup_1m_days = 30 is shorter than raw_days, which is kept 3660 days"),
        ({"raw_days": 30, "rollup_10m_days": 60}, "rollup_10m_days = 60 is shorter than rollup_1m_days"),
        ({"raw_days": 30, "rollup_1m_days": 60, "rollup_10m_days": 59}, "rollup_10m_days = 59"),
        ({"raw_days": 30, "rollup_1m_days": 60, "rollup_10m_days": 60, "rollup_1d_days": 90}, "kept for ever"),
    ],
)
def test_a_coarse_tier_that_dies_before_a_fine_one_is_refused(kept, words):
    with pytest.raises(ValidationError, match=words):
        TendSettings(**kept)


def test_tiers_that_outlive_each_other_are_fine():
    kept = TendSettings(raw_days=30, rollup_1m_days=30, rollup_10m_days=400, rollup_1h_days=4000)
    assert [kept.tier_days(w) for w in Width] == [30, 400, 4000, 0]
