"""The embedded broker: iotcore, which is rumqttd in a wheel, as a child process on loopback.

Everything is in memory. A restart forgets sessions, queues and retained messages: devices with a
queue of their own, and outlets that still hold a message, send it again; a broker with a disk
(configs/broker/mosquitto.conf) loses nothing.

Each subscription filter has a log of `backlog_mib` of payload, consumed or not, whose oldest
sixteenth goes when it is full: a session that is away for longer than that silently loses the
oldest messages. That is the backlog limit: at 256 MiB about 600,000 readings of 13 points or
200,000 of 56. Measured memory is 54 MiB, plus, for each busy filter (readings, backfill, live
frames), up to twice the limit with messages of 400 bytes, or 1.3 times with 4 KiB. Topics that
nobody subscribes to cost nothing. At most 100 messages are on their way to a session at once,
and redelivered ones do not carry the DUP flag; both are rumqttd's.

A listener of QoS 0 that says goodbye while much is on its way to it can kill the router, a thread of
rumqttd 0.20: the process sees that and ends, to be started again.

It speaks MQTT 3.1.1 on `port`; for devices that speak MQTT 5, a second listener opens on `port_v5`.
It knows no passwords and no TLS, so it never listens beyond loopback.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from network import broker_child
from network.address import Address
from network.link import BrokerStartError

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 3.0
MAX_PAYLOAD_BYTES = 512 * 1024
BACKLOG_MIB = 256
_LOOPBACK = "127.0.0.1"
_SEGMENTS = 16  # the oldest sixteenth of a full log goes at once


def broker_config(port: int, listen: str, max_payload_bytes: int, backlog_mib: int, port_v5: int | None = None) -> str:
    """Return rumqttd's own configuration file.

    A topic that nobody subscribes to is accepted (dynamic_filters): refusing it would disconnect
    the publisher.
    """
    router = f"""\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 1000
max_segment_size = {backlog_mib * 1024 * 1024 // _SEGMENTS}
max_segment_count = {_SEGMENTS}
"""
    wanted = [("v4", port)] if port_v5 is None else [("v4", port), ("v5", port_v5)]
    return router + "".join(_listener(version, f"{listen}:{at}", max_payload_bytes) for version, at in wanted)


def _listener(version: str, listen: str, max_payload_bytes: int) -> str:
    return f"""
[{version}.1]
name = "{version}-1"
listen = "{listen}"
next_connection_delay_ms = 1

[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = {max_payload_bytes}
max_inflight_count = 1000
dynamic_filters = true
"""


def run_broker(
    port: int,
    *,
    listen: str = _LOOPBACK,
    max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    backlog_mib: int = BACKLOG_MIB,
    port_v5: int | None = None,
) -> None:
    """Be the broker until SIGTERM or SIGINT ends this process.

    Raises BrokerStartError when a port is taken, or `listen` is not this machine alone.
    """
    _refuse_beyond_loopback(listen)
    _refuse_taken_port(listen, port, "broker.port")
    if port_v5 is not None:
        _refuse_taken_port(listen, port_v5, "broker.port_v5")
    broker_child.serve(broker_config(port, listen, max_payload_bytes, backlog_mib, port_v5))


class EmbeddedBroker:
    """The broker as a child of this process, which ends with it. Port 0 chooses a free one, and `v5` one for MQTT 5."""

    def __init__(
        self,
        port: int = 0,
        listen: str = _LOOPBACK,
        *,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        backlog_mib: int = BACKLOG_MIB,
        v5: bool = False,
    ) -> None:
        self.port = port or _free_port(listen)
        self.port_v5 = _free_port(listen) if v5 else None
        self._listen = listen
        self._limits = (max_payload_bytes, backlog_mib)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        """Where to connect to."""
        return Address(self._listen, self.port)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start, and return when connections are accepted. Raises BrokerStartError."""
        if self.pid is not None:
            return self
        _refuse_beyond_loopback(self._listen)
        _refuse_taken_port(self._listen, self.port, "broker.port")
        config = broker_config(self.port, self._listen, *self._limits, self.port_v5)
        command = [sys.executable, "-m", broker_child.__name__, config]
        root = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root)  # noqa: S603 (our own module)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _accepts(self.address):
            if self._process.poll() is not None or time.monotonic() > deadline:
                code = self._process.poll()
                self.stop()
                raise BrokerStartError(f"the embedded broker did not come up on port {self.port} (exit code {code})")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End the child; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _refuse_beyond_loopback(listen: str) -> None:
    if not Address(listen).is_loopback:
        raise BrokerStartError(
            f"the embedded broker knows no passwords and no TLS, so it does not listen on {listen}: "
            "for devices of other machines run Mosquitto, see docs/how-to/secure-the-broker.md"
        )


def _refuse_taken_port(listen: str, port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen, port))
        except OSError as err:
            raise BrokerStartError(
                f"the broker cannot listen on {listen}:{port} ({err.strerror}): stop what listens there, "
                f"choose another port ({setting}), or use that broker (broker.url)"
            ) from err


def _free_port(listen: str) -> int:
    with socket.socket() as probe:
        probe.bind((listen, 0))
        port: int = probe.getsockname()[1]
        return port


def _accepts(address: Address) -> bool:
    try:
        socket.create_connection((address.host, address.port), timeout=0.5).close()
    except OSError:
        return False
    return True
