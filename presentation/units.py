"""Units: how a UCUM code reads on a page."""

from types import MappingProxyType

_READ = MappingProxyType(
    {
        "1": "",
        "Cel": "°C",
        "m3": "m³",
        "m3/h": "m³/h",
        "kW.h": "kWh",
        "dB[m]": "dBm",
        "W/m2": "W/m²",
        "ug/m3": "µg/m³",
        "mg/m3": "mg/m³",
        "dB[SPL]": "dB",
        "[ppm]": "ppm",
        "%{LEL}": "% LEL",
        "deg": "°",
    }
)


def unit_text(ucum: str) -> str:
    """Return the unit as people write it; a code we have no better writing for stands as it is."""
    return _READ.get(ucum, ucum)
