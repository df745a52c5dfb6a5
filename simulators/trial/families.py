"""Families: which rules say which finding, and within what time a fault of each kind has to be found.

Declared before any run, from what the rule has to wait for (its delays, the hours it averages, how fast the fault
grows), and not from results. docs/score.md explains each limit.
"""

from collections.abc import Mapping
from types import MappingProxyType

from simulators.faults import KINDS

_MIN, _H, _D = 60, 3600, 86_400

RULES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "LEAK_SEC": ("secondary_leak", "leak_by_night", "plain_makeup_high"),
    "BURST": ("pipe_burst", "plain_pressure_falls"),
    "HX_LEAK": ("exchanger_leak",),
    "P_LOW": ("return_pressure_low", "plain_return_pressure_low"),
    "P_HIGH": ("supply_pressure_high", "plain_supply_pressure_high"),
    "PUMP_FAIL": ("pump_failed", "circulation_stopped", "plain_dp_low", "plain_pump_fault"),
    "PUMP_CAV": ("pump_cavitation",),
    "STRAINER": ("strainer_clogged", "strainer_by_flow", "plain_strainer_pri", "plain_strainer_sec"),
    "HX_FOUL": ("exchanger_fouled",),
    "VALVE_STUCK": ("valve_stuck", "plain_valve_off"),
    "VALVE_HUNT": ("valve_hunting",),
    "LOW_DT": ("low_delta_t", "plain_delta_t_low"),
    "HIGH_RETURN": ("primary_return_high", "plain_primary_return_high"),
    "CURVE": ("wrong_curve",),
    "CTRL_ERR": ("supply_off_setpoint", "plain_supply_low", "plain_supply_high"),
    "COLD": ("rooms_cold", "network_throttled", "plain_room_cold"),
    "FROST": ("frost_risk", "plain_station_cold"),
    "BALANCE": ("heat_balance_off",),
    "S_RANGE": ("sensor_out_of_range", "sensor_sentinel", "plain_return_sensor"),
    "S_STUCK": ("sensor_frozen", "sensor_still"),
    "S_SPIKE": (),
    "S_DRIFT": ("sensor_drift",),
    "S_SWAP": ("sensors_swapped", "plain_swapped"),
    "COUNTER": ("counter_jumped",),
    "POWER_CUT": ("power_cut", "plain_voltage_low"),
    "COMM": ("device_silent",),
    "FLOOD": ("station_flooded", "plain_flood"),
    "DOOR": ("door_open", "plain_door"),
    "THEFT": ("water_theft", "secondary_leak", "leak_by_night", "plain_makeup_high"),
    "SMOKE": ("station_smoke", "plain_smoke"),
})  # fmt: skip
"""The rules, by the finding that they speak of; those that begin with plain_ are of configs/trial.

S_SPIKE is a mark on the quality of a reading and no alarm (domain: "quality only"): such faults are not scored.
"""

MORE_FINDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType({"smoke": ("SMOKE",)})
"""Findings of kinds whose own family leaves them out: the list of findings has none for smoke."""

LIMIT_S: Mapping[str, int] = MappingProxyType({
    "leak": 2 * _H, "burst": 15 * _MIN, "burst_primary": 15 * _MIN, "inner_leak": 3 * _H, "theft": 10 * _D,
    "makeup_failure": 24 * _H,
    "pump_trip": 10 * _MIN, "pump_air": 2 * _H, "strainer_secondary": 7 * _D, "strainer_primary": 7 * _D,
    "fouling": 28 * _D, "blocked_plates": 2 * _D, "valve_stuck": 24 * _H, "valve_hunting": 6 * _H,
    "wrong_curve": 2 * _D, "throttled_homes": 3 * _D, "open_windows": 2 * _D, "source_cold": 6 * _H,
    "power_cut": 5 * _MIN, "door_open": 10 * _MIN, "flood": 5 * _MIN, "smoke": 5 * _MIN, "cold_room": 12 * _H,
    "sensor_drift": 10 * _D, "sensor_offset": 1 * _D, "outdoor_sun": 7 * _D, "sensor_frozen": 12 * _H,
    "pair_at_zero": 3 * _H, "sensor_spikes": 1 * _D, "sensors_swapped": 2 * _H, "wrong_scale": 1 * _D,
    "sensor_fixed": 10 * _MIN,
    "counter_reset": 1 * _H, "counter_rollover": 2 * _D, "counter_jump": 1 * _H, "counter_zero": 1 * _H,
    "silence": 10 * _MIN, "gateway_loss": 45 * _MIN, "weak_radio": 6 * _H, "late_delivery": 10 * _MIN,
    "duplicates": 10 * _MIN, "wrong_clock": 10 * _MIN, "lost_clock": 10 * _MIN, "reboots": 10 * _MIN,
})  # fmt: skip
"""Seconds from the onset within which an alarm counts as the fault's."""

SPRING_BACK = frozenset({"counter_reset", "counter_rollover", "counter_jump", "counter_zero"})
"""Kinds whose end is an onset as well: a counter that is set right again jumps once more."""


def findings_of(kind: str) -> tuple[str, ...]:
    """Return what a fault of this kind should lead to: its family."""
    return (*KINDS[kind].family, *MORE_FINDINGS.get(kind, ()))


def rules_of(kind: str) -> tuple[str, ...]:
    """Return the rules that may name a fault of this kind; none: it should raise nothing."""
    return tuple(dict.fromkeys(rule for finding in findings_of(kind) for rule in RULES_OF[finding]))
