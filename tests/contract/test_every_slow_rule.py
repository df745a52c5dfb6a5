"""What holds for every rule of tempo slow, whoever adds one."""

from types import SimpleNamespace

import numpy as np
import pytest

from application.instants import MINUTE
from application.rule import Verdict
from application.rules import load_rules
from application.slow.lessons import LESSONS
from application.slow.ward import laid_out
from application.tuning import Tuning
from perception.kinds import load_kinds
from perception.roster import Member
from support.store import Tenths

KINDS = load_kinds()
RULES = [rule for rule in load_rules().values() if rule.tempo == "slow"]
PAIRS = [(rule, kind) for rule in RULES for kind in KINDS.values() if rule.fits(kind)]
DAY = 24 * 60 * MINUTE
END = 1_800_000_000_000_000 // DAY * DAY


def window(kind, rule, *, without=(), raised=False, silent=False):
    """A day of two devices with ordinary values; the second has said nothing."""
    members = [Member(i, f"device-{i}", kind, f"station-{i}", "city", kind.interval_s) for i in (1, 2)]
    ward = laid_out(
        kind, members, frozenset(), [(rule, Tuning(rule.parameters()))], {}, {"station-1": 0, "station-2": 1}
    )
    bucket = np.arange(END - DAY, END, 10 * MINUTE)
    typical = {p.name: sum(p.typical) / 2 if p.typical else (p.low + p.high) / 2 for p in kind.points}
    mean = {n: np.full(len(bucket), np.nan if n in without or silent else v) for n, v in typical.items()}
    ward = ward.absorbed(Tenths(bucket, np.ones(len(bucket), np.int32), mean), END - DAY)
    seen = ward.window(END)
    seen.raised = np.full((2, len(rule.elements(kind))), raised)
    seen.known = {name: np.ones(2) for name in rule.learned}
    return seen


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_a_judgement_has_one_verdict_per_device_and_element(rule, kind):
    for raised in (False, True):
        for silent in (False, True):
            judgement = rule.judge(window(kind, rule, raised=raised, silent=silent), rule.parameters())
            assert judgement.verdict.shape == (2, len(rule.elements(kind)))
            assert judgement.verdict.dtype == np.int8
            assert set(np.unique(judgement.verdict)) <= set(Verdict)


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_who_has_said_nothing_cannot_be_told(rule, kind):
    assert (rule.judge(window(kind, rule), rule.parameters()).verdict[1] == Verdict.CANNOT_TELL).all()


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_missing_points_are_never_healthy(rule, kind):
    for point in rule.needs:
        verdict = rule.judge(window(kind, rule, without=(point,)), rule.parameters()).verdict[0]
        assert (verdict == Verdict.CANNOT_TELL).any(), point


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_what_was_not_learned_cannot_be_told(rule, kind):
    if not rule.learned:
        return
    seen = window(kind, rule)
    seen.known = {}
    verdict = rule.judge(seen, rule.parameters()).verdict[0]
    assert (verdict == Verdict.CANNOT_TELL).any()
    assert not (verdict == Verdict.RAISE).any()


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_numbers_that_differ_by_place_are_judged_like_numbers_that_do_not(rule, kind):
    usual = rule.parameters()
    columns = SimpleNamespace(**{k: np.full((2, 1), float(v)) for k, v in dict(usual).items()})
    for silent in (False, True):
        seen = window(kind, rule, silent=silent)
        assert (rule.judge(seen, usual).verdict == rule.judge(seen, columns).verdict).all()
        for name, column in rule.evidence(seen, usual).items():
            other = rule.evidence(seen, columns)[name]
            assert len(column) == 2, name
            assert column.reshape(2, -1).shape[1] in {1, len(rule.elements(kind))}, name
            assert np.array_equal(np.reshape(column, (2, -1)), np.reshape(other, (2, -1)), equal_nan=True), name


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_what_a_rule_needs_to_know_is_taught(rule):
    assert set(rule.learned) <= {lesson.name for lesson in LESSONS}
