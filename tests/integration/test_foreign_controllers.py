"""Foreign controllers on a real broker: mapped topics are subscribed, stored and rejected like our own."""

import json
import threading
import time
from pathlib import Path

import pytest
from foreigners import await_rows, ingesting
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from network.broker import EmbeddedBroker
from network.mapped import Mappings
from network.mapping_commands import heard_for, tried
from network.mapping_files import load_mappings
from network.settings import BrokerSettings
from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.postgres.connect import make_engine

KINDS = load_kinds()
ROOT = Path(__file__).resolve().parents[2]
PLAIN = ROOT / "tests" / "cases" / "mappings" / "plain_values" / "mapping.toml"


def wall():
    return time.time_ns() // 1000


def foreign_client(port, protocol=MQTTProtocolVersion.MQTTv311):
    client = Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def say(client, topic, payload):
    info = client.publish(topic, payload, qos=1)
    info.wait_for_publish(10)
    assert info.is_published()


@pytest.fixture
def placed(database):
    engine = make_engine(database, "test")
    with engine.begin() as conn:
        save_catalogue(conn, load_catalogue(ROOT / "configs" / "cities"), "test")
        add_device(conn, Device(name="uv-3", kind="heat_substation", station="nis-l4"), "test")
    engine.dispose()
    return database


def test_mapped_messages_are_stored_and_what_cannot_be_mapped_is_kept_as_it_came(placed):
    mappings = load_mappings(PLAIN, KINDS)
    with EmbeddedBroker() as broker, ingesting(placed, BrokerSettings(url=str(broker.address)), mappings):
        client = foreign_client(broker.port)
        say(client, "heizung/UV-3/sensor/S3_flow", b"61.5")
        say(client, "heizung/UV-3/sensor/rssi", b"-71")
        say(client, "heizung/UV-3/sensor/S4_return", b"warm")
        say(client, "hearthline/v1/uv-3/readings", json.dumps({"values": {"t_sec_supply": 60}}).encode())
        await_rows(placed, "select t_sec_supply from readings_heat_substation order by ts", [(61.5,), (60.0,)])
        await_rows(
            placed,
            "select reason, device, topic, convert_from(payload, 'utf8') from reject",
            [("bad_point", "uv-3", "heizung/UV-3/sensor/S4_return", "warm")],
        )
        await_rows(placed, "select sum(received)::int, sum(stored)::int, sum(rejected)::int from ledger", [(3, 2, 1)])
        client.disconnect()


def test_a_device_that_speaks_mqtt_5_is_stored(placed):
    with (
        EmbeddedBroker(v5=True) as broker,
        ingesting(placed, BrokerSettings(url=str(broker.address)), Mappings([])),
    ):
        client = foreign_client(broker.port_v5, MQTTProtocolVersion.MQTTv5)
        say(client, "hearthline/v1/uv-3/readings", json.dumps({"values": {"t_sec_supply": 55}}).encode())
        await_rows(placed, "select t_sec_supply from readings_heat_substation", [(55.0,)])
        client.disconnect()


def test_map_try_listens_on_the_broker(broker):
    class Ports:
        def settings(self):
            return BrokerSettings(url=str(broker))

        def clock(self):
            return wall()

    mappings = load_mappings(PLAIN, KINDS)
    client = foreign_client(broker.port)
    heard, lines = heard_for(Ports(), mappings, "+/#", 3.0), []
    done = threading.Event()

    def talk():
        while not done.wait(0.1):
            client.publish("heizung/UV-3/sensor/S3_flow", b"61.5")
            client.publish("other/thing", b"1")

    talking = threading.Thread(target=talk)
    talking.start()
    for line in tried(heard, mappings, KINDS, None):
        lines.append(line)
        if "uv-3 at" in line:
            done.set()
    talking.join()
    client.disconnect()
    said = "\n".join(lines)
    assert "t_sec_supply=61.5" in said
    assert "'other/thing'" in said
    assert "'heizung/UV-3/sensor/S3_flow'" not in said.partition("matched nothing")[2]
