"""Meters: what the instruments of a station make of its state: every point of the kind `heat_substation`."""

import numpy as np
from numpy.typing import NDArray

from simulators.heat.design import Design
from simulators.heat.exchanger import CP_WATER
from simulators.heat.stations import Stations
from simulators.heat.substation import WATER_KG_M3, dp_primary, electric_power

Floats = NDArray[np.float64]

_M3_H = 3600 / WATER_KG_M3
"""kg/s to m3/h."""
_MOTOR = np.sqrt(3) * 0.38 * 0.86
"""kW per A of a three-phase motor at 380 V, power factor 0.86."""
_IDLE_A = 0.18
"""Share of the rated current that a motor draws for its field alone."""
_DHW_COLD_C, _DHW_HOT_C = 10.0, 55.0


def read(d: Design, s: Stations, hour: Floats) -> dict[str, Floats]:
    """Return every point of the kind by name, one value per station, exact and unrounded.

    `hour` is the local hour of the day: the evening pulls the mains voltage down.
    """
    return {
        **_thermal(s),
        **_hydraulic(d, s),
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


def _hydraulic(d: Design, s: Stations) -> dict[str, Floats]:
    dp_pri = dp_primary(d, s)
    p_pri_return = d.p_pri_return + 0.004 * s.wobble[3]
    return {
        "p_pri_supply": p_pri_return + dp_pri,
        "p_pri_return": p_pri_return,
        "dp_pri": dp_pri,
        "p_sec_supply": s.p_return + s.dp_sec,
        "p_sec_return": s.p_return,
        "dp_sec": s.dp_sec,
        "dp_strainer_pri": d.strainer_pri * (s.flow_pri / d.plates.flow_pri_d) ** 2,
        "dp_strainer_sec": d.strainer_sec * (s.flow_sec / d.flow_sec) ** 2,
    }


def _circulation(d: Design, s: Stations) -> dict[str, Floats]:
    """Pumps 1 and, in larger stations, 2 run together; pump 3 stands by."""
    found: dict[str, Floats] = {}
    rated = s.pump_power / s.speed**3 / _MOTOR
    for k in (1, 2, 3):
        run = (d.pumps >= k).astype(np.float64)
        found[f"pump_circ_{k}_run"] = run
        found[f"pump_circ_{k}_freq"] = run * s.speed * 50
        found[f"pump_circ_{k}_current"] = run * (s.pump_power / _MOTOR + _IDLE_A * rated)
        found[f"pump_circ_{k}_power"] = run * s.pump_power
        found[f"pump_circ_{k}_fault"] = np.zeros_like(run)
    return found


def _makeup(s: Stations) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for k in (1, 2):
        run = (s.filling >= k).astype(np.float64)
        found[f"pump_makeup_{k}_run"] = run
        found[f"pump_makeup_{k}_freq"] = run * np.where(s.filling > 1, 50.0, 42.0)
    return {
        **found,
        "flow_makeup": s.flow_makeup,
        "volume_makeup_total": s.volume_makeup,
        "level_makeup_tank": s.tank,
        "valve_relief_open": np.zeros_like(s.tank),
    }


def _electric(d: Design, s: Stations, hour: Floats) -> dict[str, Floats]:
    evening = np.exp(-(((hour - 19.0) / 2.5) ** 2))
    return {
        "elec_energy_total": s.electricity,
        "elec_power": electric_power(d, s),
        "voltage_mains": 384.0 - 5.0 * evening + 1.5 * s.wobble[3],
        "ups_on_battery": np.zeros(len(d)),
    }


def _house(d: Design, s: Stations) -> dict[str, Floats]:
    """Read the room itself, which its pipes warm and its walls cool, and the contacts."""
    zero = np.zeros(len(d))
    return {
        "t_station_room": 14.5 + 0.16 * s.sec_supply + 0.12 * s.outdoor + 0.8 * s.wobble[1] + d.house_power,
        "door_open": zero,
        "flood_contact": zero,
        "smoke_contact": zero,
        "comm_rssi": -66.0 - 5.0 * d.house_power + 2.0 * s.wobble[3],
    }


def _hot_water(s: Stations) -> dict[str, Floats]:
    drawn = s.dhw / (CP_WATER * (_DHW_HOT_C - _DHW_COLD_C)) * _M3_H
    return {
        "t_dhw_supply": 55.5 + 0.5 * s.wobble[2] - 0.2 * np.sqrt(drawn),
        "t_dhw_return": 49.0 + 0.6 * s.wobble[1],
        "flow_dhw": drawn + 0.35,
    }
