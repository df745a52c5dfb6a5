"""A backup of a living database, restored into another server, is the same to the last row."""

import os
import stat
import threading
from pathlib import Path

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from network.link import Tally
from perception.catalogue import Device
from perception.kinds import load_kinds
from perception.readings import Readings, Reason, Reject
from perception.seed_files import load_catalogue
from support.catalogue_store import add_device, save_catalogue
from support.commands.processes import prepare
from support.postgres import archive
from support.postgres.archive import DumpError, TargetError, ToolError, back_up, contents, restore
from support.postgres.connect import make_engine
from support.postgres.counters import Counters
from support.postgres.rollups import Rollups
from support.postgres.server import EmbeddedServer
from support.postgres.writer import PostgresStore
from support.settings import TendSettings

ROOT = Path(__file__).resolve().parents[2]
KINDS = load_kinds()
KIND = KINDS["heat_substation"]
T0 = 1_796_000_000_000_000
WEEK = 7 * 86_400 * 1_000_000
ALARM = """
insert into alarm (alarm_id, subject, rule, element, opened_at, priority, station, device, evidence)
values (gen_random_uuid(), 'station:nis-l4', 'device_silent', '', now(), 2, 'nis-l4', 'meter-1', '{"x": 1.5}')
"""


def readings(device, count, first=T0, step=WEEK // 50):
    values = np.full((count, len(KIND.points)), np.nan)
    values[:, KIND.bits["t_sec_supply"]] = np.linspace(40.1, 50.7, count)
    values[:, KIND.bits["heat_energy_total"]] = 100 + np.arange(count)
    ts = first + np.arange(count) * step
    quality = np.where(np.arange(count) % 7 == 0, 1, 0).astype(np.int64)
    return Readings(KIND, np.full(count, device, np.int32), ts, ts, values, quality, np.zeros(count, np.int64))


@pytest.fixture
def living(database):
    """Return the address of a database with something in every kind of table, and a store that goes on writing."""
    with fill(database) as store:
        yield database, store


class fill:  # noqa: N801 - reads as a verb
    def __init__(self, url):
        self.url = url

    def __enter__(self):
        prepare(self.url, KINDS, "only-for-tests")
        engine = make_engine(self.url, "test")
        with engine.begin() as on:
            save_catalogue(on, load_catalogue(ROOT / "configs" / "cities"), "test")
            self.device = add_device(on, Device(name="meter-1", kind=KIND.name, station="nis-l4"), "test")
            on.execute(text(ALARM))
        self.store = PostgresStore(self.url, KINDS)
        assert self.store.claim()
        self.roster = self.store.roster(-1)
        self.write(120)
        settings = TendSettings(pause_s=0, rest=0)
        for drain in (Rollups(engine, KINDS, settings).drain, Counters(engine, KINDS, settings).drain):
            list(drain(T0 + 5 * WEEK))
        engine.dispose()
        return self

    def write(self, count, first=T0):
        reject = Reject(
            reason=Reason.MALFORMED,
            detail="no JSON",
            topic="t/\u6e2f",
            payload=b"\x00\xff{",
            received_at=T0,
            device="meter-1",
        )
        with self.store.transaction() as tx:
            tx.write(readings(self.device, count, first), self.roster)
            tx.reject([reject])
            tx.tally(T0, {"meter-1": Tally(count, count)})

    def __exit__(self, *_):
        self.store.close()


def checksums(url):
    """Return (count, checksum) of every table that is not the server's own."""
    names = """
        select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname !~ '^(pg_|information_schema|_timescaledb|timescaledb)' order by 1
    """
    each = "select count(*), coalesce(sum(('x' || md5(t::text))::bit(48)::bigint), 0) from only {} t"
    with psycopg.connect(url, options="-c timezone=UTC") as on:
        return {name: on.execute(each.format(name).replace("only ", "")).fetchone() for (name,) in on.execute(names)}


def test_a_backup_in_a_new_home_is_the_same_and_the_home_works(living, reachable, tmp_path):
    url, _ = living
    file, heard = tmp_path / "city.backup", []
    found = back_up(url, file, heard.append)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["city.backup"]
    assert "public.alarm" in heard
    before = checksums(url)
    assert before["public.reject"][0] == 1
    assert before["public.consumption"][0] > 50
    with EmbeddedServer(reachable / "restored", durable=False) as second:
        assert restore(second.url, file, heard.append) == found
        assert checksums(second.url) == before
        prepare(second.url, KINDS, "only-for-tests")
        with fill_again(second.url) as store:
            store.write(3, T0 + 30 * WEEK)
        after = checksums(second.url)
        assert after["public.reject"][0] == 2
        assert after["public.readings_heat_substation"][0] == 123
        with pytest.raises(TargetError, match="not empty"):
            restore(second.url, file, heard.append)


class fill_again(fill):  # noqa: N801
    def __enter__(self):
        self.store = PostgresStore(self.url, KINDS)
        assert self.store.claim()
        self.roster = self.store.roster(-1)
        self.device = self.roster.members["meter-1"].device_id
        return self


def test_a_backup_beside_a_running_ingest_is_one_moment(living, server, tmp_path):
    """Each transaction writes readings and their tally together: in a snapshot, the ledger says what is there."""
    url, store = living
    stop, written = threading.Event(), []

    def ingest():
        while not stop.is_set():
            store.write(20, T0 + (len(written) + 10) * WEEK)
            written.append(20)

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        back_up(url, tmp_path / "live.backup", lambda _: None)
    finally:
        stop.set()
        thread.join()
    assert written
    target = server.create_database("restored_live")
    restore(target, tmp_path / "live.backup", lambda _: None)
    with psycopg.connect(target) as on:
        rows = on.execute("select count(*) from readings_heat_substation").fetchone()[0]
        assert on.execute("select stored, received from ledger").fetchone() == (rows, rows)
        assert on.execute("select count(*) from reject").fetchone()[0] == (rows - 120) // 20 + 1
    server.drop_database("restored_live")


def test_what_stands_is_not_written_over_and_no_part_is_left(living, tmp_path):
    url, _ = living
    file = tmp_path / "a.backup"
    file.write_text("mine")
    with pytest.raises(TargetError, match="--force"):
        back_up(url, file, lambda _: None)
    assert file.read_text() == "mine"
    with pytest.raises(TargetError, match="cannot write"):
        back_up(url, tmp_path / "no" / "where", lambda _: None)
    back_up(url, file, lambda _: None, force=True)
    assert len(contents(file).tables) > 20


def test_what_is_no_archive_says_so_and_touches_nothing(server, tmp_path):
    file = tmp_path / "b"
    file.write_bytes(b"PGDMP but not really")
    with pytest.raises(DumpError, match="no archive"):
        restore(server.url, file, lambda _: None)
    with pytest.raises(DumpError):
        restore(server.url, tmp_path / "missing", lambda _: None)


def test_a_cut_archive_leaves_the_target_empty(living, server, tmp_path):
    url, _ = living
    file = tmp_path / "c.backup"
    back_up(url, file, lambda _: None)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    target = server.create_database("restored_cut")
    with pytest.raises(DumpError):
        restore(target, file, lambda _: None)
    assert not checksums(target)
    server.drop_database("restored_cut")


def test_tools_of_another_version_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(archive, "_candidates", lambda _: iter([Path("/usr/bin/true")]))
    with pytest.raises(ToolError, match="postgresql-client-18"):
        archive._tool("pg_dump", 18)


def test_the_password_is_no_argument():
    told = archive._environment("postgresql://me:secret@db.example:5433/city?sslmode=require")
    assert told["PGPASSWORD"] == "secret"
    assert (told["PGHOST"], told["PGPORT"], told["PGDATABASE"], told["PGSSLMODE"]) == (
        "db.example", "5433", "city", "require",
    )  # fmt: skip
    assert "LD_LIBRARY_PATH" not in told or os.environ.get("LD_LIBRARY_PATH")
