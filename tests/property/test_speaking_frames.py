"""What a publisher sends and is sent: any bytes, however they are cut, are frames or a clear refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.mqtt.frames import FrameError, Topics, pubacks, walk
from network.mqtt.speaking import Message, connect, frames, heard, number_in, publish

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@given(TEXTS, st.binary(max_size=20_000), st.booleans(), st.integers(1, 65_535))
def test_a_publish_is_what_our_own_receiver_reads(topic, payload, retain, packet_id):
    block = publish(Message(topic, payload, retain), packet_id)
    at, [delivery], controls = walk(block, 0, 10, len(block), Topics(), 1, 1)
    assert (at, controls) == (len(block), [])
    assert (delivery.topic, delivery.payload) == (topic, payload)
    assert (delivery.retained, delivery.mid, delivery.qos) == (retain, packet_id, 1)


@given(st.lists(st.one_of(st.integers(1, 65_535), st.tuples(TEXTS, st.binary(max_size=300))), max_size=20), st.data())
def test_frames_survive_any_cut(wanted, data):
    block = b"".join(
        pubacks([w]) if isinstance(w, int) else publish(Message(w[0], w[1]), 7) for w in wanted
    )  # fmt: skip
    taken, found, at = bytearray(), [], 0
    while at < len(block):
        size = data.draw(st.integers(1, len(block) - at))
        taken += block[at : at + size]
        found += list(frames(taken))
        at += size
    assert not taken
    told = [number_in(f) if f.kind == 0x40 else (heard(f).topic, heard(f).payload) for f in found]
    assert told == wanted


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_never_crashes(block):
    taken = bytearray(block)
    try:
        for frame in frames(taken):
            if frame.kind == 0x30:
                heard(frame)
    except FrameError:
        pass
    assert bytes(taken) == block[len(block) - len(taken) :]


def test_a_connect_states_its_will_and_never_a_password_alone():
    told = connect("me", keepalive_s=60, will=("a/state", b"offline"), user="u", password="p")
    assert told[8 + 1] == 0x02 | 0x2C | 0x80 | 0x40
    assert b"a/state" in told
    assert b"secret" not in connect("me", keepalive_s=60, password="secret")


def test_a_will_that_no_frame_can_hold_is_refused():
    with pytest.raises(ValueError, match="65,535"):
        connect("me", keepalive_s=60, will=("a/state", b"x" * 70_000))
