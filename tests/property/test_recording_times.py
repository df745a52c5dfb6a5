"""Any series of instants, written as local times of a zone that changes its clocks, is read back as it was."""

import csv
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.recording import ColumnMap, Trouble, read_recording

ZONE = ZoneInfo("Europe/Belgrade")
COLUMNS = ColumnMap.model_validate(
    {"kind": "heat_substation", "time": {"column": "at", "zone": ZONE.key}, "points": {"t_outdoor": {"column": "v"}}}
)
AROUND_AUTUMN = datetime(2023, 10, 28, 12, tzinfo=UTC)
AROUND_SPRING = datetime(2024, 3, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


@settings(max_examples=60, deadline=None)
@given(
    begin=st.sampled_from([AROUND_AUTUMN, AROUND_SPRING]),
    minutes=st.sampled_from([3, 15, 30, 60]),
    rows=st.integers(2, 200),
    newest_first=st.booleans(),
)
def test_local_times_come_back_as_the_instants_that_they_were(folder, begin, minutes, rows, newest_first):
    instants = [begin + timedelta(minutes=minutes * k) for k in range(rows)]
    lines = [(t.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S"), k) for k, t in enumerate(instants)]
    file = folder / "table.csv"
    with file.open("w", newline="") as text:
        csv.writer(text).writerows([("at", "v"), *(reversed(lines) if newest_first else lines)])
    trouble = Trouble()
    readings = read_recording(file, COLUMNS, trouble)
    assert (trouble.rows, trouble.cells) == (0, 0)
    assert [(r.ts, r.values["t_outdoor"]) for r in readings] == [
        (round(t.timestamp() * 1e6), k) for k, t in enumerate(instants)
    ]
