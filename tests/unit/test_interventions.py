"""A sound plant: nothing wrong, nothing ordered."""

from dataclasses import fields

import numpy as np

from simulators.heat.interventions import PUMPS, Interventions, sound


def test_a_sound_plant_has_a_value_for_every_cause_and_station():
    plant = sound(5)
    for field in fields(Interventions):
        value = getattr(plant, field.name)
        assert value.shape == ((PUMPS, 5) if field.name == "pump_stopped" else (5,)), field.name


def test_orders_are_absent_and_factors_are_one():
    plant = sound(2)
    for order in (plant.valve_stuck, plant.setpoint, plant.valve_order, plant.pump_order):
        assert np.isnan(order).all()
    for factor in (plant.power, plant.clog_pri, plant.draught, plant.valve_gain, plant.makeup_share):
        assert (factor == 1).all()
    assert not plant.leak_sec.any()
    assert not plant.pump_stopped.any()
