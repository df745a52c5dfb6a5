"""The slow rules through the pass of tend, over rollups of a real database: restarts, failures, late data, orphans."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, text, update

from application.baseline import Baseline, Key, keep, learned
from application.instants import DAY, MINUTE, microseconds, moment
from application.journal import Condition, Transition, written
from application.quality.numbers import Numbers
from application.quality.searching import search
from application.rule import RuleError
from application.rules_file import RulesFile
from application.slow.watch import SETTLE, SlowWatch
from application.slow_store import judged_until, kept_baselines, put
from application.slow_tending import SlowTurns
from application.slow_trial import tried_slowly
from application.watch import Watch
from application.watch_store import remembering
from perception.kinds import load_kinds
from support import tables
from support.catalogue_store import save_catalogue
from support.columns import Width, rollup_table
from support.postgres import rosters
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.store import StoreDownError, Tenths
from tests.integration.conftest import catalogue

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
TENTH = 10 * MINUTE
T0 = 1_800_000_000_000_000 // DAY * DAY
FAULT = T0 + 6 * TENTH
BEGIN = FAULT + 36 * TENTH
"""Tend begins six hours after a device's network was throttled: its delay of an hour then begins."""
LASTS = 36
"""So many buckets are judged."""
RULES = "[network_throttled]\non_delay_s = 3600\noff_delay_s = 1200\n"
VALUES = {"flow_sec": 130.0, "t_outdoor": -5.0, "t_sec_supply": 50.0, "t_sec_return": 42.0}


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    yield engine
    engine.dispose()


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    return RulesFile(file)


def roster_of(engine):
    def roster():
        with engine.connect() as on:
            return rosters.load(on, KINDS)

    return roster


def turns(engine, rules):
    return SlowTurns(engine, PostgresReader(), rules, roster_of(engine))


def device_ids(engine):
    with engine.connect() as on:
        return dict(on.execute(select(tables.device.c.name, tables.device.c.device_id)).all())


def store(engine, begin, end, ill, until=None):
    """Put ten-minute rollups of all devices over [begin, end); `ill` is throttled from FAULT to `until`."""
    rows = []
    for name, number in device_ids(engine).items():
        for at in range(begin, end, TENTH):
            throttled = name == ill and FAULT <= at < (until or end)
            weather = VALUES["t_outdoor"] + 0.1 * (at // TENTH % 9)  # else it would seem to repeat its last row
            values = {**VALUES, "t_outdoor": weather, "dp_sec": 0.25 if throttled else 0.14}
            row = {"device_id": number, "bucket": moment(at), "n": 60}
            for point, value in values.items():
                row |= {f"{point}_{s}": 60 if s == "n" else value for s in ("n", "min", "mean", "max")}
            rows.append(row)
    with engine.begin() as on:
        on.execute(rollup_table(KIND, Width.TEN_MINUTES).insert(), rows)


def know(engine):
    """Let every station have learned what its network lets through."""
    usual = 130.0 / np.sqrt(0.14)
    with engine.begin() as on:
        stations = on.execute(select(tables.station.c.name)).scalars()
        keep(on, [(Key(f"station:{s}", "conductance_m3_h"), Baseline(usual, None, None, 9, T0)) for s in stations])


def journal(engine):
    with engine.connect() as on:
        a, e = tables.alarm.c, tables.alarm_event.c
        query = select(a.subject, a.rule, e.what, e.at).join_from(tables.alarm_event, tables.alarm)
        return on.execute(query.order_by(e.alarm_event_id)).all()


def undisturbed(engine, rules):
    """Return what one watch that nothing ever befell says of the same rollups."""
    watch, roster = SlowWatch(rules.pairs), roster_of(engine)()
    ids = [m.device_id for m in roster.members.values()]
    with engine.connect() as on:
        state = replace(watch.enrol(None, roster, kept_baselines(on)), judged=BEGIN)
        told = PostgresReader().tenths(on, KIND, (*VALUES, "dp_sec"), ids, (T0 - DAY, BEGIN + LASTS * TENTH))
    past, rest = (
        Tenths(told.bucket[rows], told.device_id[rows], {p: c[rows] for p, c in told.mean.items()})
        for rows in (told.bucket < BEGIN, told.bucket >= BEGIN)
    )
    state = watch.filled(state, {KIND.name: past}, BEGIN)
    found = watch.step(state, {KIND.name: rest}, BEGIN + LASTS * TENTH + SETTLE).transitions
    return [(t["subject"], t["rule"], t["what"], t["at"]) for t in found]


def work(turn, now):
    return sum(turn.run(now))


def test_restarts_and_failures_leave_the_journal_of_a_run_without_them(engine, rules):
    store(engine, T0 - DAY, BEGIN + LASTS * TENTH, "dev-warm", until=BEGIN + 10 * TENTH)
    know(engine)
    turn = turns(engine, rules)
    expected = undisturbed(engine, rules)
    for number in range(LASTS):
        now = BEGIN + (number + 1) * TENTH + SETTLE
        if number % 3 == 1:
            turn = turns(engine, rules)  # a restart
        if number == 6:
            with engine.begin() as on:  # the transaction that raises fails at its end, once
                on.execute(text("create function no() returns trigger language plpgsql as $$begin raise 'no'; end$$"))
                on.execute(text("create trigger no before insert on alarm_event execute function no()"))
            with pytest.raises(Exception, match="no"):
                work(turn, now)
            with engine.begin() as on:
                on.execute(text("drop function no() cascade"))
            turn = turns(engine, rules)
        assert work(turn, now) == 1
        assert work(turn, now) == 0
    told = [(subject, rule, what, microseconds(at)) for subject, rule, what, at in journal(engine)]
    assert told == expected
    assert told[0] == ("station:st-warm", "network_throttled", "raised", BEGIN + 7 * TENTH)
    assert [what for _, _, what, _ in told] == ["raised", "cleared"]
    with engine.connect() as on:
        assert judged_until(on) == BEGIN + LASTS * TENTH


def test_a_pause_is_made_up_for_and_a_long_one_is_not(engine, rules):
    store(engine, T0 - DAY, BEGIN + 80 * TENTH, "dev-warm")
    know(engine)
    assert work(turns(engine, rules), BEGIN + TENTH + SETTLE) == 1
    assert work(turns(engine, rules), BEGIN + 13 * TENTH + SETTLE) == 12
    assert [what for _, _, what, _ in journal(engine)] == ["raised"]
    assert work(turns(engine, rules), BEGIN + 78 * TENTH + SETTLE) == 1


def test_what_comes_late_never_raises(engine, rules):
    store(engine, T0 - DAY, BEGIN, None)
    know(engine)
    turn = turns(engine, rules)
    assert work(turn, BEGIN + SETTLE) == 1
    assert work(turn, BEGIN + 12 * TENTH + SETTLE) == 12  # nothing came for two hours
    ill = device_ids(engine)["dev-warm"]
    store(engine, BEGIN, BEGIN + 12 * TENTH, "dev-warm")
    for number in range(13, 30):
        assert work(turn, BEGIN + number * TENTH + SETTLE) == 1
    assert ill
    assert journal(engine) == []


def test_buckets_that_wait_for_the_rollups_are_waited_for(engine, rules):
    store(engine, T0 - DAY, BEGIN + TENTH, None)
    with engine.begin() as on:
        number = device_ids(engine)["dev-warm"]
        on.execute(tables.rollup_mark.insert(), {"kind": KIND.name, "device_id": number, "bucket": moment(BEGIN)})
    turn = turns(engine, rules)
    assert work(turn, BEGIN + TENTH + SETTLE) == 0
    with engine.begin() as on:
        on.execute(tables.rollup_mark.delete())
    assert work(turn, BEGIN + TENTH + SETTLE + MINUTE) == 1


def test_neither_watch_ends_alarms_of_the_other(engine, rules):
    store(engine, T0 - DAY, BEGIN + 13 * TENTH, "dev-warm")
    know(engine)
    fast = Condition("station:st-cool", "supply_off_setpoint", "", 2, "st-cool", "dev-cool")
    gone = Condition("station:st-gone", "network_throttled", "", 2, "st-gone", "dev-gone")
    with engine.begin() as on:
        put(on, written([Transition(c, "raised", T0, T0, {}) for c in (fast, gone)]))
    work(turns(engine, rules), BEGIN + TENTH + SETTLE)
    work(turns(engine, rules), BEGIN + 12 * TENTH + SETTLE)
    told = [(subject, what) for subject, _, what, _ in journal(engine)]
    assert ("station:st-gone", "cleared") in told  # an orphan of ours
    assert ("station:st-cool", "cleared") not in told
    remember = remembering(engine, PostgresReader(), KINDS, lambda: BEGIN + DAY)
    watch = Watch(rules.pairs, remember)
    state = watch.enrol(None, roster_of(engine)())
    assert [orphan.condition.rule for orphan in state.orphans] == []
    _, transitions, _ = watch.step(state, {}, BEGIN + DAY)
    assert not [t for t in transitions if t["what"] == "cleared"]
    with engine.begin() as on:
        on.execute(update(tables.device).where(tables.device.c.name == "dev-warm").values(status="retired"))
    work(turns(engine, rules), BEGIN + 13 * TENTH + SETTLE)
    assert ("station:st-warm", "cleared") in [(subject, what) for subject, _, what, _ in journal(engine)]


def test_a_day_teaches_and_what_was_taught_is_kept(engine, rules):
    store(engine, T0 - 4 * DAY, T0, None)
    turn = turns(engine, rules)
    work(turn, T0 - TENTH + SETTLE)
    work(turn, T0 + SETTLE)
    with engine.connect() as on:
        known = learned(on, ["conductance_m3_h"])[Key("station:st-warm", "conductance_m3_h")]
    assert known.value == pytest.approx(130.0 / np.sqrt(0.14), rel=1e-3)
    assert (known.samples, known.learned_at) == (4, T0)


def test_a_slow_rule_is_tried_on_what_is_stored(engine, rules):
    store(engine, T0 - 4 * DAY, T0 + DAY, "dev-warm")
    roster = roster_of(engine)()
    [pair] = [pair for pair in rules.pairs if pair[0].name == "network_throttled"]

    def tenths(*asked):
        with engine.connect() as on:
            return PostgresReader().tenths(on, *asked)

    def would(device):
        told = tried_slowly(tenths, pair, roster.members[device], roster, {}, (T0, T0 + DAY))
        return [(t["what"], t["subject"]) for t in told]

    assert would("dev-warm") == [("raised", "station:st-warm")]
    assert would("dev-cool") == []
    [rooms] = [pair for pair in rules.pairs if pair[0].name == "rooms_cold"]
    with pytest.raises(RuleError, match="does not fit"):
        next(tried_slowly(tenths, rooms, roster.members["dev-warm"], roster, {}, (T0, T0 + DAY)))
    assert journal(engine) == []


def test_a_database_that_is_away_is_said_to_be_down(rules):
    away = make_engine("postgresql://nobody@127.0.0.1:1/none", "test")
    with pytest.raises(StoreDownError, match="cannot be reached"):
        work(SlowTurns(away, PostgresReader(), rules, lambda: None), T0)
    away.dispose()


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_in_rollups_is_unknown_and_ends_nothing(engine, rules):
    store(engine, T0 - DAY, BEGIN + 6 * TENTH, "dev-warm")
    know(engine)
    rollup = rollup_table(KIND, Width.TEN_MINUTES)
    ids = device_ids(engine)
    worst = {f"{point}_mean": bad for point, bad in zip(VALUES, (np.inf, -np.inf, np.nan, 1e308), strict=True)}
    with engine.begin() as on:
        on.execute(update(rollup).where(rollup.c.device_id.in_([ids["dev-cool"], ids["dev-leaky"]])).values(worst))
        told = PostgresReader().tenths(on, KIND, [*VALUES], [ids["dev-cool"]], (T0, BEGIN))
    assert len(told.bucket)
    assert np.isnan(told.mean["flow_sec"]).all()
    assert np.isnan(told.mean["t_outdoor"]).all()
    assert np.isnan(told.mean["t_sec_return"]).all()  # no instrument says so, and float32 cannot hold it
    with engine.begin() as on:
        for statistic in ("min", "max", "mean"):
            worst = {f"t_sec_supply_{statistic}": np.inf, f"t_pri_supply_{statistic}": 1e308}
            on.execute(update(rollup).where(rollup.c.device_id == ids["dev-leaky"]).values(worst))
    list(search(engine, lambda: {KIND.name: KIND}, Numbers)(BEGIN))
    turn = turns(engine, rules)
    for now in range(BEGIN + SETTLE, BEGIN + 6 * TENTH + SETTLE, TENTH):
        work(turn, now)
    with engine.connect() as on:
        assert judged_until(on) == BEGIN + 5 * TENTH
        kept = on.execute(select(tables.baseline.c.value, tables.baseline.c.low, tables.baseline.c.high)).all()
    assert np.isfinite(np.array(kept, np.float64)[:, 0]).all()
