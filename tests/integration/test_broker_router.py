"""The embedded broker when its router dies inside: it ends as a whole, so that it can be started again."""

import contextlib
import socket
import threading
import time

from network.broker import EmbeddedBroker
from network.mqtt import Crowd, Message, MqttInlet
from network.mqtt.frames import DISCONNECT
from network.mqtt.speaking import connect

TOPIC = "router/flood"
PROVOKED_WITHIN_S, ENDS_WITHIN_S = 15, 3
SUBSCRIBE_QOS_0 = b"\x82\x11\x00\x01\x00\x0c" + TOPIC.encode() + b"\x00"


class Flood:
    client_id, will, hears = "router-flood", None, ()

    def greetings(self):
        return ()

    def say(self, most):
        return [Message(TOPIC, bytes(300))] * most

    def settled(self, message):
        pass

    def unsettled(self, messages):
        pass


def pour(address, stop):
    with contextlib.closing(Crowd(address, [Flood()])) as crowd:
        while not stop.is_set():
            crowd.ring(0)
            crowd.turn(0.01)


def come_and_say_goodbye(address, number):
    """Listen at QoS 0 for a moment, and say goodbye while messages are on their way."""
    with socket.create_connection((address.host, address.port), 2) as sock:
        sock.sendall(connect(f"router-guest-{number}", keepalive_s=60) + SUBSCRIBE_QOS_0)
        for _ in range(20):
            sock.recv(65_536)
        sock.sendall(DISCONNECT)


def flooded(running, guest, seconds):
    """Let guests listen and leave, one after another, in the midst of a flood, until the broker ends or time is up."""
    stop, until, number = threading.Event(), time.monotonic() + seconds, 0
    pouring = threading.Thread(target=pour, args=(running.address, stop))
    pouring.start()
    try:
        while running.pid is not None and time.monotonic() < until:
            number += 1
            with contextlib.suppress(OSError):
                guest(running.address, number)
    finally:
        stop.set()
        pouring.join()


def answers(address):
    with contextlib.closing(MqttInlet(address, "router-asks", ["router/asks"], session_kept=False)) as asks:
        return asks.wait_connected(ENDS_WITHIN_S)


def test_a_broker_whose_router_has_died_ends_instead_of_falling_silent():
    with EmbeddedBroker() as running:
        flooded(running, come_and_say_goodbye, PROVOKED_WITHIN_S)  # which kills the router of rumqttd 0.20
        assert running.pid is None or answers(running.address)
