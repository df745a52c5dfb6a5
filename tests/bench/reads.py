"""Reads: how long the reading side takes on a full database: newest of all, a day, a year, a district, consumption.

`python tests/bench/run.py reads` fills a database of its own in the rig's server:

- `HEARTHLINE_BENCH_STATIONS` (5000) stations of 40 values, a reading every 1 to 10 minutes back from now, so many that
  the number of values reaches `HEARTHLINE_BENCH_VALUES` (4 million; 100 million is the full size);
- one station: a reading every 10 s over the newest day, one every minute over a year, and the rollups of that year.

A figure is the median of warm repetitions of what the product's own views and reader do. The plans of the three
reads with a limit are kept in build/plans.txt, by EXPLAIN (ANALYZE, BUFFERS).
"""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
from figures import emit, percentiles, say
from plotly.utils import PlotlyJSONEncoder
from psycopg import sql

from application.districts import devices_of
from application.views import Views
from perception.kinds import load_kinds
from presentation.console.drawing import curves_of, lanes_of, panels_of
from presentation.console.trend_choice import Choice
from presentation.figures import figure
from presentation.scene import Scene
from presentation.texts import texts_for
from simulators.city import generate_city
from support.catalogue_store import save_catalogue
from support.columns import STATISTICS, Width, rollup_name
from support.postgres import copy_out as copying
from support.postgres.connect import make_engine
from support.postgres.partitions import ensure_weeks, weeks_of
from support.postgres.reader import PostgresReader
from support.postgres.schema import migrate

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
STATIONS = int(os.environ.get("HEARTHLINE_BENCH_STATIONS", "5000"))
VALUES = int(os.environ.get("HEARTHLINE_BENCH_VALUES", "4_000_000"))
REPEAT = 15
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
POINTS = ("t_sec_supply", "t_sec_return", "heat_power")
PLANS = Path(__file__).resolve().parents[2] / "build" / "plans.txt"


def measure(rig):
    """Fill a database beside the rig's own, and measure."""
    name = "reads"
    with psycopg.connect(rig.url, autocommit=True) as on:
        on.execute(f"drop database if exists {name} with (force)")
        on.execute(f"create database {name} template template0")
    url = rig.url.replace("@/hearthline?", f"@/{name}?")
    measure_at(url)
    with psycopg.connect(rig.url, autocommit=True) as on:
        on.execute(f"drop database if exists {name} with (force)")


def measure_at(url):
    """Fill the empty database at this address, and measure. Any server will do: plain or TimescaleDB."""
    migrate(url, KINDS)
    engine = make_engine(url, "bench")
    with engine.begin() as on:
        save_catalogue(on, generate_city(STATIONS, 1), "bench")
    now = time.time_ns() // 1000 // (10 * MINUTE) * 10 * MINUTE
    facts = fill(engine, url, now)
    views = Views(engine, PostgresReader(), KINDS, {})
    for what, limit_ms, read in reads(engine, views, facts["one"], now):
        read()
        times = [_timed(read) for _ in range(REPEAT)]
        middle, slow = percentiles(times)
        said = {"p95": round(slow, 2), "stations": facts["stations"], "values": facts["values"]}
        emit(f"reads_{what}", middle, "ms", against="limit" if limit_ms else None, yardstick=limit_ms, **said)
    plans(engine, views, facts["one"], now)
    engine.dispose()


def reads(engine, views, one, now):
    """Yield name, limit in milliseconds and the read itself."""
    reader = PostgresReader()
    with engine.connect() as on:
        rows = on.exec_driver_sql("select device_id, name from device where kind = 'heat_substation' order by 1").all()
        city = on.exec_driver_sql("select name from city").scalars().first()
        district = on.exec_driver_sql("select district from station group by 1 order by count(*) desc limit 1").scalar()
        stations = len(devices_of(on, district))
    ids, name = [r[0] for r in rows], dict(rows)[one]

    def on_connection(read):
        def run():
            with engine.connect() as on:
                return read(on)

        return run

    def span(hours):
        return now - hours * HOUR, now

    yield f"latest_of_{len(ids)}", 30, on_connection(lambda on: reader.latest(on, KIND, ids, now - 7 * DAY))
    yield "day_in_500", 10, on_connection(lambda on: reader.series(on, KIND, one, POINTS, span(24), 500))
    yield "year_in_1000", 40, on_connection(lambda on: reader.series(on, KIND, one, POINTS, span(365 * 24), 1000))
    yield "week_in_1000", None, on_connection(lambda on: reader.series(on, KIND, one, POINTS, span(168), 1000))
    yield "page_trend_day", None, lambda: views.trend(name, POINTS, *span(24), 900)
    yield "chart_year", 60, lambda: chart(views, name, *span(365 * 24))
    yield "page_overview", None, lambda: views.overview(city, now)
    yield f"district_day_of_{stations}", None, lambda: views.district_trend(district, "heat_power", *span(24), 300)


def chart(views, device, start, stop):
    """Make a year's chart of a station as the console does, from the reads to the bytes, after the click."""
    panels = panels_of(KIND, Choice())
    names = [p.name for points in panels for p in points]
    trend = views.trend(device, names, start, stop, 900)
    t, span = texts_for("en"), (start // 1000, stop // 1000)
    lanes = lanes_of(views.marks(device, start, stop), KIND, span, t)
    scene = Scene(["Cel", "Cel"], span, "Asia/Shanghai", lanes=lanes)
    return PlotlyJSONEncoder().encode(figure(curves_of(trend, panels, t), scene))


def fill(engine, url, now):
    """Load readings and rollups by COPY; return how much."""
    with engine.connect() as on:
        ids = (
            on.exec_driver_sql("select device_id from device where kind = 'heat_substation' order by 1").scalars().all()
        )
    per_reading = 40
    each = max(2, VALUES // (len(ids) * per_reading))
    began, count = time.monotonic(), 0
    with psycopg.connect(url) as on:
        step = max(MINUTE, min(10 * MINUTE, 30 * DAY // each))
        for first in range(0, each, 144):
            ts = now - np.arange(first, min(first + 144, each))[::-1] * step
            count += _readings(engine, on, ids, ts, per_reading)
        one = ids[len(ids) // 2]
        count += _readings(engine, on, [one], now - np.arange(1, 8640) * 10_000_000 + 5_000_000, per_reading)
        minutes = now - DAY - np.arange(1, 364 * 1440) * MINUTE
        for portion in np.array_split(minutes, 60):
            count += _readings(engine, on, [one], portion, 8)
        _year(on, one, now)
        _rollup(on, ids, Width.TEN_MINUTES, now - np.arange(1, 145) * 10 * MINUTE)
        on.commit()
        on.autocommit = True
        on.execute("vacuum analyze")
    say(f"{count} values of {len(ids)} stations in {time.monotonic() - began:.0f} s")
    return {"stations": len(ids), "values": count, "one": one}


def _readings(engine, on, ids, ts, per_reading):
    """Write a reading of each station at each time, in the order of time as a city writes them; return the values."""
    with engine.begin() as conn:
        ensure_weeks(conn, KIND, weeks_of(np.append(ts, ts.max() + np.array([7, 14]) * DAY)))  # and ahead, as tend does
    names = KIND.names[:per_reading]
    rng = np.random.default_rng(int(ts[0]) % 1000)
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(f"readings_{KIND.name}"),
        sql.SQL(", ").join(map(sql.Identifier, ["device_id", "ts", "received_at", *names, "quality"])),
    )
    for chunk in np.array_split(np.sort(ts), max(1, len(ts) * len(ids) // 50_000)):
        if not len(chunk):
            continue
        device, when = np.tile(ids, len(chunk)), np.repeat(chunk, len(ids))
        values = rng.normal(50, 5, (len(device), per_reading))
        values = [values[:, n] for n in range(per_reading)]
        _copy(on, statement, [device, when, when, *values, np.zeros(len(device), np.int64)], per_reading)
    on.commit()
    return len(ts) * len(ids) * per_reading


def _year(on, one, now):
    """Write the rollups of a year of readings of one station; the city's days are those of UTC+8."""
    for width, step in ((Width.MINUTE, MINUTE), (Width.TEN_MINUTES, 10 * MINUTE), (Width.HOUR, HOUR), (Width.DAY, DAY)):
        shift = 8 * HOUR if width is Width.DAY else 0
        last = (now + shift) // step * step - shift
        starts = last - np.arange(365 * DAY // step if width is not Width.MINUTE else 30 * 1440)[::-1] * step
        _rollup(on, [one], width, starts)


def _rollup(on, ids, width, starts):
    columns = [f"{p}_{s}" for p in KIND.names for s in STATISTICS]
    table = rollup_name(KIND, width)
    with psycopg.ClientCursor(on) as cursor:
        cursor.execute(sql.SQL(
            "insert into {} (device_id, bucket, n, {}) select d, b, 60, {} "
            "from unnest(%s::int4[]) d, unnest(%s::timestamptz[]) b on conflict do nothing"
        ).format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.SQL("60" if c.endswith("_n") else "45 + random()") for c in columns),
        ), [[int(i) for i in ids], [_moment(b) for b in np.sort(starts)]])  # fmt: skip


def _copy(on, statement, columns, values):
    """COPY columns in binary: int4, two timestamps, doubles, int8."""
    layout = [("c", ">i2"), ("s0", ">i4"), ("f0", ">i4")]
    for place in range(1, len(columns)):
        double = 3 <= place < 3 + values
        layout += [(f"s{place}", ">i4"), (f"f{place}", ">f8" if double else ">i8")]
    rows = np.empty(len(columns[0]), np.dtype(layout))
    rows["c"] = len(columns)
    for place, column in enumerate(columns):
        rows[f"s{place}"] = 4 if place == 0 else 8
        rows[f"f{place}"] = np.asarray(column) - 946_684_800_000_000 if place in {1, 2} else column
    with on.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff")


def plans(engine, views, one, now):
    """Keep the plans of every statement that the three reads with a limit send."""
    said = []
    send = copying.copy_out

    def explained(on, query, parameters, types):
        cursor = psycopg.ClientCursor(on.connection.driver_connection)
        plan = cursor.execute(sql.SQL("explain (analyze, buffers, settings) {}").format(query), parameters).fetchall()
        said.append("\n".join(row[0][:200] for row in plan))
        return send(on, query, parameters, types)

    modules = [m for m in _readers() if hasattr(m, "copy_out")]
    for module in modules:
        module.copy_out = explained
    try:
        for what, limit, read in reads(engine, views, one, now):
            if limit:
                said.append(f"=== {what}")
                read()
    finally:
        for module in modules:
            module.copy_out = send
    PLANS.parent.mkdir(exist_ok=True)
    PLANS.write_text(re.sub(r"coalesce\(.*?\), ", "", "\n\n".join(said)))


def _readers():
    from support.postgres import areas, reader, series

    return reader, series, areas


def _timed(read):
    began = time.perf_counter()
    read()
    return (time.perf_counter() - began) * 1000


def _moment(at):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at))
