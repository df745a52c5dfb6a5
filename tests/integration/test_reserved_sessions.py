"""A broker that has just begun keeps what devices publish before ingest is there."""

import pytest

from network.broker import EmbeddedBroker
from network.linking import INLETS, linked, reserve
from network.mqtt import MqttOutlet
from network.settings import BrokerSettings

WITHIN_S = 10.0


def taken(inlet):
    found = inlet.take(10, WITHIN_S)
    inlet.ack(found)
    return [delivery.topic for delivery in found]


@pytest.mark.parametrize("inlet", sorted(INLETS))
def test_what_comes_before_ingest_is_kept_for_it(inlet):
    with EmbeddedBroker() as broker:
        settings = BrokerSettings(port=broker.port, inlet=inlet)
        reserve(settings)
        outlet = MqttOutlet(settings.address, "early-device")
        outlet.publish("hearthline/v1/early-01/readings", b"{}")
        outlet.publish("hearthline/v1/early-01/backfill", b"[]")
        assert outlet.flush(WITHIN_S)
        outlet.close()
        with linked(settings) as (live, backfill, _):
            assert isinstance(live, INLETS[inlet])
            assert taken(live) == ["hearthline/v1/early-01/readings"]
            assert taken(backfill) == ["hearthline/v1/early-01/backfill"]
