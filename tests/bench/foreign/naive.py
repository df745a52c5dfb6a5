"""The script that everybody writes first: paho with its own acknowledgements, a list, executemany now and then.

`python naive.py '{"port": ..., "url": ..., "topic": ..., "table": ..., "points": [...]}'`. A database that is away is
tried again with the same rows.
"""

import json
import queue
import sys
import time

import paho.mqtt.client as mqtt
import psycopg

MOST, EVERY_S = 500, 0.1


def main(told):
    rows = queue.SimpleQueue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="peer-naive", clean_session=False)
    client.on_connect = lambda c, *_: c.subscribe(told["topic"], qos=1)
    client.on_message = lambda _c, _d, message: rows.put(json.loads(message.payload))
    client.connect("127.0.0.1", told["port"])
    client.loop_start()
    columns = ["device", "ts", *told["points"]]
    insert = f"insert into {told['table']} ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})"
    conn = None
    while True:
        batch = [rows.get()]
        until = time.monotonic() + EVERY_S
        while len(batch) < MOST and (left := until - time.monotonic()) > 0:
            try:
                batch.append(rows.get(timeout=left))
            except queue.Empty:
                break
        values = [[row[c] for c in columns] for row in batch]
        conn = store(told["url"], conn, insert, values)


def store(url, conn, insert, values):
    while True:
        try:
            conn = conn if conn and not conn.closed else psycopg.connect(url)
            with conn.cursor() as cursor:
                cursor.executemany(insert, values)
            conn.commit()
        except psycopg.OperationalError as err:
            sys.stderr.write(f"{err}\n")
            conn = None
            time.sleep(1)
        else:
            return conn


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
