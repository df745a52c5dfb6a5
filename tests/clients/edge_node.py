"""An edge node of Sparkplug B made of pysparkplug, driven by lines of JSON: what the tests talk to, not our own code.

Runs in build/clients/sparkplug (tests/clients/install.sh). Prints a line of JSON for each thing that happened.
"""

import json
import os
import sys
import time

import pysparkplug as psp

GROUP, NODE, DEVICE = "Plant 1", "edge-7", "HX_1"
PORT = int(sys.argv[1])
METRICS = {
    "Inputs/t_outdoor": (psp.DataType.FLOAT, -12.5, 1),
    "Inputs/humidity": (psp.DataType.INT16, 81, 2),
    "Wind": (psp.DataType.DOUBLE, 4.0, 3),
    "Serial": (psp.DataType.STRING, "A-17", 4),
}


def say(**told):
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def metric(name, value, *, alias_only=False, at=None, historical=False):
    datatype, _, alias = METRICS[name]
    return psp.Metric(
        timestamp=at or psp.get_current_timestamp(),
        name=None if alias_only else name,
        datatype=datatype,
        value=value,
        alias=alias,
        is_null=value is None,
        is_historical=historical,
    )


def commanded(node, message):
    names = [m.name for m in message.payload.metrics]
    say(what="ncmd", names=names, values=[m.value for m in message.payload.metrics])


class Edge:
    def __init__(self):
        self.client = psp.Client()
        self.node = psp.EdgeNode(
            GROUP,
            NODE,
            [psp.Metric(timestamp=psp.get_current_timestamp(), name="Uptime", datatype=psp.DataType.INT64, value=5)],
            client=self.client,
            cmd_callback=commanded,
        )
        self.node.register(psp.Device(DEVICE, [metric(name, value) for name, (_, value, _) in METRICS.items()]))
        self.seq = 2

    def connect(self):
        self.node.connect("127.0.0.1", port=PORT)
        until = time.monotonic() + 10
        while not self.node._connected:
            assert time.monotonic() < until
            time.sleep(0.01)
        say(what="connected")

    def update(self, values):
        self.node.update_device(DEVICE, [metric(name, value) for name, value in values.items()])
        self.seq += 1

    def by_alias(self, readings, skip=0):
        """Publish DDATA with aliases and no types, as small devices do; `skip` running numbers are left out."""
        for _ in range(skip):
            _ = self.node._seq  # reading it counts
        metrics = tuple(
            metric(
                one["name"], one["value"], alias_only=True, at=one.get("at"), historical=one.get("historical", False)
            )
            for one in readings
        )
        payload = psp.DData(timestamp=psp.get_current_timestamp(), seq=self.node._seq, metrics=metrics)
        topic = psp.Topic(message_type=psp.MessageType.DDATA, group_id=GROUP, edge_node_id=NODE, device_id=DEVICE)
        self.client.publish(
            psp.Message(topic=topic, payload=payload, qos=psp.QoS.AT_MOST_ONCE, retain=False), include_dtypes=False
        )

    def deregister(self):
        self.node.deregister(DEVICE)

    def disconnect(self):
        self.node.disconnect()

    def vanish(self):
        os._exit(0)  # without a goodbye: the broker publishes the will


edge = Edge()
for line in sys.stdin:
    order = json.loads(line)
    what = order.pop("do")
    getattr(edge, what)(**order)
    say(what="done", of=what)
