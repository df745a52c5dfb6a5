"""What holds for every rule, whoever adds one."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from application.calm import Calm
from application.memory import DEAF, Facts, Memory
from application.rule import Trigger, Verdict
from application.rules import RuleError, load_rules, tuned
from application.tuning import Columns
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member

KINDS = load_kinds()
RULES = load_rules()
PAIRS = [(r, kind) for r in RULES.values() if r.tempo == "fast" for kind in KINDS.values() if r.fits(kind)]
"""Slow ones see another window: test_every_slow_rule.py."""
NOW = 1_800_000_000_000_000
TOML = Path(__file__).resolve().parents[2] / "configs" / "rules.toml"


def window(kind, rule, *, values=None, raised=False, attended=NOW - 10**12):
    """What a rule sees of two devices; the second has said nothing."""
    members = [Member(i, f"device-{i}", kind, f"station-{i}", "city", kind.interval_s) for i in (1, 2)]
    back = tuple(sorted(kind.bits[p] for p in rule.history))
    facts, memory = Facts.of(kind, members), Memory.blank(2, len(kind.points), NOW - 10**12, back)
    if values is not None:
        one = np.ones(1, np.int64)
        memory.absorb(
            np.array([0]), Readings(kind, one.astype(np.int32), one * NOW, one * NOW, values, one * 0, one * 0)
        )
    shape = 2, len(rule.elements(kind))
    seen = memory.window(facts, np.arange(2), np.full(2, NOW), attended)
    return replace(seen, raised=np.full(shape, raised))


def ordinary(kind):
    return np.array([[(sum(p.typical) / 2 if p.typical else (p.low + p.high) / 2) for p in kind.points]])


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_a_judgement_has_one_verdict_per_device_and_element(rule, kind):
    parameters = rule.parameters()
    for raised in (False, True):
        for values in (None, ordinary(kind)):
            judgement = rule.judge(window(kind, rule, values=values, raised=raised), parameters)
            assert judgement.verdict.shape == (2, len(rule.elements(kind)))
            assert judgement.verdict.dtype == np.int8
            assert set(np.unique(judgement.verdict)) <= set(Verdict)
            assert judgement.since is None or judgement.since.shape == judgement.verdict.shape


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_who_has_said_nothing_to_a_deaf_house_cannot_be_told(rule, kind):
    judgement = rule.judge(window(kind, rule, values=ordinary(kind), attended=DEAF), rule.parameters())
    assert (judgement.verdict[1] == Verdict.CANNOT_TELL).all()


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_missing_points_are_never_healthy(rule, kind):
    for point in rule.needs:
        values = ordinary(kind)
        values[0, kind.bits[point]] = np.nan
        verdict = rule.judge(window(kind, rule, values=values), rule.parameters()).verdict[0]
        assert (verdict == Verdict.CANNOT_TELL).any(), point
        assert not (verdict == Verdict.RAISE).any(), point


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_evidence_has_a_value_per_device(rule, kind):
    for name, column in rule.evidence(window(kind, rule, values=ordinary(kind)), rule.parameters()).items():
        assert len(column) == 2, name
        assert column.reshape(2, -1).shape[1] in {1, len(rule.elements(kind))}, name


@pytest.mark.parametrize(("rule", "kind"), [(r, k) for r, k in PAIRS if r.only_bad], ids=lambda x: x.name)
def test_who_says_to_raise_only_where_something_is_bad_does_so(rule, kind):
    for scale in (1, 1e6, -1e6):
        seen = window(kind, rule, values=ordinary(kind) * scale)
        assert not (rule.judge(seen, rule.parameters()).verdict == Verdict.RAISE).any()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_one_point_is_seen_as_in_the_whole(kind):
    values = ordinary(kind)
    values[0, 0] = np.nan
    seen = window(kind, next(iter(RULES.values())), values=values)
    for point, bit in kind.bits.items():
        assert np.array_equal(seen.value(point)[:, 0], seen.values[:, bit], equal_nan=True)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r.name)
def test_a_rule_is_rationalised(rule):
    """ISA-18.2: priority, time to respond, cause, consequence and what to do, in both languages."""
    assert rule.priority in {1, 2, 3}
    assert rule.respond_s > 0
    assert rule.subject in {"station", "device"}
    assert rule.tempo in {"fast", "slow"}
    assert rule.trigger in set(Trigger)
    for words in ("Cause:", "Consequence:", "To do:"):
        assert words in rule.advice.en
    for words in ("原因", "后果", "处理"):
        assert words in rule.advice.zh
    assert any(rule.fits(kind) for kind in KINDS.values()), "no kind has the points that it needs"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r.name)
def test_elements_are_distinct_and_bear_no_slash(rule):
    for kind in KINDS.values():
        elements = rule.elements(kind)
        assert len(set(elements)) == len(elements) >= 1
        assert not any("/" in element for element in elements)


def test_the_shipped_file_sets_every_number_of_every_rule():
    import tomllib

    tables = tomllib.loads(TOML.read_text())
    assert set(tables) == set(RULES)
    for rule, tuning in tuned(RULES, tables):
        assert set(tables[rule.name]) - {"except"} == set(type(tuning.usual).model_fields), rule.name


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_numbers_that_differ_by_place_are_judged_like_numbers_that_do_not(rule, kind):
    """A judge works with columns [n, 1]: what holds everywhere and what holds here is the same to it."""
    usual = rule.parameters()
    columns = SimpleNamespace(
        **{k: np.full((2, 1), float(v)) if isinstance(v, int | float) else v for k, v in dict(usual).items()}
    )
    for values in (None, ordinary(kind)):
        seen = window(kind, rule, values=values)
        expected, found = rule.judge(seen, usual), rule.judge(seen, columns)
        assert (expected.verdict == found.verdict).all()
        assert (expected.since is None) == (found.since is None)
        for name, column in rule.evidence(seen, usual).items():
            other = rule.evidence(seen, columns)[name]
            assert np.array_equal(np.reshape(column, (2, -1)), np.reshape(other, (2, -1)), equal_nan=True), name


def test_wrong_parameters_are_all_named_at_once():
    tables = {"no_such_rule": {}, "device_silent": {"least_s": "long"}, "return_pressure_low": {"margin": 1}}
    with pytest.raises(RuleError) as caught:
        tuned(RULES, tables)
    for part in ("[no_such_rule]", "[device_silent] least_s", "[return_pressure_low] margin"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("rule", "kind"), [(r, k) for r, k in PAIRS if r.calm], ids=lambda x: x.name)
def test_within_its_bounds_a_rule_says_clear_whether_its_alarm_is_open_or_not(rule, kind):
    dice, parameters, tried = np.random.default_rng(5), rule.parameters(), 0
    head = np.full((2, 1), 0.3)
    for _ in range(400):
        values = (
            ordinary(kind)
            * dice.uniform(0.3, 1.7, len(kind.points))
            * dice.choice([1, 1, 1, 0, np.nan], (1, len(kind.points)))
        )
        seen = replace(window(kind, rule, values=values), static_head_mpa=head[:, 0])
        facts = Facts.of(kind, [Member(i, f"d-{i}", kind, "s", "c", 60, static_head_mpa=0.3) for i in (1, 2)])
        if not Calm.of_rules([(rule, Columns(parameters))], facts).within(np.arange(2), seen.sight)[0]:
            continue
        tried += 1
        for raised in (False, True):
            seen.raised = np.full(seen.raised.shape, raised)
            assert (rule.judge(seen, parameters).verdict[0] == Verdict.CLEAR).all(), values
    assert tried
