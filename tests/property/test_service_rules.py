"""Refunds by the rules: colder never gives back less, a season adds up to its fee, and nothing is owed too early."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.service.rules import Measured, ServiceError, assess, owed, read_service, refund, rule_on

RULES = read_service()
RULE = RULES[-1]
DAY = date(2026, 11, 25)
TEMPERATURES = st.floats(5, 30, allow_nan=False)
DAYS = st.dates(date(2001, 1, 1), date(2099, 12, 31))


@given(TEMPERATURES, TEMPERATURES, DAYS)
def test_colder_never_gives_back_less(one, other, day):
    cold, warm = sorted((one, other))
    assert refund(RULE, day, cold).yuan_m2 >= refund(RULE, day, warm).yuan_m2 >= 0


@given(DAYS)
def test_a_season_of_days_without_heat_gives_back_its_fee(day):
    season = RULE.season(day)
    if season is None:
        assert refund(RULE, day, 0).yuan_m2 == 0
        return
    assert season[0] <= day <= season[1]
    days = [season[0] + timedelta(days=i) for i in range((season[1] - season[0]).days + 1)]
    assert sum(refund(RULE, d, 0).yuan_m2 for d in days) == pytest.approx(RULE.yuan_m2)


@pytest.mark.parametrize(("c", "percent"), [(18.0, 0), (17.9, 30), (16.0, 30), (15.9, 50), (14.0, 50), (13.9, 100)])
def test_the_steps_are_those_of_the_rules(c, percent):
    assert refund(RULE, DAY, c).percent == percent


def test_the_first_and_last_day_belong_to_the_season():
    assert [RULE.season(date(2026, *d)) is not None for d in ((10, 19), (10, 20), (4, 20), (4, 21))] == [
        False, True, True, False,
    ]  # fmt: skip
    assert refund(RULE, DAY, 15).season_days == 183
    assert refund(RULE, DAY, 15).yuan_m2 == pytest.approx(38.32 / 183 * 0.5)


ROOMS = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.none() | TEMPERATURES, min_size=24, max_size=24), min_size=n, max_size=n)
)


@given(ROOMS)
def test_a_day_of_rooms_is_counted_within_its_bounds(rooms):
    day = assess(RULE, DAY, rooms)
    known = [v for room in rooms for v in room if v is not None]
    assert (day.median_c is None) == (not known)
    if known:
        assert min(known) - 1e-9 <= day.median_c <= max(known) + 1e-9
        assert 0 <= day.degree_hours <= 24 * max(0.0, RULE.target_c - min(known)) + 1e-9
    if day.rooms < 3:
        assert (day.basis, day.refund.percent) == ("none", 0)
    assert (day.basis == "none") == (day.refund.percent == 0)


@given(ROOMS, st.lists(TEMPERATURES, max_size=3))
def test_what_gives_back_more_counts(rooms, by_hand):
    alone, both = assess(RULE, DAY, rooms).refund.percent, assess(RULE, DAY, rooms, by_hand).refund.percent
    assert both == max([alone, *(RULE.percent(c) for c in by_hand)])


def measured(taken_h, c, noticed_h=0.0):
    return Measured(noticed_h, taken_h, DAY + timedelta(hours=taken_h), DAY + timedelta(hours=noticed_h), c)


def at(taken_h, c):
    day = DAY + timedelta(days=int(taken_h // 24))
    return Measured(0.0, taken_h, day, DAY, c)


@given(st.lists(st.tuples(st.floats(0, 200), TEMPERATURES), min_size=1, max_size=6), st.floats(0, 300))
def test_nothing_is_owed_before_the_hours_that_the_rules_give_nor_before_the_notice(told, now_h):
    case = [at(*each) for each in told]
    assert owed(RULE, case, DAY - timedelta(days=1), now_h) is None
    if now_h < RULE.refund_after_h:
        assert all(owed(RULE, case, DAY + timedelta(days=i), now_h) is None for i in range(10))


def test_a_cold_home_is_owed_from_its_notice_until_it_is_warm():
    case = [at(5, 15.0), at(50, 17.0), at(100, 19.0)]
    got = [owed(RULE, case, DAY + timedelta(days=i), 200) for i in range(6)]
    assert got == [15.0, 15.0, 17.0, 17.0, None, None]  # warm again in hour 100: day 4
    assert owed(RULE, [at(5, 15.0), at(40, 18.0)], DAY, 200) is None
    assert owed(RULE, [at(5, 18.5), at(60, 15.0)], DAY, 200) is None


def test_the_rules_are_those_of_the_day():
    newer = RULE.model_copy(update={"valid_from": date(2026, 12, 1), "target_c": 20.0})
    assert rule_on((RULE, newer), DAY) is RULE
    assert rule_on((RULE, newer), date(2026, 12, 1)) is newer
    assert rule_on((newer,), DAY) is None


def test_rules_that_contradict_themselves_are_refused(tmp_path):
    file = tmp_path / "service.toml"
    for old, new, said in (
        ("percent = 50", "percent = 20", "colder step"),
        ("below_c = 18.0", "below_c = 19.0", "above the target"),
        ('"10-20"', '"13-20"', "month"),
        ("[[rules]]", "[[other]]", "expected one or more"),
    ):
        file.write_text(read_text().replace(old, new, 1), "utf-8")
        with pytest.raises(ServiceError, match=said):
            read_service(file)


def read_text():
    from application.service.rules import FILE

    return FILE.read_text("utf-8")
