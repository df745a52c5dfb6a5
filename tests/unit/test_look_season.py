"""Where the heat of a season went, from Parquet files as they come."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulators.likeness.energy import carried_kw
from simulators.look.season import read_season
from simulators.look.season_page import season_section
from simulators.recording import RecordingError

BEGIN = datetime(2025, 10, 20, tzinfo=UTC)
DAYS, STEP_MIN = 12, 10
ROWS = DAYS * 24 * 60 // STEP_MIN


def season_of(station, kw, meter_factor=1.0, lost=0):
    """A station that gives so much, day and night; its flow meter tells so much of it, and so many rows are lost."""
    hot, cold = np.full(ROWS, 80.0), np.full(ROWS, 40.0)
    flow = meter_factor * kw / carried_kw(np.ones(1), hot[:1], cold[:1])[0]
    kept = ROWS - lost
    return pa.table({
        "device": pa.array([station] * kept).dictionary_encode(),
        "ts": pa.array([BEGIN + timedelta(minutes=STEP_MIN * k) for k in range(kept)], pa.timestamp("ms", tz="UTC")),
        "t_outdoor": np.linspace(5, -20, ROWS)[:kept], "heat_power": np.full(kept, kw),
        "t_pri_supply": hot[:kept], "t_pri_return": cold[:kept], "flow_pri": np.full(kept, flow),
        "heat_energy_total": (1000 + np.arange(ROWS) * kw * STEP_MIN * 60 / 1e6)[:kept],
    })  # fmt: skip


def test_three_ways_to_the_same_heat_are_compared(tmp_path):
    pq.write_table(pa.concat_tables([season_of("a-01", 500.0), season_of("a-02", 300.0, 0.95)]), tmp_path / "1.parquet")
    (tmp_path / "season.json").write_text("{}")
    season = read_season(tmp_path)
    assert season.stations == ("a-01", "a-02")
    assert len(season.days) == DAYS
    assert season.power.sum() == pytest.approx(800 * DAYS * 86_400 / 1e6)
    assert season.apart(season.primary.sum(axis=1)) == pytest.approx([0, -5])
    assert season.apart(season.counted) == pytest.approx([0, 0], abs=0.1)
    assert np.isnan(season.secondary).all()
    section = season_section(season)
    assert "2 stations, 12 days (2025-10-20 to 2025-10-31, UTC)" in section
    assert "NaN" not in section


def test_files_and_row_groups_do_not_matter(tmp_path):
    whole = season_of("a-01", 500.0, lost=300)
    for k in range(4):
        part = whole.slice(k * 400, 400)
        if part.num_rows:
            pq.write_table(part, tmp_path / f"{k}.parquet", row_group_size=64)
    season = read_season(tmp_path)
    assert np.nansum(season.power) == pytest.approx(500 * (ROWS - 300) * STEP_MIN * 60 / 1e6)


def test_what_is_no_season_is_said_to_be_none(tmp_path):
    with pytest.raises(RecordingError, match=r"no \*.parquet in it"):
        read_season(tmp_path)
    pq.write_table(pa.table({"device": ["a"], "ts": [0]}), tmp_path / "1.parquet")
    with pytest.raises(RecordingError, match="no column heat_power"):
        read_season(tmp_path)
    (tmp_path / "1.parquet").write_bytes(b"no parquet")
    with pytest.raises(RecordingError, match="cannot be read as Parquet"):
        read_season(tmp_path)
