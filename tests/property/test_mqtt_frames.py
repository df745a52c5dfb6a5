"""MQTT frames: what is built can be walked, however it is cut; and no bytes at all do worse than a FrameError."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from network.link import Delivery
from network.mqtt import incoming as incoming_module
from network.mqtt.frames import (
    MOST_TOPICS,
    Connack,
    FrameError,
    Pingresp,
    Suback,
    Topics,
    connect,
    length_bytes,
    measure,
    pubacks,
    subscribe,
)
from network.mqtt.incoming import CUT_BYTES, Incoming

ENOUGH = (10**9, 10**9)
SESSION = 7


def publish(delivery: Delivery) -> bytes:
    """Spell a PUBLISH, by the standard and without looking at our own walk."""
    topic = delivery.topic.encode()
    head = 0x30 | delivery.redelivered << 3 | delivery.qos << 1 | delivery.retained
    body = len(topic).to_bytes(2, "big") + topic
    body += (delivery.mid.to_bytes(2, "big") if delivery.qos else b"") + delivery.payload
    return bytes([head]) + length_bytes(len(body)) + body


def spelled(frame) -> bytes:
    match frame:
        case Delivery():
            return publish(frame)
        case Connack(present, code):
            return bytes([0x20, 2, present, code])
        case Suback(packet_id, codes):
            return bytes([0x90]) + length_bytes(2 + len(codes)) + packet_id.to_bytes(2, "big") + codes
        case Pingresp():
            return b"\xd0\x00"


payloads = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([117, 118, 125, 126, 127, 128, 16_370, 16_383, 16_384, 40_000]).map(b"x".__mul__),
)


@st.composite
def deliveries(draw):
    qos = draw(st.integers(0, 1))
    return Delivery(
        topic=draw(st.text(max_size=12)),
        payload=draw(payloads),
        received_at=1,
        redelivered=draw(st.booleans()),
        retained=draw(st.booleans()),
        mid=draw(st.integers(1, 65_535)) if qos else 0,
        qos=qos,
        session=SESSION,
    )


answers = st.one_of(
    st.builds(Connack, st.booleans(), st.integers(0, 255)),
    st.builds(Suback, st.integers(0, 65_535), st.binary(min_size=1, max_size=8)),
    st.just(Pingresp()),
)
streams = st.lists(st.one_of(deliveries(), answers), max_size=12)


def walked(chunks, limits=ENOUGH, *, holds=False, **options):
    """Return every delivery and every answer that come out when these chunks come in; room is as it is offered."""
    source = Incoming(Topics(), **options)
    found, said = [], []
    for chunk in chunks:
        left = chunk
        while left:
            room = source.room()
            count = min(len(room), len(left))
            assert count > 0
            room[:count] = left[:count]
            left = left[count:]
            source.filled(count, 1)
            more = True  # who reads may ask even where nothing can be whole yet
            while more:
                got, answered = source.take(*limits, SESSION)
                assert len(got) <= limits[0]
                found += got
                said += answered
                more = source.waiting
    times = [d.received_at for d in found]
    assert all(a < b for a, b in pairwise(times)), "readings without a time would share one"
    return [replace(d, received_at=1, holds=d.holds if holds else 0) for d in found], said


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@given(streams, st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from([16, 1024, 512 * 1024]))
@settings(deadline=None)
def test_a_stream_gives_its_frames_however_it_is_cut(frames, cuts, block_bytes):
    data = b"".join(map(spelled, frames))
    found, said = walked(pieces(data, cuts), block_bytes=block_bytes)
    assert found == [f for f in frames if isinstance(f, Delivery)]
    assert said == [f for f in frames if not isinstance(f, Delivery)]


@given(streams, st.integers(1, 3), st.sampled_from([1, 50, 10**9]))
@settings(deadline=None, max_examples=40)
def test_limits_pause_the_walk_and_lose_nothing(frames, most, most_bytes):
    found, said = walked([b"".join(map(spelled, frames))], (most, most_bytes))
    assert found == [f for f in frames if isinstance(f, Delivery)]
    assert said == [f for f in frames if not isinstance(f, Delivery)]


@given(st.lists(st.binary(max_size=200), max_size=6), st.sampled_from([16, 4096]))
@settings(max_examples=400)
def test_any_bytes_give_frames_or_the_one_error(chunks, block_bytes):
    with suppress(FrameError):
        found, _ = walked(chunks, block_bytes=block_bytes)
        assert all(d.qos in (0, 1) and (d.mid > 0) == (d.qos == 1) for d in found)


@given(streams.filter(bool), st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_stream_gives_frames_or_the_one_error(frames, data):
    stream = bytearray(b"".join(map(spelled, frames)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(stream) - 1, 300)))
        stream[place] = data.draw(st.integers(0, 255))
    with suppress(FrameError):
        walked([bytes(stream)])


@given(st.lists(st.integers(1, 65_535), max_size=50))
def test_acknowledgements_stand_one_after_the_other(mids):
    assert pubacks(mids) == b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)


@given(st.integers(2, 268_435_455))
def test_a_length_is_read_as_it_was_spelled(length):
    header = b"\x30" + length_bytes(length)
    assert measure(header, 0) == (len(header), len(header) + length)
    assert measure(header[:-1], 0) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"\x10", "begins no frame"),  # CONNECT: only clients say so
        (b"\x34", "QoS 2"),
        (b"\x36", "QoS 3"),
        (b"\x40", "begins no frame"),
        (b"\xd1", "begins no frame"),
        (b"\xf0", "begins no frame"),
        (b"\xd0\x01", "cannot have 1 bytes"),
        (b"\x20\x03", "cannot have 3 bytes"),
        (b"\x90\x80\x80\x01", "cannot have 16384 bytes"),  # refused before it is waited for
        (b"\x30\x01", "cannot have 1 bytes"),
        (b"\x32\x03", "cannot have 3 bytes"),
        (b"\x30\xff\xff\xff\xff", "more than four bytes"),
        (b"\x20\x02\x02\x00", "reserves"),
        (b"\x30\x04\x00\x03ab", "longer than its message"),
        (b"\x32\x05\x00\x02abc", "longer than its message"),
        (b"\x32\x05\x00\x01a\x00\x00", "id 0"),
    ],
)
def test_what_is_wrong_is_refused_with_words(wrong, words):
    with pytest.raises(FrameError, match=words):
        walked([wrong])


def test_a_topic_that_is_no_utf8_is_escaped_as_paho_s_is():
    (found,), _ = walked([b"\x30\x05\x00\x02\xff\xfe1"])
    assert (found.topic, found.payload) == ("\\xff\\xfe", b"1")


def test_topics_are_remembered_within_bounds():
    topics = Topics()
    for i in range(MOST_TOPICS + 10):
        assert topics[b"%d" % i] == (str(i), False)
    assert len(topics) == 10
    assert topics[b"x" * 300] == ("x" * 300, False)
    assert len(topics) == 10
    assert topics[b"hearthline/v1/a"] == ("hearthline/v1/a", True)


@given(
    st.sampled_from(["hearthline/v1/roof-1/readings", "plant/roof-1"]),
    st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b" ", b"1"]), max_size=12).map(b"".join),
)
def test_a_delivery_says_how_many_readings_it_may_hold(topic, payload):
    (found,), _ = walked([publish(Delivery(topic, payload, 1, mid=1))], holds=True)
    is_one_object = topic.startswith("hearthline") and payload.startswith(b"{")
    assert found.holds == (1 if is_one_object else payload.count(b"{"))


@pytest.mark.parametrize("step", [1000, 65_536, 300_000])
def test_a_message_that_is_too_large_is_cut_and_its_neighbours_are_not(step):
    before, after = (Delivery("t", b"%d" % i, 1, mid=i, session=SESSION) for i in (1, 3))
    large = Delivery("big", b"x" * 400_000, 1, mid=2, session=SESSION)
    stream = b"".join(map(publish, (before, large, after, large, large, after)))
    chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
    found, _ = walked(chunks, most_packet_bytes=CUT_BYTES, block_bytes=4096)
    assert [d.mid for d in found] == [1, 2, 3, 2, 2, 3]
    assert [d for d in found if d.mid != 2] == [before, after, after]
    assert {len(d.payload) for d in found if d.mid == 2} == {CUT_BYTES - 4 - 2 - 3 - 2}


def test_memory_follows_what_has_come_and_is_given_back():
    source = Incoming(Topics(), block_bytes=4096)
    large = publish(Delivery("big", b"x" * 1_000_000, 1, mid=1))
    come, found = 0, []
    while not found:
        room = source.room()
        count = min(len(room), 1000, len(large) - come)
        room[:count] = large[come : come + count]
        come += count
        source.filled(count, 1)
        assert len(source._buffer) <= max(4096, 2 * come)
        if source.waiting:
            found, _ = source.take(*ENOUGH, SESSION)
    assert len(found[0].payload) == 1_000_000
    assert len(source._buffer) == 4096


def test_a_greeting_says_who_we_are():
    assert connect("me", session_kept=True, keepalive_s=60) == b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x3c\x00\x02me"
    with_user = connect("me", session_kept=False, keepalive_s=5, user="u", password="pw")
    assert with_user == b"\x10\x15\x00\x04MQTT\x04\xc2\x00\x05\x00\x02me\x00\x01u\x00\x02pw"
    assert connect("me", session_kept=False, keepalive_s=5, password="pw")[9] == 0x02
    with pytest.raises(ValueError, match="65,535"):
        connect("x" * 65_536, session_kept=True, keepalive_s=60)


def test_a_subscription_asks_for_quality_1():
    assert subscribe(1, ["a/+", "b"]) == b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01"


def test_the_block_holds_what_must_be_kept_of_a_large_message():
    assert incoming_module.BLOCK_BYTES >= CUT_BYTES > 65_535 + 2 + 2 + 5
