"""What holds for every rule, whoever adds one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from application.memory import DEAF, Facts, Memory
from application.rule import Trigger, Verdict
from application.rules import RuleError, load_rules, tuned
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.roster import Member

KINDS = load_kinds()
RULES = load_rules()
PAIRS = [(rule, kind) for rule in RULES.values() for kind in KINDS.values() if rule.fits(kind)]
NOW = 1_800_000_000_000_000
TOML = Path(__file__).resolve().parents[2] / "configs" / "rules.toml"


def window(kind, rule, *, values=None, raised=False, attended=NOW - 10**12):
    """What a rule sees of two devices; the second has said nothing."""
    members = [Member(i, f"device-{i}", kind, f"station-{i}", "city", kind.interval_s) for i in (1, 2)]
    facts, memory = Facts.of(kind, members), Memory.blank(2, len(kind.points), NOW - 10**12)
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
        judgement = rule.judge(window(kind, rule, values=values), rule.parameters())
        assert (judgement.verdict[0] == Verdict.CANNOT_TELL).all(), point


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_evidence_has_a_value_per_device(rule, kind):
    for name, column in rule.evidence(window(kind, rule, values=ordinary(kind)), rule.parameters()).items():
        assert len(column) == 2, name
        assert column.reshape(2, -1).shape[1] in {1, len(rule.elements(kind))}, name


@pytest.mark.parametrize(("rule", "kind"), PAIRS, ids=lambda x: x.name)
def test_who_says_to_raise_only_where_something_is_bad_does_so(rule, kind):
    if not rule.only_bad:
        pytest.skip("it looks at good values")
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
    for rule, parameters in tuned(RULES, tables):
        assert set(tables[rule.name]) == set(type(parameters).model_fields), rule.name


def test_wrong_parameters_are_all_named_at_once():
    tables = {"no_such_rule": {}, "device_silent": {"least_s": "long"}, "return_pressure_low": {"margin": 1}}
    with pytest.raises(RuleError) as caught:
        tuned(RULES, tables)
    for part in ("[no_such_rule]", "[device_silent] least_s", "[return_pressure_low] margin"):
        assert part in str(caught.value)
