"""The same readings as columns, and through broker, ingest, database and tend: both journals are identical."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ingesting import KINDS, ingesting

from application.rules_file import RulesFile
from application.slow.past import TENTH
from application.slow.watch import SETTLE
from application.slow_tending import SlowTurns
from application.trial.engine import Block, Engine, roster_of
from application.watch import Watch
from network.mqtt import MqttOutlet
from simulators.city import generate_city
from simulators.climate import SEASONS
from simulators.trial.columns import MINUTE_US, Telling
from simulators.trial.score import Trial, staged
from simulators.world import SUBSTATION
from support.catalogue_store import save_catalogue
from support.postgres import rosters
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader
from support.postgres.rollups import Rollups
from support.settings import TendSettings

ROOT = Path(__file__).resolve().parents[2]
SEED, BEGIN = 11, 1_764_547_200_000_000
SCENARIO = """
title = "An evil hour"
[[faults]]
kind = "{kind}"
station = "random"
from = "+{at}min"
for = "{lasts}min"
severity = 0.9
"""
EVIL = (
    ("pump_trip", 4, 20), ("power_cut", 5, 40), ("leak", 6, 70), ("silence", 4, 15), ("weak_radio", 8, 60),
    ("late_delivery", 10, 30), ("wrong_clock", 12, 20), ("lost_clock", 9, 20), ("sensor_fixed", 7, 25),
    ("burst", 15, 30),
    ("door_open", 20, 6), ("sensors_swapped", 4, 80), ("gateway_loss", 30, 15), ("reboots", 10, 60),
)  # fmt: skip


def evil_hour(folder):
    text = "seed = 5\n" + "".join(
        SCENARIO.split("\n", 2)[2].format(kind=kind, at=at, lasts=lasts) for kind, at, lasts in EVIL
    )
    file = folder / "evil-hour.toml"
    file.write_text(text, encoding="utf-8")
    return file


HURRIED = {"rooms_cold": "on_delay_s = 0\noff_delay_s = 600\nlimit_c = 24.0\nfloor_c = 19.0\n"}
"""Numbers by which a slow rule speaks within an hour or two; all others are as they are in force."""


@pytest.fixture
def rules(tmp_path):
    text = (ROOT / "configs/rules.toml").read_text("utf-8")
    for name, numbers in HURRIED.items():
        text, found = re.subn(rf"(?m)^\[{name}\].*\n(?:[^\[\n].*\n)*", f"[{name}]\n{numbers}", text)
        assert found == 1
    file = tmp_path / "rules.toml"
    file.write_text(text, "utf-8")
    return RulesFile(file)


def columns(trial):
    """Return the catalogue, numbers and blocks of a trial; substations are known to report once a minute."""
    catalogue = generate_city(trial.stations, trial.seed)
    devices = tuple(
        d.model_copy(update={"interval_s": 60.0}) if d.kind == SUBSTATION else d
        for d in catalogue.devices if d.kind in {SUBSTATION, "room_climate"}
    )  # fmt: skip
    catalogue = catalogue.model_copy(update={"devices": devices})
    world, _ = staged(trial, catalogue, KINDS)
    telling = Telling(world, trial.begin, trial.cadence)
    return catalogue, telling.numbers, list(telling.play(trial.end))


def by_minute(blocks):
    """Yield (minute, its part of a block): whatever is received up to a whole minute and after the one before."""
    for _, told in blocks:
        up_to = {name: -(-block[2] // MINUTE_US) * MINUTE_US for name, block in told.items()}
        for minute in sorted({m for column in up_to.values() for m in column.tolist()}):
            rows = {name: np.flatnonzero(column == minute) for name, column in up_to.items()}
            yield minute, {n: tuple(c[rows[n]] for c in told[n]) for n in told if len(rows[n])}


def belated(catalogue, numbers, blocks):
    """Return by (kind, station) from when on something came after its ten minutes were judged.

    The store's rollups still take it in, and a slow rule then sees it in the past; the columns of a trial leave it out.
    """
    station = {numbers[d.name]: f"station:{d.station}" for d in catalogue.devices if d.name in numbers}
    found = {}
    for _, told in blocks:
        for kind, (ids, ts, received, _) in told.items():
            for i in np.flatnonzero(received > ts // TENTH * TENTH + TENTH + SETTLE).tolist():
                key = kind, station[int(ids[i])]
                found[key] = min(int(ts[i]), found.get(key, int(ts[i])))
    return found


def sees_all(rule, subject, at, late):
    """Return whether nothing had come too late for a rule at a time."""
    kinds = rule.kinds or {SUBSTATION, "room_climate"}
    return rule.tempo == "fast" or all(at <= late.get((kind, subject), at) for kind in kinds)


def as_columns(catalogue, numbers, minutes, rules):
    """Return the journal of a column run, minute by minute."""
    engine = Engine(rules.pairs, catalogue, roster_of(catalogue, KINDS, numbers, {}), BEGIN)
    journal = []
    for now, told in minutes:
        journal += engine.take({name: Block(*block) for name, block in told.items()}, now)
    return journal


def messages(numbers, told):
    """Return (device, payload) of a block in the order in which they come."""
    names = {number: name for name, number in numbers.items()}
    kind_of = {name: KINDS[name].names for name in (SUBSTATION, "room_climate")}
    rows = [(r, name, i) for name, (_, _, received, _) in told.items() for i, r in enumerate(received.tolist())]
    said = []
    for _, name, i in sorted(rows, key=lambda row: row[0]):
        ids, ts, _, values = told[name]
        body = {"ts": int(ts[i]) // 1000, "values": dict(zip(kind_of[name], values[i].tolist(), strict=True))}
        said.append((names[int(ids[i])], json.dumps(body).encode()))
    return said


class Attentive(Watch):
    """A watch that listens since the beginning, whenever its ingest has come to listen."""

    def attend(self, state, since):
        return super().attend(state, since and BEGIN)


class Tended:
    """The passes of tend that the slow rules need, on the clock of the readings."""

    def __init__(self, engine, rules):
        self._engine = engine
        self._rollups = Rollups(engine, KINDS, TendSettings(pause_s=0, rest=0))
        self._slow = SlowTurns(engine, PostgresReader(), rules, self._roster)

    def run(self, now):
        list(self._rollups.drain(now))
        list(self._slow.run(now))

    def _roster(self):
        with self._engine.connect() as on:
            return rosters.load(on, KINDS)


def through_the_database(database, broker, catalogue, rules, spoken):
    """Return the journal that ingest and tend write. `spoken` are (now, messages), a minute at a time."""
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue, "test")
    tended, shown = Tended(engine, rules), [BEGIN]
    with ingesting(database, broker, watcher=Attentive(rules.pairs), clock=lambda: shown[0]) as running:
        outlet, count = MqttOutlet(broker, "tape"), 0
        for now, said in spoken:
            shown[0] = now
            for device, payload in said:
                outlet.publish(f"hearthline/v1/{device}/readings", payload)
            count += len(said)
            running.await_answer(_RECEIVED, [(count,)], 60)
            if now % _TENDED_US == 0:
                tended.run(now)
        assert not running.failures
        fates = running.fates()
        rows = running.ask(
            "select e.what, a.subject, a.rule, a.element, (extract(epoch from e.at) * 1000000)::bigint,"
            " (extract(epoch from a.opened_at) * 1000000)::bigint from alarm_event e join alarm a using (alarm_id)"
        )
        outlet.close()
    engine.dispose()
    return rows, fates


_TENDED_US = 5 * MINUTE_US
_RECEIVED = "select coalesce(sum(received), 0)::int from ledger"


@pytest.mark.faults
def test_columns_and_broker_keep_one_journal(database, broker, rules, tmp_path, length):
    scenario = length.of(evil_hour(tmp_path), ROOT / "configs/scenarios/season-400.toml")
    trial = Trial(scenario, 20, length.of(1.6 / 24, 1.0), SEED, BEGIN, SEASONS["winter"], "winter")
    catalogue, numbers, blocks = columns(trial)
    minutes = list(by_minute(blocks))
    journal = as_columns(catalogue, numbers, minutes, rules)
    expected = sorted((t["what"], t["subject"], t["rule"], t["element"], t["at"], t["opened_at"]) for t in journal)
    spoken = ((now, messages(numbers, told)) for now, told in minutes)
    rows, fates = through_the_database(database, broker, catalogue, rules, spoken)
    late = belated(catalogue, numbers, blocks)
    expected, rows = (
        sorted(row for row in found if sees_all(rules[row[2]], row[1], row[4], late)) for found in (expected, rows)
    )
    assert (set(rows) - set(expected), set(expected) - set(rows)) == (set(), set())
    assert rows == expected
    named = {rule for _, _, rule, *_ in expected}
    assert len(named) >= 8
    assert any(rules[rule].tempo == "slow" for rule in named)
    assert fates["received"] == fates["stored"] + fates["rejected"]
