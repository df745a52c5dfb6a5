"""A season into a file: means of what the physics did, meters and links with their faults, whole or not there."""

import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from perception.kinds import load_kinds
from simulators.city import generate_city
from simulators.climate import SEASONS
from simulators.faults import Fault, kind_named, tuned
from simulators.season import SeasonError, SeasonPlan, planned, run_season, substations
from simulators.season_file import SEASON, SeasonFile
from simulators.settings import SimulateSettings
from simulators.stage import worlds_of
from simulators.world import SUBSTATION

KINDS = load_kinds()
BEGIN = 1_795_000_200_000_000
MINUTE = 60_000_000
POINTS = ("t_sec_supply", "heat_power", "heat_energy_total")


def world(*faults):
    settings = SimulateSettings(seed=3, faults=False)
    [found] = worlds_of(generate_city(6, 3), KINDS, settings, BEGIN, None, None, SEASONS["winter"])
    if faults:
        for fault in faults:
            found.schedule.add(fault)
    return found


def plan(hours=2.0, **changes):
    facts = {"step": MINUTE, "every": 10 * MINUTE, "points": POINTS, **changes}
    return SeasonPlan(BEGIN, BEGIN + round(hours * 60) * MINUTE, **facts)


def run(of, chosen, stop=None):
    return list(run_season(of, chosen, stop=stop or threading.Event(), progress=lambda *_: None))


def fault(of, kind, device, **given):
    return Fault(device, device, kind_named(kind), BEGIN, None, 0.5, tuned(kind_named(kind), 0.5, given))


def test_buckets_hold_the_mean_of_their_steps_and_the_last_count():
    extremes = plan(extremes=True)
    buckets = run(world(), extremes)
    assert [b.at for b in buckets] == list(range(BEGIN, extremes.end, 10 * MINUTE))
    of = world()
    moment, seen = of.begin(BEGIN), []
    for _ in range(10):
        moment = of.advance(moment, moment.at + MINUTE)
        seen.append(of.columns([moment]))
    first = buckets[0].columns
    mean = np.mean([c["t_sec_supply"] for c in seen], axis=0)
    assert np.abs(first["t_sec_supply"] - mean).max() < 0.4  # the meter's own offset, noise and digits
    assert np.array_equal(first["t_sec_supply_min"], np.min([c["t_sec_supply"] for c in seen], axis=0))
    assert np.array_equal(first["heat_energy_total"], np.round(seen[-1]["heat_energy_total"], 3))
    assert "heat_energy_total_min" not in first


def test_the_same_seed_gives_the_same_season():
    one, two = run(world(), plan(1)), run(world(), plan(1))
    assert all(np.array_equal(a.columns[n], b.columns[n]) for a, b in zip(one, two, strict=True) for n in POINTS)


def test_what_a_link_loses_is_missing_and_a_false_meter_shows():
    sound = world()
    names = substations(sound)
    silent, frozen = names[1], names[2]
    of = world(fault(sound, "silence", silent), fault(sound, "sensor_frozen", frozen, point="t_sec_supply"))
    buckets = run(of, plan(1))
    column = np.array([b.columns["t_sec_supply"] for b in buckets])
    assert np.isnan(column[:, 1]).all()
    assert not np.isnan(np.delete(column, 1, axis=1)).any()
    assert len(set(column[:, 2].tolist())) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": ("t_sec_supply", "no_such")}, "no point no_such"),
        ({"points": ()}, "at least one"),
        ({"every": 90_000_000}, "multiple of step"),
        ({"hours": 0.05}, "before its first bucket"),
    ],
)
def test_a_plan_that_cannot_be_run_says_why(changes, words):
    with pytest.raises(SeasonError, match=words):
        planned(KINDS[SUBSTATION], plan(**changes))


def test_the_file_has_every_row_and_only_when_it_is_whole(tmp_path: Path):
    of = world()
    buckets = run(of, plan(1))
    with SeasonFile(tmp_path, substations(of), {"seed": 3}) as file:
        for bucket in buckets:
            file.add(bucket)
        assert not (tmp_path / SEASON).exists()
        path = file.finish()
    table = pq.read_table(path)
    assert table.num_rows == file.rows == 6 * 6
    assert table.column("device").to_pylist()[:6] == substations(of)
    told = table.column("t_sec_supply").to_numpy().reshape(6, 6)
    assert np.array_equal(told, np.array([b.columns["t_sec_supply"] for b in buckets]))
    with SeasonFile(tmp_path / "cut", substations(of), {}) as cut:
        cut.add(buckets[0])
    assert not list((tmp_path / "cut").iterdir())


def test_a_season_that_is_stopped_ends():
    stop = threading.Event()
    stop.set()
    assert run(world(), plan(), stop) == []
