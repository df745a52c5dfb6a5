"""Fixtures of the fault tests: one durable server for all, one stage that is broken and healed again and again."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stage import DEVICES, MOSQUITTO, Mosquitto, Stage, device_name

_numbers = itertools.count(1)
ROOM_MIB = 48


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(1200), append=False)


def furnished(url):
    """Fill a migrated database with the shipped cities and the devices of these tests."""
    from stage import CHECKOUT

    from perception.seed_files import load_catalogue
    from support.catalogue_store import save_catalogue
    from support.postgres.connect import make_engine

    engine = make_engine(url, "test")
    with engine.begin() as on:
        save_catalogue(on, load_catalogue(CHECKOUT / "configs" / "cities"), "test")
        on.exec_driver_sql(
            "insert into device (name, kind, station, interval_s)"
            " select format('fault-%%s', lpad(n::text, 3, '0')), 'weather_station', 'nis-l4', 60"
            f" from generate_series(1, {DEVICES}) n"
        )
    engine.dispose()
    assert device_name(1) == "fault-001"


@pytest.fixture(scope="session")
def fault_server(reachable):
    """An embedded PostgreSQL with everything durable, and the database `furnished` to copy from."""
    from perception.kinds import load_kinds
    from support.postgres.schema import migrate
    from support.postgres.server import EmbeddedServer

    server = EmbeddedServer(reachable / "faults-database").start()
    url = server.create_database("furnished")
    migrate(url, load_kinds())
    furnished(url)
    yield server
    if server.child is None:
        server.start()
    server.stop()


@pytest.fixture(scope="session")
def make_stage(fault_server, reachable):
    """Build stages of one's own: a fresh database, and mosquitto with changed settings or the broker that is given."""
    stages = []

    def make(broker=None, url=None, **changes):
        if broker is None and MOSQUITTO is None:
            pytest.skip("no mosquitto here: apt-get install mosquitto")
        number = next(_numbers)
        folder = reachable / f"stage-{number}"
        if fault_server.child is None:
            fault_server.start()
        url = url or fault_server.create_database(f"stage_{number}", "furnished")
        stage = Stage(folder, fault_server, url, broker or Mosquitto(folder / "mosquitto", **changes))
        stage.broker.start()
        stage.reserve()
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        stage.close()


@pytest.fixture(scope="session")
def shared_stage(make_stage):
    """Mosquitto as shipped, and everything else as a site would run it."""
    return make_stage()


@pytest.fixture
def stage(shared_stage):
    """The shared stage, whole again after whatever the test before did to it."""
    return shared_stage.heal()


@pytest.fixture
def own_stage(make_stage):
    """Build a stage that is taken down after the test."""
    made = []

    def make(*args, **changes):
        made.append(make_stage(*args, **changes))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def small_disk(fault_server, reachable):
    """A database whose files lie on a disk of their own with little room; yields (url, folder of that disk)."""
    if fault_server.child is None:
        fault_server.start()
    name = f"small_{next(_numbers)}"
    url = fault_server.create_database(name, "furnished")
    import psycopg

    with psycopg.connect(url) as on:
        [oid] = on.execute("select oid from pg_database where datname = current_database()").fetchone()
    fault_server.stop()  # its files must not change while they move
    files, kept = fault_server.plan.data / "base" / str(oid), reachable / name
    owner = files.stat()
    options = f"size={ROOM_MIB}m,uid={owner.st_uid},gid={owner.st_gid},mode=0700"
    shutil.copytree(files, kept)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", files], capture_output=True, check=False)
    if mounted.returncode != 0:
        fault_server.start()
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    for file in kept.iterdir():
        shutil.copy2(file, files / file.name)
        shutil.chown(files / file.name, owner.st_uid, owner.st_gid)
    fault_server.start()
    yield url, files
    fault_server.drop_database(name)
    fault_server.stop()
    subprocess.run(["umount", "-l", files], check=False)
    fault_server.start()
