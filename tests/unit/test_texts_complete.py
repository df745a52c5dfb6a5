"""Both languages are complete: each text of the console has its Chinese with the same fields, and none is left over."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract

from presentation.texts import KEYWORDS, LANGUAGES, catalogues, negotiate, read_catalogue, texts_for

PRESENTATION = Path(__file__).resolve().parents[2] / "presentation"
SOURCES = [p for p in sorted(PRESENTATION.rglob("*.py")) if "portal" not in p.relative_to(PRESENTATION).parts]
FIELD = re.compile(r"\{(\w+)\}")


def said():
    for path in SOURCES:
        with path.open("rb") as file:
            for _line, message, _comments, _context in extract("python", file, keywords=dict(KEYWORDS)):
                yield message if isinstance(message, str) else message[0]


def console_catalogue():
    """Return the messages of the console: its catalogue, and one for each of its larger parts."""
    files = [p for p in catalogues("zh") if not p.name.startswith("portal")]
    return [message for path in files for message in read_catalogue(path)]


def english(message):
    return message.id if isinstance(message.id, str) else message.id[0]


def chinese(message):
    return message.string if isinstance(message.string, str) else message.string[0]


def test_every_text_has_its_chinese_and_none_is_left_over():
    written = [english(m) for m in console_catalogue() if m.id]
    assert set(said()) == set(written)
    assert len(written) == len(set(written)) > 100


@pytest.mark.parametrize("message", [m for m in console_catalogue() if m.id], ids=english)
def test_chinese_says_something_with_the_same_fields(message):
    assert chinese(message)
    assert set(FIELD.findall(chinese(message))) == set(FIELD.findall(english(message)))
    assert not message.fuzzy


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-GB,en;q=0.9", "en"),
        ("de,zh-CN;q=0.8,en;q=0.5", "zh"),
        ("en;q=0,zh;q=0.1", "zh"),
        ("fr", "zh"),
        ("", "zh"),
        (None, "zh"),
        ("en;q=nonsense", "zh"),
    ],
)
def test_the_reader_chooses_the_language(header, language):
    assert negotiate(header) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_missing_number_is_a_dash_and_never_a_zero(language):
    t = texts_for(language)
    assert t.number(None, 1) == "—"
    assert t.signed(None) == "—"
    assert t.age(None) == "—"
    assert t.number(-0.04, 1) == "0.0"
    assert t.number(-12.25, 2) == "\u221212.25"
    assert (t.signed(0.04), t.signed(1.26), t.signed(-1.26)) == ("0.0", "+1.3", "\u22121.3")


def test_times_are_those_of_the_city():
    t = texts_for("en")
    assert t.moment(0, "Asia/Shanghai", "yyyy-MM-dd HH:mm") == "1970-01-01 08:00"
    assert t.clock(0, "Europe/Belgrade") == "01:00"
    assert [t.age(s) for s in (0, 119, 120, 7199, 7200, 172_800)] == [
        "0 s",
        "119 s",
        "2 min",
        "119 min",
        "2 h 0 min",
        "2 d",
    ]


def test_numbers_are_counted_in_the_language_s_own_way():
    assert [texts_for("zh").count("{n} silent", "{n} silent", n) for n in (0, 1, 3)] == [
        "0 台无数据", "1 台无数据", "3 台无数据",
    ]  # fmt: skip
    assert [texts_for("en").count("{n} hour", "{n} hours", n) for n in (0.5, 1.0, 1.5, 24.0)] == [
        "0.5 hours", "1 hour", "1.5 hours", "24 hours",
    ]  # fmt: skip
