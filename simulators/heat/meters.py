"""Meters: what the instruments of a station make of its state: every point of the kind `heat_substation`."""

import numpy as np
from numpy.typing import NDArray

from simulators.heat.design import Design
from simulators.heat.exchanger import CP_WATER
from simulators.heat.house import electric_power
from simulators.heat.interventions import PUMPS
from simulators.heat.pumps import MAINS_HZ, WATER_KG_M3
from simulators.heat.stations import Stations

Floats = NDArray[np.float64]

_M3_H = 3600 / WATER_KG_M3
"""kg/s to m3/h."""
_MOTOR = np.sqrt(3) * 0.38 * 0.86
"""kW per A of a three-phase motor at 380 V, power factor 0.86."""
_IDLE_A_PER_KW = 0.5
"""What a motor draws for its field alone, by the head at no flow (MPa) times the design flow (kg/s): about kW."""
_DHW_COLD_C, _DHW_HOT_C = 10.0, 55.0


def read(d: Design, s: Stations, hour: Floats) -> dict[str, Floats]:
    """Return every point of the kind by name, one value per station, exact and unrounded.

    `hour` is the local hour of the day: the evening pulls the mains voltage down.
    """
    return {
        **_thermal(s),
        **_hydraulic(s),
        **_circulation(d, s),
        **_makeup(s),
        **_electric(d, s, hour),
        **_house(d, s),
        **_hot_water(s),
    }


def _thermal(s: Stations) -> dict[str, Floats]:
    return {
        "t_outdoor": s.outdoor,
        "t_pri_supply": s.pri_supply,
        "t_pri_return": s.pri_return,
        "t_sec_supply": s.sec_supply,
        "t_sec_supply_setpoint": s.setpoint,
        "t_sec_return": s.sec_return,
        "flow_pri": s.flow_pri * _M3_H,
        "flow_sec": s.flow_sec * _M3_H,
        "heat_power": s.heat / 1000,
        "heat_energy_total": s.energy,
        "volume_pri_total": s.volume_pri,
        "valve_pri_position": s.valve * 100,
        "valve_pri_command": np.round(s.command * 200) / 2,
    }


def _hydraulic(s: Stations) -> dict[str, Floats]:
    return {
        "p_pri_supply": s.p_pri_return + s.dp_pri,
        "p_pri_return": s.p_pri_return,
        "dp_pri": s.dp_pri,
        "p_sec_supply": s.p_return + s.dp_sec,
        "p_sec_return": s.p_return,
        "dp_sec": s.dp_sec,
        "dp_strainer_pri": s.strainer_pri * 1000,
        "dp_strainer_sec": s.strainer_sec * 1000,
    }


def _circulation(d: Design, s: Stations) -> dict[str, Floats]:
    """Return pump by pump; those that run do so at the same frequency."""
    found: dict[str, Floats] = {}
    rated = d.head_zero * d.flow_sec / d.pumps
    for k in range(1, PUMPS + 1):
        run = s.pump_run[k - 1]
        found[f"pump_circ_{k}_run"] = run
        found[f"pump_circ_{k}_freq"] = run * s.speed * MAINS_HZ
        found[f"pump_circ_{k}_current"] = run * (s.pump_power / _MOTOR + _IDLE_A_PER_KW * rated * s.speed)
        found[f"pump_circ_{k}_power"] = run * s.pump_power
        found[f"pump_circ_{k}_fault"] = s.pump_fault[k - 1]
    return found


def _makeup(s: Stations) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for k in (1, 2):
        run = (s.filling > k - 1).astype(np.float64)
        found[f"pump_makeup_{k}_run"] = run
        found[f"pump_makeup_{k}_freq"] = run * np.where(s.filling > 1, MAINS_HZ, 42.0)
    return {
        **found,
        "flow_makeup": s.flow_makeup,
        "volume_makeup_total": s.volume_makeup,
        "level_makeup_tank": s.tank,
        "valve_relief_open": s.relief,
    }


def _electric(d: Design, s: Stations, hour: Floats) -> dict[str, Floats]:
    evening = np.exp(-(((hour - 19.0) / 2.5) ** 2))
    return {
        "elec_energy_total": s.electricity,
        "elec_power": electric_power(d, s),
        "voltage_mains": s.power * (384.0 - 5.0 * evening + 1.5 * s.wobble[3]),
        "ups_on_battery": 1 - s.power,
    }


def _house(d: Design, s: Stations) -> dict[str, Floats]:
    """Read the room itself and its contacts."""
    return {
        "t_station_room": s.room + 0.8 * s.wobble[1],
        "door_open": s.contacts[0],
        "flood_contact": s.contacts[1],
        "smoke_contact": s.contacts[2],
        "comm_rssi": -66.0 - 5.0 * d.house_power + 2.0 * s.wobble[3],
    }


def _hot_water(s: Stations) -> dict[str, Floats]:
    drawn = s.dhw / (CP_WATER * (_DHW_HOT_C - _DHW_COLD_C)) * _M3_H
    return {
        "t_dhw_supply": 55.5 + 0.5 * s.wobble[2] - 0.2 * np.sqrt(drawn),
        "t_dhw_return": 49.0 + 0.6 * s.wobble[1],
        "flow_dhw": drawn + 0.35,
    }
