"""The MQTT adapter: MQTT 3.1.1 by paho-mqtt, behind the ports of network.link.

Door: Address, MqttInlet, MqttOutlet, LiveFeed, DeviceSession. Nothing else of the code base imports paho.
"""

from network.address import Address, AddressError
from network.mqtt.connection import LinkLog
from network.mqtt.device_session import DeviceSession
from network.mqtt.inlet import MqttInlet
from network.mqtt.live_feed import LiveFeed
from network.mqtt.outlet import MqttOutlet

__all__ = ["Address", "AddressError", "DeviceSession", "LinkLog", "LiveFeed", "MqttInlet", "MqttOutlet"]
