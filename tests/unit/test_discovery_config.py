"""A discovery config may hold anything in any place: it is understood, or an entity says why it is refused."""

import json

import pytest

from network.discovery.config import config_of


@pytest.mark.parametrize("encoding", [{}, [], {"a": 1}, "", None, 7])
def test_an_encoding_that_is_no_word_is_refused_by_name(encoding):
    said = json.dumps({"state_topic": "plant/t", "encoding": encoding}).encode()
    [entity] = config_of("sensor", "t1", said).entities
    assert "is not utf-8" in entity.refused
