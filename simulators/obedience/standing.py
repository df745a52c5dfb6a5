"""Standing: the orders that are in force at one station, and what they mean to its plant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from network.orders import Order
from perception.command import AUTOMATIC
from simulators.heat.interventions import Interventions

OFF, MANUAL = "off", "manual"
_PERCENT = 100.0
SLOTS = ("setpoint_offset", "curve", "pump_speed", "valve", "mode")
"""Commands that stay in force, each instead of the one before of its name."""


@dataclass(frozen=True, slots=True)
class Stays:
    """What one command ordered, by argument. In epoch microseconds: since when, and until; None: further notice."""

    args: Mapping[str, object]
    since: int = 0
    until: int | None = None

    def is_on(self, at: int) -> bool:
        """Whether it is in force at that time."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Standing:
    """The orders in force, by the name of their command."""

    orders: Mapping[str, Stays] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, now: int) -> "Standing":
        """Return what is left at that time (epoch microseconds): what was given for a while goes back by itself."""
        left = {k: v for k, v in self.orders.items() if v.until is None or now < v.until}
        return self if len(left) == len(self.orders) else Standing(left)

    def acting(self, at: int) -> "Standing":
        """Return what acts on the plant at that time: a past that is worked out later knows no orders of now."""
        return Standing({k: v for k, v in self.orders.items() if v.is_on(at)})

    def number(self, command: str, name: str) -> float | None:
        """Return a number that is ordered, None while the controller has it."""
        value = self.orders[command].args.get(name) if command in self.orders else None
        return float(value) if isinstance(value, int | float) else None

    @property
    def mode(self) -> str:
        """How the station is run: automatic, manual or off."""
        return str(self.orders["mode"].args["mode"]) if "mode" in self.orders else AUTOMATIC

    @property
    def holds_valve(self) -> bool:
        """Whether the valve is where somebody put it, and follows no setpoint."""
        return "valve" in self.orders

    def with_order(self, order: Order, shown: Mapping[str, float], now: int) -> "Standing":
        """Return what is in force once this order is. `shown`: what the meters show, which manual mode holds."""
        kept = {k: v for k, v in self.orders.items() if k not in replaced_by(order)}
        if order.do == "mode":
            return Standing(kept | _of_mode(str(order.args["mode"]), shown, now))
        if AUTOMATIC in order.args or order.do not in SLOTS:
            return Standing(kept)
        return Standing({**kept, order.do: Stays(dict(order.args), now, order.until)})

    def write(self, interventions: Interventions, place: int) -> None:
        """Write what is ordered into the place of the station."""
        shift = (self.number("setpoint_offset", "kelvin") or 0.0) + (self.number("curve", "shift") or 0.0)
        interventions.setpoint_offset[place] += shift
        supply = self.number("curve", "supply")
        if supply is not None:
            interventions.setpoint[place] = supply
        percent, hertz = self.number("valve", "percent"), self.number("pump_speed", "hertz")
        if self.mode == OFF:
            percent = hertz = 0.0
        if percent is not None:
            interventions.valve_order[place] = percent / _PERCENT
        if hertz is not None:
            interventions.pump_order[place] = hertz


def replaced_by(order: Order) -> frozenset[str]:
    """Return the commands that an order takes the place of: its own, and with a mode those that it settles."""
    if order.do != "mode":
        return frozenset({order.do})
    settled = {"mode", "valve", "pump_speed"}
    return frozenset(settled | {"setpoint_offset", "curve"} if order.args.get("mode") == OFF else settled)


def _of_mode(mode: str, shown: Mapping[str, float], now: int) -> dict[str, Stays]:
    if mode == AUTOMATIC:
        return {}
    held = {"mode": Stays({"mode": mode}, now)}
    if mode == MANUAL:
        held |= {name: Stays({key: value}, now) for name, key, value in _as_it_is(shown)}
    return held


def _as_it_is(shown: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
    if "valve_pri_position" in shown:
        yield "valve", "percent", shown["valve_pri_position"]
    yield "pump_speed", "hertz", hertz_of(shown)


def hertz_of(shown: Mapping[str, float]) -> float:
    """Return the frequency of the circulation pumps that run, 0 when none does."""
    return max(
        (v for name, v in shown.items() if name.startswith("pump_circ_") and name.endswith("_freq")), default=0.0
    )
