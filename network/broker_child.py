"""The embedded broker's own process: it imports next to nothing, so that it is up at once."""

import contextlib
import logging
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from iotcore.iotcore import IotCoreBroker

_ROUTER = "router-"  # rumqttd's name of the thread through which everything goes
_LOOK_S = 0.2


def serve(config: str) -> None:
    """Be the broker that this text of a rumqttd.toml describes, until SIGTERM or SIGINT ends this process."""
    with tempfile.TemporaryDirectory(prefix="hearthline-broker-") as folder:
        file = Path(folder) / "rumqttd.toml"
        file.write_text(config)
        broker = IotCoreBroker(config_path=str(file))
    # rumqttd reports every packet as an error span: what it says is for debugging it, not for operators.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL + 1)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a file for each device that connects
    # It never returns to Python: the default actions are the only ones that still work.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_router, daemon=True).start()
    broker.run_forever()


def _end_with_router() -> None:
    """End this process when rumqttd's router is gone: a bug there ends that thread alone, and nothing is answered."""
    seen = False
    while not seen or _router_lives():
        seen = seen or _router_lives()
        time.sleep(_LOOK_S)
    sys.stderr.write("the broker's router has died of a bug of its own: the broker ends, to be started again\n")
    sys.stderr.flush()
    os._exit(1)


def _router_lives() -> bool:
    for name in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # that thread has just ended
            if name.read_text().startswith(_ROUTER):
                return True
    return False


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # returns when the parent is gone
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(sys.argv[1])
