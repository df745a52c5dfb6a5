"""What is exported is what is stored: to the last bit, day by day, in files that are whole or not there."""

import gzip
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pyarrow.csv
import pyarrow.dataset
import pytest
from pyarrow import parquet

from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.commands.exports import chosen
from support.export import ExportError, Format, Wish, days, export
from support.postgres.connect import make_engine
from support.postgres.outflow import PostgresOutflow
from support.postgres.writer import PostgresStore

ROOT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()
KIND = KINDS["heat_substation"]
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
START = int(datetime(2026, 1, 19, 12, tzinfo=UTC).timestamp()) * 1_000_000
SPAN = START, START + 2 * DAY
BELGRADE, SHANGHAI = ZoneInfo("Europe/Belgrade"), ZoneInfo("Asia/Shanghai")


class Town:
    """Two devices in Belgrade's clock, one in Shanghai's, two days of readings with gaps and bad values."""

    def __init__(self, url):
        self.url, self.engine = url, make_engine(url, "test")
        with self.engine.begin() as on:
            save_catalogue(on, load_catalogue(ROOT / "configs" / "cities"), "test")
            places = {"probe-a": "nis-l4", "probe-b": "nis-l12", "probe-c": "xc-laocheng-01"}
            self.ids = {
                name: add_device(on, Device(name=name, kind=KIND.name, station=station), "test")
                for name, station in places.items()
            }
        self.store = PostgresStore(url, KINDS)
        roster, rng = self.store.roster(-1), np.random.default_rng(5)
        for device_id in self.ids.values():
            ts = SPAN[0] + np.arange(0, 2 * 1440, 7) * MINUTE
            values = rng.normal(50, 20, (len(ts), len(KIND.points)))
            values[rng.random(values.shape) < 0.3] = np.nan
            quality = (rng.random(values.shape) < 0.1) & ~np.isnan(values)
            words = quality.astype(np.int64) @ (1 << np.arange(len(KIND.points), dtype=np.int64))
            rows = Readings(KIND, np.full(len(ts), device_id, np.int32), ts, ts + 5, values, words, words * 0)
            with self.store.transaction() as tx:
                tx.write(rows, roster)

    def wish(self, out, form=Format.PARQUET, device=None, **facts):
        _, sources, corrections = chosen(self.engine, None if device else KIND.name, device, utc=False)
        return Wish(KIND, sources, facts.pop("span", SPAN), form, out, corrections, **facts)

    def export(self, out, form=Format.PARQUET, device=None, block_rows=100, **facts):
        heard = []
        found = export(self.wish(out, form, device, **facts), PostgresOutflow(self.engine, block_rows), heard.append)
        assert sum(heard) == found.rows
        return found

    def stored(self, *names):
        """Return the rows of the table by (device, ts)."""
        of = {self.ids[n]: n for n in names or self.ids}
        with psycopg.connect(self.url, options="-c timezone=UTC") as on:
            rows = on.execute("select * from readings_heat_substation where device_id = any(%s)", [list(of)]).fetchall()
        return {(of[row[0]], row[1]): row[1:] for row in rows}


@pytest.fixture(scope="module")
def town(server, migrated):
    town = Town(server.create_database("export_town", migrated))
    yield town
    town.store.close()
    town.engine.dispose()
    server.drop_database("export_town")


def as_stored(table):
    columns = table.drop_columns(["device_id", "bad_points"]).to_pydict()
    names = [n for n in columns if n != "device"]
    return {
        (device, columns["ts"][row]): tuple(columns[n][row] for n in names)
        for row, device in enumerate(columns["device"])
    }


def test_parquet_is_the_table_again(town, tmp_path):
    found = town.export(tmp_path)
    files = sorted(tmp_path.rglob("*.parquet"))
    table = pyarrow.dataset.dataset(tmp_path, format="parquet", partitioning="hive").to_table()
    table = table.drop_columns(["kind", "day"])
    assert (found.files, found.rows) == (len(files), len(table))
    assert as_stored(table) == town.stored()
    assert not list(tmp_path.rglob("*.part"))
    quality, bad = table["quality"].to_pylist(), table["bad_points"].to_pylist()
    assert bad == [";".join(n for bit, n in enumerate(KIND.names) if word >> bit & 1) for word in quality]
    assert any(";" in names for names in bad)


def test_a_file_is_a_day_of_each_devices_city(town, tmp_path):
    town.export(tmp_path)
    for file in tmp_path.rglob("*.parquet"):
        day = file.parent.name.removeprefix("day=")
        table = parquet.ParquetFile(file).read()
        zones = {"probe-c": SHANGHAI}
        assert {
            at.astimezone(zones.get(name, BELGRADE)).date().isoformat()
            for name, at in zip(table["device"].to_pylist(), table["ts"].to_pylist(), strict=True)
        } == {day}
        order = list(zip(table["device"].to_pylist(), table["ts"].to_pylist(), strict=True))
        for name in town.ids:
            mine = [at for device, at in order if device == name]
            assert mine == sorted(mine)
    assert len(list(tmp_path.rglob("*.parquet"))) == 3 == len(days(town.wish(tmp_path)))


def test_csv_is_the_table_again(town, tmp_path):
    town.export(tmp_path, Format.CSV, "probe-b")
    found = {}
    for file in sorted(tmp_path.rglob("*.csv.gz")):
        with gzip.open(file) as stream:
            types = pyarrow.csv.ConvertOptions(
                strings_can_be_null=False,
                column_types=dict.fromkeys(KIND.names, pyarrow.float64()) | {"bad_points": pyarrow.string()},
            )
            found |= as_stored(pyarrow.csv.read_csv(stream, convert_options=types))
    assert found == town.stored("probe-b")


def test_units_bits_and_corrections_are_stated(town, tmp_path):
    with town.engine.begin() as on:
        on.exec_driver_sql(
            "insert into correction (device_id, point, scale, unit, valid_from, actor)"
            " select device_id, 'heat_power', 0.001, 'W', '2026-01-01', 'test' from device where name = 'probe-a'"
        )
    town.export(tmp_path, device="probe-a")
    schema = parquet.read_schema(next(tmp_path.rglob("*.parquet")))
    assert schema.field("p_sec_return").metadata[b"unit"] == b"MPa"
    assert schema.field("heat_power").metadata[b"quality_bit"] == str(KIND.bits["heat_power"]).encode()
    facts = json.loads(schema.metadata[b"hearthline"])
    assert (facts["kind"], facts["zones"]) == (KIND.name, {"probe-a": "Europe/Belgrade"})
    assert facts["corrections"][0] | {"scale": 0.001, "unit": "W"} == facts["corrections"][0]
    beside = json.loads((tmp_path / "kind=heat_substation" / "_columns.json").read_text())
    assert beside["points"][KIND.bits["heat_power"]]["unit"] == "kW"


def test_what_stands_is_kept_unless_told_otherwise(town, tmp_path):
    town.export(tmp_path)
    files = sorted(tmp_path.rglob("*.parquet"))
    before = [f.stat().st_mtime_ns for f in files]
    with pytest.raises(ExportError, match="--resume or --force"):
        town.export(tmp_path)
    files[1].unlink()
    found = town.export(tmp_path, resume=True)
    assert (found.files, found.kept) == (2, 1)
    after = [f.stat().st_mtime_ns for f in files]
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False, False]
    assert town.export(tmp_path, force=True).files == 3
    assert town.export(tmp_path, force=True, span=(START - 9 * DAY, START - 8 * DAY)).rows == 0
    assert len(list(tmp_path.rglob("day=*"))) == 3


def test_a_broken_stream_leaves_no_file(town, tmp_path):
    class Breaking(PostgresOutflow):
        def blocks(self, *asked):
            yield next(super().blocks(*asked))
            raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match="No space left"):
        export(town.wish(tmp_path), Breaking(town.engine, 100), lambda _: None)
    assert [f.name for f in tmp_path.rglob("*") if f.is_file()] == ["_columns.json"]


def test_days_are_those_of_the_clock_also_when_it_changes(town, tmp_path):
    first = datetime(2026, 3, 29, tzinfo=BELGRADE)  # 23 hours long
    stop = int((first + timedelta(days=1)).timestamp()) * 1_000_000
    span = int(first.timestamp()) * 1_000_000, stop
    assert span[1] - span[0] == 23 * HOUR
    assert [d.isoformat() for d in days(town.wish(tmp_path, device="probe-a", span=span))] == ["2026-03-29"]


def test_memory_does_not_grow_with_what_is_exported(town, tmp_path):
    """Three blocks' worth is held however many there are: here 400 of ten rows."""

    def peak(block_rows):
        tracemalloc.start()
        count = sum(
            len(b) for b in PostgresOutflow(town.engine, block_rows).blocks(KIND, list(town.ids.values()), SPAN)
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, size

    count, small = peak(10)
    assert count == len(town.stored())
    assert small < 300_000
    assert peak(2000)[1] > 2 * small


@pytest.mark.parametrize(
    ("kind", "device"), [(None, None), ("heat_substation", "probe-a"), ("nothing", None), (None, "x")]
)
def test_what_cannot_be_exported_says_so(town, kind, device):
    with pytest.raises(ExportError):
        chosen(town.engine, kind, device, utc=False)
