"""Every word of the portal is said in both languages, with the same fields, and none is left over."""

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir

from application.answer import Category, Limits, Notice, Verdict, Water, Why, answer
from application.public import CommunityNow, PublicCity, PublicCommunity
from perception.point import Title
from presentation.portal.wording import short, words
from presentation.texts import KEYWORDS, catalogues, read_catalogue, texts_for

PORTAL = Path(__file__).resolve().parents[2] / "presentation" / "portal"
FIELD = re.compile(r"\{(\w+)\}")
NAMES = Title(zh="名", en="Name")
AT = 1_700_000_000_000


def said() -> set[str | tuple[str, ...]]:
    """Return every text of the portal: single, or (one, many)."""
    found = extract_from_dir(PORTAL, method_map=[("**.py", "python"), ("**.html", "jinja2")], keywords=dict(KEYWORDS))
    return {message for _, _, message, _, _ in found}


def translated(prefix: str = ""):
    shelves = [read_catalogue(path) for path in catalogues("zh") if path.name.startswith(prefix)]
    return {message.id: message.string for shelf in shelves for message in shelf if message.id}


def test_every_text_is_said_in_chinese():
    chinese, texts = translated(), said()
    assert len(texts) > 100
    assert {text for text in texts if not chinese.get(text)} == set()


def test_the_catalogue_holds_nothing_that_is_not_said():
    assert set(translated("portal")) - said() == set()


def test_translations_fill_the_same_fields():
    for source, target in translated("portal").items():
        singular = source if isinstance(source, str) else source[0]
        told = target if isinstance(target, str) else target[0]
        assert set(FIELD.findall(told)) == set(FIELD.findall(singular)), singular


def now_with(water, notices=()):
    city = PublicCity("c", NAMES, "Asia/Shanghai", simulated=True, season=None, attribution=None)
    return CommunityNow(PublicCommunity("p", NAMES, "d", NAMES, NAMES, city), AT, water, notices)


WATERS = {
    Why.NEVER_HEARD: None,
    Why.NO_VALUE: Water(AT, 60, None, None, 47.0, None),
    Why.TOO_OLD: Water(AT, 60, AT - 9_000_000, 47.0, 47.0, None),
    Why.NO_TARGET: Water(AT, 60, AT, 47.0, None, None),
    Why.ON_TARGET: Water(AT, 60, AT, 47.0, 47.0, None),
    Why.ABOVE_TARGET: Water(AT, 60, AT, 57.0, 47.0, None),
    Why.TOO_COOL: Water(AT, 60, AT, 37.0, 47.0, None),
    Why.PRESSURE: Water(AT, 60, AT, 47.0, 47.0, None),
}


def test_each_ground_and_each_notice_has_words_of_its_own():
    assert set(WATERS) == set(Why)
    for t in (texts_for("zh"), texts_for("en")):
        grounds = set()
        for why, water in WATERS.items():
            notices = [Notice(Category.PRESSURE, AT, confirmed=True)] if why is Why.PRESSURE else []
            now = now_with(water, notices)
            found = answer(water, notices, AT, Limits())
            assert found.why is why
            told = words(now, found, Limits(), t)
            grounds.add(told.because)
            assert all([told.headline, *told.means, *told.follows])
        assert len(grounds) == len(Why)
        assert len({short(verdict, t) for verdict in Verdict}) == len(Verdict)


def test_a_notice_that_nobody_confirmed_says_so():
    t, found = texts_for("en"), answer(WATERS[Why.ON_TARGET], (), AT, Limits())
    for category in Category:
        told = [
            words(now_with(WATERS[Why.ON_TARGET], [Notice(category, AT, confirmed)]), found, Limits(), t).follows[0]
            for confirmed in (True, False)
        ]
        assert "a person there has confirmed it" in told[0]
        assert "nobody there has confirmed it yet" in told[1]
        assert "15 November, 06:13" in told[0]
