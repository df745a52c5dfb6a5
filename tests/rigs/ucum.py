"""UCUM: whether a unit is written as the Unified Code for Units of Measure writes it. Grammar, and its common atoms.

Source: The Unified Code for Units of Measure, version 2.1, section 2 (full and limited conformance, case sensitive).
"""

import re

PREFIXES = ("da", "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "d", "c", "m", "u", "n", "p", "f", "")
METRIC = {
    "m", "s", "g", "rad", "K", "C", "cd", "mol", "sr", "Hz", "N", "Pa", "J", "W", "A", "V", "F", "Ohm", "S", "Wb",
    "Cel", "T", "H", "lm", "lx", "Bq", "Gy", "Sv", "l", "L", "ar", "t", "bar", "eV", "B", "B[SPL]", "B[V]", "B[W]",
    "Np", "bit", "By", "Bd", "m[H2O]", "m[Hg]", "cal", "U", "kat", "st",
}  # fmt: skip
OTHERS = {
    "%", "[ppth]", "[ppm]", "[ppb]", "deg", "'", "''", "min", "h", "d", "wk", "mo", "a", "atm", "[pH]", "[degF]",
    "[psi]", "[in_i]", "[ft_i]", "[mi_i]", "[kn_i]", "[gal_us]", "[pi]", "[car_Au]", "[NTU]", "[g]", "[c]", "[h]",
}  # fmt: skip
OF_THE_HOUSE = {"dB[m]"}
"""Decibels over a milliwatt: UCUM has only those over a watt, and B[10.mW] is written by nobody."""

_FACTOR = r"[0-9]+"
_ANNOTATION = r"(\{[!-z|~]*\})?"


def is_ucum(unit):
    """Return whether a unit is one: terms of atoms with prefix and exponent, joined by . and /."""
    return unit in OF_THE_HOUSE or (bool(unit) and all(map(_is_component, _terms(unit.removeprefix("/")))))


def _terms(unit):
    return re.split(r"[./](?![^{]*\})(?![^\[]*\])", unit)


def _is_component(word):
    if re.fullmatch(rf"({_FACTOR}|\{{[!-z|~]*\}})", word):
        return True
    found = re.fullmatch(rf"(?P<atom>.+?)(?P<exponent>[+-]?[0-9]+)?{_ANNOTATION}", word)
    return found is not None and _is_atom(found["atom"])


def _is_atom(atom):
    return atom in OTHERS or any(atom.startswith(p) and atom[len(p) :] in METRIC for p in PREFIXES)
