"""With the database away and devices that do not stop, ingest stops reading: the broker holds what waits."""

from pathlib import Path

import psutil
from stage import await_that

MIB = 2**20


def test_ingest_stops_reading_while_the_database_is_away(own_stage, length):
    messages, most = length.of((5_000, 1_000), (40_000, 10_000))  # mosquitto's own window is 20,000
    stage = own_stage(autosave_interval="1000").heal(HEARTHLINE_BROKER__MOST_PENDING=str(most))
    fleet = stage.fleet(4, 0, 0, rubbish_every=0, period_s=0.0002, window=500).start()
    stage.await_rows(fleet, 200)
    stage.server.stop()
    before, held = stage.ingest.memory(), fleet.acknowledged()
    fleet.await_acknowledged(held + messages, 600)
    fleet.quiet()
    await_that(lambda: waits_unread(stage), "bytes wait in the socket of ingest, which has stopped reading")
    assert stage.ingest.memory() - before < length.of(32, 128) * MIB
    stage.server.start()
    account = stage.conserved(fleet)
    assert account.rows >= held + messages
    assert stage.ingest.memory() - before < length.of(64, 192) * MIB


def waits_unread(stage):
    """Whether a connection of ingest to the broker has bytes that it does not read (the kernel's receive queue)."""
    ports = {
        c.laddr.port
        for c in psutil.Process(stage.ingest.pid).net_connections("tcp")
        if c.raddr and c.raddr.port == stage.broker.address.port
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(int(row[1].split(":")[1], 16) in ports and int(row[4].split(":")[1], 16) > 4096 for row in rows)
