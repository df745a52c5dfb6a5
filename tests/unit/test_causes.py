"""Every cause that interventions name shows in the physics as in a real station, and the heat stays accounted for."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

from perception.kinds import load_kinds
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.heat.audit import balance
from simulators.heat.design import StationFacts
from simulators.heat.interventions import PUMPS, Interventions, sound
from simulators.heat.meters import read
from simulators.world import World

NOW = 1_795_000_000_000_000
N = 4
KIND = load_kinds()["heat_substation"]
FACTS = [StationFacts(area_m2=4e4 + 3e4 * i, pipe_m=800.0 + 1500 * i) for i in range(N)]
TRIED = set()


class Walk:
    """Some hours with a cause from NOW on: points [instants, stations] by name."""

    def __init__(self, hours=2.0, step_s=30.0, **causes):
        TRIED.update(causes)
        self.world, begun = new_world()
        self.design = self.world.design
        plain = sound(N)
        ill = replace(plain, **{k: full(k, v(self.design) if callable(v) else v) for k, v in causes.items()})
        self.world.obey(lambda at: ill if at > NOW else plain)
        self.moments = [begun]
        for _ in range(round(hours * 3600 / step_s)):
            last = self.moments[-1]
            self.moments.append(self.world.advance(last, last.at + round(step_s * 1e6), step_s))
        self.states = [m.stations for m in self.moments]
        hour = np.full(N, 12.0)
        told = [read(self.design, s, hour) for s in self.states]
        self.points = {name: np.array([row[name] for row in told]) for name in told[0]}
        booked = balance(self.design, self.states[0], self.states[-1])
        self.missing = np.abs(booked.missing).max() / np.abs(booked.source).max()

    def __getitem__(self, name):
        return self.points[name]

    def at_end(self, name):
        return self.points[name][-1]


@cache
def new_world():
    """Return a world, and how it stands at NOW: sound, so that every walk can begin there."""
    parts = [Part(f"s{i}", KIND, 10_000_000, facts) for i, facts in enumerate(FACTS)]
    world = World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=3)
    return world, world.begin(NOW)


def full(name, value):
    if name == "pump_stopped":
        return np.repeat(np.asarray(value, dtype=np.float64)[:, None], N, axis=1)
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (N,)).copy()


@pytest.fixture(scope="module")
def well():
    return Walk()


def test_a_sound_plant_is_sound(well):
    for contact in ("ups_on_battery", "door_open", "flood_contact", "smoke_contact", "valve_relief_open"):
        assert not well[contact].any(), contact
    assert not any(well[f"pump_circ_{k}_fault"].any() for k in range(1, PUMPS + 1))
    assert well.missing < 1e-9


def test_a_secondary_leak_draws_make_up_and_pressure(well):
    leaky = Walk(leak_sec=lambda d: 2.5 * d.makeup)
    assert (leaky.at_end("volume_makeup_total") - leaky["volume_makeup_total"][0] > leaky.design.makeup).all()
    assert (leaky["p_sec_return"].mean(axis=0) < well["p_sec_return"].mean(axis=0)).all()
    assert leaky.missing < 1e-9


def test_a_burst_empties_the_loop_within_minutes():
    burst = Walk(hours=0.25, step_s=10.0, leak_sec=lambda d: 40 * d.makeup)
    fallen = burst["p_sec_return"][0] - burst["p_sec_return"]
    assert (fallen[6] > 0.1).all()
    assert (burst.at_end("pump_makeup_2_run") == 1).all()
    assert burst.missing < 1e-9


def test_a_primary_leak_takes_pressure_all_along_the_branch(well):
    torn = Walk(leak_pri=[0, 0, 80.0, 0])
    assert (torn.at_end("dp_pri") < well.at_end("dp_pri") - 0.005).all()
    assert torn.at_end("dp_pri")[3] < well.at_end("dp_pri")[3] - 0.02
    assert torn.missing < 1e-9


def test_an_inner_leak_lifts_the_pressure_until_the_relief_valve_opens():
    holed = Walk(hours=6, leak_inner=2.0)
    assert (holed["p_sec_return"][60] > holed["p_sec_return"][0]).any()
    assert holed["valve_relief_open"].any(axis=0).all()
    assert (holed["p_sec_return"].max(axis=0) < holed.design.p_max + 0.1).all()
    assert holed["flow_makeup"][-60:].max() == 0
    assert holed.missing < 1e-9


def test_theft_draws_make_up():
    stolen = Walk(hours=4, theft=lambda d: 0.5 * d.makeup)
    gained = stolen.at_end("volume_makeup_total") - stolen["volume_makeup_total"][0]
    assert (gained > 1.5 * stolen.design.makeup).all()


def test_make_up_that_cannot_work_does_not():
    dry, half = Walk(makeup_share=0.0), Walk(makeup_share=0.5, leak_sec=lambda d: 20 * d.makeup)
    assert dry["flow_makeup"][1:].max() == 0
    assert half["pump_makeup_1_run"][-1].all()
    assert not half["pump_makeup_2_run"][1:].any()


def test_a_standby_pump_takes_over_within_half_a_minute(well):
    tripped = Walk(hours=0.2, step_s=10.0, pump_stopped=[1, 0, 0])
    assert (tripped["pump_circ_1_fault"][1:] == 1).all()
    assert (tripped["pump_circ_1_run"][1:] == 0).all()
    running = sum(tripped[f"pump_circ_{k}_run"] for k in range(1, PUMPS + 1))
    assert (running[1] < tripped.design.pumps).any()
    assert (running[4:] == tripped.design.pumps).all()
    assert np.allclose(tripped.at_end("flow_sec"), well["flow_sec"][:20].mean(axis=0), rtol=0.1)


def test_without_a_standby_pump_the_loop_stands_still():
    still = Walk(pump_stopped=[1, 1, 1], standby_fails=1.0)
    assert (still.at_end("flow_sec") < 0.05 * still["flow_sec"][0]).all()
    assert (still.at_end("dp_sec") < 0.01).all()
    assert (still.at_end("heat_power") < 0.3 * still["heat_power"][0]).all()
    assert still.missing < 1e-9


def test_gas_makes_the_pumps_swing(well):
    airy = Walk(hours=0.5, step_s=10.0, air=0.6)
    calm = Walk(hours=0.5, step_s=10.0)
    assert (airy["dp_sec"][10:].std(axis=0) > 5 * calm["dp_sec"][10:].std(axis=0)).all()
    assert (airy["pump_circ_1_current"][10:].std(axis=0) > 3 * calm["pump_circ_1_current"][10:].std(axis=0)).all()


def test_a_clogged_strainer_takes_pressure_and_at_last_flow(well):
    clogged = Walk(clog_sec=20.0, clog_pri=10.0)
    assert (clogged.at_end("dp_strainer_sec") > 50).all()
    assert (clogged.at_end("flow_sec") < 0.95 * well.at_end("flow_sec")).all()
    assert (clogged.at_end("dp_strainer_pri") > 3 * well.at_end("dp_strainer_pri")).all()
    assert (clogged.at_end("valve_pri_position") > well.at_end("valve_pri_position")).all()


def test_fouling_widens_the_approach(well):
    foul = Walk(fouling=0.6)
    approach = foul["t_pri_return"] - foul["t_sec_return"]
    assert (approach[-1] > 2 * (well["t_pri_return"] - well["t_sec_return"])[-1]).all()


def test_a_stuck_valve_does_not_follow_its_command():
    stuck = Walk(valve_stuck=0.2)
    assert (stuck.at_end("valve_pri_position") == 20).all()
    assert (stuck.at_end("valve_pri_command") > 60).all()


@pytest.mark.parametrize("step_s", [10.0, 60.0])
def test_too_much_gain_makes_the_valve_hunt(step_s):
    wild = Walk(step_s=step_s, valve_gain=10.0)
    opening = wild["valve_pri_position"][len(wild.states) // 2 :]
    turns = (np.diff(np.sign(np.diff(opening, axis=0)), axis=0) != 0).sum(axis=0)
    assert (turns > 12).all()
    assert (np.ptp(opening, axis=0) > 10).all()


def test_a_shifted_curve_warms_the_homes(well):
    shifted = Walk(hours=6, curve_shift=6.0)
    assert (shifted["t_sec_supply_setpoint"][240] - well["t_sec_supply_setpoint"][240] > 5).all()
    assert (shifted.states[-1].air > Walk(hours=6).states[-1].air + 0.5).all()


def test_starved_homes_get_cold(well):
    starved = Walk(starved=0.4)
    assert (starved.states[-1].chill > 0.5).all()
    assert (starved.at_end("flow_sec") < well.at_end("flow_sec")).all()


def test_draughts_cool_the_air(well):
    draughty = Walk(draught=3.0)
    assert (draughty.states[-1].air < well.states[-1].air - 1).all()
    assert draughty.missing < 1e-9


def test_a_station_without_heating_freezes_with_the_door_open():
    cold = Walk(hours=12, step_s=60.0, room_heating=0.0, door_open=1.0, flooded=1.0, smoke=1.0)
    assert (cold.at_end("t_station_room") < 5).all()
    assert all((cold.at_end(name) == 1).all() for name in ("door_open", "flood_contact", "smoke_contact"))


def test_colder_water_from_the_plant_arrives_after_its_way(well):
    late = Walk(hours=4, source_offset=-20.0)
    cold_after = [
        int(np.flatnonzero(late["t_pri_supply"][:, i] < well["t_pri_supply"][0, i] - 10)[0]) for i in range(N)
    ]
    assert cold_after == sorted(cold_after)
    assert cold_after[0] < 60 < cold_after[-1]
    assert late.missing < 1e-9


def test_a_power_cut_stops_everything_and_empties_the_battery():
    dark = Walk(hours=3, power=0.0)
    assert (dark["voltage_mains"][1:] == 0).all()
    assert (dark["ups_on_battery"][1:] == 1).all()
    assert (dark.at_end("flow_sec") < 0.05 * dark["flow_sec"][0]).all()
    assert dark.at_end("elec_power").max() == 0
    silent = [bool(dark.world.silent(m).all()) for m in dark.moments]
    assert silent.index(True) == pytest.approx(240, abs=3)
    assert dark["t_sec_supply"].max() < 95
    assert dark.missing < 1e-9


def test_orders_are_obeyed(well):
    ordered = Walk(setpoint=40.0, pump_order=30.0)
    assert (ordered.at_end("t_sec_supply_setpoint") == 40).all()
    assert ordered.at_end("pump_circ_1_freq") == pytest.approx(30.0, abs=0.1)
    offset, valve = Walk(setpoint_offset=4.0), Walk(valve_order=0.3)
    assert (offset.at_end("t_sec_supply_setpoint") > well.at_end("t_sec_supply_setpoint") + 3).all()
    assert valve.at_end("valve_pri_position") == pytest.approx(30.0, abs=0.1)


def test_every_cause_has_been_tried():
    assert {f.name for f in fields(Interventions)} == TRIED


def test_sampled_rooms_stand_around_the_air_of_their_station():
    kinds = load_kinds()
    room = kinds["heat_substation"].model_copy(update={"name": "room_climate"})
    parts = [Part("s0", KIND, 10_000_000, FACTS[0], "station-0")]
    parts += [Part(f"r{k}", room, 600_000_000, FACTS[0], "station-0") for k in range(40)]
    world = World(parts, SEASONS["midwinter"], utc_offset_s=8 * 3600, seed=3)
    assert len(world.stations) == 1
    moment = world.begin(NOW)
    t, rh = (world.rooms(moment)[name] for name in ("t_indoor", "rh_indoor"))
    assert np.isfinite(t).all()
    assert -1.5 < (t - moment.stations.air[0]).mean() < 0.5
    assert 0.5 < t.std() < 2
    assert ((rh > 10) & (rh < 70)).all()
    assert world.row("r7") == 0


def test_a_room_whose_substation_does_not_play_brings_its_station_along():
    room = load_kinds()["heat_substation"].model_copy(update={"name": "room_climate"})
    world = World([Part("r", room, 1, FACTS[1], "away")], SEASONS["thaw"], utc_offset_s=0, seed=1)
    assert world.stations == ("away",)
    assert np.isfinite(world.rooms(world.begin(NOW))["t_indoor"]).all()
