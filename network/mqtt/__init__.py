"""The MQTT adapter: MQTT 3.1.1 behind the ports of network.link, by our own session and by paho-mqtt.

Door: Address, SessionInlet, MqttInlet (each a KeptInlet), MqttOutlet, LiveFeed, DeviceSession. Ingest receives through
SessionInlet; the rest is paho, which nothing else of the code base imports.
"""

from network.address import Address, AddressError
from network.mqtt.connection import LinkLog
from network.mqtt.device_session import DeviceSession
from network.mqtt.inlet import MqttInlet
from network.mqtt.kept_inlet import KeptInlet
from network.mqtt.live_feed import LiveFeed
from network.mqtt.outlet import MqttOutlet
from network.mqtt.session import SessionInlet

__all__ = [
    "Address",
    "AddressError",
    "DeviceSession",
    "KeptInlet",
    "LinkLog",
    "LiveFeed",
    "MqttInlet",
    "MqttOutlet",
    "SessionInlet",
]
