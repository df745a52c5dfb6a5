"""The MQTT adapters on real brokers: what is acknowledged, what comes again, what a break costs."""

import contextlib
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from network.broker import EmbeddedBroker, run_broker
from network.device import DeviceClient
from network.link import BrokerStartError, LinkDownError
from network.linking import INLETS
from network.mqtt import Address, LiveFeed, MqttOutlet, SessionInlet
from network.mqtt.kept_inlet import KeptInlet
from perception.kinds import load_kinds
from perception.payload import RawReading, decode

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "broker" / "mosquitto.conf"
FILTER = "hearthline/v1/+/readings"
TOPIC = "hearthline/v1/l4-test/readings"


class Mosquitto:
    """Mosquitto with the shipped configuration; only folder, port and log go elsewhere."""

    def __init__(self, folder: Path, **changes: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = Address("127.0.0.1", probe.getsockname()[1])
        folder.chmod(0o777)
        folder.parent.chmod(0o755)
        wanted = {"persistence_location": f"{folder}/", "listener": f"{self.address.port} 127.0.0.1", **changes}
        lines = [
            f"{line.split()[0]} {wanted[line.split()[0]]}" if line.split()[:1] and line.split()[0] in wanted else line
            for line in SHIPPED.read_text().splitlines()
        ]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(["user root", *lines]))

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self):
        self._process = subprocess.Popen(
            [shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"), "-c", self._config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection((self.address.host, self.address.port), 0.5).close()
            except OSError:
                assert self._process.poll() is None, "mosquitto refuses the shipped configuration"
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return self

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(5)


@pytest.fixture(params=["iotcore", "mosquitto"])
def own_broker(request, tmp_path):
    """A broker of this test's own, of both makes."""
    if request.param == "iotcore":
        running = EmbeddedBroker()
    elif shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    else:
        running = Mosquitto(tmp_path, autosave_interval="1000")  # what is at stake here does not depend on it
    running.start()
    yield running
    running.stop()


@pytest.fixture
def mosquitto(tmp_path):
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    running = Mosquitto(tmp_path).start()
    yield running
    running.stop()


def kill(broker) -> None:
    process = broker._process
    process.send_signal(signal.SIGKILL)
    process.wait(5)


@dataclass
class Opener:
    """Opens inlets of one make."""

    name: str

    def __call__(self, broker, client_id="ingest-test", filters=(FILTER,), **options) -> KeptInlet:
        opened = INLETS[self.name](broker.address, client_id, filters, **options)
        assert opened.wait_connected(10)
        return opened


listen = Opener("session")


@pytest.fixture(params=sorted(INLETS))
def make(request):
    return INLETS[request.param]


@pytest.fixture(params=sorted(INLETS))
def inlet(request):
    """Opens inlets of both makes: what one promises, the other keeps."""
    return Opener(request.param)


def publish(broker, count: int, size: int = 0) -> list[bytes]:
    outlet = MqttOutlet(broker.address, "publisher-test")
    payloads = [f"{i}".encode().ljust(size, b" ") for i in range(count)]
    for payload in payloads:
        outlet.publish(TOPIC, payload)
    assert outlet.flush(20)
    outlet.close()
    return payloads


def take(source: KeptInlet, count: int, within_s: float = 15) -> list:
    deadline = time.monotonic() + within_s
    taken: list = []
    while len(taken) < count and time.monotonic() < deadline:
        taken += source.take(count - len(taken), 0.2)
    return taken


def cut(link) -> None:
    """Break the TCP connection under a link."""
    sock = link._wire.sock if isinstance(link, SessionInlet) else link._client.socket()
    sock.shutdown(socket.SHUT_RDWR)


def wait_for_session(link: KeptInlet, number: int) -> None:
    deadline = time.monotonic() + 10
    while link._session < number or not link.wait_connected(1):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_message_is_received_after_whatever_the_one_before_may_have_held(own_broker, inlet):
    """Readings without a time have that of their receipt, one microsecond each: no two messages may share it."""
    source = inlet(own_broker, "receipt-times-test")
    outlet = MqttOutlet(own_broker.address, "receipt-times-publisher")
    payload = b"[" + b",".join([b'{"t_outdoor": 1.0}'] * 5000) + b"]"
    for _ in range(30):
        outlet.publish(TOPIC, payload)
    times = [delivery.received_at for delivery in take(source, 30)]
    assert len(times) == 30
    assert all(later - earlier >= 5000 for earlier, later in pairwise(times))
    outlet.close()
    source.close()


def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(inlet, own_broker):
    first = inlet(own_broker)
    sent = publish(own_broker, 100)
    taken = take(first, 100)
    assert [d.payload for d in taken] == sent
    first.ack(taken[:60])
    first.close()
    second = inlet(own_broker)
    again = take(second, 40)
    assert [d.payload for d in again] == sent[60:]
    second.ack(again)
    second.close()
    third = inlet(own_broker)
    publish(own_broker, 1)
    assert [d.payload for d in take(third, 1)] == [b"0"]
    third.close()


def test_acknowledgements_may_be_given_in_any_order(inlet, own_broker):
    link = inlet(own_broker)
    since = link.connected_since()
    publish(own_broker, 100)
    taken = take(link, 100)
    assert len(taken) == 100
    for delivery in reversed(taken):
        link.ack([delivery])
    publish(own_broker, 1)
    assert len(take(link, 1)) == 1
    assert link.connected_since() == since
    link.close()


def test_reading_pauses_while_too_much_is_unacknowledged_and_the_link_outlives_the_keepalive(inlet, own_broker):
    link = inlet(own_broker, most_pending=10, keepalive_s=1)
    since = link.connected_since()
    sent = publish(own_broker, 500)
    time.sleep(3)  # several keepalives go by without one packet read: that is what is tested
    assert link.pending() == 10
    assert link.connected_since() == since
    taken = []
    while batch := take(link, 10, 0.5):
        taken += batch
        link.ack(batch)
    assert [d.payload for d in taken] == sent
    assert link.connected_since() == since
    link.close()


def test_reading_pauses_on_bytes_too(inlet, own_broker):
    link = inlet(own_broker, most_pending_bytes=1_000_000)
    publish(own_broker, 20, size=256 * 1024)
    taken = take(link, 4)
    assert len(taken) == 4
    assert take(link, 1, 0.5) == []
    link.ack(taken)
    assert len(take(link, 4)) == 4
    link.close()


def test_a_cut_link_brings_everything_again_and_passes_over_old_acknowledgements(inlet, own_broker):
    link = inlet(own_broker)
    sent = publish(own_broker, 50)
    old = take(link, 20)
    cut(link)
    wait_for_session(link, 2)
    again = take(link, 50)
    assert [d.payload for d in again] == sent
    assert {d.session for d in again} == {2}
    link.ack(old)
    publish(own_broker, 1)
    assert len(take(link, 1)) == 1
    link.close()
    after = inlet(own_broker)
    assert len(take(after, 51)) == 51, "an acknowledgement of the first connection must not count in the second"
    after.close()


def test_an_outlet_sends_again_what_a_killed_broker_had_not_acknowledged(inlet, own_broker):
    link = inlet(own_broker)
    outlet = MqttOutlet(own_broker.address, "publisher-test", window=50)
    receipts = []
    publishing = threading.Thread(
        target=lambda: receipts.extend(outlet.publish(TOPIC, f"{i}".encode()) for i in range(3_000))
    )
    publishing.start()
    got = []
    while len(got) < 500:
        batch = take(link, 50)
        got += [int(d.payload) for d in batch]
        link.ack(batch)
    kill(own_broker)
    while outlet.connected():  # acknowledgements that were under way still count
        time.sleep(0.01)
    acknowledged = {i for i, receipt in enumerate(list(receipts)) if receipt.acknowledged()}
    own_broker.start()
    wait_for_session(link, 2)
    publishing.join(30)
    assert outlet.flush(20)
    assert all(receipt.acknowledged() for receipt in receipts)
    outlet.publish(TOPIC, b"3000")
    while got[-1] != 3_000:
        batch = take(link, 1)
        assert batch, "the link does not work after the break"
        got += [int(d.payload) for d in batch]
        link.ack(batch)
    if isinstance(own_broker, Mosquitto):  # the embedded one forgets our session: what comes before we are back is lost
        assert set(range(3_000)) - acknowledged <= set(got)
    outlet.close()
    link.close()


CONSUMER = """
import sys
from network.linking import INLETS
from network.mqtt import Address
link = INLETS[sys.argv[3]](Address.parse(sys.argv[1]), "ingest-test", ["hearthline/v1/+/readings"])
with open(sys.argv[2], "ab", buffering=0) as kept:
    while True:
        taken = link.take(50, 1)
        for delivery in taken:
            kept.write(delivery.payload + b"\\n")
        link.ack(taken)
"""


def test_nothing_is_lost_when_the_consumer_is_killed_again_and_again(inlet, own_broker, tmp_path):
    inlet(own_broker).close()
    kept = tmp_path / "kept"
    kept.touch()
    outlet = MqttOutlet(own_broker.address, "publisher-test")
    publishing = threading.Thread(target=lambda: [outlet.publish(TOPIC, f"{i}".encode()) for i in range(2_000)])
    publishing.start()
    for lines in (300, 900, 2_000):
        consumer = subprocess.Popen(
            [sys.executable, "-c", CONSUMER, str(own_broker.address), str(kept), inlet.name], cwd=SHIPPED.parents[2]
        )
        deadline = time.monotonic() + 30
        while len(kept.read_bytes().splitlines()) < lines or (lines == 2_000 and missing(kept)):
            assert time.monotonic() < deadline, f"missing: {sorted(missing(kept))[:20]}"
            time.sleep(0.05)
        consumer.kill()
        consumer.wait(5)
    publishing.join(30)
    outlet.close()
    assert not missing(kept)


def missing(kept: Path) -> set[bytes]:
    return {f"{i}".encode() for i in range(2_000)} - set(kept.read_bytes().splitlines())


def test_mosquitto_as_shipped_keeps_what_it_acknowledged_for_an_absent_session(mosquitto, tmp_path):
    listen(mosquitto).close()
    sent = publish(mosquitto, 300)
    store = tmp_path / "mosquitto.db"
    deadline = time.monotonic() + 5
    while sent[-1] not in store.read_bytes():  # the file is written just after the acknowledgement
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kill(mosquitto)
    mosquitto.start()
    link = listen(mosquitto)
    assert {d.payload for d in take(link, 300)} == set(sent)
    link.close()


def test_mosquitto_as_shipped_refuses_instead_of_dropping(tmp_path):
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    small = Mosquitto(tmp_path, memory_limit="3000000").start()
    listen(small).close()
    outlet = MqttOutlet(small.address, "publisher-test", window=1_000)
    receipts = [outlet.publish(TOPIC, f"{i:<20000}".encode()) for i in range(400)]
    assert not outlet.flush(2), "8 MB cannot fit into 3 MB"
    acknowledged = {i for i, receipt in enumerate(receipts) if receipt.acknowledged()}
    link = listen(small)
    got = {int(d.payload) for d in take(link, len(acknowledged), 10)}
    assert acknowledged <= got
    outlet.close()
    link.close()
    small.stop()


def test_an_outlet_waits_for_a_broker_that_is_not_there_yet():
    broker = EmbeddedBroker()
    outlet = MqttOutlet(broker.address, "early")
    receipt = outlet.publish(TOPIC, b"1", retain=True)
    assert not receipt.acknowledged()
    assert not outlet.flush(0.1)
    with broker:
        assert outlet.flush(10)
        assert receipt.acknowledged()
        link = listen(broker)
        assert [d.retained for d in take(link, 1)] == [True]
        link.close()
        outlet.close()


def test_a_full_window_blocks_until_the_outlet_is_closed():
    outlet = MqttOutlet(Address("127.0.0.1", 9), "nobody", window=2)
    outlet.publish(TOPIC, b"1")
    outlet.publish(TOPIC, b"2")
    ended = []

    def third() -> None:
        try:
            outlet.publish(TOPIC, b"3")
        except LinkDownError as err:
            ended.append(err)

    blocked = threading.Thread(target=third)
    blocked.start()
    blocked.join(0.3)
    assert blocked.is_alive()
    outlet.close()
    blocked.join(5)
    assert len(ended) == 1
    with pytest.raises(LinkDownError):
        outlet.publish(TOPIC, b"4", qos=0)


def test_what_has_quality_of_service_0_is_sent_or_dropped_but_never_waits(inlet, own_broker):
    link = inlet(own_broker)
    outlet = MqttOutlet(own_broker.address, "publisher-test", window=1)
    outlet.publish(TOPIC, b"first")
    assert outlet.flush(5)
    outlet.publish(TOPIC, b"now", qos=0)
    taken = take(link, 2)
    assert [d.payload for d in taken] == [b"first", b"now"]
    link.ack(taken)
    kill(own_broker)
    began = time.monotonic()
    for _ in range(10):
        outlet.publish(TOPIC, b"dropped", qos=0)
    assert time.monotonic() - began < 1
    outlet.close()
    link.close()


def test_a_live_feed_hears_what_is_published(own_broker):
    heard = []
    enough = threading.Event()

    def on_message(topic: str, payload: bytes) -> None:
        heard.append((topic, payload))
        enough.set()

    feed = LiveFeed(own_broker.address, "hearthline/live/v1/+", on_message)
    outlet = MqttOutlet(own_broker.address, "publisher-test")
    deadline = time.monotonic() + 10
    while not enough.wait(0.1) and time.monotonic() < deadline:
        outlet.publish("hearthline/live/v1/nis", b"{}", qos=0)
    assert heard[0] == ("hearthline/live/v1/nis", b"{}")
    feed.close()
    outlet.close()


def test_a_device_says_birth_and_state_and_the_broker_says_that_it_vanished(inlet, own_broker):
    kind = load_kinds()["weather_station"]
    link = inlet(own_broker, filters=("hearthline/v1/+/birth", "hearthline/v1/+/state"))
    device = DeviceClient(own_broker.address, "roof-1", kind, interval_s=60)
    birth, online = take(link, 2)
    assert birth.topic == "hearthline/v1/roof-1/birth"
    assert b'"kind":"weather_station"' in birth.payload
    assert (online.topic, online.payload) == ("hearthline/v1/roof-1/state", b"online")
    assert device.flush(5)  # what is not acknowledged yet would be sent again
    cut(device._carrier._outlet)
    assert [d.payload for d in take(link, 3)] == [b"offline", birth.payload, b"online"]
    device.close()
    assert [d.payload for d in take(link, 1)] == [b"offline"]
    link.close()


def test_a_device_sends_what_is_old_as_backfill(broker):
    kind = load_kinds()["weather_station"]
    link = inlet_on(broker, "backfill-test", ("hearthline/v1/roof-2/readings", "hearthline/v1/roof-2/backfill"))
    now = time.time_ns() // 1_000_000 * 1_000
    readings = [RawReading(now - 60_000_000 * minute, {"t_outdoor": -5.0}) for minute in range(100)]
    with DeviceClient(broker, "roof-2", kind) as device:
        sent = device.send(readings, now)
        assert device.flush(10)
        assert all(message.receipt.acknowledged() for message in sent)
    assert [message.readings for message in sent] == [1, 1, 1, 1, 60, 36]
    taken = take(link, 6)
    assert [d.topic.rpartition("/")[2] for d in taken] == ["readings"] * 4 + ["backfill"] * 2
    assert [r for d in taken for r in decode(d.payload)] == readings
    link.ack(taken)
    link.close()


def inlet_on(address, client_id, filters) -> SessionInlet:
    opened = SessionInlet(address, client_id, filters)
    assert opened.wait_connected(10)
    return opened


def test_a_topic_that_is_no_utf8_stops_nobody(inlet, own_broker):
    link = inlet(own_broker)
    with socket.create_connection((own_broker.address.host, own_broker.address.port), 5) as raw:
        raw.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02xx")
        assert raw.recv(4) == b"\x20\x02\x00\x00"
        topic = b"hearthline/v1/\xff\xfe/readings"
        raw.sendall(bytes([0x30, 2 + len(topic) + 1]) + len(topic).to_bytes(2, "big") + topic + b"1")
        raw.settimeout(1)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            raw.recv(1)
    publish(own_broker, 1)
    taken = take(link, 2, 2)
    assert taken[-1].payload == b"0"
    assert all("\ufffd" not in d.topic for d in taken)
    link.close()


def test_the_embedded_broker_names_a_taken_port():
    with EmbeddedBroker() as running, pytest.raises(BrokerStartError, match=f"{running.port}.*broker.port"):
        EmbeddedBroker(running.port).start()


def test_the_embedded_broker_can_be_killed_and_started_again():
    broker = EmbeddedBroker().start()
    first = broker.pid
    kill(broker)
    assert broker.pid is None
    broker.start()
    assert broker.pid not in (None, first)
    broker.stop()
    broker.stop()
    assert broker.pid is None


def test_the_embedded_broker_speaks_mqtt_5_on_a_second_port():
    port, port_v5 = (EmbeddedBroker().port for _ in range(2))
    serving = multiprocessing.get_context("spawn").Process(target=run_broker, args=(port,), kwargs={"port_v5": port_v5})
    serving.start()
    link = inlet_on(Address("127.0.0.1", port), "ingest-test", (FILTER,))
    foreign = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    foreign.connect("127.0.0.1", port_v5)
    foreign.loop_start()
    foreign.publish(TOPIC, b"five", qos=1).wait_for_publish(5)
    assert [d.payload for d in take(link, 1)] == [b"five"]
    foreign.disconnect()
    link.close()
    serving.terminate()
    serving.join(5)
    assert serving.exitcode == -signal.SIGTERM


def test_the_embedded_broker_ends_with_the_process_that_started_it():
    program = "from network.broker import EmbeddedBroker as B; b = B().start(); print(b.pid, flush=True); input()"
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    broker_pid = int(parent.stdout.readline())
    assert psutil.pid_exists(broker_pid)
    parent.kill()
    parent.wait(5)
    parent.stdin.close()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while psutil.pid_exists(broker_pid) and psutil.Process(broker_pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_broker_that_refuses_us_is_no_link(make, tmp_path):
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    closed = Mosquitto(tmp_path, allow_anonymous="false").start()
    link = make(closed.address, "ingest-test", (FILTER,))
    outlet = MqttOutlet(closed.address, "publisher-test")
    receipt = outlet.publish(TOPIC, b"1")
    assert not link.wait_connected(1)
    assert link.connected_since() is None
    assert not outlet.flush(0.5)
    assert not receipt.acknowledged()
    outlet.close()
    link.close()
    closed.stop()


def test_the_embedded_broker_takes_payloads_of_512_kib(broker):
    link = inlet_on(broker, "large-test", ("hearthline/v1/large/readings",))
    outlet = MqttOutlet(broker, "large-publisher")
    outlet.publish("hearthline/v1/large/readings", b"x" * (512 * 1024 - 100))
    assert outlet.flush(10)
    assert len(take(link, 1)[0].payload) == 512 * 1024 - 100
    outlet.close()
    link.close()
