"""The bare loop, as a process of its own: receive, decode, COPY, commit, acknowledge; no checks, ledger or rules.

It is the least that Python can do between this broker and this table. `python bare.py '{"port": ..., "url": ...,
"table": ..., "count": ...}'` says "ready" once it has subscribed, drains so many messages, and prints the CPU seconds
that they took.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# Only now: the checkout must be on the path first.
import msgspec
import numpy as np
import psycopg
from frames import Session
from messages import KIND, POINTS

CLIENT = "bench-bare"
FILTER = "hearthline/v1/+/readings"
BLOCK = 5000
SILENCE_S = 120.0  # it is held while the backlog is published
FILL_S = 0.005  # a block of 5,000 is worth waiting for, a little
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
EPOCH_MS = 946_684_800_000

Values = msgspec.defstruct("Values", [(point, float) for point in POINTS])
Message = msgspec.defstruct("Message", [("ts", int), ("values", Values)])
COLUMNS = ("device_id", "ts", "received_at", *POINTS, "quality")


def _field(form):
    return np.dtype([("length", ">i4"), ("value", form)])


ROW = np.dtype([
    ("fields", ">i2"), ("device_id", _field(">i4")), ("ts", _field(">i8")), ("received_at", _field(">i8")),
    ("points", _field(">f8"), (len(POINTS),)), ("quality", _field(">i8")),
])  # fmt: skip
assert set(POINTS) <= set(KIND.names)


def block(published, ids, decode):
    """Return the rows of these messages as one block of binary COPY."""
    read = [decode(payload) for _, payload, _ in published]
    rows = np.zeros(len(read), ROW)
    rows["fields"] = len(COLUMNS)
    for name, width in (("device_id", 4), ("ts", 8), ("received_at", 8), ("points", 8), ("quality", 8)):
        rows[name]["length"] = width
    rows["device_id"]["value"] = [ids[topic] for topic, _, _ in published]
    rows["ts"]["value"] = (np.array([m.ts for m in read], np.int64) - EPOCH_MS) * 1000
    rows["received_at"]["value"] = (time.time_ns() // 1_000_000 - EPOCH_MS) * 1000
    rows["points"]["value"] = np.array([msgspec.structs.astuple(m.values) for m in read])
    return HEADER + rows.tobytes() + TRAILER


def drain(told):
    """Return the CPU seconds that so many messages took."""
    decode = msgspec.json.Decoder(Message).decode
    with psycopg.connect(told["url"]) as conn:
        devices = conn.execute("select device_id, name from device where kind = %s", (KIND.name,)).fetchall()
        conn.commit()
        ids = {f"hearthline/v1/{name}/readings".encode(): device_id for device_id, name in devices}
        copy_in = f"copy {told['table']} ({', '.join(COLUMNS)}) from stdin (format binary)"
        session, waiting, stored = Session(told["port"], CLIENT, FILTER), [], 0
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        began = time.process_time()
        while stored < told["count"]:
            while len(waiting) < BLOCK and (more := session.read(FILL_S if waiting else SILENCE_S)):
                waiting += more
            if not waiting:
                raise RuntimeError(f"only {stored} of {told['count']} messages came")
            taken, waiting = waiting[:BLOCK], waiting[BLOCK:]
            with conn.cursor() as cursor, cursor.copy(copy_in) as copy:
                copy.write(block(taken, ids, decode))
            conn.commit()
            session.acknowledge([mid for _, _, mid in taken])
            stored += len(taken)
        spent = time.process_time() - began
        session.close()
    return {"cpu_s": spent}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drain(json.loads(sys.argv[1]))) + "\n")
