"""The MQTT adapter: MQTT 3.1.1 behind the ports of network.link, by our own session and by paho-mqtt.

Door: Address, SessionInlet, MqttInlet, MqttOutlet, LiveFeed, DeviceSession, Crowd. Ingest receives through
SessionInlet, thousands of simulated devices speak through a Crowd; the rest is paho, which nothing else of the code
base imports.
"""

from network.address import Address, AddressError
from network.mqtt.connection import LinkLog
from network.mqtt.crowd import Crowd, TooManyConnectionsError
from network.mqtt.device_session import DeviceSession
from network.mqtt.inlet import MqttInlet
from network.mqtt.live_feed import LiveFeed
from network.mqtt.outlet import MqttOutlet
from network.mqtt.session import SessionInlet
from network.mqtt.speaking import Message

__all__ = [
    "Address",
    "AddressError",
    "Crowd",
    "DeviceSession",
    "LinkLog",
    "LiveFeed",
    "Message",
    "MqttInlet",
    "MqttOutlet",
    "SessionInlet",
    "TooManyConnectionsError",
]
