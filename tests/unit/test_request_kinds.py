"""Kinds of requests: each points to exactly one responsibility, and its ladder leads over bodies that there are."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.requests.kind import check
from application.requests.kind_file import read_kinds
from application.requests.request import Entry, RequestError, RequestState, Step, opened, replayed
from application.requests.score import interval
from application.rules import load_rules
from application.work.responsibility import Place, ResponsibilityError
from application.work.responsibility_file import read_responsibilities

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FAMILIES = {rule.name: rule.family for rule in load_rules().values()}
DAY = date(2026, 11, 25)
KIND = '[[kinds]]\ncode = "cold"\ntitle = { zh = "冷", en = "Cold" }\nhint = { zh = "冷", en = "Cold" }\n'
REST = "valid_from = 2000-01-01\n"
LADDER = 'ladder = [{ body = "area-team", hours = 1 }]\n'


def shipped():
    return read_responsibilities(CONFIGS / "responsibilities.toml", FAMILIES, [], DAY)


def test_each_shipped_kind_is_covered_by_an_item_that_names_it():
    told, kinds = shipped(), read_kinds(CONFIGS / "requests.toml")
    assert check(kinds, told, [Place("xuecheng", "xc-songlin")], DAY) == ([], [])
    for kind in kinds:
        item = told.item_for(kind.code, Place("nis", "nis-network"), DAY)
        assert kind.code in item.requests
        assert kind.rung_of(item.body) is not None, f"{item.body} answers for {kind.code} and stands not on its ladder"


@pytest.mark.parametrize(("text", "says"), [
    ("", "no kind of request"),
    (KIND + REST, "ladder: Field required"),
    (KIND + REST + 'ladder = [{ body = "area-team", hours = 0 }]', "greater than 0"),
    (KIND + REST + 'ladder = [{ body = "a", hours = 1 }, { body = "a", hours = 2 }]', "a body stands twice"),
    (KIND + LADDER + "valid_from = 2000-01-01\nvalid_until = 1999-01-01", "valid_until is not after"),
    (KIND + LADDER + REST
     + 'attributes = [{ code = "spot", title = { zh = "x", en = "x" }, datatype = "singlevaluelist" }]',
     "needs them"),
    ("bodies = 1", "unknown key 'bodies'"),
])  # fmt: skip
def test_what_is_wrong_with_kinds_is_named(tmp_path, text, says):
    file = tmp_path / "requests.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ResponsibilityError) as raised:
        read_kinds(file)
    assert says in str(raised.value)


def test_gaps_overlaps_and_unknown_bodies_are_reported(tmp_path):
    file = tmp_path / "requests.toml"
    file.write_text(KIND + REST + LADDER.replace("area-team", "nobody") + KIND + REST + LADDER, "utf-8")
    found = check(read_kinds(file), shipped(), [], DAY)
    assert any("there is no body 'nobody'" in p for p in found.problems)
    assert any("kind cold: stands twice" in p for p in found.problems)
    assert any("there is no kind of request 'cold-home'" in p for p in found.problems)
    assert found.remarks == ["no item names requests cold everywhere: they fall to everything-else"]


STEPS = st.lists(st.tuples(st.sampled_from(sorted(Step)), st.integers(0, 4)), max_size=25)


@given(STEPS)
def test_whatever_happens_a_request_lies_with_exactly_one_body_and_its_journal_plays_it_again(steps):
    journal = [Entry(Step.OPENED, 0, "portal", None, {"to": "body-0", "rung": 0})]
    request = opened(journal[0])
    for at, (what, rung) in enumerate(steps, start=1):
        entry = Entry(what, at, "x", "words", {"to": f"body-{rung}", "rung": rung})
        try:
            request = request.after(entry)
        except RequestError:
            continue
        journal.append(entry)
        assert request.body.startswith("body-")
        assert (request.state is RequestState.CLOSED) == (request.closed_at is not None)
        assert not (request.state is RequestState.ANSWERED and request.answered_at is None)
    assert replayed(journal) == request


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_narrows_with_cases(case):
    good, cases = case
    low, high = interval(good, cases)
    assert 0 <= low <= good / cases + 1e-12
    assert good / cases - 1e-12 <= high <= 1
    wider = interval(good, cases)
    narrower = interval(good * 4, cases * 4)
    assert narrower[1] - narrower[0] <= wider[1] - wider[0] + 1e-12
