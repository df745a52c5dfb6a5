"""The answer to a citizen: one verdict for each state of knowledge."""

import pytest

from application.answer import Answer, Category, Limits, Notice, Verdict, Water, Why, answer

AT = 1_700_000_000_000


def water(age_s=30.0, supply=47.0, target=47.0, interval_s=60.0):
    read_at = None if supply is None else AT - round(age_s * 1000)
    return Water(AT - 30_000, interval_s, read_at, supply, target, None)


PRESSURE = Notice(Category.PRESSURE, AT, confirmed=False)
SILENCE = Notice(Category.SILENCE, AT, confirmed=False)


@pytest.mark.parametrize(("seen", "notices", "expected"), [
    (None, (), (Verdict.CANNOT_TELL, Why.NEVER_HEARD)),
    (water(supply=None), (), (Verdict.CANNOT_TELL, Why.NO_VALUE)),
    (water(target=None), (), (Verdict.CANNOT_TELL, Why.NO_TARGET)),
    (water(), (), (Verdict.NORMAL, Why.ON_TARGET)),
    (water(supply=44.0), (), (Verdict.NORMAL, Why.ON_TARGET)),
    (water(supply=43.9), (), (Verdict.BELOW_TARGET, Why.TOO_COOL)),
    (water(supply=50.1), (), (Verdict.NORMAL, Why.ABOVE_TARGET)),
    (water(), (PRESSURE,), (Verdict.DISTURBED, Why.PRESSURE)),
    (water(), (SILENCE,), (Verdict.NORMAL, Why.ON_TARGET)),
    (water(supply=40.0), (PRESSURE,), (Verdict.BELOW_TARGET, Why.TOO_COOL)),
    (water(age_s=600), (), (Verdict.NORMAL, Why.ON_TARGET)),
    (water(age_s=601), (), (Verdict.CANNOT_TELL, Why.TOO_OLD)),
    (water(age_s=601, supply=40.0), (PRESSURE,), (Verdict.CANNOT_TELL, Why.TOO_OLD)),
    (water(age_s=900, interval_s=300), (), (Verdict.NORMAL, Why.ON_TARGET)),
    (water(age_s=901, interval_s=300), (), (Verdict.CANNOT_TELL, Why.TOO_OLD)),
])  # fmt: skip
def test_verdict(seen, notices, expected):
    found = answer(seen, notices, AT, Limits())
    assert (found.verdict, found.why) == expected


def test_a_device_clock_ahead_of_ours_is_not_a_negative_age():
    assert answer(water(age_s=-20), (), AT, Limits()) == Answer(Verdict.NORMAL, Why.ON_TARGET, 0.0)


def test_limits_are_settings():
    strict = Limits(stale_after_s=60, near_target_k=0.5)
    assert answer(water(supply=46.4), (), AT, strict).verdict is Verdict.BELOW_TARGET
    assert answer(water(age_s=181), (), AT, strict).verdict is Verdict.CANNOT_TELL
