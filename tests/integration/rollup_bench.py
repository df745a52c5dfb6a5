"""A database with one substation device in Belgrade's zone, and the hands to fill it."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text

from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.readings import Readings
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.columns import rollup_name
from support.postgres.connect import make_engine
from support.postgres.rollups import Rollups
from support.postgres.writer import PostgresStore
from support.settings import TendSettings

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
NOW = int(datetime(2026, 1, 20, 12, 0, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
BELGRADE = ZoneInfo("Europe/Belgrade")
SETTINGS = TendSettings(slice_buckets=50, pause_s=0, rest=0)


class Bench:
    """A database with one substation device in Belgrade's zone, and the hands to fill it."""

    def __init__(self, database):
        self.engine = make_engine(database, "test")
        self.url = database
        with self.engine.begin() as conn:
            save_catalogue(conn, load_catalogue(CITIES), "test")
            self.device = add_device(conn, Device(name="probe-1", kind=KIND.name, station="nis-l4"), "test")
        self.store = PostgresStore(database, KINDS)
        self.roster = self.store.roster(-1)
        self.rollups = Rollups(self.engine, KINDS, SETTINGS)

    def write(self, times, supply, bad=None):
        """Store readings of t_sec_supply and its return 10 K below; `bad` marks supply values as not good."""
        with self.store.transaction() as tx:
            tx.write(self.readings(times, supply, bad), self.roster)

    def readings(self, times, supply, bad=None):
        n = len(times)
        values = np.full((n, len(KIND.points)), np.nan)
        values[:, KIND.bits["t_sec_supply"]] = supply
        values[:, KIND.bits["t_sec_return"]] = np.asarray(supply) - 10
        quality = np.zeros(n, np.int64)
        if bad is not None:
            quality[np.asarray(bad)] = 1 << KIND.bits["t_sec_supply"]
        ts = np.asarray(times, np.int64)
        return Readings(KIND, np.full(n, self.device, np.int32), ts, ts, values, quality, np.zeros(n, np.int64))

    def drain(self, now=NOW):
        return list(self.rollups.drain(now))

    def bucket(self, width, at, point="t_sec_supply"):
        columns = ", ".join(f"{point}_{s}" for s in ("n", "min", "mean", "max"))
        query = text(f"select n, {columns} from {rollup_name(KIND, width)} where device_id = :d and bucket = :b")
        moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at / 1e6, UTC)
        with self.engine.connect() as conn:
            row = conn.execute(query, {"d": self.device, "b": moment}).one_or_none()
        return None if row is None else tuple(row)

    def marks(self):
        """Return how many marks wait, those in touches counted one by one."""
        with self.engine.connect() as conn:
            touches = "select coalesce(sum(cardinality(device_ids)), 0) from rollup_touch"
            return conn.execute(text(f"select (select count(*) from rollup_mark) + ({touches})")).scalar_one()

    def count(self, table):
        with self.engine.connect() as conn:
            return conn.execute(text(f"select count(*) from {table}")).scalar_one()

    def close(self):
        self.store.close()
        self.engine.dispose()
