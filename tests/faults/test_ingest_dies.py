"""Ingest is killed, frozen, doubled by mistake: what the broker acknowledged is in the tables once."""

import signal
import threading

from stage import KEEPALIVE_S, await_that, frozen


def test_ingest_is_killed_under_load_again_and_again(stage, length):
    """kill -9 between any two instructions: also between commit and acknowledgement."""
    fleet = stage.fleet().start()
    for _ in range(length.of(2, 10)):
        stage.spare()
        stage.await_rows(fleet, stage.rows(fleet) + 60)
        stage.ingest.kill()
        fleet.await_acknowledged(fleet.acknowledged() + 20)
        stage.start_ingest()
    account = stage.conserved(fleet)
    assert account.acknowledged > 150
    assert account.rejects > 5


def test_readings_without_a_time_that_were_committed_and_not_acknowledged_stay_single(stage):
    """They come again with the DUP flag and get another time of receipt: only their values tell that they came."""
    stage.replace_ingest("bent_ingest.py unacknowledged")
    device, beside = stage.publisher(), stage.publisher()
    for _ in range(20):
        device.publish(device.reading(stamped=False))
        beside.publish(beside.reading())
    await_that(lambda: count(stage, device) == 20, "twenty rows")
    stage.ingest.kill()
    device.publish(device.reading(stamped=False))
    stage.start_ingest()
    account = stage.conserved(device)
    assert (account.rows, account.ledger["duplicate"]) == (22, 20)
    assert stage.conserved(beside).ledger["duplicate"] == 20


def count(stage, device):
    return stage.ask(
        "select count(*) from readings_weather_station join device using (device_id) where name = %s", device.name
    )[0][0]


def test_ingest_is_frozen_until_the_broker_gives_it_up(stage, length):
    """SIGSTOP for longer than the keep-alive: the broker ends the connection and sends everything again."""
    fleet = stage.fleet(period_s=length.of(0.05, 0.2)).start()
    stage.await_rows(fleet, 30)
    given_up = stage.broker.said().count("exceeded timeout")
    with frozen(stage.ingest.pid):
        threading.Event().wait(length.of(KEEPALIVE_S, 60))  # the length of the silence is the fault itself
        await_that(lambda: stage.broker.said().count("exceeded timeout") > given_up, "the broker gives ingest up")
        fleet.await_acknowledged(fleet.acknowledged() + 20)
    stage.conserved(fleet)


def test_a_second_ingest_waits_and_takes_over(stage):
    first, second = stage.ingest, stage.second_ingest()
    try:
        fleet = stage.fleet(period_s=0.05).start()
        told = stage.folder / "second" / "run" / "ingest.json"
        await_that(lambda: told.exists() and "another ingest has the right" in told.read_text(), "the second waits")
        epoch = stage.ask("select epoch from ingest_epoch")
        stage.await_rows(fleet, 30)
        assert stage.ask("select epoch from ingest_epoch") == epoch
        first.kill()
        await_that(lambda: stage.ask("select epoch from ingest_epoch") != epoch, "the second takes over")
    finally:
        first.kill()
        stage.ingest = second
    stage.conserved(fleet)


def test_an_ingest_that_was_overtaken_while_it_slept_writes_nothing(stage):
    """Frozen, cut off from the database and replaced; when it wakes up, with deliveries in its hands, it ends."""
    first, fleet = stage.ingest, stage.fleet(period_s=0.02).start()
    stage.await_rows(fleet, 30)
    first.signal(signal.SIGSTOP)
    epoch = stage.ask("select epoch from ingest_epoch")
    stage.ask(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'hearthline ingest' and datname = current_database()"
    )
    stage.start_ingest()
    await_that(lambda: stage.ask("select epoch from ingest_epoch") != epoch, "the second takes over")
    stage.await_rows(fleet, stage.rows(fleet) + 20)
    first.signal(signal.SIGCONT)
    await_that(lambda: first.ended is not None, "the first ends")
    assert "another ingest has taken over the right to write" in first.said()
    stage.conserved(fleet)
