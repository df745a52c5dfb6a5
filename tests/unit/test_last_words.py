"""Last words: what cannot be written down is refused before a verb begins."""

import pytest

from support.commands.last_words import WordsError, last_words, legible


def test_words_of_a_command_line_are_text():
    assert legible(["alarms", "comment", "热 \U0001f525"]) == ["alarms", "comment", "热 \U0001f525"]
    with pytest.raises(WordsError, match=r"no text in UTF-8") as told:
        legible(["alarms", "list", "--station", "\udcff"])
    assert last_words(told.value, None).status == 1
