"""The inlets against brokers that misbehave, and our own session behind TLS and passwords."""

import contextlib
import itertools
import shutil
import socket
import subprocess
import threading
import time

import pytest
import trustme
from structlog.testing import capture_logs

from network.broker import EmbeddedBroker
from network.linking import INLETS
from network.mqtt import Address, MqttOutlet, SessionInlet
from network.mqtt.frames import length_bytes

FILTER = "hearthline/v1/+/readings"
TOPIC = "hearthline/v1/l4-test/readings"
WITHIN_S = 10.0
PATH = "/usr/sbin:/usr/bin:/usr/local/sbin"


class Pretender:
    """A listener that does to each connection what the next of its acts says, and to all others what the last says."""

    def __init__(self, *acts):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address(*self._listener.getsockname())
        self._acts = itertools.chain(acts, itertools.repeat(acts[-1]))
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        for act in self._acts:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock, contextlib.suppress(OSError):
                sock.settimeout(WITHIN_S)
                act(sock)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def pretend():
    """Makes pretenders that are gone after the test."""
    with contextlib.ExitStack() as opened:

        def start(*acts):
            made = Pretender(*acts)
            opened.callback(made.close)
            return made

        yield start


@pytest.fixture
def opened():
    """Opens inlets that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def start(make, address, **options):
            link = make(address, "ingest-test", [FILTER], **options)
            stack.callback(link.close)
            return link

        yield start


@pytest.fixture(params=sorted(INLETS))
def make(request):
    return INLETS[request.param]


def exactly(sock, count):
    data = b""
    while len(data) < count:
        got = sock.recv(count - len(data))
        if not got:
            raise ConnectionResetError
        data += got
    return data


def hear(sock):
    """Return the first byte of the next frame, and what follows its header (short frames only)."""
    head, size = exactly(sock, 2)
    return head, exactly(sock, size)


def message(mid, payload, qos=1):
    body = len(TOPIC).to_bytes(2, "big") + TOPIC.encode() + (mid.to_bytes(2, "big") if qos else b"") + payload
    return bytes([0x30 | qos << 1]) + length_bytes(len(body)) + body


def greet(sock, *, session_present=False, granted=1):
    """Do what a broker does first."""
    head, _ = hear(sock)
    assert head == 0x10
    sock.sendall(bytes([0x20, 2, session_present, 0]))
    head, body = hear(sock)
    assert head == 0x82
    sock.sendall(b"\x90\x03" + body[:2] + bytes([granted]))


def behave(*payloads):
    """Return the act of a good broker that has these messages to hand out, and then waits."""

    def act(sock):
        greet(sock)
        for mid, payload in enumerate(payloads, 1):
            sock.sendall(message(mid, payload))
        while True:
            head, _ = hear(sock)
            if head == 0xC0:
                sock.sendall(b"\xd0\x00")
            elif head == 0xE0:
                return

    return act


def wait_until(true):
    until = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def events(logs):
    return [line["event"] for line in logs]


def rubbish(sock):
    hear(sock)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    sock.recv(1)


def too_late_rubbish(sock):
    greet(sock)
    sock.sendall(message(1, b"one") + b"\x34\x05never")
    sock.recv(1)


def empty(sock):
    """Hang up at once."""


def test_rubbish_is_told_once_and_a_good_broker_is_found_again(pretend, opened):
    with capture_logs() as logs:
        broker = pretend(rubbish, empty, rubbish, behave(b"1", b"2"))
        link = opened(SessionInlet, broker.address)
        assert link.wait_connected(WITHIN_S)
        wait_until(lambda: link.pending() == 2)
        assert [d.payload for d in link.take(10, WITHIN_S)] == [b"1", b"2"]
    assert broker.connections == 4
    assert events(logs) == ["broker not reached yet", "link back"]


def test_rubbish_after_a_good_beginning_ends_the_connection(pretend, opened):
    with capture_logs() as logs:
        broker = pretend(too_late_rubbish, behave(b"1"))
        link = opened(SessionInlet, broker.address)
        assert [d.session for d in link.take(10, WITHIN_S)] == [2]
    assert "link lost" in events(logs)
    assert "QoS 2" in next(line["why"] for line in logs if line["event"] == "link lost")


@pytest.mark.parametrize(
    "greeting", [message(1, b"too soon"), b"\xd0\x00", b"\x20\x02\x00", b"\x90\x03\x00\x01\x01"], ids=range(4)
)
def test_nothing_comes_before_the_answer_to_connect(greeting, pretend, opened):
    def act(sock):
        hear(sock)
        sock.sendall(greeting)

    broker = pretend(act, behave(b"1"))
    link = opened(SessionInlet, broker.address)
    assert [(d.payload, d.session) for d in link.take(10, WITHIN_S)] == [(b"1", 1)]


@pytest.mark.parametrize(
    "wrong", [b"\x20\x02\x00\x00", b"\x90\x03\x00\x07\x01", b"\x90\x04\x00\x01\x01\x01", b"\x40\x02\x00\x01"]
)
def test_an_answer_to_what_nobody_asked_ends_the_connection(wrong, pretend, opened):
    def act(sock):
        greet(sock)
        sock.sendall(wrong)
        sock.recv(1)

    broker = pretend(act, behave(b"1"))
    assert [d.session for d in opened(SessionInlet, broker.address).take(10, WITHIN_S)] == [2]


def test_a_listener_that_says_nothing_is_given_up(make, pretend, opened, monkeypatch):
    for module in ("session", "inlet"):
        monkeypatch.setattr(f"network.mqtt.{module}.GREETING_TIMEOUT_S", 0.3)

    def silence(sock):
        while sock.recv(1024):
            pass

    with capture_logs() as logs:
        broker = pretend(silence, behave(b"1"))
        assert len(opened(make, broker.address).take(1, WITHIN_S)) == 1
    assert "does not answer" in logs[0]["why"]


def test_a_listener_that_says_nothing_does_not_hold_up_the_end(make, pretend):
    broker = pretend(lambda sock: sock.recv(1024) and time.sleep(WITHIN_S))
    link = make(broker.address, "ingest-test", [FILTER])
    wait_until(lambda: broker.connections)
    began = time.monotonic()
    link.close()
    assert time.monotonic() - began < 4


def test_a_broker_that_gives_no_sign_of_life_is_given_up(make, pretend, opened):
    gone = threading.Event()

    def deaf(sock):
        greet(sock)
        with contextlib.suppress(OSError):
            while sock.recv(1024):
                pass
        gone.set()

    with capture_logs() as logs:
        broker = pretend(deaf, behave(b"1"))
        link = opened(make, broker.address, keepalive_s=1)
        assert len(link.take(1, WITHIN_S)) == 1
    assert gone.is_set()
    assert events(logs)[:2] == ["link up", "link lost"]


def test_a_broker_that_answers_pings_is_kept(pretend, opened):
    broker = pretend(behave())
    link = opened(SessionInlet, broker.address, keepalive_s=1)
    assert link.wait_connected(WITHIN_S)
    assert link.take(1, 2.5) == []
    assert broker.connections == 1


def test_a_broker_that_hangs_up_while_we_do_not_read_is_noticed(make, pretend, opened):
    def act(sock):
        greet(sock)
        sock.sendall(b"".join(message(mid, b"x" * 1000) for mid in range(1, 31)))

    broker = pretend(act, behave(b"after"))
    link = opened(make, broker.address, most_pending=5)
    wait_until(lambda: link.pending() == 5)
    held = link.take(5, 0)
    wait_until(lambda: broker.connections == 2)
    link.ack(held)
    assert [d.payload for d in link.take(1, WITHIN_S)] == [b"after"]


def test_a_broker_that_speaks_in_drops_is_understood(make, pretend, opened):
    def act(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for answer in (b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01" + message(1, b"1") + message(2, b"2")):
            hear(sock)
            for drop in answer:
                time.sleep(0.001)  # so that each byte is read by itself: that is what is tested
                sock.sendall(bytes([drop]))
        sock.recv(1)

    link = opened(make, pretend(act).address)
    wait_until(lambda: link.pending() == 2)
    assert [(d.topic, d.payload) for d in link.take(2, 0)] == [(TOPIC, b"1"), (TOPIC, b"2")]


def test_acknowledgements_go_out_in_the_order_of_arrival(make, pretend, opened):
    said = []

    def act(sock):
        greet(sock)
        sock.sendall(b"".join(message(mid, b"x") for mid in range(1, 101)))
        said.append(exactly(sock, 400))
        sock.recv(1)

    link = opened(make, pretend(act).address)
    wait_until(lambda: link.pending() == 100)
    deliveries = link.take(100, 0)
    link.ack(deliveries[50:])
    link.ack(deliveries[:50][::-1])
    wait_until(lambda: said)
    assert said == [b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in range(1, 101))]


def test_a_message_that_is_sent_twice_is_acknowledged_twice(make, pretend, opened):
    said = []

    def act(sock):
        greet(sock)
        sock.sendall(message(7, b"x") + message(7, b"x") + message(8, b"y"))
        said.append(exactly(sock, 12))
        sock.recv(1)

    link = opened(make, pretend(act).address)
    wait_until(lambda: link.pending() == 3)
    link.ack(link.take(3, 0))
    wait_until(lambda: said)
    assert said == [b"\x40\x02\x00\x07\x40\x02\x00\x07\x40\x02\x00\x08"]


def test_a_refused_subscription_is_said_and_is_no_link(make, pretend, opened):
    def act(sock):
        greet(sock, granted=0x80)
        sock.recv(1)

    with capture_logs() as logs:
        link = opened(make, pretend(act).address)
        wait_until(lambda: "subscription refused" in events(logs))
        assert link.connected_since() is None


@pytest.mark.parametrize(("code", "words"), [(3, "not available"), (4, "password"), (5, "authori"), (99, "99")])
def test_a_refused_connection_says_why(code, words, pretend, opened):
    def act(sock):
        hear(sock)
        sock.sendall(bytes([0x20, 2, 0, code]))
        sock.recv(1)

    with capture_logs() as logs:
        link = opened(SessionInlet, pretend(act, behave(b"1")).address)
        assert len(link.take(1, WITHIN_S)) == 1
    assert words in logs[0]["why"]


def test_filters_that_are_added_are_heard_at_once_and_after_a_broker_that_forgot(make, opened):
    more = [f"more/{i}" for i in range(450)]
    broker = EmbeddedBroker().start()
    try:
        inlet = opened(make, broker.address)
        assert inlet.wait_connected(WITHIN_S)
        inlet.listen(["more/0"])
        inlet.listen([FILTER, *more])
        outlet = MqttOutlet(broker.address, "adds-filters")
        assert _heard(inlet, outlet, "more/0", "more/449") >= {"more/0", "more/449"}
        outlet.close()
        broker.stop()
        broker.start()
        outlet = MqttOutlet(broker.address, "adds-filters-2")
        assert _heard(inlet, outlet, TOPIC, "more/200") >= {TOPIC, "more/200"}
        outlet.close()
    finally:
        broker.stop()


def _heard(inlet, outlet, *topics):
    """Publish until all of it is heard."""
    found, until = set(), time.monotonic() + WITHIN_S
    while not found >= set(topics):
        assert time.monotonic() < until, found
        for topic in topics:
            outlet.publish(topic, b"1")
        deliveries = inlet.take(1000, 0.1)
        found |= {d.topic for d in deliveries}
        inlet.ack(deliveries)
    return found


def test_what_the_broker_has_forgotten_is_kept_and_what_it_remembers_is_forgotten(make, pretend, opened):
    def first(sock):
        greet(sock)
        sock.sendall(message(1, b"one") + message(0, b"zero", qos=0))
        wait_until(lambda: link.pending() == 2)

    def remembering(sock):
        greet(sock, session_present=True)
        wait_until(lambda: link.pending() == 1)
        sock.sendall(message(1, b"one"))
        wait_until(lambda: link.pending() == 2)

    broker = pretend(first, remembering, behave())
    link = opened(make, broker.address)
    wait_until(lambda: broker.connections == 3 and link.connected_since())
    assert [(d.payload, d.session) for d in link.take(9, 0)] == [(b"zero", 1), (b"one", 2)]


def test_a_message_that_is_too_large_comes_cut_and_is_told(pretend, opened, monkeypatch):
    monkeypatch.setattr("network.mqtt.session.MOST_PACKET_BYTES", 600_000)
    with capture_logs() as logs:
        link = opened(SessionInlet, pretend(behave(b"before", b"x" * 2_000_000, b"after")).address)
        wait_until(lambda: link.pending() == 3)
        before, large, after = link.take(3, 0)
    assert (before.payload, after.payload) == (b"before", b"after")
    assert 100_000 < len(large.payload) < 600_000
    assert "message cut: too large" in events(logs)


class Guarded:
    """Mosquitto with a password, plain and by TLS."""

    def __init__(self, folder, authority):
        with socket.socket() as one, socket.socket() as two:
            for probe in (one, two):
                probe.bind(("127.0.0.1", 0))
            self.plain, self.tls = one.getsockname()[1], two.getsockname()[1]
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        passwords = folder / "passwords"
        subprocess.run(
            [shutil.which("mosquitto_passwd", path=PATH), "-b", "-c", passwords, "ingest", "s:e/c@ret"], check=True
        )
        config = folder / "mosquitto.conf"
        config.write_text(
            f"user root\nallow_anonymous false\npassword_file {passwords}\npersistence false\n"
            "max_inflight_messages 0\nmax_queued_messages 0\n"
            f"listener {self.plain} 127.0.0.1\n"
            f"listener {self.tls} 127.0.0.1\ncertfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"
        )
        mosquitto = shutil.which("mosquitto", path=PATH)
        self._process = subprocess.Popen(
            [mosquitto, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._accepts)

    def _accepts(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.plain), 0.5).close()
            return True
        return False

    def address(self, password="s:e/c@ret", host="localhost", *, tls=True):
        return Address(host, self.tls if tls else self.plain, "ingest", password, tls=tls)

    def stop(self):
        self._process.terminate()
        self._process.wait(5)


@pytest.fixture
def guarded(tmp_path):
    if not all(shutil.which(name, path=PATH) for name in ("mosquitto", "mosquitto_passwd")):
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    running = Guarded(tmp_path, authority)
    yield running
    running.stop()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_behind_tls_and_a_password_nothing_is_lost(make, host, guarded, opened, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    link = opened(make, guarded.address(host=host), most_pending=300)
    assert link.wait_connected(WITHIN_S)
    outlet = MqttOutlet(guarded.address(tls=False), "publisher-test")
    sent = [f"{i}".encode().ljust(i % 7 * 3000) for i in range(1_000)]
    for payload in sent:
        outlet.publish(TOPIC, payload)
    got = []
    while len(got) < len(sent) and (batch := link.take(100, WITHIN_S)):
        got += [d.payload for d in batch]
        link.ack(batch)
    assert got == sent
    outlet.close()
    link.close()
    again = opened(make, guarded.address(host=host))
    assert again.wait_connected(WITHIN_S)
    assert again.take(1, 0.2) == []


def test_a_certificate_that_nobody_vouches_for_is_no_link(make, guarded, opened):
    with capture_logs() as logs:
        link = opened(make, guarded.address())
        wait_until(lambda: logs)
        assert not link.wait_connected(0.5)
    assert "certificate" in logs[0]["why"].lower()
    assert events(logs) == ["broker not reached yet"]


def test_a_wrong_password_is_said_once_and_tried_again(make, guarded, opened):
    with capture_logs() as logs:
        link = opened(make, guarded.address("wrong", tls=False))
        wait_until(lambda: logs)
        assert not link.wait_connected(0.5)
    assert "authori" in logs[0]["why"].lower()
    assert "wrong" not in str(logs)
    assert len(logs) == 1


def test_what_comes_again_says_so(make, guarded, opened):
    link = opened(make, guarded.address(tls=False))
    assert link.wait_connected(WITHIN_S)
    outlet = MqttOutlet(guarded.address(tls=False), "publisher-test")
    outlet.publish(TOPIC, b"1")
    assert [d.redelivered for d in link.take(1, WITHIN_S)] == [False]
    link.close()
    again = opened(make, guarded.address(tls=False))
    assert [d.redelivered for d in again.take(1, WITHIN_S)] == [True]
    outlet.close()
