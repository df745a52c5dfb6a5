"""Units: from what a device sends to a point's own unit, as scale and offset. Words as in UCUM; pure."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


class UnitError(ValueError):
    """A unit is unknown, or measures something else; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Linear:
    """value * scale + offset."""

    scale: float = 1.0
    offset: float = 0.0

    def then(self, after: "Linear") -> "Linear":
        """Return what this and then the other does."""
        return Linear(self.scale * after.scale, self.offset * after.scale + after.offset)

    def __call__(self, value: float) -> float:
        """Return the value, converted."""
        return value * self.scale + self.offset


class _Unit(NamedTuple):
    """value in the dimension's first unit = value * factor + offset."""

    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)


_F = Fraction
_HOUR = 3600
_GIGA, _MEGA, _KILO = 10**9, 10**6, 10**3

_FACTORS: dict[str, dict[str, Fraction | int]] = {
    "power": {
        "W": 1, "kW": _KILO, "MW": _MEGA, "J/s": 1, "kJ/h": _F(_KILO, _HOUR), "MJ/h": _F(_MEGA, _HOUR),
        "GJ/h": _F(_GIGA, _HOUR), "kcal/h": _F(41868, 36000), "Mcal/h": _F(41868, 36), "Gcal/h": _F(41868 * _KILO, 36),
    },
    "energy": {
        "J": 1, "kJ": _KILO, "MJ": _MEGA, "GJ": _GIGA, "W.h": _HOUR, "kW.h": _HOUR * _KILO, "MW.h": _HOUR * _MEGA,
        "GW.h": _HOUR * _GIGA, "kcal": _F(41868, 10), "Mcal": 4_186_800, "Gcal": 4_186_800_000,
    },
    "flow": {
        "m3/h": 1, "m3/min": 60, "m3/s": _HOUR, "l/h": _F(1, 1000), "l/min": _F(60, 1000), "l/s": _F(_HOUR, 1000),
    },
    "volume": {"m3": 1, "l": _F(1, 1000), "hl": _F(1, 10)},
    "pressure": {
        "Pa": 1, "hPa": 100, "kPa": _KILO, "MPa": _MEGA, "mbar": 100, "bar": 100_000, "m[H2O]": _F(980_665, 100),
        "[psi]": _F(6_894_757_293_168, 10**9), "atm": 101_325,
    },
    "length": {"m": 1, "cm": _F(1, 100), "mm": _F(1, 1000), "km": _KILO},
    "time": {"s": 1, "min": 60, "h": _HOUR, "d": 24 * _HOUR},
    "angle": {"deg": 1},
    "speed": {"m/s": 1, "km/h": _F(1000, _HOUR)},
    "conductance": {"W/K": 1, "kW/K": _KILO},
    "irradiance": {"W/m2": 1, "kW/m2": _KILO},
    "share": {"1": 1, "%": _F(1, 100), "[ppth]": _F(1, 1000)},
    "frequency": {"Hz": 1, "kHz": _KILO, "/min": _F(1, 60)},
    "current": {"A": 1, "mA": _F(1, 1000), "kA": _KILO},
    "voltage": {"V": 1, "mV": _F(1, 1000), "kV": _KILO},
    "signal": {"dB[m]": 1},
    "sound": {"dB[SPL]": 1},
    "concentration": {"ug/m3": 1, "mg/m3": _KILO, "g/m3": _MEGA},
    "parts": {"[ppm]": 1, "[ppb]": _F(1, 1000)},
    "explosive": {"%{LEL}": 1},
}  # fmt: skip

_UNITS: dict[str, _Unit] = {
    word: _Unit(dimension, _F(factor)) for dimension, factors in _FACTORS.items() for word, factor in factors.items()
} | {
    "K": _Unit("temperature", _F(1)),
    "Cel": _Unit("temperature", _F(1), _F(27_315, 100)),
    "[degF]": _Unit("temperature", _F(5, 9), _F(45_967, 100) * _F(5, 9)),
}

_SPOKEN = {
    "°C": "Cel", "C": "Cel", "degC": "Cel", "°F": "[degF]", "F": "[degF]", "kWh": "kW.h", "MWh": "MW.h", "GWh": "GW.h",
    "Wh": "W.h", "m³/h": "m3/h", "m³": "m3", "L/h": "l/h", "L/min": "l/min", "L/s": "l/s", "L": "l", "psi": "[psi]",
    "mWS": "m[H2O]", "mH2O": "m[H2O]", "W/m²": "W/m2", "rpm": "/min", "dBm": "dB[m]", "ppt": "[ppth]",
    "µg/m³": "ug/m3", "mg/m³": "mg/m3", "dB(A)": "dB[SPL]", "°": "deg", "ppm": "[ppm]", "ppb": "[ppb]",
    "%LEL": "%{LEL}",
}  # fmt: skip
"""What people write, in UCUM's words."""

WORDS = tuple(_UNITS)


def canonical(word: str) -> str:
    """Return the UCUM word of a unit. Raises UnitError when it is unknown."""
    spelled = _SPOKEN.get(word, word)
    if spelled not in _UNITS:
        raise UnitError(f"no unit is called {word!r}: there are {', '.join(_UNITS)}")
    return spelled


def conversion(sent: str, wanted: str) -> tuple[float, float]:
    """Return (scale, offset) such that value in `wanted` = value in `sent` * scale + offset.

    Computed in fractions, so that 1 kW is 1000 W to the last bit. Raises UnitError when a unit
    is unknown, or when the two measure different things. A unit is always itself, known or not.
    """
    if sent == wanted:
        return 1.0, 0.0
    source, target = _UNITS[canonical(sent)], _UNITS[canonical(wanted)]
    if source.dimension != target.dimension:
        fitting = ", ".join(word for word, unit in _UNITS.items() if unit.dimension == target.dimension)
        raise UnitError(
            f"{sent} measures {source.dimension}, and {wanted} {target.dimension}: expected one of {fitting}"
        )
    return float(source.factor / target.factor), float((source.offset - target.offset) / target.factor)
