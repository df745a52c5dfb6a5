"""The pieces of the physics, each against what it must obey."""

import numpy as np
import pytest

from simulators.heat.curve import load_share, source_supply, supply_for
from simulators.heat.design import StationFacts, design
from simulators.heat.exchanger import CP_WATER, effectiveness, exchange, sized_for


def array(*values):
    return np.array(values, dtype=np.float64)


def test_the_curve_meets_the_design_pair_at_design_weather():
    assert load_share(array(-24.2)) == pytest.approx(1.0)
    assert supply_for(array(1.0), 60.0, 45.0, 0.3) == pytest.approx(60.0)


def test_the_curve_falls_with_milder_weather_and_never_below_the_room():
    supply = supply_for(load_share(np.linspace(-30, 17, 50)), 60.0, 45.0, 0.3)
    assert (np.diff(supply) < 0).all()
    assert supply.min() > 20


def test_plants_keep_to_what_they_can_send():
    sent = source_supply(np.linspace(-60, 15, 50))
    assert sent.min() == 65
    assert sent.max() == 118


def test_effectiveness_at_its_known_ends():
    assert effectiveness(array(0.0), array(0.5)) == pytest.approx(0.0)
    assert effectiveness(array(50.0), array(0.5)) == pytest.approx(1.0)
    assert effectiveness(array(3.0), array(1.0)) == pytest.approx(0.75, abs=1e-3)  # NTU / (1 + NTU)
    assert effectiveness(array(2.0), array(0.0)) == pytest.approx(1 - np.exp(-2))


def test_heat_is_conserved_and_flows_downhill():
    flow_pri, flow_sec = array(5, 10, 20), array(30, 40, 60)
    plates = sized_for(array(2e6, 2e6, 2e6), array(8, 8, 8), array(40, 40, 40), array(12, 12, 12))
    x = exchange(plates, flow_pri, flow_sec, array(110, 100, 90), array(42, 44, 46))
    assert x.heat == pytest.approx(flow_pri * CP_WATER * (array(110, 100, 90) - x.pri_return))
    assert x.heat == pytest.approx(flow_sec * CP_WATER * (x.sec_supply - array(42, 44, 46)))
    assert (x.pri_return > array(42, 44, 46)).all()
    assert (x.sec_supply < array(110, 100, 90)).all()


def test_no_heat_when_the_primary_is_colder():
    plates = sized_for(array(2e6), array(8), array(40), array(12))
    assert exchange(plates, array(8), array(40), array(40), array(45)).heat == 0


def test_designs_are_drawn_from_the_seed_and_differ_from_each_other():
    facts = [StationFacts()] * 30
    one, same, other = design(facts, 1), design(facts, 1), design(facts, 2)
    assert (one.heat == same.heat).all()
    assert (one.heat != other.heat).all()
    assert len(set(one.heat.tolist())) == 30


def test_design_numbers_are_those_of_the_trade():
    d = design([StationFacts(envelope=e, area_m2=80_000) for e in ("old", "renovated", "new")] * 20, 3)
    assert 30 <= (d.heat / d.area).min() <= (d.heat / d.area).max() <= 65
    assert 1.8 < (d.flow_sec * 3600 / d.area).min() < (d.flow_sec * 3600 / d.area).max() < 4.6  # kg/(h m2)
    hours = (d.air_mass + d.wall_mass) / d.loss / 3600
    assert 60 < hours.min() < hours.max() < 190
