"""Rejects with a life: mended, replayed through the same path exactly once, dropped, and bounded for strangers."""

import itertools
import json
import re
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
import typer
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner
from unwatchful import Unwatchful

from network.mqtt import MqttInlet, MqttOutlet
from network.receive import receive
from network.topics import Channel, filters
from perception.catalogue import Device, DeviceStatus
from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.commands import accounts, catalogue, correcting, fixing, rejects
from support.ingest import Links, ingest
from support.metrics import IngestMetrics
from support.postgres.connect import make_engine
from support.postgres.quarantine import Replays, StrangersRoom
from support.postgres.writer import PostgresStore
from support.settings import IngestSettings
from support.store import StoreError
from support.strangers import Allowance, Strangers

KINDS = load_kinds()
CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
STATION = "nis-l4"
FATES = ("received", "stored", "duplicate", "merged", "conflict", "rejected")
DAY_US = 86_400_000_000
_numbers = itertools.count(1)


def wall():
    return time.time_ns() // 1000


class Site:
    """A database with an ingest at work on it, and the verbs of its operator."""

    def __init__(self, database, broker):
        self.url, self.broker, self.client = database, broker, f"quarantine-{next(_numbers)}"
        self.outlet = MqttOutlet(broker, f"{self.client}-test")
        self.engine = make_engine(database, "test")
        self.failures = []
        self.verbs = typer.Typer()
        groups = {name: typer.Typer() for name in ("devices", "rejects")}
        for name, group in groups.items():
            self.verbs.add_typer(group, name=name)
        rejects.register(groups["rejects"], lambda: self.engine, lambda: "test")
        fixing.register(groups["rejects"], lambda: self.engine, lambda: KINDS, lambda: "test")
        correcting.register(groups["devices"], lambda: self.engine, lambda: KINDS, lambda: "test")
        accounts.register(self.verbs, lambda: self.engine)

    def put(self, device, payload, channel="readings", *, retain=False):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.outlet.publish(f"hearthline/v1/{device}/{channel}", body, retain=retain)

    def say(self, *words, fails=False):
        """Type a verb; what it prints."""
        done = CliRunner().invoke(self.verbs, list(words), catch_exceptions=True)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert (done.exit_code != 0) is fails, done.output
        return done.output

    def told(self, *words):
        return json.loads(self.say(*words, "--json"))

    def ask(self, query, *parameters):
        with psycopg.connect(self.url) as conn:
            return conn.execute(query, parameters).fetchall()

    def run(self, query, *parameters):
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(query, parameters)

    def await_answer(self, query, expected, within_s=15):
        until = time.monotonic() + within_s
        while (got := self.ask(query)) != expected:
            assert time.monotonic() < until, f"{query}: {got}, expected {expected}; {self.failures}"
            threading.Event().wait(0.02)

    def fates(self, device=None):
        columns = ", ".join(f"coalesce(sum({c}), 0)::int" for c in FATES)
        [row] = self.ask(f"select {columns} from ledger where %s::text is null or device = %s", device, device)
        return {fate: n for fate, n in zip(FATES, row, strict=True) if n}

    def await_rejects(self, count):
        self.await_answer("select count(*) from reject", [(count,)])

    @contextmanager
    def at_work(self, **facts):
        stop, store = threading.Event(), PostgresStore(self.url, KINDS)
        live = MqttInlet(self.broker, self.client, filters(Channel.READINGS, Channel.BIRTH, Channel.STATE))
        belated = MqttInlet(self.broker, f"{self.client}-backfill", filters(Channel.BACKFILL))
        replays = Replays(make_engine(self.url, "replays"), every_s=0.05)
        links = Links(live, belated, MqttOutlet(self.broker, f"{self.client}-out"), replays)

        def work():
            try:
                ingest(
                    links, store, Unwatchful(), partial(receive, **facts), IngestSettings(), wall, stop,
                    lambda detail="", *, ready=True: None, IngestMetrics(CollectorRegistry()),
                )  # fmt: skip
            except StoreError as err:
                self.failures.append(err)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            live.wait_connected(10)
            yield self
        finally:
            stop.set()
            thread.join(10)
            store.close()
            for link in (live, belated, links.outlet, replays):
                link.close()
        assert not thread.is_alive()
        assert not self.failures


@pytest.fixture
def site(database, own_broker):
    site = Site(database, own_broker)
    with site.engine.begin() as on:
        save_catalogue(on, load_catalogue(CITIES), "test")
        for name in ("probe-01", "probe-02"):
            add_device(on, Device(name=name, kind="weather_station", station=STATION), "test")
        add_device(on, Device(name="heat-01", kind="heat_substation", station=STATION), "test")
    yield site
    site.outlet.close()
    site.engine.dispose()


@pytest.fixture
def working(site):
    with site.at_work():
        yield site


def reading(ts, **values):
    return {"ts": ts // 1000, "values": values or {"t_outdoor": -12.5}}


RECEIVED = "select (extract(epoch from received_at) * 1000000)::bigint from reject where {} order by reject_id"
ROWS = "select (extract(epoch from ts) * 1000000)::bigint from readings_weather_station order by ts"


def test_what_waited_for_an_unknown_device_is_stored_once_at_its_own_times_when_it_is_approved(working):
    now = wall() // 1000 * 1000
    stamped = [now - n * 60_000_000 for n in range(1, 21)]
    for ts in stamped:
        working.put("newcomer-1", reading(ts))
    working.put("newcomer-1", {"t_outdoor": 1.0})  # without a time: that of receipt counts
    working.put("newcomer-1", [{"t_outdoor": 2.0}, {"t_outdoor": 3.0}])
    working.await_rejects(22)
    heard = [at for (at,) in working.ask(RECEIVED.format("reject_id > 20"))]
    working.put("newcomer-1", {"kind": "weather_station"}, "birth")
    working.await_answer("select status from device where name = 'newcomer-1'", [("pending",)])
    working.put("newcomer-1", reading(now - 30_000_000))
    working.await_rejects(23)
    said = catalogue.change_status(working.engine, "newcomer-1", DeviceStatus.ACTIVE, "test", STATION)
    assert "23 rejects that waited for it are replayed now" in said
    working.await_answer("select state, count(*) from reject group by state", [("replayed", 23)])
    expected = sorted([*stamped, now - 30_000_000, *heard, heard[1] + 1])
    assert [ts for (ts,) in working.ask(ROWS)] == expected
    assert working.fates("newcomer-1") == {"received": 25, "stored": 24, "rejected": 1}  # one as pending
    assert working.fates("") == {"received": 23, "rejected": 23}
    [(action, detail)] = working.ask("select action, detail from audit where action = 'rejects asked'")
    assert (action, detail["count"]) == ("rejects asked", 23)


def test_a_reject_is_taken_in_once_even_where_a_commit_cannot_be_vouched_for(site):
    with site.at_work():
        site.put("newcomer-1", reading(wall()))
        site.await_rejects(1)
    site.run("create sequence once")
    site.run("""
        create function break_once() returns trigger language plpgsql as $$
        begin
            if 'newcomer-1' = any(new.devices) and nextval('once') = 1 then
                perform pg_terminate_backend(pg_backend_pid());
            end if;
            return null;
        end $$""")
    site.run("""
        create constraint trigger break_once after insert or update on ledger_entry
        deferrable initially deferred for each row execute function break_once()""")
    with site.at_work():
        said = site.say(
            "rejects", "fix", "newcomer-1", "--kind", "weather_station", "--station", STATION, "--wait", "20"
        )
    assert "1 of 1 rejects replayed: 1 stored" in said
    assert site.fates("newcomer-1") == {"received": 1, "stored": 1}
    assert site.ask("select last_value from once") == [(2,)]


def test_a_renamed_point_is_given_an_alias_and_what_it_sent_is_merged(working):
    now = wall() // 1000 * 1000
    for n in range(30):
        working.put("heat-01", reading(now - n * 10_000_000, t_sec_return=30.0, T_VL=318.15))
    working.await_rejects(30)
    assert working.fates() == {"received": 30, "stored": 30}
    [group] = working.told("rejects", "list")
    assert (group["reason"], group["device"], group["state"], group["count"]) == ("bad_point", "heat-01", "open", 30)
    assert "hearthline rejects fix heat-01 --point 'T_VL' --as POINT" in group["remedy"]
    said = working.say("rejects", "fix", "heat-01", "--point", "T_VL", "--as", "t_sec_supply", "--unit", "K")
    assert "t_sec_supply = T_VL (or t_sec_supply) - 273.15" in said
    assert "30 of 30 rejects replayed: 30 merged" in said
    values = working.ask("select t_sec_supply, t_sec_return, count(*) from readings_heat_substation group by 1, 2")
    assert values == [(pytest.approx(45.0), 30.0, 30)]
    assert working.fates() == {"received": 60, "stored": 30, "merged": 30}
    working.put("heat-01", reading(now, T_VL=318.15))
    working.await_answer("select sum(duplicate)::int from ledger", [(1,)])
    [row] = working.told("devices", "corrections", "heat-01")
    assert (row["alias"], row["unit"], row["offset"]) == ("T_VL", "K", -273.15)


def test_what_is_rejected_again_names_the_former_and_does_not_go_round(working):
    working.put("probe-01", b"{broken")
    working.await_rejects(1)
    said = working.say("rejects", "replay", "--reason", "malformed", fails=True)
    assert "1 of 1 rejects replayed: 1 rejected again" in said
    rows = working.ask("select state, former is not null from reject order by reject_id")
    assert rows == [("replayed", False), ("open", True)]
    assert working.fates() == {"received": 2, "rejected": 2}
    [(first,), (second,)] = working.ask("select reject_id from reject order by reject_id")
    assert working.told("rejects", "show", str(first))["brought"] == [second]
    assert working.told("rejects", "show", str(second))["former"] == first


def test_a_reject_that_the_database_refuses_is_settled_and_its_neighbours_are_stored(working):
    working.run("alter table readings_weather_station add constraint refused check (t_outdoor is distinct from 13)")
    now = wall() // 1000 * 1000
    for n in range(50):
        working.put("newcomer-1", reading(now - n * 1_000_000, t_outdoor=13.0 if n == 25 else 1.0))
    working.put("newcomer-1", {"kind": "weather_station"}, "birth")
    working.await_answer("select status from device where name = 'newcomer-1'", [("pending",)])
    working.await_rejects(50)
    said = working.say("rejects", "fix", "newcomer-1", "--station", STATION, fails=True)
    assert "50 of 50 rejects replayed: 49 stored, 1 rejected again" in said
    assert working.ask("select count(*) from readings_weather_station") == [(49,)]
    assert working.ask("select reason, former is not null from reject where state = 'open'") == [("unstorable", True)]


def test_an_old_retained_reading_is_not_stored_as_new_by_its_replay(site):
    site.put("probe-01", {"t_outdoor": 5.0}, retain=True)
    with site.at_work():
        site.await_rejects(1)
        site.say("rejects", "replay", "--device", "probe-01", fails=True)
        site.put("probe-01", b"", retain=True)
    assert site.ask("select count(*) from readings_weather_station") == [(0,)]
    assert site.ask("select reason, retained, state from reject order by reject_id limit 2") == [
        ("bad_time", True, "replayed"), ("bad_time", True, "open"),
    ]  # fmt: skip


def test_a_conflict_stays_a_conflict_and_a_dropped_reject_stays_for_the_audit(working):
    now = wall()
    working.put("probe-01", reading(now, t_outdoor=1.0))
    working.put("probe-01", reading(now, t_outdoor=2.0))
    working.await_rejects(1)
    assert "1 in conflict" in working.say("rejects", "replay", "--reason", "conflict")
    assert "1 rejects are dropped" in working.say("rejects", "drop", "--device", "probe-01", "--yes")
    assert working.told("rejects", "list") == []
    [(state, actor, settled)] = working.ask(
        "select state, actor, settled_at is not null from reject where former is not null"
    )
    assert (state, actor, settled) == ("dropped", "test", True)
    assert working.ask("select action from audit where action = 'rejects dropped'") == [("rejects dropped",)]
    assert {g["state"] for g in working.told("rejects", "list", "--state", "all")} == {"replayed", "dropped"}


def test_a_payload_is_shown_so_that_no_terminal_obeys_it(working):
    working.put("probe-01", b'{"values": {"x": "\\u001b[31m"}, "\xe4\xbe\x9b": 1, "y": [')
    working.put("probe-01", b"\x00\x1b[31m\xff")
    working.put("nobody-1", reading(wall()))
    working.await_rejects(3)
    ids = [i for (i,) in working.ask("select reject_id from reject order by reject_id")]
    seen = [working.say("rejects", "show", str(i)) for i in ids]
    assert not any("\x1b" in text for text in seen)
    assert "00000000  00 1b 5b 33 31 6d ff" in seen[1]
    assert '"t_outdoor": -12.5' in seen[2]


MISTAKES = [
    (["rejects", "list", "--reason", "bad_pint"], "no reason is called 'bad_pint': there are bad_topic, "),
    (["rejects", "list", "--device", "prob-01"], "Did you mean probe-01"),
    (["rejects", "list", "--state", "shut"], "there are open, asked"),
    (["rejects", "replay"], "say which"),
    (["rejects", "drop", "--yes"], "say which"),
    (["rejects", "show", "99"], "no reject has the number 99"),
    (["rejects", "fix", "probe-01"], "say what is to be mended"),
    (["rejects", "fix", "probe-01", "--point", "x", "--as", "t_outdor"], "Did you mean t_outdoor"),
    (["rejects", "fix", "probe-01", "--point", "x", "--as", "t_outdoor", "--unit", "bar"], "measures pressure"),
    (["rejects", "fix", "nobody-1", "--station", STATION], "has not announced itself"),
    (["ledger", "--device", "prob-01"], "Did you mean probe-01"),
    (["ledger", "--since", "yesterday"], "is no time: expected"),
    (["devices", "corrections", "prob-01"], "Did you mean probe-01"),
    (["devices", "correct", "probe-01", "t_outdoor"], "nothing to correct"),
    (["devices", "correct", "probe-01", "t_outdoor", "--scale", "0"], "a scale of 0"),
    (["devices", "correct", "probe-01", "t_outdoor", "--unit", "K", "--scale", "2"], "say --unit, or --scale"),
    (["devices", "correct", "probe-01", "t_outdoor", "--end"], "no correction of t_outdoor is in force"),
    (["devices", "correct", "probe-01", "--remove", "4"], "has no correction 4"),
]


def test_a_mistake_is_told_with_what_there_is(site):
    for words, expected in MISTAKES:
        with pytest.raises(Exception, match=re.escape(expected)) as raised:
            site.say(*words)
        assert type(raised.value).__module__.split(".")[0] in {"support", "perception"}, words


def test_a_correction_holds_from_its_event_time_and_what_is_left_out_stays(site):
    now = wall() // 1_000_000 * 1_000_000
    since = datetime.fromtimestamp(now / 1e6, UTC) - timedelta(hours=1)
    correct = ("devices", "correct", "probe-01", "t_outdoor")
    site.say(*correct, "--alias", "aussen", "--valid-from", "always")
    said = site.say(*correct, "--scale", "0.1", "--valid-from", since.isoformat())
    assert "t_outdoor = aussen (or t_outdoor) * 0.1, from" in said
    site.say(*correct, "--end", "--valid-from", (since + timedelta(minutes=30)).isoformat())
    with site.at_work():
        for minutes, name in ((-90, "aussen"), (-45, "aussen"), (-44, "t_outdoor"), (-10, "t_outdoor")):
            site.put("probe-01", reading(now + minutes * 60_000_000, **{name: 50.0}))
        site.await_answer(
            "select t_outdoor from readings_weather_station order by ts", [(50.0,), (5.0,), (5.0,), (50.0,)]
        )
    numbers = [row["correction_id"] for row in site.told("devices", "corrections")]
    site.say("devices", "correct", "probe-01", "--remove", str(numbers[-1]))
    assert len(site.told("devices", "corrections")) == 2
    with pytest.raises(Exception, match="already: end that first"):
        site.say("devices", "correct", "probe-01", "wind_speed", "--alias", "aussen")
    actions = [a for (a,) in site.ask("select action from audit where subject = 'device:probe-01' order by audit_id")]
    assert actions[-4:] == ["device corrected", "device corrected", "correction ended", "correction removed"]


def test_a_stranger_does_not_fill_the_disk_and_every_reading_of_his_is_counted(site, monkeypatch):
    one, together = (Allowance(rows=rows, rows_per_s=0, size=1e9, size_per_s=0) for rows in (100, 250))
    monkeypatch.setattr("support.ingest.Strangers", partial(Strangers, one, together))
    with site.at_work():
        for name in ("noise-1", "noise-2", "noise-3", "noise-4"):
            for n in range(150):
                site.put(name, reading(wall() - n * 1000))
        site.put("probe-01", b"{broken")
        site.await_answer("select sum(rejected)::int from ledger", [(601,)])
    kept = dict(site.ask("select device, count(*)::int from reject where state = 'open' group by 1"))
    assert kept == {"noise-1": 100, "noise-2": 100, "noise-3": 50, "probe-01": 1}
    assert site.ask("select sum(more)::int from reject where state = 'summed'") == [(350,)]
    groups = site.told("rejects", "list", "--reason", "unknown_device")
    assert sum(g["count"] + g["not_kept"] for g in groups) == 600
    list(StrangersRoom(make_engine(site.url, "trim"), per_name=40, rows=90).trim(wall()))
    groups = site.told("rejects", "list", "--reason", "unknown_device")
    assert sum(g["count"] for g in groups) <= 90
    assert sum(g["count"] + g["not_kept"] for g in groups) == 600


def test_what_is_older_than_readings_are_kept_is_a_reject_of_its_own_and_can_be_replayed_later(site):
    old = wall() - 40 * DAY_US
    with site.at_work(kept_us=30 * DAY_US):
        site.put("probe-01", reading(old))
        site.await_answer("select reason, detail from reject", [
            ("beyond_retention", '"ts" is 40.0 days back; readings are kept for 30 (tend.raw_days)')])  # fmt: skip
        assert site.ask("select count(*) from readings_weather_station") == [(0,)]
    with site.at_work(kept_us=60 * DAY_US):
        assert "1 stored" in site.say("rejects", "replay", "--reason", "beyond_retention")


def test_the_ledger_says_whether_it_adds_up(working):
    now = wall()
    for n in range(3):
        working.put("probe-01", reading(now - n * 1000))
    working.put("probe-01", b"?")
    working.await_answer("select sum(received)::int from ledger", [(4,)])
    said = working.say("ledger", "--device", "probe-01", "--since", "2h")
    assert "it adds up: 4 received = 3 stored + 0 duplicate + 0 merged + 0 conflict + 1 rejected" in said
    assert {row["device"] for row in working.told("ledger")} == {"probe-01"}
    working.run("update ledger_entry set stored = array[99]")
    assert "1 rows do not add up" in working.say("ledger", fails=True)
