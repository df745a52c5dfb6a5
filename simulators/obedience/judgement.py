"""Judgement: may an order be obeyed now, and has the plant done what was ordered? Pure; `shown` is what meters show."""

from collections.abc import Mapping

from network.orders import Order
from perception.command import AUTOMATIC, CommandError, Why
from perception.sensor_kind import SensorKind
from simulators.obedience.standing import MANUAL, OFF, Standing, hertz_of

Shown = Mapping[str, float]

_POWER_V = 300.0
"""Below four fifths of 380 V, roughly, neither pumps nor valves can be driven."""
_SECOND_US = 1_000_000
_SETTLING_US = 60 * _SECOND_US
"""So long after an order the plant has not even begun: what it shows is of before."""
_SETPOINT_WITHIN_K, _VALVE_WITHIN, _PUMPS_WITHIN_HZ = 1.0, 1.5, 1.0
_CLOSED_PERCENT = 6.0
"""A control valve that rests is not always quite shut."""
PATIENCE_US: Mapping[str, int] = {
    "setpoint_offset": 2 * 3600 * _SECOND_US,
    "curve": 2 * 3600 * _SECOND_US,
    "valve": 600 * _SECOND_US,
    "pump_speed": 600 * _SECOND_US,
    "mode": 900 * _SECOND_US,
}
"""How long the plant may take. The loop of a station turns over in minutes, its homes in hours."""


def consider(order: Order, kind: SensorKind, standing: Standing, shown: Shown, now: int) -> None:
    """Raise CommandError unless the order may be obeyed: time, name, limits, interlock, step, in this order."""
    if order.expires_at is not None and order.expires_at < now:
        raise CommandError(Why.EXPIRED, "it came too late")
    if order.until is not None and order.until <= now:
        raise CommandError(Why.EXPIRED, "it would be over before it began")
    command = kind.command_words.get(order.do)
    if command is None or order.do == "reconnect":  # the connection belongs to the whole fleet
        known = ", ".join(word for word in kind.command_words if word != "reconnect")
        raise CommandError(Why.UNKNOWN, f"this device knows {known}")
    command.check(order.args)
    if order.until is not None and not (command.releases or command.simulated):
        raise CommandError(Why.MALFORMED, f"{order.do} cannot be given for a time")
    if AUTOMATIC not in order.args:
        _hold_to_interlocks(order, standing, shown)
        _hold_to_steps(order, kind, standing, shown)


def _hold_to_steps(order: Order, kind: SensorKind, standing: Standing, shown: Shown) -> None:
    for parameter in kind.command_words[order.do].parameters:
        wanted, stands = order.args.get(parameter.name), _present(order.do, parameter.name, standing, shown)
        if parameter.step is None or stands is None or not isinstance(wanted, int | float):
            continue
        if abs(wanted - stands) > parameter.step:
            most = f"{parameter.step:g} {parameter.unit}"
            raise CommandError(Why.STEP, f"{parameter.name} stands at {stands:.1f} and may change by {most} at once")


def _present(command: str, parameter: str, standing: Standing, shown: Shown) -> float | None:
    match command, parameter:
        case ("setpoint_offset", "kelvin") | ("curve", "shift"):
            return standing.number(command, parameter) or 0.0
        case ("curve", "supply"):
            return shown.get("t_sec_supply_setpoint")
        case ("valve", "percent"):
            return shown.get("valve_pri_position")
        case ("pump_speed", "hertz"):
            return hertz_of(shown) or None  # pumps that stand still may start at any speed
    return None


def _hold_to_interlocks(order: Order, standing: Standing, shown: Shown) -> None:
    blocked = _blocked(order, standing, shown)
    if blocked is not None:
        raise CommandError(Why.INTERLOCK, blocked)


def _blocked(order: Order, standing: Standing, shown: Shown) -> str | None:
    """Return what stands in the way of an order, None when nothing does."""
    moves = order.do in {"pump_speed", "valve"} or (order.do, order.args.get("mode")) == ("mode", MANUAL)
    if moves and shown.get("voltage_mains", _POWER_V) < _POWER_V:
        return "the power is cut"
    if standing.mode == OFF and order.do in {"pump_speed", "valve", "setpoint_offset", "curve"}:
        return "the station is off: mode automatic first"
    if order.do in {"setpoint_offset", "curve"} and standing.holds_valve:
        return "the valve is held by hand and follows no setpoint: valve or mode automatic first"
    if order.do == "setpoint_offset" and standing.number("curve", "supply") is not None:
        return "a fixed supply temperature stands, which no offset shifts: curve automatic first"
    return None


def is_done(order: Order, shown: Shown, since: int, now: int) -> bool:
    """Return whether the plant has done what was ordered `since` (epoch microseconds)."""
    if AUTOMATIC in order.args or order.do not in PATIENCE_US:
        return True
    if order.do == "mode":
        at_rest = hertz_of(shown) <= _PUMPS_WITHIN_HZ and shown.get("valve_pri_position", 0.0) <= _CLOSED_PERCENT
        return order.args["mode"] != OFF or at_rest
    if order.do == "valve":
        return _near(shown.get("valve_pri_position"), order.args["percent"], _VALVE_WITHIN)
    if order.do == "pump_speed":
        return _near(hertz_of(shown), order.args["hertz"], _PUMPS_WITHIN_HZ)
    settled = now - since >= _SETTLING_US
    return settled and _near(shown.get("t_sec_supply"), shown.get("t_sec_supply_setpoint"), _SETPOINT_WITHIN_K)


def _near(shown: object, wanted: object, within: float) -> bool:
    numbers = isinstance(shown, int | float) and isinstance(wanted, int | float)
    return numbers and abs(float(shown) - float(wanted)) <= within  # type: ignore[arg-type]  # both are numbers
