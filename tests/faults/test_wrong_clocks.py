"""Clocks that are wrong: of a device, decades away, and of the machine on which ingest runs, which steps."""

import json
import signal
from datetime import UTC, datetime

from publishers import POINT, Due, Sent, value_of
from stage import await_that

YEARS = (1970, 2040)


def test_a_device_whose_clock_is_decades_away_makes_rejects_and_no_partition(stage):
    device, neighbour = stage.publisher(), stage.publisher()
    neighbour.finish()
    stage.conserved(neighbour)
    before = partitions(stage)
    for serial, year in enumerate(YEARS, 1000):
        ts_ms = int(datetime(year, 1, 2, tzinfo=UTC).timestamp() * 1000)
        body = json.dumps({"ts": ts_ms, "values": {POINT: value_of(serial)}}).encode()
        device.publish(Sent(serial, Due.REJECT, body))
        neighbour.say()
    account = stage.conserved(device)
    stage.conserved(neighbour)
    assert (account.rejects, account.ledger["rejected"], account.rows) == (2, 2, 1)
    assert stage.ask("select distinct reason from reject where device = %s", device.name) == [("time_out_of_bounds",)]
    assert partitions(stage) == before


def partitions(stage):
    return stage.ask("select inhrelid::regclass::text from pg_inherits order by 1")


def test_the_clock_of_the_ingest_machine_steps(stage):
    """An hour forward and back again: nothing is lost or doubled, nobody is called silent, and the log says it."""
    stage.replace_ingest("bent_ingest.py clock")
    fleet = stage.fleet(period_s=0.02).start()
    stage.await_rows(fleet, 30)
    alarms = stage.ask("select count(*) from alarm")
    try:
        for step, number in enumerate((signal.SIGUSR1, signal.SIGUSR2), 1):
            stage.ingest.signal(number)
            stage.ingest.await_word("clock_stepped", times=step)
            stage.await_rows(fleet, stage.rows(fleet) + 50)
        stage.conserved(fleet)
        assert stage.ask("select count(*) from alarm") == alarms
    finally:
        stage.replace_ingest()


def test_while_the_clock_of_the_ingest_machine_is_slow_readings_wait_as_rejects(stage):
    """An hour behind, true times look like the future: each such reading is a Reject with its bytes, to be replayed."""
    stage.replace_ingest("bent_ingest.py clock")
    device = stage.publisher()
    try:
        stage.ingest.await_word("link up", times=3)
        stage.ingest.signal(signal.SIGUSR2)
        stage.ingest.await_word("clock_stepped")
        for _ in range(20):
            sent = device.publish(device.reading())
            sent.due = Due.REJECT
        await_that(lambda: rejected(stage, device) == 20, "twenty Rejects")
        stage.ingest.signal(signal.SIGUSR1)
        stage.ingest.await_word("clock_stepped", times=2)
        account = stage.conserved(device)
        assert (account.rows, account.rejects) == (1, 20)
    finally:
        stage.replace_ingest()


def rejected(stage, device):
    return stage.ask("select coalesce(sum(rejected), 0)::int from ledger where device = %s", device.name)[0][0]
