"""A database of revision 0001, with rows, is brought to the present in place, while ingest runs and devices speak."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from network.linking import reserve
from network.mqtt import MqttOutlet
from network.settings import BrokerSettings
from perception.kinds import load_kinds
from perception.payload import RawReading, encode
from support.columns import COVERED, readings_name, rollup_name, widths
from support.postgres import schema
from support.postgres.connect import make_engine
from support.postgres.partitions import ensure_weeks
from support.postgres.schema import migrate, reconcile

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()
KIND = KINDS["heat_substation"]
WITHIN_S = 60
OLD_WEEK = 1_767_571_200_000_000  # 2026-01-05, a Monday
FACTS = """
insert into city values ('testcity', '城', 'City', 'Asia/Shanghai');
insert into district values ('north', '北', 'North', 'testcity');
insert into heat_source values ('plant', '厂', 'Plant', 'testcity');
insert into branch values ('line', '线', 'Line', 'plant');
insert into station values ('st-1', '站', 'Station', 'north', 'line');
insert into device (name, kind, station) values ('old-01', 'heat_substation', 'st-1');
insert into readings_heat_substation (device_id, ts, received_at, t_sec_supply, quality)
    select 1, t, t, 40, 0 from generate_series(timestamptz '2026-01-05', '2026-01-05 09:59:50+00', '10 s') t;
insert into rollup_heat_substation_1h (device_id, bucket, n, t_sec_supply_n, t_sec_supply_mean)
    values (1, '2026-01-05', 360, 360, 40);
insert into rollup_mark (kind, device_id, bucket) values ('heat_substation', 1, '2026-01-05 01:00+00');
insert into ledger (hour, device, received, stored) values ('2026-01-05 09:00+00', 'old-01', 3600, 3600);
insert into reject (received_at, reason, detail, topic, payload) values ('2026-01-05', 'malformed', 'x', 't', 'p');
insert into alarm (alarm_id, subject, rule, element, opened_at, priority, station, device)
    values (gen_random_uuid(), 'station:st-1', 'return_pressure_low', '', '2026-01-05', 1, 'st-1', 'old-01');
insert into alarm_event (alarm_id, what, at, actor) select alarm_id, 'raised', opened_at, 'ingest' from alarm;
"""
OLD_ROWS = {
    "readings_heat_substation": "ts < '2026-01-06'",
    "rollup_heat_substation_1h": "n = 360",
    "rollup_mark": "bucket < '2026-01-06'",
    "ledger": "hour < '2026-01-06'",
    "reject": "received_at < '2026-01-06'",
    "alarm": "opened_at < '2026-01-06'",
    "alarm_event": "at < '2026-01-06'",
    "device": "name = 'old-01'",
}


@pytest.fixture
def old(server):
    """The address of a database as the first version left it, one point of the kind still unknown to it."""
    address = server.create_database("old_version")
    engine = make_engine(address, "test")
    with engine.begin() as on:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = on
        command.upgrade(config, "0001")
        fewer = KIND.model_copy(update={"points": KIND.points[:-1]})
        reconcile(on, [fewer])
        for width in widths(KIND):
            on.execute(text(f"alter table {rollup_name(KIND, width)} drop column {COVERED}"))
        ensure_weeks(on, KIND, [OLD_WEEK])
        on.exec_driver_sql(FACTS)
    engine.dispose()
    yield address
    server.drop_database("old_version")


def ask(address, question):
    with psycopg.connect(address, autocommit=True) as conn:
        return conn.execute(question).fetchall()


def old_rows(address):
    return {t: ask(address, f"select count(*) from {t} where {where}")[0][0] for t, where in OLD_ROWS.items()}


@contextmanager
def supervised_ingest(address, broker, home):
    """`hearthline ingest` as a subprocess that starts again whenever it ends, as under a supervisor."""
    told = os.environ | {"HEARTHLINE_HOME": str(home), "HEARTHLINE_DATABASE__URL": address}
    told |= {"HEARTHLINE_BROKER__URL": broker}
    stop, children = threading.Event(), []
    log = (home / "ingest.log").open("ab")

    def run():
        while not stop.is_set():
            children.append(
                subprocess.Popen(
                    [sys.executable, "-m", "hearthline", "ingest"], env=told, cwd=CHECKOUT, stdout=log, stderr=log
                )
            )
            children[-1].wait()
            stop.wait(0.2)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield home / "ingest.log"
    finally:
        stop.set()
        children[-1].terminate()
        thread.join(20)
        log.close()


class Speaker(threading.Thread):
    """A device that goes on speaking; `told` are the times of what the broker took."""

    def __init__(self, broker):
        super().__init__()
        self.outlet, self.told, self.stop = MqttOutlet(broker, "old-device"), [], threading.Event()

    def run(self):
        while not self.stop.wait(0.02):
            ts = time.time_ns() // 1_000_000 * 1000
            self.outlet.publish("hearthline/v1/old-01/readings", encode([RawReading(ts, {KIND.names[0]: 45.0})]))
            self.told.append(ts)

    def end(self):
        self.stop.set()
        self.join()
        assert self.outlet.flush(30)
        self.outlet.close()


def wait_for(true, log):
    until = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < until, log.read_text()[-3000:]
        threading.Event().wait(0.1)


def test_an_old_database_is_upgraded_while_ingest_runs(old, reachable):
    from network.broker import EmbeddedBroker

    before = old_rows(old)
    home = reachable / "upgrade"
    home.mkdir(mode=0o755)
    with EmbeddedBroker() as broker:
        reserve(BrokerSettings(url=broker.address.url))
        speaker = Speaker(broker.address)
        speaker.start()
        with supervised_ingest(old, broker.address.url, home) as log:
            wait_for(lambda: len(speaker.told) > 100, log)
            migrate(old, KINDS)
            soon = len(speaker.told) + 100
            wait_for(lambda: len(speaker.told) > soon, log)
            speaker.end()
            rows = (
                f"select (extract(epoch from ts) * 1000000)::bigint from {readings_name(KIND)} where ts > '2026-01-06'"
            )
            wait_for(lambda: len(ask(old, rows)) >= len(set(speaker.told)), log)
            assert {ts for (ts,) in ask(old, rows)} == set(speaker.told)
    after = old_rows(old)
    assert after == before
    last = KIND.names[-1]
    assert ask(old, f"select count(*) from {readings_name(KIND)} where {last} is null and ts < '2026-01-06'") == [
        (3600,)
    ]
    for width in widths(KIND):
        ask(old, f"select {COVERED}, {last}_mean from {rollup_name(KIND, width)} limit 1")
    counted = ask(old, "select sum(received), sum(stored + duplicate + merged + conflict + rejected) from ledger")
    assert counted[0][0] == counted[0][1] >= 3600 + len(speaker.told)
    heads = ScriptDirectory(str(Path(schema.__file__).parent / "migrations")).get_heads()
    assert ask(old, "select version_num from alembic_version") == [tuple(heads)]


def test_two_processes_may_bring_it_up_to_date_at_once(old):
    before = old_rows(old)
    code = "import sys; from perception.kinds import load_kinds; from support.postgres.schema import migrate"
    words = [sys.executable, "-c", f"{code}; migrate(sys.argv[1], load_kinds())", old]

    def run(_):
        return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(run, range(2)))
    assert [(e.returncode, e.stderr) for e in ended] == [(0, "")] * 2
    assert old_rows(old) == before
    columns = "select attname from pg_attribute where attrelid = 'readings_heat_substation'::regclass and attnum > 0"
    names = [name for (name,) in ask(old, columns)]
    assert len(names) == len(set(names)) == len(KIND.points) + 4
