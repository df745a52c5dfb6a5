"""Interventions: what is wrong with the plant of each station, or ordered by hand, at one instant.

The physics read them and nothing else: a fault or a command is a cause here, never a painted signal. A sound
plant under automatic control is `sound(n)`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PUMPS = 3
"""Circulation pumps that a station can have."""


@dataclass(frozen=True, slots=True)
class Interventions:
    """One value per station [n], except `pump_stopped` [3, n]. NaN in an order means: automatic.

    Water. `leak_sec` and `leak_pri` in m3/h per sqrt(MPa) of the pressure at the hole; `leak_inner` likewise, through
    the plates, of the difference between primary and secondary pressure; `theft` in m3/h taken from the secondary
    loop; `makeup_share` is the share of the make-up pumps that can work.

    Circulation. `pump_stopped` 1: pump k has tripped and cannot run; `standby_fails` 1: no other pump takes over;
    `air` 0..1: gas in the pumps (head and flow collapse and swing); `clog_pri` and `clog_sec`: factor on the
    strainer's resistance, 1 is clean.

    Heat. `fouling`: added thermal resistance as a share of the clean exchanger's; `valve_stuck`: opening 0..1 at
    which the primary valve does not move, NaN free; `valve_gain`: factor on the controller's gain; `curve_shift`
    in K on the heating curve; `starved` 0..1: share of the homes whose flow is throttled; `draught`: factor on the
    heat lost by the buildings' air (windows, doors); `room_heating` 1 works, 0 not: of the station's own room;
    `source_offset` in K on the water that the plant sends to this station.

    Power. `power` 1 there, 0 cut (the controller lives on its battery for a while).

    House. `door_open`, `flooded`, `smoke`: 1 when it is so.

    Orders. `setpoint_offset` in K on the curve; `setpoint` in Cel; `valve_order` 0..1; `pump_order` in Hz,
    0 stops the pumps.
    """

    leak_sec: Floats
    leak_pri: Floats
    leak_inner: Floats
    theft: Floats
    makeup_share: Floats
    pump_stopped: Floats
    standby_fails: Floats
    air: Floats
    clog_pri: Floats
    clog_sec: Floats
    fouling: Floats
    valve_stuck: Floats
    valve_gain: Floats
    curve_shift: Floats
    starved: Floats
    draught: Floats
    room_heating: Floats
    source_offset: Floats
    power: Floats
    door_open: Floats
    flooded: Floats
    smoke: Floats
    setpoint_offset: Floats
    setpoint: Floats
    valve_order: Floats
    pump_order: Floats


_ONES = ("makeup_share", "clog_pri", "clog_sec", "valve_gain", "draught", "room_heating", "power")
_NOTHING = ("valve_stuck", "setpoint", "valve_order", "pump_order")


def sound(stations: int) -> Interventions:
    """Return stations with nothing wrong and nothing ordered."""
    values = {name: _usual(name, stations) for name in Interventions.__slots__}
    return Interventions(**values)


def _usual(name: str, stations: int) -> Floats:
    if name == "pump_stopped":
        return np.zeros((PUMPS, stations))
    return np.full(stations, 1.0 if name in _ONES else np.nan if name in _NOTHING else 0.0)
