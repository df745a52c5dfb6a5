"""Peers as processes: mq-bridge, Node-RED and a script, each writing flat JSON messages into a table; and ours.

A peer takes messages from a kept session with QoS 1 under a fixed name, as its own manual advises. Its table has an
index on device and time that is not unique, so that what was stored twice can be counted; ours has its key.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from messages import KIND, POINTS
from rig import CHECKOUT
from steady import OURS, Wire

FOREIGN = Path(__file__).resolve().parent / "foreign"
INSTALLED = CHECKOUT / "build" / "peers"
TABLE = "peer"
COLUMNS = ("device", "ts", *POINTS)
FLAT = Wire(
    lambda name: f"peers/{name}/readings".encode(),
    lambda name, ts_ms, body: b'{"device":"%b","ts":%d,%b' % (name.encode(), ts_ms, body[1:]),
    f"select from {TABLE} where device = %s and ts = %s",
)
FILTER = "peers/+/readings"
STARTS_WITHIN_S = 40.0


@dataclass(frozen=True)
class Peer:
    """One peer: its name and version, how to run it (a command, or ours), and why it cannot, if it cannot.

    `leaves` is how it is stopped: Node-RED takes its subscription back when it is asked to leave, and whatever comes
    until it is there again is gone; killed while it has nothing to do, it loses nothing.
    """

    name: str
    version: str
    command: object = None
    missing: str | None = None
    leaves: signal.Signals = signal.SIGTERM

    @property
    def wire(self):
        """How it is spoken to."""
        return OURS if self.command is None else FLAT

    @property
    def table(self):
        """Where it writes."""
        return f"readings_{KIND.name}" if self.command is None else TABLE

    def stored(self, rig):
        """Return (device name, epoch milliseconds) of every row."""
        if self.command is None:
            at = "(extract(epoch from ts) * 1000)::int8"
            return rig.ask(f"select name, {at} from {self.table} join device using (device_id)")
        return rig.ask(f"select device, ts from {self.table}")

    def empty(self, rig):
        """Begin with nothing."""
        rig.empty()
        points = ", ".join(f"{point} double precision" for point in POINTS)
        rig.do(f"drop table if exists {TABLE}")
        rig.do(f"create table {TABLE} (device text not null, ts int8 not null, "
               f"received_at timestamptz not null default now(), {points})")  # fmt: skip
        rig.do(f"create index on {TABLE} (device, ts)")

    def empty_rows(self, rig):
        """Forget what it stored, while it runs: a moment is left for what is still on its way."""
        time.sleep(1.0)
        rig.do(f"truncate {self.table}")

    def log_tail(self, rig):
        """Return the end of what it said."""
        log = rig.folder / f"{self.name.replace(' ', '-')}.log"
        return log.read_text(errors="replace").strip()[-400:] if log.exists() else "(none)"

    @contextmanager
    def running(self, rig):
        """Run it; at the end of the block it is asked to leave, if it has not been killed by then."""
        if self.command is None:
            with rig.ingesting() as child:
                yield child
            return
        log = (rig.folder / f"{self.name.replace(' ', '-')}.log").open("ab")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
        child = subprocess.Popen(self.command(rig), env=environment, stdout=log, stderr=log)
        try:
            yield child
        finally:
            child.send_signal(self.leaves)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            log.close()


def peers():
    """Return ours and every peer, those that are not installed with the reason."""
    bridge, node = INSTALLED / "venv" / "bin" / "python", INSTALLED / "node" / "node_modules" / "node-red"
    no_bridge = None if (INSTALLED / "venv" / "installed").exists() else "mq-bridge is not installed"
    no_node = None if (INSTALLED / "node" / "installed").exists() else "Node-RED is not installed"
    paho, pg = _version_of("paho-mqtt"), "pg 8.23.1"
    return (
        Peer("hearthline", _version_of("hearthline")),
        Peer("mq-bridge insert", "1.2.0", lambda rig: _bridge(rig, bridge, bulk=False), no_bridge),
        Peer("mq-bridge bulk copy", "1.2.0", lambda rig: _bridge(rig, bridge, bulk=True), no_bridge),
        Peer("node-red", f"4.1.1, {pg}", lambda rig: _node_red(rig, node, "single.js"), no_node, signal.SIGKILL),
        Peer(
            "node-red batched", f"4.1.1, {pg}", lambda rig: _node_red(rig, node, "batched.js"), no_node, signal.SIGKILL
        ),
        Peer(
            "naive script", f"paho {paho}", lambda rig: [sys.executable, FOREIGN / "naive.py", json.dumps(_told(rig))]
        ),
    )


def _version_of(package):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "of this checkout"


def _told(rig):
    return {"port": rig.port, "url": rig.url, "topic": FILTER, "table": TABLE, "points": POINTS}


def _bridge(rig, python, *, bulk):
    """mq-bridge with large batches, the widest window, and a queue that holds the whole backlog.

    With a smaller queue the route does not start upon a longer backlog: "an endpoint was still connecting".
    """
    name = "bulk" if bulk else "insert"
    tokens = [f"${{payload:{column}}}" for column in COLUMNS]
    query = f"insert into {TABLE} ({', '.join(COLUMNS)}) values ({', '.join(tokens)})"
    route = {
        "input": {"mqtt": {
            "url": f"tcp://127.0.0.1:{rig.port}", "topic": FILTER, "client_id": f"peer-bridge-{name}", "qos": 1,
            "clean_session": False, "protocol": "v3", "queue_capacity": 100_000, "max_inflight": 65_535,
        }},
        "output": {"sqlx": {
            "url": rig.url.replace("@/", "@localhost/"), "table": TABLE, "insert_query": query, "bulk_copy": bulk,
        }},
        "batch_size": 5000 if bulk else 2000, "startup_timeout_ms": 30_000,
    }  # fmt: skip
    file = rig.folder / f"route-{name}.json"
    file.write_text(json.dumps({"routes": {name: route}}))
    return [python, FOREIGN / "bridge.py", file, name]


def _node_red(rig, node, script):
    """Node-RED without its editor, with a flow of two nodes: mqtt in, and a function with a pg Pool."""
    home = rig.folder / f"node-red-{script.removesuffix('.js')}"
    home.mkdir(exist_ok=True)
    code = (FOREIGN / script).read_text()
    begins, runs = code.split("// on every message\n")
    values = {"PG_URL": rig.url, "PG_TABLE": TABLE, "PG_COLUMNS": ",".join(COLUMNS)}
    for key, value in values.items():
        begins = begins.replace(key, value)
    flow = [
        {"id": "flow", "type": "tab", "label": "bench"},
        {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(rig.port),
         "clientid": f"peer-{home.name}", "autoConnect": True, "usetls": False, "protocolVersion": "4",
         "keepalive": "60", "cleansession": False},
        {"id": "in", "type": "mqtt in", "z": "flow", "topic": FILTER, "qos": "1", "datatype": "json",
         "broker": "broker", "nl": False, "rap": True, "rh": 0, "inputs": 0, "wires": [["store"]]},
        {"id": "store", "type": "function", "z": "flow", "func": runs, "initialize": begins, "outputs": 0, "wires": []},
    ]  # fmt: skip
    (home / "flow.json").write_text(json.dumps(flow))
    (home / "settings.js").write_text(
        "module.exports = { httpAdminRoot: false, httpNodeRoot: false, flowFile: 'flow.json', uiPort: 0, "
        "uiHost: '127.0.0.1', logging: { console: { level: 'warn' } }, credentialSecret: false, "
        f"functionGlobalContext: {{ pg: require({str(node.parent / 'pg')!r}) }} }}\n"
    )
    return ["node", node / "red.js", "--userDir", home, "--settings", home / "settings.js", home / "flow.json"]


def await_rows(rig, peer, enough, silence_s, *, look_s=0.25, keys=False):
    """Return the count of rows once that is enough, or once it has not changed for so long.

    With `keys` the count of different ones: a peer that stores some twice is not done when it has stored as many rows
    as there are messages. That costs the server more, so nothing may be timed by it.
    """
    of = "count(distinct (device, ts))" if keys and peer.command else "count(*)"
    seen, moved = -1, time.monotonic()
    while True:
        [(rows,)] = rig.ask(f"select {of} from {peer.table}")
        if rows >= enough or time.monotonic() - moved > silence_s:
            return rows
        if rows != seen:
            seen, moved = rows, time.monotonic()
        time.sleep(look_s)
