"""What is known of a value only later is kept as spans, and rollups and series leave it out from then on."""

import numpy as np
import pytest
from sqlalchemy import text

from application.instants import HOUR, MINUTE
from application.quality import spans
from application.quality.finding import Finding, Reason
from application.quality.keeping import QualityError, listed, say, search_past, take_back
from application.quality.numbers import Numbers
from application.quality.searching import judged, look
from perception.catalogue import Device
from perception.readings import Readings
from support.catalogue_store import add_device
from support.columns import Width
from support.postgres.reader import PostgresReader
from tests.integration.rollup_bench import KIND, KINDS, NOW, Bench

POINTS = ("t_outdoor", "t_pri_supply", "t_pri_return", "t_sec_supply", "t_sec_return")
READER = PostgresReader()


@pytest.fixture
def bench(database):
    bench = Bench(database)
    with bench.engine.begin() as on:
        on.execute(text("update device set interval_s = 900"))
    yield bench
    bench.close()


def store(bench, times, device=None, **values):
    """Store readings of the five temperatures, a wave each unless told otherwise."""
    at = np.asarray(times, np.int64)
    rows = np.full((len(at), len(KIND.points)), np.nan)
    for k, point in enumerate(POINTS):
        wave = 10 + 12 * k + 3 * np.sin((at / MINUTE + 40 * k) / 170)
        rows[:, KIND.bits[point]] = np.round(values.get(point, wave), 1)
    nothing = np.zeros(len(at), np.int64)
    ids = np.full(len(at), device or bench.device, np.int32)
    with bench.store.transaction() as tx:
        tx.write(Readings(KIND, ids, at, at, rows, nothing, nothing), bench.store.roster(-1) or bench.roster)


def quarters(hours, end=NOW):
    return np.arange(end - hours * HOUR, end, 15 * MINUTE)


def searched(bench, until=NOW, **more):
    with bench.engine.begin() as on:
        changed = look(on, KIND, judged(on, KIND), until, Numbers(), **more)
    bench.drain(NOW + HOUR)
    return changed


def kept(bench):
    with bench.engine.connect() as on:
        return [(s.point, s.from_at, s.to_at, s.reason) for s in spans.kept(on, [bench.device], 0)]


def trend(bench, point, span, most=1000):
    with bench.engine.connect() as on:
        return READER.series(on, KIND, bench.device, [point], span, most)


def test_a_frozen_sensor_is_left_out_from_when_it_froze_until_it_moves(bench):
    times, froze = quarters(8), NOW - 5 * HOUR
    stuck = np.where(times >= froze, 47.0, 46 + 2 * np.sin(times / HOUR))
    store(bench, times, t_sec_supply=stuck)
    bench.drain()
    assert bench.bucket(Width.TEN_MINUTES, NOW - HOUR)[1] == 1
    assert searched(bench) == 1
    assert kept(bench) == [("t_sec_supply", froze, None, "frozen")]
    assert bench.bucket(Width.TEN_MINUTES, NOW - HOUR) == (1, 0, None, None, None)
    assert bench.bucket(Width.TEN_MINUTES, NOW - HOUR, "t_sec_return")[1] == 1
    assert bench.bucket(Width.HOUR, NOW - 2 * HOUR)[:2] == (4, 0)
    assert bench.bucket(Width.HOUR, NOW - 6 * HOUR)[:2] == (4, 4)
    assert searched(bench) == 0

    later = NOW + np.arange(8) * 15 * MINUTE
    store(bench, later, t_sec_supply=np.where(later < NOW + HOUR, 47.0, 45.0))
    bench.drain(NOW + 3 * HOUR)
    assert searched(bench, NOW + 2 * HOUR) == 1
    bench.drain(NOW + 3 * HOUR)
    assert kept(bench) == [("t_sec_supply", froze, NOW + HOUR, "frozen")]
    assert bench.bucket(Width.HOUR, NOW)[:2] == (4, 0)
    assert bench.bucket(Width.HOUR, NOW + HOUR)[:2] == (4, 4)


@pytest.mark.parametrize("most", [1000, 12], ids=["raw", "bins"])
def test_series_show_a_gap_where_a_span_is(bench, most):
    times = quarters(24)
    store(bench, times)
    begin, end = NOW - 10 * HOUR, NOW - 5 * HOUR
    with bench.engine.begin() as on:
        spans.write(on, KIND, bench.device, [], [spans.Change(None, "t_sec_supply", begin, end, Reason.SAID)])
    found = trend(bench, "t_sec_supply", (NOW - 24 * HOUR, NOW), most)
    inside = (found.ts >= begin) & (found.ts + (1 if most == 1000 else 2 * HOUR) <= end)
    assert inside.any()
    assert np.isnan(found.mean[inside, 0]).all()
    outside = (found.ts < begin - 2 * HOUR) | (found.ts >= end)
    assert not np.isnan(found.mean[outside, 0]).any()
    assert not np.isnan(trend(bench, "t_sec_return", (NOW - 24 * HOUR, NOW), most).mean).any()


def test_a_dropped_span_counts_again(bench):
    store(bench, quarters(4))
    change = spans.Change(None, "t_sec_supply", NOW - 3 * HOUR, None, Reason.SAID)
    with bench.engine.begin() as on:
        spans.write(on, KIND, bench.device, [], [change])
    bench.drain()
    assert bench.bucket(Width.TEN_MINUTES, NOW - HOUR)[1] == 0
    with bench.engine.begin() as on:
        [span] = spans.kept(on, [bench.device], 0)
        spans.drop(on, KIND, span)
    bench.drain(NOW + HOUR)
    assert bench.bucket(Width.TEN_MINUTES, NOW - HOUR)[1] == 1


def test_codes_hanging_and_sunlit_sensors_are_found_among_neighbours(bench):
    with bench.engine.begin() as on:
        others = [
            add_device(on, Device(name=f"probe-{k}", kind=KIND.name, station=f"nis-{s}", interval_s=900), "test")
            for k, s in ((2, "l12"), (3, "l17"), (4, "l12"))
        ]
        on.execute(text("update device set status = 'retired' where name like 'nis-%'"))
    times = quarters(12)
    weather = np.round(4 + 3 * np.sin(times / HOUR / 2), 1)
    hours = (times - times[0]) / HOUR
    store(bench, times, t_outdoor=np.where(hours >= 3, weather + 9, weather))
    store(bench, times, others[0], t_outdoor=weather, t_pri_supply=np.where(hours >= 6, 0.0, 70 + hours),
          t_pri_return=np.where(hours >= 6, 0.0, 40 + hours))  # fmt: skip
    still = {p: np.where(hours >= 4, 20.0 + k, 20.0 + k + np.sin(hours)) for k, p in enumerate(POINTS)}
    store(bench, times, others[1], **{**still, "t_outdoor": np.where(hours >= 4, 4.0, weather)})
    store(bench, times, others[2], t_outdoor=weather + 0.3)
    bench.drain()
    assert searched(bench, since=NOW - 12 * HOUR) > 0
    with bench.engine.connect() as on:
        found = spans.kept(on, [bench.device, *others], 0)
    by_device = {d: {(s.point, s.reason) for s in found if s.device_id == d} for d in (bench.device, *others)}
    assert by_device[bench.device] == {("t_outdoor", "offset")}
    assert by_device[others[0]] == {("t_pri_supply", "sentinel"), ("t_pri_return", "sentinel")}
    assert by_device[others[2]] == set()
    assert by_device[others[1]] == {(p, "frozen") for p in POINTS}


def test_what_ended_stays_and_what_goes_on_grows():
    known = [
        spans.Span(1, 7, "t_outdoor", 0, 50, "offset"),
        spans.Span(2, 7, "t_pri_supply", 10, None, "frozen"),
        spans.Span(3, 7, "t_sec_supply", 10, None, "sentinel"),
    ]
    found = [Finding("t_outdoor", 40, 70, Reason.OFFSET), Finding("t_pri_supply", 30, None, Reason.FROZEN)]
    heard = {"t_outdoor": [30, 60], "t_pri_supply": [30, 60], "t_sec_supply": [30, 60]}
    assert spans.changes(known, found, heard) == [
        spans.Change(1, "t_outdoor", 0, 70, Reason.OFFSET),
        spans.Change(3, "t_sec_supply", 10, 30, Reason.SENTINEL),
    ]
    assert spans.changes(known, found, {}) == [spans.Change(1, "t_outdoor", 0, 70, Reason.OFFSET)]


def test_a_person_doubts_a_value_and_takes_it_back(bench):
    store(bench, quarters(4))
    bench.drain()
    span = (NOW - 2 * HOUR, NOW - HOUR)
    with bench.engine.begin() as on:
        number = say(on, KINDS, "probe-1", "t_sec_supply", span, "tester")
    bench.drain(NOW + HOUR)
    assert bench.bucket(Width.HOUR, NOW - 2 * HOUR)[:2] == (4, 0)
    assert bench.bucket(Width.HOUR, NOW - 3 * HOUR)[:2] == (4, 4)
    with bench.engine.begin() as on:
        [row] = listed(on, "probe-1", (NOW - 24 * HOUR, NOW))
        assert (row["number"], row["point"], row["reason"]) == (number, "t_sec_supply", "said")
        take_back(on, KINDS, number, "tester")
        assert listed(on, None, (NOW - 24 * HOUR, NOW)) == []
        told = on.execute(text("select action, subject from audit where actor = 'tester' order by 1")).all()
        assert told == [("values doubted", "device:probe-1"), ("values trusted again", "device:probe-1")]
    bench.drain(NOW + HOUR)
    assert bench.bucket(Width.HOUR, NOW - 2 * HOUR)[:2] == (4, 4)


def test_who_names_nothing_that_is_known_is_told_so(bench):
    with bench.engine.begin() as on:
        with pytest.raises(QualityError, match="no device is named nobody"):
            say(on, KINDS, "nobody", "t_outdoor", (0, 1), "tester")
        with pytest.raises(QualityError, match="no point 't_out'"):
            say(on, KINDS, "probe-1", "t_out", (0, 1), "tester")
        with pytest.raises(QualityError, match="no doubtful stretch 77"):
            take_back(on, KINDS, 77, "tester")


def test_a_past_that_was_loaded_is_searched_when_asked(bench):
    times = quarters(40)
    store(bench, times, t_pri_return=np.where(times < NOW - 30 * HOUR, 0.0, 40 + 2 * np.sin(times / HOUR)))
    bench.drain()
    assert searched(bench) == 0
    with bench.engine.begin() as on:
        told = search_past(on, KINDS, "probe-1", (NOW - 48 * HOUR, NOW))
    assert told[0]["stretches_changed"] == 1
    assert kept(bench) == [("t_pri_return", NOW - 40 * HOUR, NOW - 30 * HOUR, "sentinel")]


def test_a_spike_is_left_out_alone(bench):
    with bench.engine.begin() as on:
        on.execute(text("update device set interval_s = 60"))
    times = NOW - HOUR + np.arange(60) * MINUTE
    store(bench, times, t_pri_supply=np.where(np.arange(60) == 33, 140.0, 80 + np.arange(60) % 3 / 10))
    bench.drain()
    assert bench.bucket(Width.HOUR, NOW - HOUR, "t_pri_supply")[4] == 140.0
    assert searched(bench) == 1
    assert kept(bench) == [("t_pri_supply", times[33], times[34], "spike")]
    assert bench.bucket(Width.HOUR, NOW - HOUR, "t_pri_supply")[1] == 59
    assert bench.bucket(Width.HOUR, NOW - HOUR, "t_pri_supply")[4] < 81
    assert searched(bench) == 0
