"""Sensors announced by ha-mqtt-discoverable, driven by lines of JSON: what the tests talk to, not our own code.

Runs in build/clients/discovery (tests/clients/install.sh).
"""

import json
import sys

from ha_mqtt_discoverable import DeviceInfo, Settings
from ha_mqtt_discoverable.sensors import BinarySensor, BinarySensorInfo, Sensor, SensorInfo

MQTT = Settings.MQTT(host="127.0.0.1", port=int(sys.argv[1]))
HUB = DeviceInfo(name="Roof Hub", identifiers=["roof-hub-0815"], manufacturer="Someone", model="Mk II")

sensors = {
    "temperature": Sensor(
        Settings(
            mqtt=MQTT,
            manual_availability=True,
            entity=SensorInfo(
                name="t_outdoor", unique_id="roof-t", unit_of_measurement="°F", device_class="temperature", device=HUB
            ),
        )
    ),
    "wind": Sensor(
        Settings(
            mqtt=MQTT,
            entity=SensorInfo(
                name="wind", unique_id="roof-w", unit_of_measurement="km/h", device=HUB,
                value_template="{{ value_json.wind.speed | float | round(1) }}",
            ),
        )
    ),
    "forecast": Sensor(
        Settings(
            mqtt=MQTT,
            entity=SensorInfo(
                name="forecast", unique_id="roof-f", device=HUB, value_template="{{ states('sun.sun') }}"
            ),
        )
    ),
    "rain": BinarySensor(
        Settings(mqtt=MQTT, entity=BinarySensorInfo(name="rain", unique_id="roof-r", device=HUB))
    ),
}  # fmt: skip


def say(**told):
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def settle(info):
    if info is not None:
        info.wait_for_publish(10)


for line in sys.stdin:
    order = json.loads(line)
    name = order.get("sensor")
    match order["do"]:
        case "announce":
            for sensor in sensors.values():
                settle(sensor.write_config())
        case "state":
            settle(
                sensors[name].mqtt_client.publish(
                    sensors[name].state_topic, order["value"], retain=order.get("retain", False)
                )
            )
        case "available":
            sensors[name].set_availability(order["value"])
        case "delete":
            sensors[name].delete()
    say(what="done", of=order["do"])
