"""The responsibility list: exactly one item answers for each rule in each area; what is wrong is named."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.instants import HOUR
from application.rule import Family
from application.rules import load_rules
from application.work.responsibility import Place, Responsibility, ResponsibilityError, ResponsibilityList
from application.work.responsibility_file import read_responsibilities

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FAMILIES = {rule.name: rule.family for rule in load_rules().values()}
DAY = date(2026, 11, 25)
AREAS = ("city:nis", "district:nis-network", "city:xuecheng", "district:xc-songlin")
PLACES = (Place("nis", "nis-network"), Place("xuecheng", "xc-songlin"), Place("xuecheng", "xc-beian"))
BODY = '[[bodies]]\ncode = "team"\ntitle = { zh = "班组", en = "Team" }\n'


def item(code, **more):
    told = {"title": '{ zh = "项", en = "Item" }', "legal": '{ zh = "无", en = "None" }', "body": '"team"',
            "respond_h": "[1, 2, 3]", "repair_h": "[4, 5, 6]", "valid_from": "2026-01-01", **more}  # fmt: skip
    return f'[[items]]\ncode = "{code}"\n' + "".join(f"{k} = {v}\n" for k, v in told.items() if v)


def read(tmp_path, *parts, areas=AREAS):
    file = tmp_path / "list.toml"
    file.write_text("\n".join(parts), "utf-8")
    return read_responsibilities(file, FAMILIES, areas, DAY)


@pytest.mark.parametrize("rule", sorted(FAMILIES))
def test_the_shipped_list_answers_for_every_rule(rule):
    told = read_responsibilities(CONFIGS / "responsibilities.toml", FAMILIES, [], DAY)
    found = told.item(rule, FAMILIES[rule], PLACES[0], DAY)
    assert found is not None
    assert found.code != "everything-else"
    assert told.item("rule_of_ones_own", Family.OWN, PLACES[0], DAY).code == "everything-else"


def test_the_rule_goes_before_its_family_and_the_narrow_before_the_wide(tmp_path):
    told = read(
        tmp_path, BODY, item("rest-all"), item("rest-nis", area='"city:nis"'),
        item("pumps", families='["pump"]'), item("pumps-songlin", families='["pump"]', area='"district:xc-songlin"'),
        item("failed", rules='["pump_failed"]', valid_until="2026-12-01"),
    )  # fmt: skip
    nis, songlin, beian = PLACES

    def code(rule, place, day=DAY):
        return told.item(rule, FAMILIES[rule], place, day).code

    assert code("pump_failed", songlin) == "failed"
    assert code("pump_failed", songlin, date(2026, 12, 1)) == "pumps-songlin"
    assert code("pump_cavitation", songlin) == "pumps-songlin"
    assert code("pump_cavitation", beian) == "pumps"
    assert code("door_open", nis) == "rest-nis"
    assert code("door_open", beian) == "rest-all"


def test_time_limits_follow_the_priority(tmp_path):
    found = read(tmp_path, BODY, item("rest")).items[0]
    assert found.limits(1, 0) == (1 * HOUR, 4 * HOUR)
    assert found.limits(3, HOUR) == (4 * HOUR, 7 * HOUR)
    assert found.limits(9, 0) == found.limits(3, 0)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([BODY], "what no other covers would be nobody's"),
        ([BODY, item("rest", valid_until="2026-02-01")], "what no other covers would be nobody's"),
        ([BODY, item("rest", body='"nobody"')], "there is no body 'nobody': use one of team"),
        ([BODY, item("rest", supporting='["helpers"]')], "there is no body 'helpers'"),
        ([BODY, item("rest"), item("pumps", rules='["pump_fails"]')], "item pumps: there is no rule 'pump_fails'"),
        ([BODY, item("rest"), item("there", area='"city:atlantis"')], "there is no area 'city:atlantis'"),
        ([BODY, item("rest"), item("there", area='"moon"')], "area: String should match pattern"),
        ([BODY, item("rest"), item("other")], "items other and rest both answer for everything else everywhere"),
        ([BODY, item("rest"), item("rest")], "item rest from 2026-01-01: stands twice"),
        ([BODY, BODY, item("rest")], "body team: stands twice"),
        ([BODY, item("rest", repair_h="[1, 2, -3]")], "above 0 and up to 8784"),
        ([BODY, item("rest", repair_h="[1, 2, inf]")], "finite"),
        ([BODY, item("rest", repair_h="[1, 2]")], "repair_h.2: Field required"),
        ([BODY, item("rest", respond_h="[9, 9, 9]")], "nobody repairs before he is there"),
        ([BODY, item("rest", valid_until="2026-01-01")], "valid_until is not after valid_from"),
        ([BODY, item("rest", phone='"1"')], "phone: Extra inputs are not permitted"),
        ([BODY, item("rest", families='["pumps"]')], "families.0: Input should be 'power', 'link'"),
        (["people = []", BODY, item("rest")], "unknown key 'people': expected bodies and items"),
        (["items = 3", BODY], "items: expected an array of tables"),
        (["items = [3]", BODY], "number 1 : as a whole: Input should be a valid dictionary"),
        (["nonsense"], "list.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, parts, says):
    with pytest.raises(ResponsibilityError) as raised:
        read(tmp_path, *parts)
    assert says in str(raised.value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(ResponsibilityError, match=r"nowhere\.toml"):
        read_responsibilities(tmp_path / "nowhere.toml", FAMILIES, [], DAY)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ResponsibilityError, match=r"bytes\.toml"):
        read_responsibilities(tmp_path / "bytes.toml", FAMILIES, [], DAY)


ITEMS = st.builds(
    lambda n, rules, families, area, begin, end: (n, rules, families, area, begin, end),
    st.integers(0, 9), st.lists(st.sampled_from(sorted(FAMILIES)), max_size=2, unique=True),
    st.lists(st.sampled_from(list(Family)), max_size=2, unique=True), st.sampled_from(["", *AREAS]),
    st.integers(1, 11), st.none() | st.integers(1, 6),
)  # fmt: skip


@given(st.lists(ITEMS, max_size=8))
def test_a_list_without_problems_has_exactly_one_best_item_everywhere(told):
    usual = {"title": {"zh": "项", "en": "Item"}, "legal": {"zh": "无", "en": "None"}, "body": "team",
             "respond_h": (1, 2, 3), "repair_h": (4, 5, 6)}  # fmt: skip
    rest = Responsibility(code="rest", valid_from=date(2000, 1, 1), **usual)
    items = [
        Responsibility(
            code=f"item-{n}", rules=tuple(rules), families=tuple(families), area=area, **usual,
            valid_from=date(2026, begin, 1), valid_until=None if end is None else date(2027, end, 1),
        )
        for n, rules, families, area, begin, end in told
        if rules or families or area
    ]  # fmt: skip
    every = ResponsibilityList((), (rest, *items))
    sound = not [p for p in every.problems(FAMILIES, AREAS, DAY) if "no body" not in p]
    for place in PLACES:
        for rule, family in FAMILIES.items():
            found = every.item(rule, family, place, DAY)
            assert found is not None
            rivals = [
                i for i in every.items
                if i is not found and i.on(DAY) and i.area == found.area
                and (rule in i.rules) == (rule in found.rules)
                and (rule in i.rules or (family in i.families) == (family in found.families))
                and (rule in i.rules or family in i.families or not (i.rules or i.families))
            ]  # fmt: skip
            assert not (sound and rivals)
