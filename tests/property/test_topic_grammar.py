"""The topic grammar: what is built can be parsed, what is not ours cannot."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.topics import FROM_DEVICES, Channel, Topic, TopicError, filters, parse

names = st.from_regex(r"[a-z0-9][a-z0-9-]{2,62}", fullmatch=True).filter(lambda n: n != "notify")


def outcome(topic):
    try:
        return parse(topic)
    except TopicError as err:
        return err


@given(names, st.sampled_from(FROM_DEVICES))
def test_a_built_topic_is_parsed_to_its_parts(name, channel):
    assert parse(str(Topic(name, channel))) == Topic(name, channel)


@given(st.text())
def test_any_text_is_parsed_or_refused_with_words(text):
    for topic in (text, f"hearthline/v1/{text}/readings", f"hearthline/v1/l4-nis/{text}"):
        parsed = outcome(topic)
        if isinstance(parsed, TopicError):
            assert "hearthline/v1/<device>" in str(parsed) or "devices publish on" in str(parsed)
            assert len(str(parsed)) < 400
        else:
            assert str(parsed) == topic


@pytest.mark.parametrize(
    "topic",
    ["hearthline/v1/notify/readings", "hearthline/v1/l4/readings", "hearthline/v1/L4-nis/readings",
     "hearthline/v1/-l4/readings", "hearthline/v1/l4-nis/command", "hearthline/v1/l4-nis/readings/",
     "hearthline/v1/l4-nis/readings\n", "/hearthline/v1/l4-nis/readings", "hearthline/v2/l4-nis/readings",
     "hearthline/live/v1/nis", f"hearthline/v1/{'a' * 64}/readings", "hearthline/v1/l4 nis/readings"],
)  # fmt: skip
def test_what_is_not_ours_is_refused(topic):
    with pytest.raises(TopicError):
        parse(topic)


@given(names, st.sampled_from(FROM_DEVICES))
def test_the_filters_catch_every_device(name, channel):
    pattern = filters(channel)[0].replace("+", "[^/]+")
    assert re.fullmatch(pattern, str(Topic(name, Channel(channel))))
