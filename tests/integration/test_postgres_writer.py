"""The writer on the real database: every fate of a reading, the ledger, announcements, rows, and lost connections."""

import shutil
import tempfile
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.link import Birth, StateChange, Tally
from perception.catalogue import DeviceStatus
from perception.kinds import load_kinds
from perception.readings import Readings, Reason, Reject
from support.postgres.announcements import MOST_PENDING
from support.postgres.partitions import WEEK_US
from support.postgres.schema import migrate
from support.postgres.server import EmbeddedServer
from support.postgres.writer import PostgresStore
from support.store import FencedError, Row, StoreDownError, UnstorableError

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOW = 1_796_000_000_000_000
OUTDOOR, SUPPLY, RETURN = (KIND.bits[name] for name in ("t_outdoor", "t_sec_supply", "t_sec_return"))

PLACES = """
insert into city values ('testcity', '城', 'City', 'Asia/Shanghai');
insert into district values ('north', '北', 'North', 'testcity');
insert into heat_source values ('plant', '厂', 'Plant', 'testcity');
insert into branch values ('line', '线', 'Line', 'plant');
insert into station (name, title_zh, title_en, district, branch, static_head_mpa)
values ('st-1', '站', 'Station', 'north', 'line', 0.35);
insert into device (name, kind, station) select 'dev-' || i, 'heat_substation', 'st-1' from generate_series(1, 500) i;
"""


def ask(address, question, *values):
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(question, values)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def store(database):
    ask(database, PLACES)
    made = PostgresStore(database, KINDS)
    assert made.claim()
    yield made
    made.close()


@pytest.fixture
def roster(store):
    return store.roster(-1)


def readings(*rows):
    """Rows are (device_id, seconds, {column: value}[, quality])."""
    values = np.full((len(rows), len(KIND.points)), np.nan)
    for place, row in enumerate(rows):
        for column, value in row[2].items():
            values[place, column] = value
    return Readings(
        KIND,
        np.array([r[0] for r in rows], np.int32),
        np.array([NOW + round(r[1] * 1e6) for r in rows], np.int64),
        np.full(len(rows), NOW, np.int64),
        values,
        np.array([r[3] if len(r) > 3 else 0 for r in rows], np.int64),
        np.arange(len(rows)),
    )


def write(store, roster, *rows, then=lambda tx: None):
    """One batch; `then` is done before it commits."""
    with store.transaction() as tx:
        written = tx.write(readings(*rows), roster)
        tx.reject(written.rejects)
        tx.tally(NOW, written.tallies)
        then(tx)
    return written


def stored(database):
    found = ask(
        database,
        "select device_id, extract(epoch from ts)::float8, t_outdoor, t_sec_supply, t_sec_return, quality "
        "from readings_heat_substation order by 1, 2",
    )
    return [(row[0], row[1] - NOW / 1e6, *row[2:]) for row in found]


def test_a_clean_batch_is_stored_as_it_is(database, store, roster):
    written = write(store, roster, (1, 0, {OUTDOOR: 10.5, SUPPLY: 45.0}), (2, 0.25, {RETURN: 38.125}, 1 << RETURN))
    assert stored(database) == [(1, 0, 10.5, 45.0, None, 0), (2, 0.25, None, None, 38.125, 1 << RETURN)]
    assert len(written.accepted) == 2
    assert written.tallies == {"dev-1": Tally(1, stored=1), "dev-2": Tally(1, stored=1)}
    assert not written.rejects


def test_five_thousand_rows_of_every_point_go_in_at_once(database, store, roster):
    rng = np.random.default_rng(7)
    values = rng.normal(50, 9, (5000, len(KIND.points)))
    values[rng.random(values.shape) < 0.3] = np.nan
    batch = Readings(
        KIND,
        (np.arange(5000) % 500 + 1).astype(np.int32),
        NOW + np.arange(5000) // 500 * 10_000_000,
        np.full(5000, NOW),
        values,
        np.zeros(5000, np.int64),
        np.arange(5000),
    )
    with store.transaction() as tx:
        assert len(tx.write(batch, roster).accepted) == 5000
    points = ", ".join(KIND.names)
    found = ask(database, f"select {points} from readings_heat_substation order by ts, device_id")
    np.testing.assert_array_equal(np.array(found, np.float64), values)


def test_what_comes_again_is_a_duplicate(database, store, roster):
    row = (1, 0, {OUTDOOR: 10.5, SUPPLY: 45.0})
    write(store, roster, row)
    again = write(store, roster, row, (1, 10, {OUTDOOR: 10.6}))
    assert again.tallies == {"dev-1": Tally(2, stored=1, duplicate=1)}
    assert again.accepted.ts.tolist() == [NOW + 10_000_000]
    assert len(stored(database)) == 2


def test_a_partial_message_fills_what_is_missing(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 10.5}))
    filled = write(store, roster, (1, 0, {OUTDOOR: 10.5, SUPPLY: 450.0}, 1 << SUPPLY | 1 << OUTDOOR))
    assert filled.tallies == {"dev-1": Tally(1, merged=1)}
    assert stored(database) == [(1, 0, 10.5, 450.0, None, 1 << SUPPLY)]
    assert filled.accepted.values[0, SUPPLY] == 450.0
    assert np.isnan(filled.accepted.values[0, OUTDOOR])
    assert filled.accepted.quality.tolist() == [1 << SUPPLY]


def test_of_two_values_for_one_instant_the_first_stays(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 10.5, SUPPLY: 45.0}))
    other = write(store, roster, (2, 0, {OUTDOOR: 1.0}), (1, 0, {OUTDOOR: 10.5, SUPPLY: 46.0, RETURN: 38.0}))
    assert other.tallies == {"dev-1": Tally(1, conflict=1), "dev-2": Tally(1, stored=1)}
    assert stored(database)[0] == (1, 0, 10.5, 45.0, 38.0, 0)
    (conflict,) = other.rejects
    assert (conflict.reason, conflict.device, conflict.origin) == (Reason.CONFLICT, "dev-1", 1)
    assert conflict.points == ("t_sec_supply",)
    assert not conflict.partial
    assert [row[~np.isnan(row)].tolist() for row in other.accepted.values] == [[1.0], [38.0]]


def test_equal_keys_in_one_batch_go_one_after_another(database, store, roster):
    written = write(
        store,
        roster,
        (1, 0, {OUTDOOR: 1.0}),
        (1, 0, {OUTDOOR: 1.0}),
        (1, 0, {SUPPLY: 2.0}),
        (1, 0, {OUTDOOR: 3.0, RETURN: 4.0}),
    )
    assert written.tallies == {"dev-1": Tally(4, stored=1, duplicate=1, merged=1, conflict=1)}
    assert stored(database) == [(1, 0, 1.0, 2.0, 4.0, 0)]
    assert written.rejects[0].origin == 3


def test_a_redelivered_message_without_a_time_is_known_by_its_values(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 1.0, SUPPLY: 45.0}), (2, 0, {OUTDOOR: 1.0}))
    came = readings((1, 3, {OUTDOOR: 1.0, SUPPLY: 45.0}), (2, 3, {OUTDOOR: 1.5}), (3, 3, {OUTDOOR: 1.0}))
    with store.transaction() as tx:
        again = tx.write(came, roster, np.array([True, True, True])).tallies
    assert again == {"dev-1": Tally(1, duplicate=1), "dev-2": Tally(1, stored=1), "dev-3": Tally(1, stored=1)}
    with store.transaction() as tx:  # for the first time: nothing is known of a message that was not redelivered
        assert tx.write(came, roster, np.array([False, True, True])).tallies["dev-1"].stored == 1


def test_several_redelivered_messages_without_a_time_are_known_by_their_order(database, store, roster):
    """Three were committed and not acknowledged; they come again with two more, in two batches."""
    write(store, roster, *((1, n / 1000, {OUTDOOR: value}) for n, value in enumerate((5.0, 1.0, 2.0, 3.0))))
    write(store, roster, (1, -60, {OUTDOOR: 9.0}))  # with a time of its own: no part of it
    first = readings(*((1, 3 + n / 1000, {OUTDOOR: value}) for n, value in enumerate((1.0, 2.0))))
    second = readings(*((1, 4 + n / 1000, {OUTDOOR: value}) for n, value in enumerate((3.0, 3.0, 2.0))))
    tallies = []
    for came in (first, second):
        with store.transaction() as tx:
            tallies.append(tx.write(came, roster, np.full(len(came), True)).tallies["dev-1"])  # noqa: FBT003
    assert tallies == [Tally(2, duplicate=2), Tally(3, stored=2, duplicate=1)]
    assert len(stored(database)) == 7


def test_a_redelivered_message_that_was_never_stored_is_no_duplicate_of_an_older_one(database, store, roster):
    """It may have the values of a reading some minutes ago: only the last minute can have come again."""
    rows = readings((1, 0, {OUTDOOR: 1.0}), (1, 120, {OUTDOOR: 2.0}), (1, 240, {OUTDOOR: 1.0}))
    rows = replace(rows, received_at=rows.ts)
    with store.transaction() as tx:
        tx.write(rows.take(np.array([0, 1])), roster)
    with store.transaction() as tx:
        again = tx.write(rows.take(np.array([2])), roster, np.array([True])).tallies
    assert again == {"dev-1": Tally(1, stored=1)}


SECONDS = st.sampled_from((0.0, 10.0, 20.0))
VALUES = st.dictionaries(st.sampled_from((OUTDOOR, SUPPLY, RETURN)), st.sampled_from((1.0, 2.0)), min_size=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.tuples(SECONDS, VALUES), min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_sequence_ends_as_the_rules_say(database, store, roster, batches):
    """Against a model in a dozen lines: same rows, same fates, and each reading has exactly one fate."""
    ask(database, "truncate readings_heat_substation")
    rows, fates, told = {}, Counter(), Counter()
    for batch in batches:
        written = write(store, roster, *((1, second, values) for second, values in batch))
        told.update({fate: getattr(written.tallies["dev-1"], fate) for fate in Tally.__slots__})
        for second, values in batch:
            fates["received"] += 1
            if second not in rows:
                rows[second] = dict(values)
                fates["stored"] += 1
                continue
            row = rows[second]
            differs = any(point in row and row[point] != value for point, value in values.items())
            fills = not values.keys() <= row.keys()
            rows[second] = {**values, **row}
            fates["conflict" if differs else "merged" if fills else "duplicate"] += 1
    expected = [(1, s, row.get(OUTDOOR), row.get(SUPPLY), row.get(RETURN), 0) for s, row in sorted(rows.items())]
    assert stored(database) == expected
    assert +told == +fates


TOUCHED = """
select kind, device_id, extract(epoch from bucket)::bigint from rollup_mark
union all
select kind, device_id, extract(epoch from bucket)::bigint from rollup_touch cross join unnest(device_ids) device_id
order by 2, 3
"""


def test_marks_name_each_touched_ten_minutes_once(database, store, roster):
    write(
        store, roster, (1, 0, {OUTDOOR: 1.0}), (1, 10, {OUTDOOR: 1.0}), (1, 600, {OUTDOOR: 1.0}), (2, 0, {OUTDOOR: 1.0})
    )
    first = NOW // 600_000_000 * 600
    assert ask(database, TOUCHED) == [(KIND.name, 1, first), (KIND.name, 1, first + 600), (KIND.name, 2, first)]
    assert len(ask(database, "select 1 from rollup_touch")) == 2  # a row for each bucket
    write(store, roster, (1, 0, {OUTDOOR: 1.0}))  # nothing new: nothing to recompute
    assert len(ask(database, TOUCHED)) == 3


def test_many_buckets_at_once_are_marked_one_by_one(database, store, roster):
    write(store, roster, *((1, 600 * n, {OUTDOOR: 1.0}) for n in range(40)))
    assert len(ask(database, TOUCHED)) == len(ask(database, "select 1 from rollup_mark")) == 40


def test_the_ledger_adds_up_by_hour_and_device(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 1.0}))
    write(store, roster, (1, 0, {OUTDOOR: 1.0}), (1, 10, {OUTDOOR: 1.0}))
    with store.transaction() as tx:
        tx.tally(NOW, {"dev-1": Tally(2, rejected=2), "": Tally(1, rejected=1)})
    found = ask(database, "select * from ledger order by device")
    hour = datetime.fromtimestamp(NOW // 3_600_000_000 * 3600, UTC)
    assert found == [(hour, "", 1, 0, 0, 0, 0, 1), (hour, "dev-1", 5, 2, 1, 0, 0, 2)]


def test_years_old_readings_find_their_week(database, store, roster):
    write(store, roster, (1, -9 * 365 * 86_400, {OUTDOOR: 1.0}))
    assert len(stored(database)) == 1


def test_a_week_that_was_dropped_behind_us_is_made_again(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 1.0}))
    (partition,) = ask(
        database,
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'readings_heat_substation'::regclass",
    )[0]
    ask(database, f"drop table {partition}")
    assert write(store, roster, (1, 10, {OUTDOOR: 1.0})).tallies == {"dev-1": Tally(1, stored=1)}
    assert len(stored(database)) == 1


def test_nothing_of_a_failed_transaction_is_kept(database, store, roster):
    with pytest.raises(ZeroDivisionError):
        write(store, roster, (1, 0, {OUTDOOR: 1.0}), then=lambda _tx: 1 / 0)
    assert stored(database) == []
    assert write(store, roster, (1, 0, {OUTDOOR: 1.0})).tallies == {"dev-1": Tally(1, stored=1)}


def test_rejects_keep_the_very_bytes(database, store):
    reject = Reject(
        Reason.BAD_POINT, "what\0 is \ud800 this", "t", b"\0\xff", NOW, "dev-1", partial=True, points=("a",)
    )
    with store.transaction() as tx:
        tx.reject([reject])
    found = ask(database, "select reason, detail, payload, partial, points from reject")
    assert found == [("bad_point", "what is ? this", b"\0\xff", True, ["a"])]


def test_births_and_states_are_recorded_the_newest_of_each(database, store):
    with store.transaction() as tx:
        tx.meet(
            [Birth("dev-1", KIND.name, 60, NOW, b'{"interval_s": 60, "name": "a\\u0000b"}')],
            [StateChange("dev-1", online=True, seen_at=NOW), StateChange("dev-1", online=False, seen_at=NOW + 1)],
        )
        tx.meet([], [StateChange("dev-1", online=True, seen_at=NOW - 1)])
    (row,) = ask(database, "select online, birth_at is not null, manifest from device where name = 'dev-1'")
    assert row == (False, True, {"interval_s": 60, "name": "ab"})


def test_unknown_devices_wait_as_pending_and_not_without_end(database, store):
    births = [Birth(f"new-{n}", KIND.name, None, NOW, b"{}") for n in range(MOST_PENDING + 5)]
    with store.transaction() as tx:
        tx.meet(births, [])
    with store.transaction() as tx:
        tx.meet([Birth("one-more", KIND.name, None, NOW, b"{}")], [])
    assert ask(database, "select count(*) from device where status = 'pending'") == [(MOST_PENDING,)]
    member = store.roster(-1).members["new-7"]
    assert (member.status, member.station, member.interval_s) == (DeviceStatus.PENDING, "", KIND.interval_s)


def test_the_roster_is_told_only_when_it_changed(database, store, roster):
    assert store.roster(roster.version) is None
    assert roster.members["dev-1"].static_head_mpa == 0.35
    assert roster.members["dev-1"].city == "testcity"
    with store.transaction() as tx:
        tx.meet([Birth("dev-1", KIND.name, 60, NOW, b'{"interval_s": 60}')], [])
    newer = store.roster(roster.version)
    assert newer.members["dev-1"].interval_s == 60
    ask(
        database,
        "insert into correction (device_id, point, alias, scale, valid_from, actor) "
        "values (1, 't_outdoor', 'q', 2, %s, 'me')",
        datetime.fromtimestamp(NOW / 1e6, UTC),
    )
    ask(database, "update device set interval_s = 30, status = 'retired' where device_id = 1")
    newest = store.roster(newer.version).members["dev-1"]
    assert (newest.interval_s, newest.status) == (30, DeviceStatus.RETIRED)
    (correction,) = newest.corrections
    assert (correction.point, correction.alias, correction.scale, correction.valid_from) == ("t_outdoor", "q", 2.0, NOW)


def alarm(**changes):
    return {
        "alarm_id": uuid.UUID(int=7),
        "subject": "station:st-1",
        "rule": "demo",
        "element": "",
        "opened_at": NOW,
        "priority": 1,
        "station": "st-1",
        "device": "dev-1",
        "evidence": {"value": np.float64("nan"), "limit": np.float64(2.5), "text": "a\0b"},
        **changes,
    }


def test_rows_are_upserts_updates_or_inserts_by_what_they_hold(database, store):
    state = {"subject": "s", "rule": "r", "element": "e", "verdict": "raise", "pending_since": NOW, "watermark": None}
    event = {"alarm_id": uuid.UUID(int=7), "what": "raised", "at": NOW, "actor": "ingest"}
    with store.transaction() as tx:
        tx.put([
            Row("watch_state", state),
            Row("watch_state", {**state, "verdict": "clear"}),
            Row("alarm", alarm()),
            Row("alarm_event", event),
            Row("alarm_event", event),
            Row("alarm", {"alarm_id": uuid.UUID(int=7), "cleared_at": NOW + 5}),
        ])  # fmt: skip
    assert ask(database, "select verdict from watch_state") == [("clear",)]
    assert ask(database, "select count(*) from alarm_event") == [(1,)]
    ((cleared_at, evidence),) = ask(database, "select cleared_at, evidence from alarm")
    assert round(cleared_at.timestamp() * 1e6) == NOW + 5
    assert evidence == {"value": None, "limit": 2.5, "text": "ab"}


def test_refused_rows_are_unstorable_and_leave_the_store_usable(database, store, roster):
    with store.transaction() as tx:
        tx.put([Row("alarm", alarm())])
    second = Row("alarm", alarm(alarm_id=uuid.UUID(int=8), opened_at=NOW + 1))
    with pytest.raises(UnstorableError, match="uq_alarm_open"):
        write(store, roster, (1, 0, {OUTDOOR: 1.0}), then=lambda tx: tx.put([second]))
    assert stored(database) == []
    write(store, roster, (1, 0, {OUTDOOR: 1.0}))
    assert len(stored(database)) == 1


def test_one_at_a_time_may_write_and_who_was_overtaken_stops(database, store, roster):
    other = PostgresStore(database, KINDS)
    assert not other.claim(0.3)
    with pytest.raises(StoreDownError, match="another ingest"), other.transaction():
        pass
    ask(database, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
    assert other.claim(10)
    with pytest.raises((StoreDownError, FencedError)):
        write(store, roster, (1, 0, {OUTDOOR: 1.0}))
    with pytest.raises(FencedError):
        write(store, roster, (1, 0, {OUTDOOR: 1.0}))
    assert stored(database) == []
    write(other, roster, (1, 0, {OUTDOOR: 1.0}))
    other.close()
    assert len(stored(database)) == 1


def test_a_second_ingest_says_why_it_waits_and_goes_on_when_it_may(database, store):
    other, said, stop = PostgresStore(database, KINDS), [], Event()

    def heard(detail="", *, ready=True):
        said.append((detail, ready))
        store.close()

    assert other.await_claim(stop, heard)
    assert said == [("another ingest has the right to write", False)]
    stop.set()
    assert not store.await_claim(stop, heard)
    other.close()


def test_a_lost_connection_costs_one_error_and_keeps_the_right(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 1.0}))

    def lose(tx):
        ask(
            database,
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hearthline ingest'",
        )
        tx.write(readings((1, 20, {OUTDOOR: 1.0})), roster)

    with pytest.raises(StoreDownError, match=r"database\.url"):
        write(store, roster, (1, 10, {OUTDOOR: 1.0}), then=lose)
    assert len(stored(database)) == 1
    write(store, roster, (1, 10, {OUTDOOR: 1.0}))
    assert store.roster(-1) is not None
    assert len(stored(database)) == 2


def test_kill_9_of_the_server_under_a_batch_loses_nothing_committed():
    folder = Path(tempfile.mkdtemp(prefix="hearthline-writer-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder / "home").start()
    try:
        migrate(server.url, KINDS)
        ask(server.url, PLACES)
        store = PostgresStore(server.url, KINDS)
        assert store.claim()
        roster = store.roster(-1)
        write(store, roster, (1, 0, {OUTDOOR: 1.0}))
        with pytest.raises(StoreDownError):
            write(store, roster, (1, 10, {OUTDOOR: 1.0}), then=lambda _tx: server.kill())
        with pytest.raises(StoreDownError):
            write(store, roster, (1, 10, {OUTDOOR: 1.0}))
        with pytest.raises(StoreDownError):
            store.roster(-1)
        server.start()
        assert len(stored(server.url)) == 1
        assert write(store, roster, (1, 0, {OUTDOOR: 1.0}), (1, 10, {OUTDOOR: 1.0})).tallies == {
            "dev-1": Tally(2, stored=1, duplicate=1)
        }
        store.close()
    finally:
        server.stop()
        shutil.rmtree(folder)


def test_readings_across_two_weeks_go_in_together(database, store, roster):
    write(store, roster, (1, 0, {OUTDOOR: 1.0}), (1, WEEK_US / 1e6, {OUTDOOR: 2.0}))
    assert len(stored(database)) == 2
