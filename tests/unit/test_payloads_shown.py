"""Payloads on a terminal: JSON, text, or else a hex dump; nothing that a terminal obeys."""

import pytest

from support.commands.payloads import MOST_SHOWN, dump, shown


def test_json_is_indented_and_other_scripts_stay():
    assert shown('{"供水": [1, 2.5]}'.encode()) == '{\n  "供水": [\n    1,\n    2.5\n  ]\n}'


def test_what_is_no_text_is_a_dump():
    assert dump(bytes(range(18))).splitlines() == [
        "00000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................",
        "00000010  10 11                                            ..",
    ]


@pytest.mark.parametrize(
    "payload", [b"\x1b[2J", b'{"a": "\x1b]0;title\x07"}', b'"\\u001b[31m"', b"\xff\x1b", b"a\x00b"]
)
def test_no_terminal_obeys_it(payload):
    assert not set(shown(payload)) & {"\x1b", "\x07", "\x00"}


def test_a_long_one_is_cut_and_says_so():
    assert shown(b"\xff" * (MOST_SHOWN + 7)).endswith("... 7 more bytes")
    assert shown(b"[" * 200_000).endswith("more bytes")
