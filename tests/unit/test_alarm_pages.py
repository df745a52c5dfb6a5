"""Parts of the pages of alarms: the choice in the address, figures with words, charts that lose nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.alarm import AlarmState
from application.alarm_kpis import kpis
from application.alarm_numbers import Bucket
from application.rule import Family
from application.work.order import Step, WorkState
from presentation.components.alarm_table import state_text
from presentation.components.alarms import event_text
from presentation.components.columns import bullet, columns
from presentation.console.alarm_filter import AlarmFilter, filter_of
from presentation.console.alarms import family_text
from presentation.console.numbers import kpi_text, numbers_choice
from presentation.console.work import _ALL, _NEXT
from presentation.console.work_words import state_word, step_text, step_word
from presentation.texts import LANGUAGES, texts_for

WORDS = st.text(max_size=30).filter(lambda s: s == s.strip() and s.isprintable())


@given(
    state=st.sampled_from(["", "all", "latched", *AlarmState]),
    priority=st.sampled_from(["", "1", "2", "3"]),
    family=st.sampled_from(["", *Family]),
    text=WORDS,
    rule=WORDS,
)
def test_a_choice_comes_back_from_its_address(state, priority, family, text, rule):
    chosen = AlarmFilter(state=str(state), priority=priority, family=str(family), text=text, rule=rule)
    assert filter_of(chosen.query) == chosen


@given(st.text(max_size=200))
def test_any_address_is_some_choice(query):
    assert filter_of(query).state in {"", "all", "latched", *AlarmState}
    assert 1 <= numbers_choice(query).operators <= 50


@pytest.mark.parametrize("operators", ["0", "-1", "1e3", "999999999999999999999", "²", "x", ""])
def test_a_strange_number_of_operators_is_some_number(operators):
    assert 1 <= numbers_choice(f"operators={operators}").operators <= 50


def test_every_figure_state_family_and_step_has_words_of_its_own():
    zh = texts_for("zh")
    figures = kpis([], (0, 86_400_000_000), 1, 0)
    assert len(figures) > 14
    for kpi in figures:
        assert kpi_text(kpi.name, zh) != kpi.name
    for language in LANGUAGES:
        t = texts_for(language)
        for say, words in ((state_text, AlarmState), (family_text, Family), (state_word, WorkState)):
            assert len({say(word, t) for word in words}) == len(words)
        assert len({step_text(step, t) for step in Step}) == len(Step)
    for what in ("raised", "cleared", "acknowledged", "shelved", "unshelved", "suppressed", "commented", "reset"):
        assert event_text(what, zh) != what
    for step in {step for steps in (*_ALL.values(), *_NEXT.values()) for step in steps}:
        assert step in set(Step)
        assert step_word(step, zh)


@given(st.lists(st.tuples(*(st.integers(0, 40) for _ in range(3))), min_size=1, max_size=60))
def test_columns_stand_on_each_other_and_are_as_high_as_what_they_show(counts):
    buckets = [
        Bucket(i * 600_000, (i + 1) * 600_000, dict(zip((1, 2, 3), c, strict=True)), 0) for i, c in enumerate(counts)
    ]
    drawn = str(columns(buckets, str, texts_for("en"), title="t", marks=[10]))
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" class="p\d"', drawn)]
    assert len(heights) == sum(n > 0 for c in counts for n in c)
    shown = [n for c in counts for n in c if n]
    scale = [h / n for h, n in zip(heights, shown, strict=True)]
    assert not scale or max(scale) - min(scale) < 0.21  # rounded to a tenth of a pixel


@given(st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 300), st.none() | st.floats(0, 300))
def test_a_bullet_never_leaves_its_bar(value, target, limit):
    drawn = str(bullet(value, target, limit, 115.0, over=False))
    assert all(0 <= float(p) <= 100 for p in re.findall(r'"([\d.]+)%"', drawn))
