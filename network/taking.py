"""Taking: what is taken of an approved foreign device, made ready: its points by what the sender calls them."""

from collections.abc import Sequence

from network.mapped import Found
from network.mapped_values import conversion_of, converted
from network.mapping import MappedPoint
from perception.foreigner import Foreigner, Taken
from perception.payload import PayloadError
from perception.sensor_kind import SensorKind
from perception.units import Linear, UnitError


class Taking:
    """One approved device: its points by value, its conversions by kind."""

    def __init__(self, foreigner: Foreigner) -> None:
        self.foreigner = foreigner
        self.points = {taken.value: _point(taken) for taken in foreigner.taken}
        self._conversions: dict[str, dict[str, Linear]] = {}

    def values(self, found: Found, kind: SensorKind) -> dict[str, object]:
        """Return the values of a reading in the units of a kind. What is no number stays, to be refused by name."""
        conversions = self._conversions.get(kind.name)
        if conversions is None:
            conversions = self._conversions[kind.name] = {p.name: _conversion(p, kind) for p in self.points.values()}
        values = {
            point.name: None if value is None else converted(value, point, conversions[point.name])
            for point, value in found.values
        }
        return values | {f"unmapped:{name}": 0 for name in found.strange}  # no point is named so: refused by name


class Takings:
    """Those of a roster, made ready once for each."""

    def __init__(self) -> None:
        self._ready: dict[tuple[str, str], Taking] = {}

    def of(self, foreigner: Foreigner) -> Taking:
        """Return the taking of an approved device."""
        key = (foreigner.grammar, foreigner.address)
        ready = self._ready.get(key)
        if ready is None or ready.foreigner is not foreigner:
            ready = self._ready[key] = Taking(foreigner)
        return ready


class TakenMessage:
    """A message that was read already: a network.mapped_rows.Reader."""

    def __init__(self, taking: Taking, found: Sequence[Found | PayloadError]) -> None:
        self._taking, self._found = taking, found

    def read(self, payload: bytes) -> Sequence[Found | PayloadError]:
        """Return its readings."""
        del payload
        return self._found

    def named(self) -> str | None:
        """Return its device."""
        return self._taking.foreigner.device

    def values(self, found: Found, kind: SensorKind) -> dict[str, object]:
        """Return the values of a reading in the units of a kind."""
        return self._taking.values(found, kind)


def _point(taken: Taken) -> MappedPoint:
    words = taken.source.get("words")
    return MappedPoint(
        name=taken.point,
        source=taken.value,
        scale=taken.scale,
        offset=taken.offset,
        unit=taken.unit,
        words=words if isinstance(words, dict) else {},
    )


def _conversion(point: MappedPoint, kind: SensorKind) -> Linear:
    """Return what turns a value into the point's unit. A unit that a later kind cannot turn is passed over."""
    try:
        return conversion_of(point, kind)
    except UnitError:
        return Linear(point.scale, point.offset)
