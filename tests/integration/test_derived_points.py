"""Beside each active station device stands one with what follows from it; nobody sends it, and nobody misses it."""

import numpy as np
import pytest
from sqlalchemy import text

from application.baseline import Baseline, Key, keep
from application.derived.deriving import Deriving, derive_span
from application.derived.devices import pairs, stand_beside
from application.fleet_view import FleetView
from application.instants import HOUR, MINUTE, moment
from application.rules import load_rules, tuned
from application.watch import Watch
from network.link import Delivery
from network.receive import receive
from perception.catalogue import Device, DeviceStatus
from perception.readings import Readings, Reason
from support.catalogue_store import add_device, set_status
from support.columns import Width
from support.postgres.partitions import make_room
from support.postgres.reader import PostgresReader
from tests.integration.rollup_bench import KIND, KINDS, NOW, Bench

DERIVED = KINDS["heat_substation_derived"]
READER = PostgresReader()
SHOWN = {
    "t_outdoor": -10.0, "t_pri_supply": 92.0, "t_pri_return": 43.0, "t_sec_supply": 52.0, "t_sec_return": 41.0,
    "flow_pri": 30.0, "flow_sec": 132.0, "heat_power": 1690.0, "flow_makeup": 0.4, "t_sec_supply_setpoint": 51.5,
    "pump_circ_1_run": 1.0, "pump_circ_1_freq": 40.0,
}  # fmt: skip


@pytest.fixture
def bench(database):
    bench = Bench(database)
    with bench.engine.begin() as on:
        on.execute(text("delete from device where name <> 'probe-1'"))
    yield bench
    bench.close()


def store(bench, times, device=None, **changed):
    at = np.asarray(times, np.int64)
    rows = np.full((len(at), len(KIND.points)), np.nan)
    for point, value in {**SHOWN, **changed}.items():
        rows[:, KIND.bits[point]] = np.nan if value is None else value
    nothing = np.zeros(len(at), np.int64)
    ids = np.full(len(at), device or bench.device, np.int32)
    with bench.store.transaction() as tx:
        tx.write(Readings(KIND, ids, at, at, rows, nothing, nothing), bench.store.roster(-1) or bench.roster)


def derived(bench, begin=NOW - 2 * HOUR, end=NOW):
    return sum(derive_span(bench.engine, KINDS, (begin, end), make_room))


def told(bench, name="probe-1-derived"):
    query = text(
        "select r.* from readings_heat_substation_derived r join device using (device_id) where name = :n order by ts"
    )
    with bench.engine.connect() as on:
        return [dict(row) for row in on.execute(query, {"n": name}).mappings()]


def rows(bench, sql):
    with bench.engine.connect() as on:
        return on.execute(text(sql)).all()


def test_what_follows_is_written_once_and_rolled_up(bench):
    store(bench, NOW - HOUR + np.arange(60) * MINUTE)
    bench.drain()
    assert derived(bench) == 6
    [first, *_] = told(bench)
    assert first["ts"] == moment(NOW - HOUR)
    assert first["delta_t_pri"] == 49
    assert first["approach"] == 2
    assert first["t_setpoint_error"] == 0.5
    for unknown in ("specific_heat", "flow_by_pump", "heat_power_expected", "t_outdoor_neighbours"):
        assert first[unknown] is None
    assert derived(bench) == 0
    bench.drain(NOW + HOUR)
    with bench.engine.connect() as on:
        [pair] = pairs(on, DERIVED.name)
        trend = READER.series(on, DERIVED, pair.derived_id, ["approach"], (NOW - 2 * HOUR, NOW), 100)
        rolled = on.execute(text("select approach_mean, n from rollup_heat_substation_derived_1h")).one()
    assert trend.mean[:, 0].tolist() == [2.0] * 6
    assert tuple(rolled) == (2.0, 6)
    assert Width.MINUTE not in {
        w for w in Width if rows(bench, f"select to_regclass('rollup_{DERIVED.name}_{w}')")[0][0]
    }


def test_late_and_doubted_values_change_what_followed_from_them(bench):
    store(bench, NOW - HOUR + np.arange(60) * MINUTE)
    bench.drain()
    derived(bench)
    store(bench, [NOW - HOUR + 30_000_000], t_pri_return=53.0)
    with bench.engine.begin() as on:
        values = {"d": bench.device, "f": moment(NOW - 20 * MINUTE), "t": moment(NOW)}
        on.execute(text("insert into quality_span (device_id, point, from_at, to_at, reason)"
                        " values (:d, 't_pri_return', :f, :t, 'said')"), values)  # fmt: skip
        marks = [{"b": moment(NOW - k * MINUTE), "d": bench.device} for k in (10, 20)]
        on.execute(text("insert into rollup_mark (kind, device_id, bucket) values ('heat_substation', :d, :b)"), marks)
    bench.drain(NOW + HOUR)
    assert derived(bench) == 3
    found = [row["approach"] for row in told(bench)]
    assert found[0] > 2
    assert found[1:] == [2, 2, 2, None, None]
    assert all(row["delta_t_sec"] == 11 for row in told(bench))


def test_what_is_known_of_the_station_comes_in(bench):
    with bench.engine.begin() as on:
        on.execute(text("update building set heated_area_m2 = 50000"))
        learned = {"signature_kw_per_k": 60.0, "signature_balance_c": 17.0}
        keep(on, [(Key("station:nis-l4", n), Baseline(v, None, None, 99, NOW)) for n, v in learned.items()])
        others = [
            add_device(on, Device(name=f"probe-{k}", kind=KIND.name, station=s, interval_s=60), "test")
            for k, s in ((2, "nis-l12"), (3, "nis-l17"))
        ]
    hours = NOW - 30 * HOUR + np.arange(30 * 6) * 10 * MINUTE
    store(bench, hours)
    store(bench, hours, others[0], t_outdoor=-11.0)
    store(bench, hours, others[1], t_outdoor=-12.0)
    bench.drain()
    derived(bench)
    last = told(bench)[-1]
    assert last["t_outdoor_neighbours"] == -11.5
    assert last["heat_power_expected"] == pytest.approx(60 * 28.5)
    assert last["flow_by_pump"] == pytest.approx(132)
    assert last["specific_heat"] == pytest.approx(1690 / 50)
    assert rows(bench, "select subject, name, value from baseline where subject = 'device:probe-1'") == [
        ("device:probe-1", "flow_of_1_pumps_m3_h_per_hz", pytest.approx(3.3))
    ]


def test_they_come_and_go_with_their_devices(bench):
    def states():
        return dict(rows(bench, "select name, status from device where kind = 'heat_substation_derived' order by 1"))

    def follow():
        with bench.engine.begin() as on:
            return stand_beside(on, DERIVED.name)

    assert (follow(), states()) == (1, {"probe-1-derived": "active"})
    assert follow() == 0
    with bench.engine.begin() as on:
        set_status(on, "probe-1", DeviceStatus.RETIRED, "test")
    assert (follow(), states()) == (1, {"probe-1-derived": "retired"})
    with bench.engine.begin() as on:
        set_status(on, "probe-1", DeviceStatus.ACTIVE, "test", "nis-l12")
    assert follow() == 1
    assert rows(bench, "select station, status, simulated from device where name = 'probe-1-derived'") == [
        ("nis-l12", "active", False)
    ]
    assert rows(bench, "select count(*) from audit where actor = 'tend'") == [(3,)]
    assert rows(bench, "select count(*) from credential") == [(0,)]


def test_nobody_sends_them_watches_them_or_misses_them(bench):
    with bench.engine.begin() as on:
        stand_beside(on, DERIVED.name)
    roster = bench.store.roster(-1)
    for channel, body in (("readings", b'{"approach": 3}'), ("birth", b"{}"), ("state", b'"online"')):
        sent = Delivery(f"hearthline/v1/probe-1-derived/{channel}", body, NOW)
        batch = receive([sent], roster, NOW)
        assert [r.reason for r in batch.rejects] == [Reason.DERIVED_DEVICE]
        assert not batch.readings
        assert not batch.births
    state = Watch(tuned(load_rules(), {})).enrol(None, roster)
    assert set(state.kinds) == {KIND.name}
    with bench.engine.connect() as on:
        health = FleetView(READER, KINDS).of_city(on, "nis", NOW).health(open_alarms=0, rejects=0)
    assert health.active == 1


def test_the_pass_begins_with_a_day_and_goes_on_with_hours(bench):
    store(bench, NOW - 20 * HOUR + np.arange(20 * 6) * 10 * MINUTE)
    bench.drain()
    deriving = Deriving(bench.engine, lambda: KINDS, make_room)
    assert sum(deriving.run(NOW + 3 * MINUTE)) == 120
    assert sum(deriving.run(NOW + 13 * MINUTE)) == 0
