"""A broker that drops what it has acknowledged says so in a counter, and we hear it."""

import shutil
import socket
import subprocess
import time

import pytest
from structlog.testing import capture_logs

from network.losses import DROPPED_TOPIC, BrokerLosses
from network.mqtt import Address, MqttInlet, MqttOutlet

pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="no mosquitto here")
PATIENCE_S = 20


@pytest.fixture
def stingy(tmp_path):
    """A mosquitto that keeps five messages for an absent session and drops the rest."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused_port = free.getsockname()[1]
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {unused_port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 5\nsys_interval 1\n"
    )
    child = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)
    yield Address("127.0.0.1", unused_port)
    child.terminate()
    child.wait(10)


def test_a_broker_that_hangs_up_is_left_alone(broker):
    with capture_logs() as said:
        losses = BrokerLosses(broker, "losses-test-rumqttd")
        thread = losses._feed._client._thread
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert losses.take() == 0
        losses.close()
    assert {"link lost", "broker not reached yet"}.isdisjoint(each["event"] for each in said)
    assert DROPPED_TOPIC in [each.get("topics") for each in said]


def test_what_the_broker_drops_is_heard(stingy):
    outlet = MqttOutlet(stingy, "losses-test")
    absent = MqttInlet(stingy, "losses-test-absent", ["losses/test"])
    assert absent.wait_connected(PATIENCE_S)
    absent.close()
    outlet.publish("losses/test", b"0")
    assert outlet.flush(PATIENCE_S)
    losses = BrokerLosses(stingy)
    heard = 0
    until = time.monotonic() + PATIENCE_S
    while not losses.told() and time.monotonic() < until:
        time.sleep(0.05)  # the broker counts once a second; the first count is what was before us
    for n in range(20):
        outlet.publish("losses/test", str(n).encode())
    assert outlet.flush(PATIENCE_S)
    while heard < 15 and time.monotonic() < until:
        heard += losses.take()
        time.sleep(0.05)
    losses.close()
    outlet.close()
    assert heard >= 15
