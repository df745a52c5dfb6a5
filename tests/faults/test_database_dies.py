"""The database stops, is killed, frozen, cut off or full: ingest holds, says so, and goes on."""

import contextlib
import threading

import pytest
from cutter import Cut, Cutter
from stage import frozen


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_database_is_away_under_load(stage, length, how):
    """Stopped in order, or kill -9 of PostgreSQL; 30 s away at full length."""
    fleet = stage.fleet(period_s=length.of(0.05, 0.2)).start()
    stage.await_rows(fleet, 30)
    lost_before = stage.ingest.said().count("store_lost")
    getattr(stage.server, how)()
    stage.ingest.await_word("store_lost", times=lost_before + 1)
    away = fleet.acknowledged()
    threading.Event().wait(length.of(2, 30))  # the length of the outage is the fault itself
    fleet.await_acknowledged(away + 20)
    stage.server.start()
    account = stage.conserved(fleet)
    assert account.rows > away - 30
    assert stage.ingest.said().count("store_back") == stage.ingest.said().count("store_lost")


def test_the_database_is_frozen(stage, length):
    """SIGSTOP of PostgreSQL: connections stay, nothing answers, and then everything does."""
    fleet = stage.fleet(period_s=length.of(0.05, 0.2)).start()
    stage.await_rows(fleet, 30)
    with frozen(stage.server.child.pid):
        before = fleet.acknowledged()
        threading.Event().wait(length.of(3, 60))  # the length of the outage is the fault itself
        fleet.await_acknowledged(before + 20)
    stage.conserved(fleet)


@pytest.fixture
def cutter(stage, reachable):
    """A cutter between ingest and the database."""
    placed = Cutter(reachable / "cutter", stage.url)
    stage.replace_ingest(url=placed.url)
    yield placed
    placed.close()
    stage.replace_ingest()


def test_the_connection_is_cut_mid_copy_and_around_the_commit(stage, cutter, length):
    fleet = stage.fleet(period_s=0.04).start()
    stage.await_rows(fleet, 20)
    for _ in range(length.of(2, 20)):
        for cut in Cut:
            cutter.arm(cut)
            assert cutter.done.wait(60), f"no connection came to the point: {cut.value}"
            stage.await_rows(fleet, stage.rows(fleet) + 5)
    account = stage.conserved(fleet)
    assert account.ledger["duplicate"] > 0, "after a lost answer to COMMIT the same rows are written again"


def test_backends_are_terminated_again_and_again(stage, length):
    """What an administrator or a failover does: pg_terminate_backend while ingest writes."""
    fleet = stage.fleet(period_s=0.04).start()
    for _ in range(length.of(3, 30)):
        stage.await_rows(fleet, stage.rows(fleet) + 10)
        ended = stage.ask(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'hearthline ingest' and datname = current_database()"
        )
        assert ended[0][0] > 0
    stage.conserved(fleet)


def test_a_full_disk_holds_everything_until_there_is_room_again(small_disk, own_stage):
    """PostgreSQL refuses to extend a table: ingest holds, says so, and goes on when somebody has made room."""
    url, disk = small_disk
    stage = own_stage(url=url, autosave_interval="1000").heal()
    fleet = stage.fleet(period_s=0.01).start()
    stage.await_rows(fleet, 20)
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # until there is no room
        while file.write(b"\0" * 4096):
            pass
    stage.ingest.await_word("store_lost")
    assert "No space left on device" in stage.ingest.said()
    held = fleet.acknowledged()
    fleet.await_acknowledged(held + 100)
    ballast.unlink()
    stage.ingest.await_word("store_back")
    account = stage.conserved(fleet)
    assert account.rows > held - 100
