"""Mapped values: single values of foreign messages as numbers, and SenML records resolved. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from network.mapping import MappedPoint
from network.pointer import ABSENT
from perception import units
from perception.payload import PayloadError
from perception.readings import Reason
from perception.sensor_kind import SensorKind
from perception.units import Linear

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*")
_LONGEST_NUMBER = 64
_TRUTH: Final = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}
_SENML_VALUES: Final = ("v", "vb", "vs")


def text_at(element: object, key: str) -> str:
    """Return the text at a key of an object, "" when there is none."""
    value = element.get(key) if isinstance(element, dict) else None
    return value if isinstance(value, str) else ""


def shown(value: object) -> str:
    """Return a value for a message, cut short. Lists and objects only by kind: they may be deeper than any stack."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return ascii(value)[:60]


def senml_pack(elements: Sequence[object]) -> list[tuple[object, object]]:
    """Return (value, resolved record) of each record. Raises PayloadError when there are base fields alone."""
    records = list(_senml_records(elements))
    if not records:
        raise PayloadError(Reason.EMPTY, "a pack without values says nothing")
    return records


def _senml_records(elements: Sequence[object]) -> Iterator[tuple[object, object]]:
    """Yield (value, resolved record) by RFC 8428: base fields hold for their record and those that follow."""
    base: dict[str, object] = {"bn": "", "bt": 0, "bv": 0}
    for element in elements:
        if not isinstance(element, dict):
            yield ABSENT, {"n": "", "name": ""}
            continue
        base |= {key: element[key] for key in base if key in element}
        own = text_at(element, "n")
        value = next((element[key] for key in _SENML_VALUES if key in element), ABSENT)
        if isinstance(value, int | float) and not isinstance(value, bool) and base["bv"]:
            value = _sum(value, base["bv"])
        name = text_at(base, "bn") + own
        if value is ABSENT and not own:
            continue  # a record of base fields alone
        yield value, {**base, "n": own or name, "name": name, "t": element.get("t", 0)}


def _sum(value: float, base: object) -> object:
    try:
        return float(value) + float(base) if isinstance(base, int | float) else base
    except OverflowError:
        return float("inf")


def number_alone(payload: bytes) -> object:
    """Return what a payload of one plain value says: a number, or a word for the point's own table."""
    try:
        text = payload[: _LONGEST_NUMBER + 1].decode()
    except UnicodeDecodeError as err:
        raise PayloadError(Reason.MALFORMED, "expected a number in plain text, got bytes that are no text") from err
    if not text.strip() or len(payload) > _LONGEST_NUMBER:
        raise PayloadError(Reason.MALFORMED, f"expected a number in plain text, got {len(payload)} bytes")
    return text.strip()


def conversion_of(point: MappedPoint, kind: SensorKind) -> Linear:
    """Return what turns a value of the sender into one of the kind: its scale and offset, then its unit.

    Raises UnitError; mapping files were checked for it when they were loaded.
    """
    own = Linear(point.scale, point.offset)
    if point.unit is None or point.name not in kind.bits:
        return own
    unit = kind.points[kind.bits[point.name]].unit
    return own.then(Linear(*units.conversion(point.unit, unit)))


def converted(value: object, point: MappedPoint, conversion: Linear) -> object:
    """Return a value as a number of the kind's unit; what is no number stays as it is, to be refused by name.

    Texts are looked up in the point's words; true, on, false and off are 1 and 0; a text that is
    a plain decimal number counts as that number.
    """
    if isinstance(value, str):
        number = point.words.get(value, _TRUTH.get(value.lower()))
        if number is not None:
            return number
        if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
            return value
        value = float(value)
    elif isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float):
        return value
    try:
        return conversion(value)
    except OverflowError:
        return float("inf")
