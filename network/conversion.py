"""Conversion: from the unit in which a foreign controller sends to the unit in which a kind stores. UCUM spellings."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Quantity -> unit -> (factor, shift): value * factor + shift is in the first unit of its line.
# Factors are definitions: 1 bar = 1e5 Pa, 1 kW.h = 3.6 MJ, 1 h = 3600 s, degrees Fahrenheit by 5/9.
_QUANTITIES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "temperature": {"Cel": (1, 0), "K": (1, -273.15), "[degF]": (5 / 9, -160 / 9)},
    "pressure": {"kPa": (1, 0), "Pa": (0.001, 0), "hPa": (0.1, 0), "mbar": (0.1, 0), "bar": (100, 0), "MPa": (1000, 0)},
    "power": {"kW": (1, 0), "W": (0.001, 0), "MW": (1000, 0), "GJ/h": (1 / 0.0036, 0), "MJ/h": (1 / 3.6, 0)},
    "energy": {
        "GJ": (1, 0), "MJ": (0.001, 0), "J": (1e-9, 0), "W.h": (3.6e-6, 0), "kW.h": (0.0036, 0),
        "MW.h": (3.6, 0),
    },
    "volume": {"m3": (1, 0), "L": (0.001, 0), "l": (0.001, 0)},
    "flow": {
        "m3/h": (1, 0), "L/h": (0.001, 0), "l/h": (0.001, 0), "L/min": (0.06, 0), "l/min": (0.06, 0),
        "L/s": (3.6, 0), "l/s": (3.6, 0), "m3/s": (3600, 0),
    },
    "share": {"%": (1, 0), "1": (100, 0)},
    "length": {"m": (1, 0), "cm": (0.01, 0), "mm": (0.001, 0)},
    "speed": {"m/s": (1, 0), "km/h": (1 / 3.6, 0)},
    "current": {"A": (1, 0), "mA": (0.001, 0)},
    "voltage": {"V": (1, 0), "mV": (0.001, 0), "kV": (1000, 0)},
    "frequency": {"Hz": (1, 0), "kHz": (1000, 0)},
}  # fmt: skip
_QUANTITY_OF = {unit: quantity for quantity, units in _QUANTITIES.items() for unit in units}
UNITS = MappingProxyType({quantity: tuple(units) for quantity, units in _QUANTITIES.items()})
"""The units of each quantity that can be turned into each other."""


@dataclass(frozen=True, slots=True)
class Linear:
    """value * factor + shift."""

    factor: float = 1.0
    shift: float = 0.0

    def then(self, after: "Linear") -> "Linear":
        """Return what this and then the other does."""
        return Linear(self.factor * after.factor, self.shift * after.factor + after.shift)

    def __call__(self, value: float) -> float:
        """Return the value, converted."""
        return value * self.factor + self.shift


def between(sent: str, stored: str) -> Linear | None:
    """Return how a value in the unit `sent` is turned into the unit `stored`; None when they measure other things."""
    if sent == stored:
        return Linear()
    quantity = _QUANTITY_OF.get(sent)
    if quantity is None or quantity != _QUANTITY_OF.get(stored):
        return None
    (up, shift), (down, base) = _QUANTITIES[quantity][sent], _QUANTITIES[quantity][stored]
    return Linear(up / down, (shift - base) / down)
