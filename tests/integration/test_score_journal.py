"""The same readings as columns, and through a real broker, ingest and database: both journals are identical."""

import json
from pathlib import Path

import numpy as np
import pytest
from ingesting import KINDS, ingesting

from application.rules_file import read_rules
from application.trial.engine import Block, Engine, roster_of
from application.watch import Watch
from network.mqtt import MqttOutlet
from simulators.city import generate_city
from simulators.climate import SEASONS
from simulators.trial.columns import MINUTE_US, Telling
from simulators.trial.score import Trial, staged
from simulators.world import SUBSTATION
from support.catalogue_store import save_catalogue
from support.postgres.connect import make_engine

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


@pytest.fixture
def rules():
    return [(rule, tuning) for rule, tuning in read_rules(ROOT / "configs/rules.toml") if rule.tempo == "fast"]


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


def as_columns(catalogue, numbers, blocks, rules):
    """Return the journal of a column run, by the time of events."""
    engine = Engine(rules, catalogue, roster_of(catalogue, KINDS, numbers, {}), BEGIN, event_time=True)
    journal, newest = [], 0
    for _, told in blocks:
        given = {name: Block(*block) for name, block in told.items()}
        fits = [ts[np.abs(ts - BEGIN) < 10 * 86_400_000_000] for _, ts, _, _ in told.values()]
        newest = max(newest, *(int(ts.max()) for ts in fits if len(ts)))
        journal += engine.take(given, newest)
    return journal


def messages(numbers, blocks):
    """Yield (device, payload) in the order in which they come."""
    names = {number: name for name, number in numbers.items()}
    kind_of = {name: KINDS[name].names for name in (SUBSTATION, "room_climate")}
    for _, told in blocks:
        rows = [(r, name, i) for name, (_, _, received, _) in told.items() for i, r in enumerate(received.tolist())]
        for _, name, i in sorted(rows, key=lambda row: row[0]):
            ids, ts, _, values = told[name]
            body = {"ts": int(ts[i]) // 1000, "values": dict(zip(kind_of[name], values[i].tolist(), strict=True))}
            yield names[int(ids[i])], json.dumps(body).encode()


def through_the_database(database, broker, catalogue, said, rules):
    """Return the journal that ingest writes."""
    engine = make_engine(database, "test")
    with engine.begin() as on:
        save_catalogue(on, catalogue, "test")
    engine.dispose()
    watch = Watch(rules, event_time=True)
    with ingesting(database, broker, watcher=watch, event_time=True) as running:
        outlet = MqttOutlet(broker, "tape")
        first = sum(d.kind == SUBSTATION for d in catalogue.devices)
        for place, (device, payload) in enumerate(said):
            if place == first:  # everybody has spoken before silence counts
                running.await_answer("select coalesce(sum(received), 0)::int from ledger", [(first,)], 60)
            outlet.publish(f"hearthline/v1/{device}/readings", payload)
        running.await_answer("select coalesce(sum(received), 0)::int from ledger", [(len(said),)], 600)
        assert not running.failures
        fates = running.fates()
        rows = running.ask(
            "select e.what, a.subject, a.rule, a.element, (extract(epoch from e.at) * 1000000)::bigint,"
            " (extract(epoch from a.opened_at) * 1000000)::bigint from alarm_event e join alarm a using (alarm_id)"
        )
        outlet.close()
    return rows, fates


def test_columns_and_broker_keep_one_journal(database, broker, rules, tmp_path, length):
    scenario = length.of(evil_hour(tmp_path), ROOT / "configs/scenarios/season-400.toml")
    trial = Trial(scenario, 20, length.of(1.6 / 24, 1.0), SEED, BEGIN, SEASONS["winter"], "winter")
    catalogue, numbers, blocks = columns(trial)
    first = blocks[0]
    assert first[0] == BEGIN + 10 * MINUTE_US
    journal = as_columns(catalogue, numbers, blocks, rules)
    expected = sorted((t["what"], t["subject"], t["rule"], t["element"], t["at"], t["opened_at"]) for t in journal)
    said = list(messages(numbers, blocks))
    rows, fates = through_the_database(database, broker, catalogue, said, rules)
    assert len({rule for _, _, rule, *_ in expected}) >= 8
    assert sorted(rows) == expected
    assert fates["received"] == fates["stored"] + fates["rejected"]
