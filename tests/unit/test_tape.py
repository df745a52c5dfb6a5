"""A tape says exactly what was sent, and refuses what it is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.mqtt import Message
from perception.payload import decode
from simulators.tape import VERSION, Header, Line, Tape, TapeError, open_tape, shifted, speakings

SPEAKERS = [("gateway-a", ("hearthline/v1/dev-1/state", b"offline")), ("gateway-b", None)]


def header(**changes):
    facts = {"hearthline": "x", "version": VERSION, "begun": "2026-01-01T00:00:00Z", "seed": 7, "cities": ("c",)}
    return Header(**facts | {"kinds": {"heat_substation": 1}, "connections": speakings(SPEAKERS)} | changes)


@pytest.mark.parametrize("name", ["tape.jsonl", "tape.jsonl.gz"])
def test_what_was_written_is_played_bit_for_bit(tmp_path, name):
    path = tmp_path / name
    messages = [
        Message("hearthline/v1/dev-1/readings", b'{"ts":1,"values":{"a":1.50}}'),
        Message("hearthline/v1/dev-1/state", b"online", retain=True),
        Message("hearthline/v1/dev-1/readings", b"\xff\x00 no text"),
        Message("hearthline/v1/dev-1/readings", b""),
        Message("hearthline/v1/dev-1/readings", "房间".encode()),
    ]
    with Tape(path, header()) as tape:
        for at, message in enumerate(messages):
            tape.write(at, at % 2, message)
        assert not path.exists()
    played = open_tape(path)
    assert played.header == header()
    assert [(line.at, line.by, line.message()) for line in played.lines()] == [
        (at, at % 2, message) for at, message in enumerate(messages)
    ]


@given(st.binary(max_size=400), st.text(max_size=50), st.booleans())
def test_any_message_survives(payload, topic, retain):
    message = Message(topic, payload, retain)
    try:
        text, raw = payload.decode(), None
    except UnicodeDecodeError:
        import base64

        text, raw = None, base64.b64encode(payload).decode()
    assert Line(1, 0, topic, text, raw, retain).message() == message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header"),
        ("a,b,c\n1,2,3\n", "no header"),
        (json.dumps({"hearthline": "x"}), "no header"),
    ],
)
def test_what_is_no_tape_is_refused(tmp_path, text, words):
    (tmp_path / "t").write_text(text)
    with pytest.raises(TapeError, match=words):
        open_tape(tmp_path / "t")
    with pytest.raises(TapeError, match="cannot be read"):
        open_tape(tmp_path / "nowhere")


def test_a_tape_of_another_version_or_with_a_broken_line_says_which(tmp_path):
    path = tmp_path / "t"
    with Tape(path, header(version=99)) as tape:
        tape.write(1, 0, Message("a", b"b"))
    with pytest.raises(TapeError, match="version 99"):
        open_tape(path)
    with Tape(path, header()) as tape:
        tape.write(1, 5, Message("a", b"b"))
    with pytest.raises(TapeError, match="line 2: connection 5"):
        list(open_tape(path).lines())
    path.write_text(path.read_text().splitlines()[0] + "\nrubbish\n")
    with pytest.raises(TapeError, match="line 2: no message"):
        list(open_tape(path).lines())


def test_readings_are_shifted_and_nothing_else():
    one = b'{"ts":1000,"values":{"a":1.5},"seq":3}'
    assert decode(shifted(one, 5_000_000))[0].ts == 6_000_000
    many = b'[{"ts":1000,"values":{"a":1.5}},{"values":{"a":2}}]'
    assert [r.ts for r in decode(shifted(many, 1_000_000))] == [2_000_000, None]
    assert shifted(b"no json", 5) == b"no json"


def test_a_packed_tape_whose_bytes_were_damaged_is_refused(tmp_path):
    path = tmp_path / "tape.jsonl.gz"
    with Tape(path, header()) as tape:
        for at in range(2000):
            tape.write(at, 0, Message("hearthline/v1/dev-1/readings", str(at**9).encode()))
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 64] = b"\xff" * 64
    path.write_bytes(whole)
    with pytest.raises(TapeError):
        list(open_tape(path).lines())


def test_bytes_that_are_no_base64_are_refused_by_their_line(tmp_path):
    path = tmp_path / "tape.jsonl"
    with Tape(path, header()) as tape:
        tape.write(1, 0, Message("hearthline/v1/dev-1/readings", b"\xff"))
    path.write_text(path.read_text().replace('"bytes":"/w=="', '"bytes":"/w="'))
    with pytest.raises(TapeError, match=r"line 2: what stands in .* is no base64"):
        list(open_tape(path).lines())
