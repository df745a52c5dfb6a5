"""Many connections in one thread, on the embedded broker: order, breaks, wills, and thousands at once."""

import contextlib
import socket
import threading
import time

import pytest

from network.broker import EmbeddedBroker
from network.mqtt import Address, Crowd, Message, MqttInlet, MqttOutlet

PATIENCE_S = 30


class Voice:
    """A speaker with a list of things to say, and a memory."""

    def __init__(self, name, will=None, hears=()):
        self.client_id, self.will, self.hears = name, will, hears
        self.waiting, self.done, self.back, self.listened = [], [], [], []
        self.hello = []

    def greetings(self):
        return list(self.hello)

    def say(self, most):
        said, self.waiting = self.waiting[:most], self.waiting[most:]
        return said

    def settled(self, message):
        self.done.append(message)

    def unsettled(self, messages):
        self.back.extend(messages)
        self.waiting[:0] = [m for m in messages if m not in self.hello]

    def heard(self, topic, payload):
        self.listened.append((topic, payload))


def turn_until(crowd, enough):
    until = time.monotonic() + PATIENCE_S
    while not enough():
        assert time.monotonic() < until
        crowd.turn(0.02)


@pytest.fixture
def ear_of(broker):
    opened = []

    def opener(*filters, address=broker):
        inlet = MqttInlet(address, f"crowd-ear-{len(opened)}-{time.time_ns()}", filters, session_kept=False)
        opened.append(inlet)
        assert inlet.wait_connected(PATIENCE_S)
        return inlet

    yield opener
    for inlet in opened:
        inlet.close()


def hear(inlet, count):
    heard, until = [], time.monotonic() + PATIENCE_S
    while len(heard) < count and time.monotonic() < until:
        deliveries = inlet.take(5000, 0.1)
        heard += deliveries
        inlet.ack(deliveries)
    return heard


def test_everyone_greets_and_speaks_in_order(broker, ear_of):
    ear = ear_of("crowd/order/+")
    voices = [Voice(f"crowd-order-{k}") for k in range(5)]
    for k, voice in enumerate(voices):
        voice.hello = [Message(f"crowd/order/{k}", b"hello")]
        voice.waiting = [Message(f"crowd/order/{k}", str(n).encode()) for n in range(500)]
    with contextlib.closing(Crowd(broker, voices, window=50)) as crowd:
        assert crowd.flush(PATIENCE_S)
        assert crowd.count_up() == 5
    heard = hear(ear, 5 * 501)
    for k, voice in enumerate(voices):
        mine = [d.payload for d in heard if d.topic == f"crowd/order/{k}"]
        assert mine == [b"hello", *(str(n).encode() for n in range(500))]
        assert len(voice.done) == 501


def test_what_comes_on_a_topic_is_heard_and_acknowledged_once(broker):
    voice = Voice("crowd-hears", hears=["crowd/hears/command"])
    outlet = MqttOutlet(broker, "crowd-asker")
    with contextlib.closing(Crowd(broker, [voice])) as crowd, contextlib.closing(outlet):
        turn_until(crowd, crowd.connected)
        crowd.turn(0.2)
        for n in range(300):
            outlet.publish("crowd/hears/command", str(n).encode())
        turn_until(crowd, lambda: len(voice.listened) >= 300)
        crowd.turn(0.1)
    assert voice.listened == [("crowd/hears/command", str(n).encode()) for n in range(300)]


def test_a_connection_that_is_cut_is_told_by_its_will_and_comes_back_when_mended(broker, ear_of):
    ear = ear_of("crowd/will/+")
    voices = [Voice(f"crowd-will-{k}", will=(f"crowd/will/{k}", b"gone")) for k in range(2)]
    with contextlib.closing(Crowd(broker, voices)) as crowd:
        turn_until(crowd, lambda: crowd.count_up() == 2)
        crowd.cut(1)
        assert [(d.topic, d.payload) for d in hear(ear, 1)] == [("crowd/will/1", b"gone")]
        voices[1].waiting = [Message("crowd/will/1", b"back")]
        crowd.turn(0.3)
        assert (crowd.up(0), crowd.up(1)) == (True, False)
        crowd.mend(1)
        turn_until(crowd, lambda: crowd.up(1))
        assert [d.payload for d in hear(ear, 1)] == [b"back"]


def test_a_broker_that_goes_away_and_comes_back_gets_everything_and_nothing_acknowledged_twice(ear_of):
    with EmbeddedBroker() as running:
        address = running.address
        voice = Voice("crowd-away")
        voice.waiting = [Message("crowd/away", str(n).encode()) for n in range(100)]
        crowd = Crowd(address, [voice], window=20)
        assert crowd.flush(PATIENCE_S)
    turn_until(crowd, lambda: not crowd.connected())
    voice.waiting = [Message("crowd/away", str(n).encode()) for n in range(100, 200)]
    crowd.ring(0)
    crowd.turn(0.3)
    assert len(voice.done) == 100
    with EmbeddedBroker(port=address.port) as running:
        ear = ear_of("crowd/away", address=running.address)
        assert crowd.flush(PATIENCE_S)
        assert [d.payload for d in hear(ear, 100)] == [str(n).encode() for n in range(100, 200)]
    assert len(voice.done) == 200
    crowd.close()


@pytest.mark.parametrize(
    "bytes_sent", [b"\x20\x02\x00\x05", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x40\x02\x00\x07", b""]
)
def test_what_is_no_broker_is_left_and_tried_again(bytes_sent):
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = server.accept()
                    calls.append(sock.recv(1000))
                    sock.sendall(bytes_sent)
                    sock.close()

        threading.Thread(target=answer, daemon=True).start()
        voice = Voice("crowd-stranger")
        with contextlib.closing(Crowd(Address("127.0.0.1", server.getsockname()[1]), [voice])) as crowd:
            turn_until(crowd, lambda: len(calls) >= 2)
            assert not crowd.connected()
        server.close()


def test_a_thousand_connections_speak(broker, ear_of, length):
    count = length.of(1000, 5000)
    ear = ear_of("crowd/many/+")
    voices = [Voice(f"crowd-many-{k}") for k in range(count)]
    for k, voice in enumerate(voices):
        voice.waiting = [Message(f"crowd/many/{k}", b"1"), Message(f"crowd/many/{k}", b"2")]
    with contextlib.closing(Crowd(broker, voices)) as crowd:
        assert crowd.flush(PATIENCE_S)
        assert crowd.count_up() == count
        heard = hear(ear, 2 * count)
    assert len(heard) == 2 * count
    assert all(len(v.done) == 2 for v in voices)
