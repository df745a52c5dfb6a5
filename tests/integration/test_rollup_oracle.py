"""Rollups equal those of a plain Python oracle, whatever cadence, gaps, quality and order of arrival."""

import itertools
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from perception.point import Point, Title
from perception.sensor_kind import SensorKind
from support.columns import Width, readings_table, rollup_name, rollup_table, widths
from support.postgres.connect import make_engine
from support.postgres.partitions import WEEK_US, ensure_weeks
from support.postgres.rollups import Rollups
from support.postgres.schema import migrate
from support.settings import TendSettings
from support.tables import rollup_mark

TITLE = Title(zh="点", en="Point")
ZONE = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead: a day begins inside an hour
START = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)  # an hour and a quarter before midnight there
NOW = int(datetime(2026, 1, 16, tzinfo=UTC).timestamp()) * 1_000_000
PLACES = """
insert into city values ('testcity', '城', 'City', 'Asia/Kathmandu');
insert into district values ('north', '北', 'North', 'testcity');
insert into heat_source values ('plant', '厂', 'Plant', 'testcity');
insert into branch values ('line', '线', 'Line', 'plant');
insert into station values ('st-1', '站', 'Station', 'north', 'line');
"""


def kind_of(name, interval_s):
    points = tuple(Point(name=p, title=TITLE, unit="Cel", low=-1e9, high=1e9) for p in ("a", "b"))
    return SensorKind(name=name, title=TITLE, interval_s=interval_s, points=points)


FAST, SLOW = kind_of("fast_meter", 10), kind_of("slow_meter", 300)
KINDS = {kind.name: kind for kind in (FAST, SLOW)}


class Hall:
    """A database with two small kinds, for many devices one after another."""

    def __init__(self, url):
        self.engine = make_engine(url, "test")
        migrate(url, KINDS)
        self.rollups = Rollups(self.engine, KINDS, TendSettings(pause_s=0, rest=0))
        self.numbers = itertools.count(1)
        with self.engine.begin() as on:
            on.exec_driver_sql(PLACES)
            for kind in KINDS.values():
                week = int(datetime(2026, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
                ensure_weeks(on, kind, [week, week + WEEK_US])

    def device(self, kind, interval_s):
        with self.engine.begin() as on:
            make = (
                "insert into device (name, kind, station, interval_s) values (:n, :k, 'st-1', :i) returning device_id"
            )
            values = {"n": f"dev-{next(self.numbers)}", "k": kind.name, "i": interval_s}
            return on.execute(text(make), values).scalar_one()

    def write(self, kind, device, rows):
        if not rows:
            return
        full = [
            {"device_id": device, "ts": ts, "received_at": ts, "a": a, "b": b, "quality": q} for ts, a, b, q in rows
        ]
        marks = {ts.replace(minute=ts.minute // 10 * 10, second=0, microsecond=0) for ts, *_ in rows}
        with self.engine.begin() as on:
            on.execute(insert(readings_table(kind)), full)
            on.execute(insert(rollup_mark), [{"kind": kind.name, "device_id": device, "bucket": m} for m in marks])

    def drain(self):
        assert sum(self.rollups.drain(NOW)) >= 0
        with self.engine.connect() as on:
            assert on.execute(text("select count(*) from rollup_mark")).scalar_one() == 0

    def stored(self, kind, device, width):
        t = rollup_table(kind, width)
        with self.engine.connect() as on:
            rows = on.execute(t.select().where(t.c.device_id == device)).mappings().all()
        return {row["bucket"]: {k: v for k, v in row.items() if k not in {"device_id", "bucket"}} for row in rows}


@pytest.fixture(scope="module")
def hall(server):
    hall = Hall(server.create_database("rollup_oracle"))
    yield hall
    hall.engine.dispose()
    server.drop_database("rollup_oracle")


def oracle(kind, interval_s, rows):
    """Return every tier of these readings: {width: {bucket: row}}."""
    hold = max(3 * (interval_s or kind.interval_s), 180)
    weighed = []
    for start, group in _grouped(sorted(rows), lambda r: _floor(r[0], 600)).items():
        times = [r[0] for r in group]
        for i, row in enumerate(group):
            if i + 1 < len(times):
                stood = (times[i + 1] - times[i]).total_seconds()
            else:
                stood = (start + timedelta(minutes=10) - times[i]).total_seconds()
                if i:
                    stood = min(stood, (times[i] - times[i - 1]).total_seconds())
            weighed.append((row, min(stood, hold)))
    finest = widths(kind)[0]
    seconds = 60 if finest is Width.MINUTE else 600
    tiers = {finest: {b: _of_raw(g) for b, g in _grouped(weighed, lambda w: _floor(w[0][0], seconds)).items()}}
    if finest is Width.MINUTE:
        tiers[Width.TEN_MINUTES] = _coarser(tiers[finest], lambda b: _floor(b, 600))
    tenths = tiers[Width.TEN_MINUTES]
    tiers[Width.HOUR] = _coarser(tenths, lambda b: _floor(b, 3600))
    tiers[Width.DAY] = _coarser(tenths, lambda b: b.astimezone(ZONE).replace(hour=0, minute=0))
    return tiers


def _grouped(things, key):
    groups = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups


def _floor(ts, seconds):
    return datetime.fromtimestamp(int(ts.timestamp()) // seconds * seconds, UTC)


def _of_raw(weighed):
    row = {"n": len(weighed), "covered_s": math.fsum(stood for _, stood in weighed)}
    for bit, name in enumerate(("a", "b")):
        good = [(r[1 + bit], stood) for r, stood in weighed if r[1 + bit] is not None and not r[3] >> bit & 1]
        row |= _statistics(name, len(good), [v for v, _ in good], good)
    return row


def _coarser(finer, key):
    tier = {}
    for bucket, group in _grouped(finer.items(), lambda item: key(item[0])).items():
        rows = [row for _, row in group]
        out = {"n": sum(r["n"] for r in rows), "covered_s": math.fsum(r["covered_s"] for r in rows)}
        for p in ("a", "b"):
            good = [r for r in rows if r[f"{p}_n"]]
            extremes = [r[f"{p}_{s}"] for r in good for s in ("min", "max")]
            weights = [(r[f"{p}_mean"], r["covered_s"] * r[f"{p}_n"] / r["n"]) for r in good]
            out |= _statistics(p, sum(r[f"{p}_n"] for r in rows), extremes, weights)
        tier[bucket] = out
    return tier


def _statistics(name, n, values, weights):
    total = math.fsum(w for _, w in weights)
    mean = math.fsum(v * w for v, w in weights) / total if weights else None
    return {
        f"{name}_n": n,
        f"{name}_min": min(values, default=None),
        f"{name}_mean": mean,
        f"{name}_max": max(values, default=None),
    }


def assert_equal(stored, expected):
    assert stored.keys() == {b.astimezone(UTC) for b in expected}
    for bucket, row in expected.items():
        found = stored[bucket.astimezone(UTC)]
        assert found.keys() == row.keys()
        for name, value in row.items():
            close = value is None or not name.endswith(("mean", "_s"))
            assert found[name] == (value if close else pytest.approx(value, rel=1e-9, abs=1e-6)), (bucket, name)


gaps = st.one_of(
    st.sampled_from([1.0, 10.0, 10.0, 10.0, 60.0, 180.0]),
    st.floats(0.001, 30).map(lambda s: round(s, 3)),
    st.floats(200, 2000).map(lambda s: round(s, 1)),
)
values = st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda v: round(v, 3)))
reading = st.tuples(gaps, values, values, st.sampled_from([0, 0, 0, 1, 2, 3]), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([FAST, SLOW]),
    interval_s=st.sampled_from([None, 1.0, 60.0, 300.0]),
    first=st.floats(0, 900).map(lambda s: round(s, 3)),
    steps=st.lists(reading, min_size=1, max_size=60),
)
@example(kind=FAST, interval_s=None, first=0.0, steps=[(10.0, float(i), None, 0, i % 2 == 0) for i in range(60)])
def test_every_tier_equals_the_oracle_also_after_late_arrivals(hall, kind, interval_s, first, steps):
    at, rows, late = START + timedelta(seconds=first), [], []
    for gap, a, b, quality, on_time in steps:
        at += timedelta(seconds=gap)
        rows.append((at, a, b, quality))
        late.append(not on_time)
    device = hall.device(kind, interval_s)
    hall.write(kind, device, [r for r, is_late in zip(rows, late, strict=True) if not is_late])
    hall.drain()
    hall.write(kind, device, [r for r, is_late in zip(rows, late, strict=True) if is_late])
    hall.drain()
    for width, expected in oracle(kind, interval_s, rows).items():
        assert_equal(hall.stored(kind, device, width), expected)


def test_a_change_of_cadence_does_not_skew_the_mean(hall):
    """Six minutes at 40 told every three minutes, then four minutes at 50 told every ten seconds."""
    slow = [(START + timedelta(seconds=180 * i), 40.0, None, 0) for i in range(2)]
    quick = [(START + timedelta(seconds=360 + 10 * i), 50.0, None, 0) for i in range(24)]
    later = [(START + timedelta(seconds=600 + 180 * i), 40.0, None, 0) for i in range(16)]
    device = hall.device(FAST, None)
    hall.write(FAST, device, [*slow, *quick, *later])
    hall.drain()
    tenth = hall.stored(FAST, device, Width.TEN_MINUTES)[START]
    assert tenth["a_mean"] == pytest.approx((6 * 40 + 4 * 50) / 10)
    hour = hall.stored(FAST, device, Width.HOUR)[START]
    assert hour["a_mean"] == pytest.approx((56 * 40 + 4 * 50) / 60, abs=0.1)  # 45.7 by their number
    assert hour["a_n"] == 42


def test_with_an_even_cadence_the_mean_is_the_plain_one(hall):
    told = [float(i * i % 17) for i in range(60)]
    device = hall.device(FAST, None)
    hall.write(FAST, device, [(START + timedelta(seconds=10 * i), v, None, 0) for i, v in enumerate(told)])
    hall.drain()
    assert hall.stored(FAST, device, Width.TEN_MINUTES)[START]["a_mean"] == pytest.approx(sum(told) / 60)


def test_a_day_that_ends_inside_an_hour_is_computed_when_that_hour_has_ended(hall):
    """Midnight there is 18:15 UTC: the last buckets of the day leave it to a bucket of the next day."""
    device = hall.device(FAST, None)
    last = START.replace(hour=18, minute=10)
    hall.write(FAST, device, [(last, 40.0, None, 0)])
    just_closed = int(last.timestamp() + 620) * 1_000_000
    list(hall.rollups.drain(just_closed))
    assert hall.stored(FAST, device, Width.DAY) == {}
    list(hall.rollups.drain(just_closed + 3600 * 1_000_000))
    days = hall.stored(FAST, device, Width.DAY)
    assert [(day.astimezone(ZONE).day, row["n"]) for day, row in days.items()] == [(14, 1)]


def test_rows_from_before_the_column_of_time_still_count(hall):
    """A rollup of an older version has no covered_s: its readings weigh one interval each."""
    device = hall.device(SLOW, None)
    hall.write(SLOW, device, [(START + timedelta(minutes=10), 10.0, None, 0)])
    with hall.engine.begin() as on:
        old = f"insert into {rollup_name(SLOW, Width.TEN_MINUTES)} (device_id, bucket, n, a_n, a_min, a_mean, a_max)"
        on.execute(text(f"{old} values (:d, :b, 2, 2, 20, 20, 20)"), {"d": device, "b": START})
    hall.drain()
    hour = hall.stored(SLOW, device, Width.HOUR)[START]
    assert hour["a_mean"] == pytest.approx((2 * 300 * 20 + 600 * 10) / 1200)
