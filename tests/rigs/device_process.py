"""A device as a process of its own, to be killed: it notes every reading before and after `send` has accepted it."""

import os
import sys
import time
from pathlib import Path
from threading import Event

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from network.address import Address
from network.device import DeviceClient, DiskQueue
from perception.kinds import load_kinds
from perception.payload import RawReading
from support.stopping import stop_event

STEP_US = 1_000
PER_SEND = 5
PAUSE_S = 0.02
FLUSH_S = 60.0


def main(url, name, folder):
    stop: Event = stop_event()
    tried, accepted = (os.open(Path(folder) / n, os.O_RDWR | os.O_CREAT | os.O_APPEND) for n in ("tried", "accepted"))
    lines = (Path(folder) / "tried").read_text().split()
    at = int(lines[-1]) if lines else time.time_ns() // 1_000_000_000 * 1_000_000 - 100_000_000
    kind = load_kinds()["weather_station"]
    queue = DiskQueue(Path(folder) / "queue.db")
    with DeviceClient(Address.parse(url), name, kind, queue=queue, patience_s=1.0) as device:
        while not stop.is_set():
            readings = [RawReading(at + STEP_US * n, {"t_outdoor": 1.5}) for n in range(1, PER_SEND + 1)]
            at = readings[-1].ts
            noted = "".join(f"{r.ts}\n" for r in readings).encode()
            os.write(tried, noted)
            device.send(readings)
            os.write(accepted, noted)
            stop.wait(PAUSE_S)
        sys.exit(0 if device.flush(FLUSH_S) else 3)


if __name__ == "__main__":
    main(*sys.argv[1:])
