"""Measurements on site and the days of service in the tables: counted from stored rooms, refused with reasons."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from application.service.book import Measurement, MeasurementError, keeping, record
from application.service.rules import read_service
from support.postgres.connect import make_engine

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
US = 1_000_000


def us(when):
    return round(when.timestamp()) * US


@pytest.fixture
def book(empty_town):
    engine = make_engine(empty_town.url, "test")
    yield engine
    engine.dispose()


def rooms(town, temperatures):
    """Store a day of hours of sampled rooms of home-warm."""
    for i, c in enumerate(temperatures):
        town.owner.execute("insert into room values (%s, 'house-warm', 'middle', 2)", [f"room-{i}"])
        device = town.owner.execute(
            "insert into device (name, kind, station, room) values (%s, 'room_climate', 'st-warm', %s)"
            " returning device_id", [f"room-dev-{i}", f"room-{i}"],
        ).fetchone()[0]  # fmt: skip
        town.owner.execute(
            "insert into rollup_room_climate_1h (device_id, bucket, n, t_indoor_n, t_indoor_mean)"
            " select %s, t, 6, 6, %s from generate_series(%s, %s, interval '1 hour') t",
            [device, c, NOW.replace(hour=0) - timedelta(days=2), NOW - timedelta(hours=1)],
        )


def test_a_cold_day_is_counted_with_its_refund(empty_town, book):
    rooms(empty_town, [15.0, 15.5, 19.0])
    for _ in range(2):
        assert sum(keeping(book, read_service()).run(us(NOW))) > 0
    zone = ZoneInfo("Asia/Kathmandu")
    day = NOW.astimezone(zone).date() - timedelta(days=1)
    row = empty_town.owner.execute(
        "select rooms, hours, median_c, degree_hours, basis, refund_percent from service_day"
        " where community = 'home-warm' and day = %s", [day],
    ).fetchone()  # fmt: skip
    # The city's clock is 15 minutes off the hour: 24 hours lie in its day all the same.
    assert row == (3, 24, 15.5, pytest.approx(24 * 2.5), "sensors", 50)


def test_of_two_rooms_nothing_is_said(empty_town, book):
    rooms(empty_town, [10.0, 10.0])
    list(keeping(book, read_service()).run(us(NOW)))
    empty_town.owner.execute("update service_day set day = current_date where hours = 24 and day = '2026-01-19'")
    said = empty_town.owner.execute("select distinct median_c, degree_hours, refund_percent, basis"
                                    " from portal.service_day where day = current_date").fetchall()  # fmt: skip
    assert said == [(None, None, 0, "none")]


def test_a_measurement_that_stays_cold_is_owed_from_its_notice(empty_town, book):
    noticed = NOW - timedelta(hours=60)
    with book.begin() as on:
        record(on, Measurement("home-cool", us(noticed + timedelta(hours=5)), 13.0, us(noticed), "R-1"), "t", us(NOW))
    list(keeping(book, read_service()).run(us(NOW)))
    rows = empty_town.owner.execute(
        "select basis, refund_percent, measurements from service_day where community = 'home-cool' order by day"
    ).fetchall()
    assert [r for r in rows if r[1]] == [("measurement", 100, 1), *[("measurement", 100, 0)] * 2]
    assert empty_town.owner.execute("select actor, subject from audit where action = 'measure'").fetchall() == [
        ("t", "community:home-cool")
    ]


@pytest.mark.parametrize(("told", "said"), [
    (Measurement("nowhere", us(NOW), 15, us(NOW)), "no community"),
    (Measurement("home-cool", us(NOW), 90, us(NOW)), "no temperature of a room"),
    (Measurement("home-cool", us(NOW), float("nan"), us(NOW)), "no temperature of a room"),
    (Measurement("home-cool", us(NOW), 15, us(NOW) + US), "before the measurement"),
    (Measurement("home-cool", us(NOW) + US, 15, us(NOW)), "in the future"),
    (Measurement("home-cool", us(NOW), 15, us(NOW - timedelta(days=31))), "its own notice"),
    (Measurement("home-cool", us(NOW), 15, us(NOW), "x" * 41), "1 to 40"),
])  # fmt: skip
def test_what_is_no_measurement_is_refused_with_the_reason(book, told, said):
    with book.begin() as on, pytest.raises(MeasurementError, match=said):
        record(on, told, "t", us(NOW))
