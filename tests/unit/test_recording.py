"""Recorded tables: order, clocks that change, and dirt."""

import gzip
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from perception.kinds import load_kinds
from simulators.recording import RecordingError, Trouble, load_map, read_recording

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KINDS = load_kinds()
HEAD = "datetime,t_amb,t_ref,t_sup_prim,t_ret_prim,t_sup_sec,t_ret_sec,e,pe\n"
NIS = load_map(CONFIGS / "replay" / "nis.toml", KINDS)


def us(text):
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


def row(at, values="1.0,44,80,40,50,40,100,500"):
    return f"{at},{values}\n"


@pytest.fixture
def read(tmp_path):
    def reader(text, columns=NIS):
        file = tmp_path / "table.csv"
        file.write_text(text)
        trouble = Trouble()
        return read_recording(file, columns, trouble), trouble

    return reader


def test_shipped_recordings_are_two_clean_winter_weeks():
    for device in ("l4", "l12", "l17"):
        trouble = Trouble()
        readings = read_recording(CONFIGS / "recordings" / f"nis-{device}.csv.gz", NIS, trouble)
        assert (len(readings), trouble.rows, trouble.cells) == (1344, 0, 0)
        assert readings[0].ts == us("2024-01-08T00:00:00+01:00")
        assert readings[-1].ts == us("2024-01-21T23:45:00+01:00")
        assert {b.ts - a.ts for a, b in pairwise(readings)} == {900_000_000}


def test_units_become_those_of_the_kind(read):
    (reading,), _ = read(HEAD + row("2024-01-08 12:00:00", "-2.5,44,80,40,50,41,1000.5,512.3"))
    assert reading.ts == us("2024-01-08T11:00:00+00:00")
    assert reading.values == {
        "t_outdoor": -2.5, "t_sec_supply_setpoint": 44, "t_pri_supply": 80, "t_pri_return": 40,
        "t_sec_supply": 50, "t_sec_return": 41, "heat_energy_total": 3601.8, "heat_power": 512.3,
    }  # fmt: skip


def test_newest_first_and_plain_gzip_come_in_order(tmp_path):
    text = HEAD + row("2024-01-08 12:06:00") + row("2024-01-08 12:03:00") + row("2024-01-08 12:00:00")
    file = tmp_path / "table.csv.gz"
    file.write_bytes(gzip.compress(text.encode("utf-8-sig")))
    readings = read_recording(file, NIS, Trouble())
    assert [r.ts for r in readings] == sorted(us(f"2024-01-08T11:0{m}:00+00:00") for m in (0, 3, 6))


AUTUMN = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hour_that_comes_twice_is_told_by_its_order(read, newest_first):
    rows = [row(f"2023-10-29 {t}:00") for t in AUTUMN]
    readings, trouble = read(HEAD + "".join(reversed(rows) if newest_first else rows))
    times = [datetime.fromtimestamp(r.ts / 1e6, UTC).strftime("%H:%M") for r in readings]
    assert times == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]
    assert trouble.rows == 0


def test_the_hour_that_is_skipped_does_not_exist(read):
    readings, trouble = read(
        HEAD + row("2024-03-31 01:45:00") + row("2024-03-31 02:15:00") + row("2024-03-31 03:00:00")
    )
    assert len(readings) == 2
    assert readings[1].ts - readings[0].ts == 900_000_000
    assert trouble.named == ["line 3: left out: datetime 2024-03-31 02:15:00 does not exist in Europe/Belgrade"]


def test_dirt_is_counted_and_named_and_the_rest_is_read(read):
    readings, trouble = read(
        HEAD
        + row("2024-01-08 12:00:00", "x,44,80,40,50,40,100,500")  # a cell that is no number
        + row("yesterday")  # no time
        + row("2024-01-08 12:03:00", ",,,,,,,")  # no value
        + row("2024-01-08 12:06:00", "inf,44,80,40,50,40,NaN,500")  # no finite number, an absent one
        + row("2024-01-08 12:06:00")  # twice
        + "2024-01-08 12:09:00,1.5\n"  # a short row
    )
    assert [sorted(r.values) == sorted(NIS.points) for r in readings] == [False, False, False]
    assert (trouble.rows, trouble.cells) == (3, 2)
    assert "line 2: t_amb 'x' is no number" in trouble.named
    assert "line 3: left out: datetime 'yesterday' is no time" in trouble.named
    assert "line 4: left out: no value" in trouble.named
    assert readings[2].values == {"t_outdoor": 1.5}


def test_only_the_first_few_are_named(read):
    _, trouble = read(HEAD + "".join(row("never") for _ in range(50)))
    assert (trouble.rows, len(trouble.named)) == (50, 5)


def test_an_empty_table_is_no_readings(read):
    assert read(HEAD)[0] == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"time,pe\n2024-01-08 12:00:00,5\n", "no column datetime, t_amb"),
        (b"", "no header line"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
        (gzip.compress((HEAD + row("2024-01-08 12:00:00") * 9_000).encode())[:-20], "cannot be read as CSV"),
    ],
    ids=["columns", "empty", "bytes", "cut"],
)
def test_what_is_no_such_table_is_said(tmp_path, content, says):
    file = tmp_path / ("table.csv.gz" if content[:2] == b"\x1f\x8b" else "table.csv")
    file.write_bytes(content)
    with pytest.raises(RecordingError, match=says):
        read_recording(file, NIS, Trouble())


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(RecordingError, match="cannot be read as CSV"):
        read_recording(tmp_path / "none.csv", NIS, Trouble())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind='heat_substation'\n[time]\ncolumn='t'\nzone='Mars/X'\n[points]\nt_outdoor={column='a'}", "time zone"),
        ("kind = 'toaster'\n[time]\ncolumn='t'\n[points]\nt_outdoor={column='a'}", "unknown kind 'toaster'"),
        ("kind = 'heat_substation'\n[time]\ncolumn='t'\n[points]\nwarmth={column='a'}", "has no point warmth"),
        ("kind = 'heat_substation'\n[points]\nt_outdoor={column='a'}", "time: Field required"),
        ("kind = ", "cannot be read as a column map"),
    ],
)  # fmt: skip
def test_a_wrong_column_map_is_said(tmp_path, text, says):
    file = tmp_path / "map.toml"
    file.write_text(text)
    with pytest.raises(RecordingError, match=says):
        load_map(file, KINDS)


def test_times_with_a_zone_need_none_in_the_map_and_others_do(tmp_path, read):
    file = tmp_path / "map.toml"
    file.write_text(
        "kind='heat_substation'\n[time]\ncolumn='at'\n[points]\nt_outdoor={column='a', scale=0.1, offset=-40}"
    )
    columns = load_map(file, KINDS)
    readings, trouble = read("at,a\n2024-01-08T12:00:00Z,300\n2024-01-08T12:01:00,300\n", columns)
    assert [(r.ts, r.values) for r in readings] == [(us("2024-01-08T12:00:00+00:00"), {"t_outdoor": -10.0})]
    assert "has no zone: state time.zone" in trouble.named[0]
