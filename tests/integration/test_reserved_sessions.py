"""A broker that has just begun keeps what devices publish before ingest is there."""

from network.broker import EmbeddedBroker
from network.linking import linked, reserve
from network.mqtt import MqttOutlet
from network.settings import BrokerSettings

WITHIN_S = 10.0


def taken(inlet):
    found = inlet.take(10, WITHIN_S)
    inlet.ack(found)
    return [delivery.topic for delivery in found]


def test_what_comes_before_ingest_is_kept_for_it():
    with EmbeddedBroker() as broker:
        settings = BrokerSettings(port=broker.port)
        reserve(settings)
        outlet = MqttOutlet(settings.address, "early-device")
        outlet.publish("hearthline/v1/early-01/readings", b"{}")
        outlet.publish("hearthline/v1/early-01/backfill", b"[]")
        assert outlet.flush(WITHIN_S)
        outlet.close()
        with linked(settings) as (live, backfill, _):
            assert taken(live) == ["hearthline/v1/early-01/readings"]
            assert taken(backfill) == ["hearthline/v1/early-01/backfill"]
