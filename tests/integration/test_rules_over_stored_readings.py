"""Rules over what is stored: the past that a new watch remembers, and what a rule would have raised."""

import random
import time

import numpy as np
import pytest

from application.history import LONGEST_MIN
from application.instants import MINUTE, SECOND
from application.rule import RuleError
from application.rule_commands import Ports, tried
from application.rules import load_rules, tuned
from application.watch import Watch
from application.watch_store import remembering
from perception.kinds import load_kinds
from perception.readings import Readings
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.writer import PostgresStore
from tests.integration.conftest import catalogue

KINDS = load_kinds()
KIND = KINDS["heat_substation"]
NOW = time.time_ns() // 1000 // MINUTE * MINUTE
OWN = {
    "own": {
        "falls_fast": {
            "title": {"zh": "压力骤降", "en": "Falls fast"},
            "point": "p_sec_return",
            "minus": "p_sec_supply",
            "rate_over_s": 600,
            "below": -0.01,
        }
    }
}


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue(), actor="test")
    yield engine
    engine.dispose()


@pytest.fixture
def store(database, engine):
    store = PostgresStore(database, KINDS)
    assert store.claim(5)
    yield store
    store.close()


def batch(device_ids, at, received, pressures, bad):
    """One reading per device at these times."""
    n = len(device_ids)
    values = np.full((n, len(KIND.points)), np.nan)
    values[:, KIND.bits["p_sec_return"]] = pressures
    values[:, KIND.bits["p_sec_supply"]] = np.where(np.arange(n) % 2, np.nan, 0.5)
    quality = np.where(bad, 1 << KIND.bits["p_sec_return"], 0)
    return Readings(KIND, np.array(device_ids, np.int32), at, received, values, quality, np.zeros(n, np.int64))


def traffic(device_ids, seed):
    """Yield two hours of readings: gaps, bad values, late and out-of-order ones among them."""
    dice = random.Random(seed)
    for second in range(-7200, 0, 20):
        chosen = [d for d in device_ids if dice.random() < 0.8]
        if not chosen:
            continue
        received = np.full(len(chosen), NOW + second * SECOND)
        delay = np.array([dice.choice([0, 0, 0, 0, 5, 45, 700]) for _ in chosen])
        at = received - delay * SECOND + second  # microseconds: no two instants are the same
        pressures = np.array([dice.choice([0.3, 0.4, 0.5, np.nan]) for _ in chosen])
        yield batch(chosen, at, received, pressures, np.array([dice.random() < 0.1 for _ in chosen]))


@pytest.mark.parametrize("seed", range(3))
def test_a_new_watch_remembers_the_hour_that_the_old_one_had_seen(engine, store, seed):
    roster = store.roster(-1)
    rules = tuned(load_rules(), OWN)
    watch = Watch(rules)
    state = watch.attend(watch.enrol(None, roster), NOW - 7200 * SECOND)
    ids = sorted(roster.by_id)
    for readings in traffic(ids, seed):
        with store.transaction() as tx:
            written = tx.write(readings, roster)
        state, _, _ = watch.step(state, {KIND.name: written.accepted}, int(readings.received_at.max()))
    again = Watch(rules, remembering(engine, PostgresReader(), KINDS, lambda: NOW, lambda: rules))
    anew = again.enrol(None, roster)
    old, new = (s.kinds[KIND.name].memory.history for s in (state, anew))
    rows, minutes = np.arange(len(ids)), np.full(len(ids), NOW // MINUTE)
    sent = {KIND.bits["p_sec_return"], KIND.bits["p_sec_supply"]}
    for column in old.columns:
        expected = old.trace(rows, minutes, column, LONGEST_MIN)
        found = new.trace(rows, minutes, column, LONGEST_MIN)
        differ = (found != expected) & ~(np.isnan(found) & np.isnan(expected))
        assert not differ.any(), (np.argwhere(differ)[:5], found[differ][:5], expected[differ][:5])
        assert np.isnan(expected).all() == (column not in sent)


def ports(engine, rules):
    def raw(device_id, kind, span):
        with engine.connect() as on:
            return PostgresReader().span(on, kind, device_id, span)

    return Ports(lambda: None, lambda: rules, raw, None, dict, lambda: NOW, lambda *_: (0, 0), lambda *_: None)


def test_a_rule_is_tried_on_what_is_stored(engine, store):
    roster = store.roster(-1)
    member = roster.members["dev-warm"]
    pressures = [0.40] * 20 + [0.20] * 20 + [0.45] * 20
    for k, pressure in enumerate(pressures):
        at = np.array([NOW - (60 - k) * MINUTE])
        with store.transaction() as tx:
            tx.write(batch([member.device_id], at, at, np.array([pressure]), np.array([False])), roster)
    [pair] = [p for p in tuned(load_rules(), OWN) if p[0].name == "falls_fast"]
    told = list(tried(ports(engine, roster), pair, member, (NOW - 2 * 60 * MINUTE, NOW)))
    assert [t["what"] for t in told] == ["raised", "cleared"]
    assert told[0]["evidence"]["value"] < -0.01
    assert told[1]["lasted_s"] > 0
    wrong = next(p for p in tuned(load_rules(), {}) if p[0].name == "return_pressure_low")
    weather = member.__class__(99, "w", KINDS["weather_station"], "st-warm", "testopolis", 60.0)
    with pytest.raises(RuleError, match="does not fit"):
        list(tried(ports(engine, roster), wrong, weather, (NOW - MINUTE, NOW)))
